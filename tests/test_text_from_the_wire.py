"""Text that comes straight from the wire: which events it is, and that nothing else changes."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import httpx
import pytest

from bruno_llm import (
    ClaudeProvider,
    GeminiProvider,
    OllamaProvider,
    OpenAIProvider,
    ReasoningDelta,
    StreamError,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from bruno_llm._litellm.steps import Split
from bruno_llm.testing import FakeServer, Fault, Raw, Reply
from bruno_llm.testing.fake.parts import Text, Thinking
from bruno_llm.vendors.anthropic.wire import ANTHROPIC
from bruno_llm.vendors.cohere.wire import COHERE
from bruno_llm.vendors.gemini.wire import GEMINI
from bruno_llm.vendors.ollama.wire import OLLAMA
from bruno_llm.vendors.openai.responses import RESPONSES
from bruno_llm.vendors.openai.wire import OPENAI
from bruno_llm.wire.exchange import Exchange
from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.frames import FrameReader
from bruno_llm.wire.size import bounded
from bruno_llm.wire.tap import tapped
from bruno_llm.wire.turn import whole
from tests.contract.matrix import KEY, USER
from tests.wire import Sample, samples
from tests.wire.variants import variants

WIRES = {"openai": OPENAI, "anthropic": ANTHROPIC, "gemini": GEMINI, "ollama": OLLAMA}
STREAMS = [s for s in (*samples(endpoint="chat"), *variants()) if s.stream and s.status == 200]


def through(wire: Format, body: bytes, *, direct: bool) -> tuple[list[bytes | str], dict[str, Any]]:
    reader = FrameReader(wire, facts := Facts())
    reader.direct = direct
    items = [*reader.feed(body), reader.close()]
    noted = asdict(facts)
    del noted["usage"]
    return [item for item in items if item], whole(noted)


@pytest.mark.parametrize("sample", STREAMS, ids=str)
def test_the_facts_are_the_same(sample: Sample) -> None:
    wire = WIRES[sample.vendor]
    items, facts = through(wire, sample.body, direct=True)
    passed, all_facts = through(wire, sample.body, direct=False)
    assert facts == all_facts
    left = iter(items)
    # What is no text is what litellm would have got, in the same order.
    for event in passed:
        assert isinstance(event, bytes)
        item = next(left)
        assert item == event or isinstance(item, str)
    assert next(left, None) is None


# --- which events are text and nothing else ---------------------------------------------------

_CHOICE = {"index": 0, "delta": {"content": "a"}, "finish_reason": None}
_PART = {"content": {"parts": [{"text": "a"}], "role": "model"}, "index": 0}
_TEXT_DELTA = {"type": "text_delta", "text": "a"}

PLAIN: Mapping[str, tuple[Format, dict[str, Any]]] = {
    "openai": (OPENAI, {"id": "c", "model": "m", "choices": [_CHOICE], "obfuscation": "xyz"}),
    "responses": (
        RESPONSES,
        {"type": "response.output_text.delta", "output_index": 0, "delta": "a", "logprobs": []},
    ),
    "anthropic": (
        ANTHROPIC,
        {"type": "content_block_delta", "index": 0, "delta": _TEXT_DELTA},
    ),
    "gemini": (
        GEMINI,
        {
            "candidates": [_PART],
            "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 2},
            "modelVersion": "m",
            "responseId": "c",
        },
    ),
    "ollama": (
        OLLAMA,
        {"model": "m", "message": {"role": "assistant", "content": "a"}, "done": False},
    ),
    "cohere": (
        COHERE,
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "a"}}}},
    ),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_text(name: str) -> None:
    wire, event = PLAIN[name]
    facts = Facts(id="c", model="m")
    assert wire.text(event, facts) == "a"
    assert wire.brings(event)
    assert facts.fault is facts.error is None


def spoilt(value: Any) -> Iterator[Any]:
    """The value with one thing in it changed, taken away or added, each in turn."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield {key: part for key, part in value.items() if key != name}
            for other in spoilt(inner):
                yield {**value, name: other}
        for more in ("error", "usage", "tool_calls", "thought", "thinking", "stop_reason"):
            yield {**value, more: {"x": 1}}
        yield {**value, "index": 1}
        yield {**value, "object": "error"}
        for name in ("finish_reason", "finishReason", "done_reason"):
            yield {**value, name: "stop"}
    elif isinstance(value, list):
        yield []
        yield [*value, *copy.deepcopy(value)]
        for other in spoilt(value[0]) if value else ():
            yield [other]
    for other in (None, "", "b", 7, -1, 1.5, True, False, [], {}, [None], {"error": "x"}):
        yield other


@pytest.mark.parametrize("name", PLAIN)
def test_an_event_that_is_more_or_less_than_that(name: str) -> None:
    """Either litellm gets it, or the text and the facts are those it would have given."""
    wire, plain = PLAIN[name]
    first = {key: value for key, value in plain.items() if key != "delta"}
    taken = 0
    for event in spoilt(plain):
        if not isinstance(event, dict):
            continue
        facts = [Facts(id="c", model="m", items=[{"type": "text"}]) for _ in range(2)]
        said = wire.text(copy.deepcopy(event), facts[0])
        if not said:
            continue
        taken += 1
        wire.note(event, facts[1])
        facts[0].usage = None
        assert facts[0] == facts[1], event
        assert facts[1].fault is facts[1].error is None, event
        assert said in ("a", "b")
        assert wire.brings(event)
    assert 0 < taken < 60, first


# --- through the public API -------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def provider(vendor: str, server: FakeServer) -> Any:
    url, common = server.base_url(vendor), {"api_key": KEY, "retry": None}
    if vendor == "openai":
        return OpenAIProvider("gpt-4o-mini", base_url=url, **common)
    if vendor == "responses":
        return OpenAIProvider("gpt-5", api="responses", base_url=url, **common)
    kinds = {"anthropic": ClaudeProvider, "gemini": GeminiProvider, "ollama": OllamaProvider}
    return kinds[vendor](base_url=url, **common)


