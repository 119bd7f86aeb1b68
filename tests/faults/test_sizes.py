"""Answers that hold more than they may, on every route, plain and streamed."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from bruno_llm import (
    ConfigurationError,
    LLMError,
    OpenAIEmbedder,
    OpenAIProvider,
    ServiceUnavailableError,
    StreamError,
)
from bruno_llm.factory import LLMFactory
from bruno_llm.testing import FakeServer, Raw, Reply
from tests.contract.matrix import KEY, Case, ask, complete
from tests.wire import load

pytestmark = pytest.mark.covering(1)

_MEGABYTES = 128
_FILLED = gzip.compress(bytes(1 << 20), 1) * _MEGABYTES
BOMB = gzip.compress(_FILLED)
"""128 MB in 2 KB."""

TWICE = {"content-encoding": "gzip, gzip"}
LIMIT = 2_000_000


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def is_too_large(error: LLMError, most: int) -> None:
    assert not error.retryable
    assert f"more than {most:,} bytes (max_response_bytes)" in error.message
    assert error.hint == "max_response_bytes=... lets in more"


async def test_what_unpacks_to_more_is_not_unpacked(
    server: FakeServer, case: Case, way: str
) -> None:
    """3.5 KB took 4.3 GB and 23 s, in which no timeout applied."""
    assert len(BOMB) < 10_000
    server.default = Raw(headers=TWICE, body=BOMB)
    with pytest.raises(ServiceUnavailableError) as caught:
        await complete(case.provider(server, max_response_bytes=LIMIT), way)
    is_too_large(caught.value, LIMIT)
    assert len(server.requests) == 1


async def test_the_bound_that_holds_when_nobody_names_one(server: FakeServer) -> None:
    server.default = Raw(headers=TWICE, body=BOMB)
    with pytest.raises(ServiceUnavailableError) as caught:
        await complete(
            OpenAIProvider(api_key=KEY, base_url=server.base_url("openai")), "stream_events"
        )
    is_too_large(caught.value, 64 * 1024 * 1024)
    assert len(server.requests) == 1  # it is not tried again


@pytest.mark.parametrize("status", [400, 503])
async def test_an_error_is_read_up_to_what_is_needed(
    server: FakeServer, case: Case, way: str, status: int
) -> None:
    said = json.dumps({"error": {"message": "no such thing"}}).encode() + bytes(1 << 20)
    body = gzip.compress(gzip.compress(said) + _FILLED)
    server.script(Raw(status=status, headers=TWICE, body=body))
    with pytest.raises(LLMError) as caught:
        await complete(case.provider(server), way)
    assert caught.value.status_code == status


async def test_a_stream_that_does_not_end(server: FakeServer, case: Case) -> None:
    """What it said until then is kept."""
    words = ["word "] * 3000
    server.script(Reply("".join(words), pieces=words))
    with pytest.raises(StreamError) as caught:
        await complete(case.provider(server, max_response_bytes=100_000), "stream_events")
    is_too_large(caught.value, 100_000)
    assert caught.value.partial is not None
    assert 100 < len(caught.value.partial.text.split()) < 3000


async def test_a_line_that_does_not_end(server: FakeServer, case: Case) -> None:
    server.script(Raw(body=[b"data: ", *[b"x" * 10_000] * 30]))
    with pytest.raises(ServiceUnavailableError) as caught:
        await complete(case.provider(server, max_response_bytes=100_000), "stream_events")
    is_too_large(caught.value, 100_000)


async def test_an_answer_as_large_as_it_may_be(server: FakeServer, case: Case, way: str) -> None:
    words = ["word "] * 300
    reply = Reply("".join(words), pieces=words)
    server.default = reply
    assert await ask(case.provider(server, max_response_bytes=None), way) == reply.text
    assert await ask(case.provider(server, max_response_bytes=100_000), way) == reply.text


def packed(body: bytes, coding: str) -> bytes:
    if coding == "gzip":
        return gzip.compress(body)
    if coding == "gzip in parts":
        return gzip.compress(body[:50]) + gzip.compress(body[50:]) + bytes(10)
    if coding == "deflate":
        return zlib.compress(body)
    bare = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return bare.compress(body) + bare.flush()


@pytest.mark.covering(2)
@pytest.mark.parametrize("coding", ["gzip", "gzip in parts", "deflate", "bare deflate"])
@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("streamed", [False, True])
async def test_whatever_the_server_packs_it_in(
    server: FakeServer, coding: str, size: int, streamed: bool
) -> None:
    sample = load("openai", "stream_text" if streamed else "text")
    body = packed(sample.body, coding)
    headers = {**sample.headers, "content-encoding": coding.split()[-1 if "bare" in coding else 0]}
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    server.script(Raw(headers=headers, body=pieces))
    provider = OpenAIProvider(api_key=KEY, base_url=server.base_url("openai"), retry=None)
    said = await ask(provider, "stream" if streamed else "generate")
    assert said == sample.expected["text"]


@pytest.mark.parametrize(
    ("coding", "says"),
    [
        ("br", "compressed as br, which nobody asked for"),
        ("gzip", "not compressed as it says"),
        ("deflate", "cannot be decompressed"),
        ("gzip, " * 4 + "gzip", "compressed 5 times"),
    ],
)
async def test_what_is_packed_in_another_way(
    server: FakeServer, way: str, coding: str, says: str
) -> None:
    server.script(Raw(headers={"content-encoding": coding}, body=b"\x07 is no header"))
    provider = OpenAIProvider(api_key=KEY, base_url=server.base_url("openai"), retry=None)
    with pytest.raises(ServiceUnavailableError, match=says):
        await complete(provider, way)


async def test_what_is_asked_for(server: FakeServer, case: Case, way: str) -> None:
    """Only what can be unpacked a piece at a time, whatever packages are installed."""
    await complete(case.provider(server), way)
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


async def test_lists_of_models_and_embeddings_have_the_bound_too(server: FakeServer) -> None:
    url = server.base_url("openai")
    server.script(Raw(headers=TWICE, body=BOMB), endpoint="models")
    found = await OpenAIProvider(api_key=KEY, base_url=url).diagnose()
    assert found.error is not None
    server.script(Raw(headers=TWICE, body=BOMB))
    with pytest.raises(ServiceUnavailableError) as caught:
        await OpenAIEmbedder(api_key=KEY, base_url=url, max_response_bytes=LIMIT).embed_text("Hi")
    is_too_large(caught.value, LIMIT)


@pytest.mark.parametrize("value", [0, -1, "5", True, 1.5])
def test_bounds_that_cannot_be(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_response_bytes"):
        OpenAIProvider(max_response_bytes=value)
    with pytest.raises(ConfigurationError, match="max_response_bytes"):
        OpenAIEmbedder(max_response_bytes=value)
    if type(value) not in (str, bool):  # what stands in a text is read, as for max_tokens
        with pytest.raises(ConfigurationError, match="max_response_bytes"):
            LLMFactory.create("openai", max_response_bytes=value)


def test_the_bound_in_a_configuration(no_keys: None) -> None:
    made: Any = LLMFactory.create("openai", max_response_bytes=1000)
    assert made.max_response_bytes == 1000
    assert LLMFactory.create("openai", max_response_bytes=None).max_response_bytes is None
    for_all: Any = LLMFactory.create("claude", max_response_bytes=5000, fallback=["ollama"])
    assert [one.max_response_bytes for one in for_all.providers] == [5000, 5000]
