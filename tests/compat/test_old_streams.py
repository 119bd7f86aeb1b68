"""`bruno_llm.base.streaming` of 0.2.0."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import bruno_llm
from bruno_llm import (
    ProviderConnectionError,
)
from tests.compat.former import base

pytestmark = pytest.mark.usefixtures("no_keys")


async def pieces(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


@pytest.mark.parametrize(
    ("strategy", "size", "expected"),
    [
        ("word", 10, ["One ", "two.\n", "Three"]),
        ("sentence", 10, ["One two.\n", "Three"]),
        ("fixed", 4, ["One ", "two.", "\nThr", "ee"]),
        ("none", 4, ["On", "e two.\nTh", "ree"]),
        ("time", 4, ["One two.\nThree"]),
    ],
)
async def test_streams_in_other_pieces(strategy: str, size: int, expected: list[str]) -> None:
    aggregator = base("StreamAggregator")(strategy, size)
    found = [piece async for piece in aggregator.aggregate(pieces("On", "e two.\nTh", "ree"))]
    assert found == expected


async def test_a_stream_read_to_its_end() -> None:
    buffer = base("StreamBuffer")(max_size=4, batch_size=2)
    buffer.add("ab")
    assert buffer.get_batch() is None
    buffer.add("cd")
    with pytest.raises(bruno_llm.StreamError, match="buffer full"):
        buffer.add("e")
    assert buffer.get_batch() == "abcd" and buffer.is_empty()
    buffer.add("x")
    assert buffer.flush() == "x"
    buffer.clear()
    assert buffer.stats.chunks_received == 0

    heard: list[Any] = []
    processor = base("StreamProcessor")(heard.append, heard.append, heard.append)
    assert await processor.process(pieces("a", "bc")) == ["a", "bc"]
    assert heard[:2] == ["a", "bc"] and heard[2].total_chars == 3

    async def broken(error: Exception) -> AsyncIterator[str]:
        yield "a"
        raise error

    with pytest.raises(bruno_llm.StreamError, match="ended early: ValueError") as caught:
        await processor.process(broken(ValueError("secret")))
    assert isinstance(caught.value.__cause__, ValueError) and "secret" not in str(caught.value)
    with pytest.raises(ProviderConnectionError):
        await processor.process(broken(ProviderConnectionError("gone")))


async def test_a_stream_with_a_timeout() -> None:
    never = asyncio.Event()

    async def silent() -> AsyncIterator[str]:
        yield "a"
        await never.wait()

    limited = base("stream_with_timeout")
    assert [piece async for piece in limited(pieces("a", "b"))] == ["a", "b"]
    found = []
    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        async for piece in limited(silent(), timeout=0.05):
            found.append(piece)
    assert found == ["a"]
