"""What reads the wire takes twice the time for twice the bytes, and not four times.

Each thing is done at two sizes, the larger 16 times the smaller. What is linear takes some 16 times
the CPU time of this thread, what is quadratic 256 times; between them there is room for a machine
that is busy with other things. ``benchmarks/growth.py`` has the exponents over three decades.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bruno_llm import RateLimit
from bruno_llm.completion import TextDelta
from bruno_llm.rate_limit import lines
from bruno_llm.vendors.anthropic.wire import ANTHROPIC
from bruno_llm.vendors.cohere.wire import COHERE
from bruno_llm.vendors.gemini.wire import GEMINI
from bruno_llm.vendors.ollama.wire import OLLAMA
from bruno_llm.vendors.openai.responses import RESPONSES
from bruno_llm.vendors.openai.wire import OPENAI
from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.frames import FrameReader
from bruno_llm.wire.pieces import Closing
from bruno_llm.wire.reading import StreamReader
from bruno_llm.wire.think import ThinkTags
from bruno_llm.wire.turn import grow, whole

FACTOR = 16


def cpu(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.thread_time()
    work()
    return time.thread_time() - began


def is_linear(make: Callable[[int], Callable[[], object]], size: int) -> None:
    """``make`` prepares the work of a size; the preparation is not measured."""
    for _ in range(3):
        small = min(cpu(make(size)) for _ in range(3))
        if cpu(make(size * FACTOR)) < small * FACTOR * FACTOR**0.5:
            return
    raise AssertionError("it grows with more than the power of 1.5, three times out of three")


def through(wire: Format, body: bytes, packet: int = 1 << 16) -> Callable[[], object]:
    pieces = [body[at : at + packet] for at in range(0, len(body), packet)]

    def work() -> Facts:
        reader = FrameReader(wire, facts := Facts())
        for piece in pieces:
            reader.feed(piece)
        reader.close()
        return facts

    return work


def sse(event: Any) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def chat(**choice: Any) -> bytes:
    return sse({"id": "c", "choices": [{"index": 0, "delta": {}, **choice}]})


LONG_LINES: Mapping[str, Callable[[int], bytes]] = {
    "an event": lambda n: chat(delta={"content": "x" * n}),
    "without an end": lambda n: b"data: " + b"x" * n,
    "of another kind": lambda n: b"x" * n,
}


@pytest.mark.parametrize("kind", LONG_LINES)
def test_bytes_of_one_line(kind: str) -> None:
    """32 MB took 15 s."""
    is_linear(lambda n: through(OPENAI, LONG_LINES[kind](n), 1000), 500_000)


DATA_LINES: Mapping[str, Callable[[int], bytes]] = {
    "one event": lambda n: b"data: [\n" + b"data: 1,\n" * n + b"data: 1]\n\n",
    "closed too early": lambda n: b"data: }\n" * n + b"\n",
    "never closed": lambda n: b'data: {"a":\n' * n + b"\n",
    "a text that is torn": lambda n: b'data: {"a": "\n' + b"data: \\\\\n" * n + b'data: "}\n\n',
}


@pytest.mark.parametrize("kind", DATA_LINES)
def test_data_lines(kind: str) -> None:
    """10,000 lines took 2 s."""
    is_linear(lambda n: through(OPENAI, DATA_LINES[kind](n)), 1000)


EVENTS: Mapping[str, tuple[Format, bytes]] = {
    "text": (OPENAI, chat(delta={"content": "word "})),
    "white space": (OPENAI, chat(delta={"content": " "})),
    "a thought": (OPENAI, chat(delta={"reasoning_content": "hm "})),
    "details of a thought": (
        OPENAI,
        chat(delta={"reasoning_details": [{"type": "reasoning.text", "text": "hm ", "index": 0}]}),
    ),
    "parts": (OPENAI, chat(delta={"content": [{"type": "text", "text": "word "}]})),
    "a refusal": (OPENAI, chat(delta={"refusal": "no "})),
    "logprobs": (OPENAI, chat(logprobs={"content": [{"token": "a", "logprob": -0.1}]})),
    "audio": (OPENAI, chat(delta={"audio": {"id": "a", "data": "AAAA", "transcript": "a"}})),
    "a refusal of responses": (RESPONSES, sse({"type": "response.refusal.delta", "delta": "no "})),
    "items of responses": (
        RESPONSES,
        sse({"type": "response.output_item.done", "item": {"type": "reasoning", "summary": []}}),
    ),
    "citations": (
        ANTHROPIC,
        sse({"type": "content_block_start", "content_block": {"type": "text", "text": ""}})
        + sse(
            {
                "type": "content_block_delta",
                "delta": {"type": "citations_delta", "citation": {"cited_text": "x"}},
            }
        )
        * 2,
    ),
    "parts of Gemini": (GEMINI, sse({"candidates": [{"content": {"parts": [{"text": "a "}]}}]})),
    "calls of Gemini": (
        GEMINI,
        sse({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}}]}),
    ),
    "a thought of Ollama": (OLLAMA, b'{"message": {"content": "", "thinking": "hm "}}\n'),
    "a thought of Cohere": (
        COHERE,
        sse(
            {
                "type": "content-delta",
                "delta": {"message": {"content": {"type": "thinking", "thinking": "hm "}}},
            }
        ),
    ),
}


@pytest.mark.parametrize("kind", EVENTS)
def test_events(kind: str) -> None:
    wire, event = EVENTS[kind]
    is_linear(lambda n: through(wire, event * n), 100)


def test_citations_of_one_block() -> None:
    event = {
        "type": "content_block_delta",
        "delta": {"type": "citations_delta", "citation": {"cited_text": "x"}},
    }
    block = sse({"type": "content_block_start", "content_block": {"type": "text", "text": ""}})
    is_linear(lambda n: through(ANTHROPIC, block + sse(event) * n), 500)


def deltas(chunks: Iterable[Any]) -> Callable[[], object]:
    chunks = list(chunks)

    def work() -> object:
        reader = StreamReader(Facts(), watched=True)
        for chunk in chunks:
            list(reader.deltas(chunk))
        return reader.answer()

    return work


def called(**call: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **call}]}}]}


def test_tool_calls() -> None:
    """Each was looked for among all that came before it: 20,000 took 26 s."""

    def calls(count: int) -> Iterable[Any]:
        for number in range(count):
            yield called(id=f"c{number}", function={"name": "f", "arguments": "{}"})

    is_linear(lambda n: deltas(calls(n)), 300)


@pytest.mark.parametrize("piece", ["x", '"', "}", "{}"])
def test_arguments_of_a_call_whose_name_is_repeated(piece: str) -> None:
    is_linear(lambda n: deltas([called(function={"name": "f", "arguments": piece})] * n), 300)


def test_a_stream_keeps_its_text_and_not_its_pieces() -> None:
    """100,000 pieces kept 41 MB."""
    reader = StreamReader(Facts(), watched=True)
    item: dict[str, Any] = {}
    tracemalloc.start()
    try:
        for number in range(20_000):
            reader.add(TextDelta(f"word{number} "))
            grow(item, "text", f"thought{number} ")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    text, thought = reader.answer().text, whole(item)["text"]
    assert text == "".join(f"word{number} " for number in range(20_000))
    assert thought == "".join(f"thought{number} " for number in range(20_000))
    assert kept < 1.5 * (len(text) + len(thought))


@pytest.mark.parametrize("before", ["", "<think>", "<think>thought", "<think>x</think>"])
@pytest.mark.parametrize("piece", [" ", "  \n", "<", "</thin", "a "])
def test_white_space_around_a_thought(before: str, piece: str) -> None:
    """All of it was held back and looked at again with each piece."""

    def make(count: int) -> Callable[[], object]:
        tags, pieces = ThinkTags(), [before, *[piece] * count]
        return lambda: [tags.feed(one) for one in pieces]

    is_linear(make, 1000)


@pytest.mark.parametrize(
    "text",
    ['{"a": [1, {"b": "}]\\""}]}', "[]", '{"a\\\\": "\\\\"}', "[[], {}, [[]]]", '{"a": "{"}'],
)
def test_a_value_is_closed_at_its_end_and_not_before(text: str) -> None:
    data = text.encode()
    for size in range(1, len(data) + 1):
        closing = Closing()
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert [closing.feed(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]


async def gone(callers: int) -> list[int]:
    """Who of so many that wait gets a place when all but every 100th give up, the last first."""
    limit = RateLimit(concurrency=1, max_waiting=callers, wait_timeout=None)
    served: list[int] = []

    async def wait(number: int) -> None:
        async with limit.slot():
            served.append(number)

    async with limit.slot():
        tasks = [asyncio.ensure_future(wait(number)) for number in range(callers)]
        await asyncio.sleep(0)
        assert limit.waiting == callers
        for number in reversed(range(callers)):
            if number % 100:
                tasks[number].cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert limit.waiting == len(range(0, callers, 100))
    await asyncio.gather(*tasks, return_exceptions=True)
    assert limit.waiting == 0
    return served


def test_callers_that_give_up() -> None:
    """Each was looked for among all that wait: 10,000 took 1.4 s."""
    assert asyncio.run(gone(1000)) == list(range(0, 1000, 100))
    is_linear(lambda n: lambda: asyncio.run(gone(n)), 1000)


async def test_who_came_and_went_is_not_kept() -> None:
    limit = RateLimit(concurrency=1)

    async def come_and_go(callers: int) -> int:
        for _ in range(callers):
            task = asyncio.ensure_future(limit.slot().__aenter__())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        gc.collect()
        ours = tracemalloc.Filter(True, str(Path(lines.__file__).parent / "*"))
        traces = tracemalloc.take_snapshot().filter_traces([ours]).traces
        return sum(trace.size for trace in traces)

    async with limit.slot():
        first = asyncio.ensure_future(limit.slot().__aenter__())
        await asyncio.sleep(0)
        tracemalloc.start()
        try:
            before = await come_and_go(100)
            assert await come_and_go(1000) - before < 20_000
        finally:
            tracemalloc.stop()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
