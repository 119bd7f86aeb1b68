"""A lean server on the loopback interface, in a process of its own.

It speaks the five wires with the bytes of ``FakeServer``, made once and then only written. What it
shall do stands in the prompt, so that every client can ask for it: ``[words=1000]`` many pieces of
text, ``[wait=0.05]`` seconds before the answer, ``[hang]`` for no answer at all.

A stream has one event in each HTTP chunk, and one is written each ``PACE`` seconds, as a vendor
does it, only sooner: who reads more slowly finds several at once.

It prints its port; for each line that it reads it prints what it has counted so far, as JSON:
``peak`` is the most connections that were open at once since it was asked last.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.vendors.anthropic.wire import AnthropicWire
from bruno_llm.testing.fake.vendors.gemini.wire import GeminiWire
from bruno_llm.testing.fake.vendors.ollama.wire import OllamaWire
from bruno_llm.testing.fake.vendors.openai.responses import ResponsesWire
from bruno_llm.testing.fake.vendors.openai.wire import OpenAIWire
from bruno_llm.testing.fake.wire import RenderedTurn, Wire

PACE = 60e-6
WIRES: dict[bytes, tuple[Wire, str]] = {
    b"/chat/completions": (OpenAIWire(), "gpt-4o-mini"),
    b"/responses": (ResponsesWire(), "gpt-5"),
    b"/messages": (AnthropicWire(), "claude-sonnet-4-5"),
    b"enerateContent": (GeminiWire(), "gemini-2.5-flash"),
    b"/api/chat": (OllamaWire(), "llama3.2"),
}
MARK = re.compile(rb"\[(words|wait|hang)=?([0-9.]*)\]")
STREAMED = re.compile(rb'"stream": ?true')
ALIKE = 10_000  # words; what is longer says the last ones again, so as not to be built whole


def head_of(kind: str, length: int | None, status: str = "200 OK") -> bytes:
    size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{size}\r\n\r\n".encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


NOT_FOUND = head_of("application/json", 2, "404 Not Found") + b"{}"
COUNT = b'{"input_tokens": 20, "totalTokens": 20}'
COUNTED = head_of("application/json", len(COUNT)) + COUNT


def turn_of(ending: bytes, words: int) -> tuple[Wire, RenderedTurn]:
    wire, model = WIRES[ending]
    asked = {"model": model, "stream_options": {"include_usage": True}}
    request = Request(wire.name, "chat", "POST", "/", json=asked, model=model, wire=wire.name)
    pieces = [f"word{number} " for number in range(words)]
    reply = Reply("".join(pieces), pieces=pieces)
    return wire, RenderedTurn(reply, request, 1, wire.content(reply, request, 1))


@lru_cache
def plain(ending: bytes, words: int) -> bytes:
    wire, turn = turn_of(ending, words)
    body = json.dumps(wire.answer(turn)).encode()
    return head_of(wire.json_type, len(body)) + body


@lru_cache
def streamed(ending: bytes, words: int) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """What comes first, the pieces of text, and what comes last."""
    wire, turn = turn_of(ending, min(words, ALIKE))
    made = wire.stream(turn)
    first = [head_of(wire.stream_type, None), *map(chunk, filter(None, [made.head]))]
    pieces = [chunk(piece) for piece in made.pieces]
    last = [*map(chunk, made.tail), chunk(b"")]
    return first, pieces, last


class Counts:
    accepted = open = peak = requests = hanging = 0


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._came = bytearray()
        self._hangs = False
        self._frames: Iterator[bytes] = iter(())
        self._paused = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        Counts.accepted += 1
        Counts.open += 1
        Counts.peak = max(Counts.peak, Counts.open)

    def connection_lost(self, exc: Exception | None) -> None:
        Counts.open -= 1
        Counts.hanging -= self._hangs
        self._frames = iter(())

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, found, rest = bytes(self._came).partition(b"\r\n\r\n")
        if not found:
            return
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if length is None or len(rest) < int(length[1]):
            return
        self._came.clear()
        self._answer(head.split(b" ", 2)[1].partition(b"?")[0], rest)

    def _answer(self, path: bytes, body: bytes) -> None:
        ending = next((ending for ending in WIRES if path.endswith(ending)), None)
        if ending is None:
            counts = path.endswith((b"/count_tokens", b":countTokens"))
            self._transport.write(COUNTED if counts else NOT_FOUND)
            return
        Counts.requests += 1
        said = {mark[1]: mark[2] for mark in MARK.finditer(body)}
        if b"hang" in said:
            self._hangs = True
            Counts.hanging += 1
            return
        words = int(said.get(b"words", 5))
        if STREAMED.search(body) or path.endswith(b":streamGenerateContent"):
            first, pieces, last = streamed(ending, words)
            # Not the first piece again, which opens a block. (Nor always the same one: litellm
            # ends a stream that repeats itself.)
            again = itertools.islice(itertools.cycle(pieces[1:]), max(0, words - ALIKE))
            self._frames = itertools.chain(first, pieces, again, last)
            self._due = time.perf_counter()
            answer = self._step
        else:
            whole = plain(ending, words)

            def answer() -> None:
                self._transport.write(whole)

        self._loop.call_later(float(said[b"wait"]), answer) if b"wait" in said else answer()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._loop.call_soon(self._step)

    def _step(self) -> None:
        if self._paused:
            return
        now = time.perf_counter()
        if now >= self._due:
            frame = next(self._frames, None)
            if frame is None:
                return
            self._transport.write(frame)
            self._due = now + PACE
        if not self._paused:
            self._loop.call_soon(self._step)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Client, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    stop = loop.create_future()

    def told() -> None:
        if not sys.stdin.readline():
            stop.set_result(None)
            return
        names = ("accepted", "open", "peak", "requests", "hanging")
        print(json.dumps({name: getattr(Counts, name) for name in names}), flush=True)
        Counts.peak = Counts.open

    loop.add_reader(sys.stdin, told)
    await stop


if __name__ == "__main__":
    asyncio.run(serve())