VENDORS = ("openai", "responses", "anthropic", "gemini", "ollama")


@pytest.mark.parametrize("vendor", VENDORS)
async def test_litellm_reads_what_is_no_text(
    vendor: str, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [f"word{number} " for number in range(200)]
    server.default = Reply("".join(words), pieces=words)
    asked = provider(vendor, server)
    assert [piece async for piece in asked.stream(USER)] == words
    read = []
    step = Split.__await__

    def counted(split: Split) -> Any:
        read.append(split)
        return step(split)

    monkeypatch.setattr(Split, "__await__", counted)
    assert [piece async for piece in asked.stream(USER)] == words
    assert len(read) < 40
    await asked.aclose()


@pytest.mark.parametrize("vendor", VENDORS)
async def test_the_order_of_texts_and_others(vendor: str, server: FakeServer) -> None:
    call = ToolCall("call_1", "look", {"at": "sea"}, '{"at": "sea"}')
    thought = [] if vendor == "responses" else [Thinking("Hm.")]
    server.default = Reply(parts=[*thought, Text("one two"), call])
    events = [event async for event in provider(vendor, server).stream_events(USER)]
    kinds = [type(event) for event in events[:-1]]
    expected: list[type] = [TextDelta, ToolCallDelta]
    assert list(dict.fromkeys(kinds)) == ([ReasoningDelta, *expected] if thought else expected)
    done = events[-1].completion
    assert (done.text, done.reasoning) == ("one two", "Hm." if thought else None)
    assert [(one.name, one.arguments) for one in done.tool_calls] == [("look", {"at": "sea"})]
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "one two"


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("taken", [1, 2, 5])
async def test_leaving_in_the_middle(vendor: str, server: FakeServer, taken: int) -> None:
    words = [f"w{number} " for number in range(10)]
    gate = server.gate()
    server.script(Reply("".join(words), pieces=words, gate=gate))
    gate.step(taken)
    stream = provider(vendor, server).stream(USER)
    assert [await anext(stream) for _ in range(taken)] == words[:taken]
    await stream.aclose()
    await server.wait_for(lambda: server.disconnects == 1)


async def test_the_counts_of_a_stream_of_gemini_that_was_cut(server: FakeServer) -> None:
    """They stand in each event, also in those that litellm does not see."""
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 4, "thoughtsTokenCount": 2}
    counts = {**usage, "totalTokenCount": 15, "cachedContentTokenCount": 3}
    events = [
        {"candidates": [_PART], "usageMetadata": {**counts}, "responseId": "r", "modelVersion": "m"}
        for _ in range(3)
    ]
    body = [b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events]
    server.script(Raw(headers={"content-type": "text/event-stream"}, body=body))
    with pytest.raises(StreamError) as caught:
        async for _ in provider("gemini", server).stream(USER):
            pass
    assert caught.value.partial is not None
    used = caught.value.partial.usage
    assert used is not None
    assert (caught.value.partial.text, caught.value.partial.model) == ("aaa", "m")
    assert (used.prompt_tokens, used.completion_tokens, used.total_tokens) == (9, 6, 15)
    assert (used.cached_tokens, used.reasoning_tokens, used.estimated) == (3, 2, False)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_cut_between_texts(vendor: str, server: FakeServer) -> None:
    server.script(Fault.cut(after=3))
    with pytest.raises(StreamError, match="ended before the answer did") as caught:
        async for _ in provider(vendor, server).stream(USER):
            pass
    assert caught.value.partial is not None
    assert caught.value.partial.text == "This answer has"


# --- a step of litellm's parser ---------------------------------------------------------------


async def tap_of(*texts: str) -> Any:
    """The body of a stream of Ollama's, read on its way."""
    lines = [
        json.dumps({"model": "m", "message": {"content": text}, "done": False}).encode() + b"\n"
        for text in texts
    ]

    class Sent(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for line in lines:
                await asyncio.sleep(0)
                yield line

    response = httpx.Response(200, stream=Sent(), request=httpx.Request("POST", "http://x"))
    return tapped(bounded(response, None), Exchange(OLLAMA, {}))


async def test_a_step_may_wait_for_other_things_than_the_body() -> None:
    response, tap = await tap_of("a", "b", "", "c")
    assert tap.split()

    async def parser() -> AsyncIterator[str]:
        async for line in response.aiter_lines():
            await asyncio.sleep(0)
            yield line

    split, found = Split(tap, parser()), []
    while True:
        try:
            item = await split.next()
        except StopAsyncIteration:
            break
        found.append(item.text if isinstance(item, TextDelta) else json.loads(item))
    first, *texts, empty, last = found
    assert first["message"]["content"] == "a"
    assert (texts, empty["message"]["content"], last) == (["b"], "", "c")
    await split.close()


async def test_who_is_cancelled_in_a_step_ends_it() -> None:
    response, tap = await tap_of("a", "b")
    assert tap.split()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def parser() -> AsyncIterator[str]:
        try:
            async for line in response.aiter_lines():
                begun.set()
                await asyncio.Event().wait()
                yield line
        finally:
            ended.set()

    split = Split(tap, parser())
    task = asyncio.ensure_future(split.next())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    await split.close()


async def test_a_parser_that_reads_in_another_task_gets_everything() -> None:
    """Where nobody drives it, the body is read as it always was."""
    response, tap = await tap_of("a", "b")
    lines = [line async for line in response.aiter_lines()]
    assert [json.loads(line)["message"]["content"] for line in lines] == ["a", "b"]
    await tap.aclose()
