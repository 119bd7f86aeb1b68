"""Streams in which nothing more comes but signs of life: ``Timeout.read`` counts pieces."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bruno_llm import (
    ClaudeProvider,
    GeminiProvider,
    LiteLLMProvider,
    OllamaProvider,
    OpenAIProvider,
    StreamError,
    Timeout,
)
from bruno_llm.testing import MovedClock
from tests.contract.matrix import KEY, USER


def sse(event: Any) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def chat(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return sse({"id": "c", "model": "m", "choices": [choice]})


def claude(kind: str, **fields: Any) -> bytes:
    return sse({"type": kind, **fields})


def gemini(text: str, **fields: Any) -> bytes:
    content = {"parts": [{"text": text}], "role": "model"}
    return sse({"responseId": "r", "candidates": [{"content": content, **fields}]})


def ollama(text: str, *, done: bool = False) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps({"model": "m", "message": message, "done": done}).encode() + b"\n"


_MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
_COUNTS = {"input_tokens": 1, "output_tokens": 1}
_RESPONSE = {"id": "r", "model": "m", "output": [], "usage": {**_COUNTS, "total_tokens": 2}}

# The beginning, one piece of the text "a", signs of life, the end.
WIRES: dict[str, tuple[bytes, bytes, tuple[bytes, ...], bytes]] = {
    "openai": (
        chat({"role": "assistant", "content": ""}),
        chat({"content": "a"}),
        (b": OPENROUTER PROCESSING\n\n", chat({"content": ""}), chat({}), b"\n"),
        chat({}, "stop") + b"data: [DONE]\n\n",
    ),
    "responses": (
        sse({"type": "response.created", "response": {"id": "r", "model": "m"}}),
        sse({"type": "response.output_text.delta", "output_index": 0, "delta": "a"}),
        (b": wait\n\n", sse({"type": "keepalive", "sequence_number": 3})),
        sse({"type": "response.completed", "response": {**_RESPONSE, "status": "completed"}}),
    ),
    "anthropic": (
        claude("message_start", message={**_MESSAGE, "usage": _COUNTS})
        + claude("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        claude("content_block_delta", index=0, delta={"type": "text_delta", "text": "a"}),
        (claude("ping"), b"event: ping\n" + claude("ping"), b": wait\n\n"),
        claude("content_block_stop", index=0)
        + claude("message_delta", delta={"stop_reason": "end_turn"}, usage=_COUNTS)
        + claude("message_stop"),
    ),
    "gemini": (
        b"",
        gemini("a"),
        (b": wait\n\n", gemini(""), sse({"responseId": "r", "usageMetadata": {}})),
        gemini("", finishReason="STOP"),
    ),
    "ollama": (b"", ollama("a"), (ollama(""), b"\n"), ollama("", done=True)),
}

Part = bytes | Callable[[], Awaitable[None] | None]


@asynccontextmanager
async def serving(*parts: Part, ends: bool = True) -> AsyncIterator[str]:
    """The address of a server that streams those bytes, doing what is between them."""
    written: list[asyncio.Task[Any]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        written.append(asyncio.current_task())  # type: ignore[arg-type]
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        writer.write(b"connection: close\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for part in parts:
                if isinstance(part, bytes):
                    writer.write(part)
                    await writer.drain()
                elif (doing := part()) is not None:
                    await doing
            if not ends:
                await reader.read()  # until the client leaves
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*written)


def provider(wire: str, url: str, timeout: Timeout) -> LiteLLMProvider:
    common: dict[str, Any] = {"api_key": KEY, "retry": None, "timeout": timeout}
    if wire == "openai":
        return OpenAIProvider("gpt-4o-mini", base_url=f"{url}/v1", **common)
    if wire == "responses":
        return OpenAIProvider("gpt-5", api="responses", base_url=f"{url}/v1", **common)
    named = {"anthropic": ClaudeProvider, "gemini": GeminiProvider, "ollama": OllamaProvider}
    return named[wire](base_url=url, **common)


async def read(asked: LiteLLMProvider, waits: asyncio.Event | None = None) -> list[str]:
    """The pieces of a stream; ``waits`` is set as soon as the second one is waited for."""
    pieces = []
    try:
        async for piece in asked.stream(USER):
            pieces.append(piece)
            if waits is not None:
                asyncio.get_running_loop().call_soon(waits.set)
    finally:
        await asked.aclose()
    return pieces


MINUTE = Timeout(read=60)


@pytest.mark.parametrize("wire", WIRES)
async def test_signs_of_life_alone_end_in_a_timeout(wire: str) -> None:
    """It lasted for ever where no ``total`` was set."""
    begin, piece, signs, _ = WIRES[wire]
    waits = asyncio.Event()
    with MovedClock(auto=False) as clock:
        parts: list[Part] = [begin + piece, waits.wait]  # type: ignore[list-item]
        for sign in signs * 4:
            parts += [lambda: clock.advance(20), sign]
        async with serving(*parts, ends=False) as url:
            with pytest.raises(StreamError, match=r"60 s \(timeout: read\)") as caught:
                await read(provider(wire, url, MINUTE), waits)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "a"


@pytest.mark.parametrize("wire", WIRES)
async def test_a_sign_of_life_does_not_begin_the_time_anew(wire: str) -> None:
    begin, piece, signs, _ = WIRES[wire]
    waits = asyncio.Event()
    parts: list[Part] = [begin + piece, waits.wait, *signs]  # type: ignore[list-item]
    async with serving(*parts, ends=False) as url:
        with pytest.raises(StreamError, match=r"0\.2 s \(timeout: read\)"):
            await read(provider(wire, url, Timeout(read=0.2)), waits)


@pytest.mark.parametrize("wire", WIRES)
async def test_pieces_may_go_on_for_as_long_as_they_come(wire: str) -> None:
    begin, piece, signs, end = WIRES[wire]
    waits = asyncio.Event()
    with MovedClock(auto=False) as clock:
        parts: list[Part] = [begin + piece, waits.wait]  # type: ignore[list-item]
        for sign in signs * 2:
            parts += [lambda: clock.advance(50), sign, piece]
        async with serving(*parts, end) as url:
            pieces = await read(provider(wire, url, MINUTE), waits)
    assert pieces == ["a"] * (1 + 2 * len(signs))


@pytest.mark.parametrize("wire", WIRES)
async def test_before_the_first_piece_they_count(wire: str) -> None:
    """How long that may take says ``first_token``."""
    begin, piece, signs, end = WIRES[wire]
    with MovedClock(auto=False) as clock:
        parts: list[Part] = [begin]
        for sign in signs * 2:
            parts += [lambda: clock.advance(1000), sign]
        async with serving(*parts, piece, end) as url:
            assert await read(provider(wire, url, MINUTE)) == ["a"]


@pytest.mark.parametrize("wire", WIRES)
async def test_a_slow_reader_is_no_silence(wire: str) -> None:
    begin, piece, signs, end = WIRES[wire]
    with MovedClock(auto=False) as clock:
        body = begin + piece + signs[0] + piece + signs[-1] + piece + end
        async with serving(body) as url:
            asked = provider(wire, url, MINUTE)
            pieces = []
            async for text in asked.stream(USER):
                pieces.append(text)
                clock.advance(1000)
            await asked.aclose()
    assert pieces == ["a"] * 3
