"""Made-up answers of four vendors, cut, torn and spoilt in every way, through the public API.

What must hold: the same events however TCP cuts them; never a normal end of a stream that was cut;
never another exception than an ``LLMError``; never a wrong answer from a spoilt one. Every call has
to end within ``PATIENCE``. ``BRUNO_LLM_TEST_SIZE`` says how many examples (see ``tests/size.py``).
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bruno_llm import (
    ClaudeProvider,
    Completion,
    GeminiEmbedder,
    GeminiProvider,
    OllamaEmbedder,
    OllamaProvider,
    OpenAIEmbedder,
    OpenAIProvider,
    StreamEnd,
)
from bruno_llm._litellm import load_now
from bruno_llm.exceptions import LLMError, StreamError
from bruno_llm.testing import FakeServer, Raw
from tests.size import sized
from tests.wire.writing import PLAIN, STREAM, Call, Said

pytestmark = pytest.mark.sized

PATIENCE = 15.0
VENDORS = ("openai", "anthropic", "gemini", "ollama")
_PROVIDERS = {
    "openai": OpenAIProvider,
    "anthropic": ClaudeProvider,
    "gemini": GeminiProvider,
    "ollama": OllamaProvider,
}
_EMBEDDERS = {"openai": OpenAIEmbedder, "gemini": GeminiEmbedder, "ollama": OllamaEmbedder}
_TYPES = {"openai": "text/event-stream", "ollama": "application/x-ndjson"}
_ASKED = [{"role": "user", "content": "hi"}]


def examples(count: int) -> Callable[[Any], Any]:
    """So many examples at full size, the same ones in each run: CI must not fail by chance."""
    return settings(
        max_examples=sized(count, 3),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@dataclass
class Outcome:
    """How a call ended: with a completion or with an error, never with both."""

    events: list[Any] = field(default_factory=list)
    completion: Completion | None = None
    error: LLMError | None = None

    def facts(self) -> Any:
        """What the answer says, without what differs from call to call."""
        done = self.completion
        if done is None:
            return type(self.error).__name__
        calls = [(call.id, call.name, dict(call.arguments)) for call in done.tool_calls]
        text = (done.text, done.reasoning, done.refusal, done.finish_reason)
        return (*text, calls, done.usage, done.id, done.model)


class Rig:
    """One server, one event loop and one provider a vendor for all examples."""

    def __init__(self) -> None:
        self.server = FakeServer().start()
        self.loop = asyncio.new_event_loop()
        self.providers = {vendor: self._make(kind) for vendor, kind in _PROVIDERS.items()}
        self.embedders = {vendor: self._make(kind) for vendor, kind in _EMBEDDERS.items()}

    def _make(self, kind: Any) -> Any:
        url = self.server.base_url(kind.name)
        return kind("m-1", base_url=url, api_key="key-of-a-test", retry=None, timeout=PATIENCE)

    def close(self) -> None:
        for one in (*self.providers.values(), *self.embedders.values()):
            self.loop.run_until_complete(one.aclose())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.server.close()

    def run(self, call: Any) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(call, PATIENCE + 5))

    def stream(self, vendor: str, body: Sequence[bytes], *, drop: bool = False) -> Outcome:
        """What comes of a stream of these TCP writes; with ``drop`` the connection is reset."""
        headers = {"content-type": _TYPES.get(vendor, "text/event-stream")}
        self.server.script(Raw(200, headers, list(body), drop))
        return self.run(self._stream(vendor))

    async def _stream(self, vendor: str) -> Outcome:
        outcome = Outcome()
        try:
            async for event in self.providers[vendor].stream_events(_ASKED):
                if isinstance(event, StreamEnd):
                    outcome.completion = event.completion
                else:
                    outcome.events.append(event)
        except LLMError as error:
            outcome.error = error
        assert (outcome.error is None) != (outcome.completion is None)
        return outcome

    def plain(self, vendor: str, body: bytes) -> Outcome:
        """What comes of this body as a plain answer with status 200."""
        self.server.script(Raw(200, {"content-type": "application/json"}, body))
        return self.run(self._plain(vendor))

    async def _plain(self, vendor: str) -> Outcome:
        try:
            return Outcome(completion=await self.providers[vendor].complete(_ASKED))
        except LLMError as error:
            return Outcome(error=error)

    def embed(self, vendor: str, body: bytes) -> list[list[float]] | LLMError:
        """What comes of this body as the answer to an embedding of one text."""
        self.server.script(Raw(200, {"content-type": "application/json"}, body))
        return self.run(self._embed(vendor))

    async def _embed(self, vendor: str) -> Any:
        try:
            return await self.embedders[vendor].embed_texts(["one"])
        except LLMError as error:
            return error


@pytest.fixture(scope="module")
def rig(no_events: None) -> Iterator[Rig]:
    load_now()  # for longer than the patience with a call, where much else runs
    running = Rig()
    yield running
    running.close()


def whole_at(vendor: str, events: Sequence[bytes]) -> int:
    """From how many bytes on the vendor has said that the answer is whole."""
    if vendor == "openai":  # the last line is `[DONE]`, which some servers leave out
        events = events[:-1]
    return sum(map(len, events)) - (1 if vendor == "ollama" else 2)


def cut(body: bytes, places: Sequence[int]) -> list[bytes]:
    """``body`` in pieces, cut at these places."""
    marks = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[a:b] for a, b in itertools.pairwise(marks)]


# --- what is made up --------------------------------------------------------------------------

_letters = st.characters(exclude_categories=("Cs",)) | st.sampled_from(
    '\u2028\u2029\x85\n"\\ é漢🙂'
)
_text = st.text(_letters, min_size=1, max_size=12)
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_json = st.deferred(
    lambda: _scalars
    | st.lists(_json, max_size=3)
    | st.dictionaries(st.text(max_size=6), _json, max_size=3)
)
_arguments = st.dictionaries(
    st.text(_letters, min_size=1, max_size=5),
    st.integers(-9, 9) | _text | st.booleans() | st.lists(_text, max_size=2),
    max_size=3,
)
_calls = st.builds(
    Call, id=st.just(""), name=st.sampled_from(["look", "ask"]), arguments=_arguments
)
_pieces = st.lists(
    st.tuples(st.just("text"), _text) | st.tuples(st.just("reasoning"), _text) | _calls, max_size=5
)


@st.composite
def _answers(draw: Any) -> Said:
    # There must be an answer behind the thinking, and calls have ids of their own.
    drawn = [*draw(_pieces), ("text", draw(_text).strip() or "x")]
    pieces = [
        Call(f"call-{place}", piece.name, piece.arguments) if isinstance(piece, Call) else piece
        for place, piece in enumerate(drawn)
    ]
    return Said(
        pieces,
        finish=draw(st.sampled_from(["stop", "length"])),
        prompt_tokens=draw(st.integers(1, 10**6)),
        completion_tokens=draw(st.integers(1, 10**6)),
        ascii=draw(st.booleans()),
    )


answers = _answers()
vendors = pytest.mark.parametrize("vendor", VENDORS)


# --- streams that are whole -------------------------------------------------------------------


@vendors
@examples(40)
@given(said=answers, places=st.lists(st.integers(0, 10**4), max_size=12))
def test_a_whole_stream_says_the_same_however_it_is_cut(
    rig: Rig, vendor: str, said: Said, places: list[int]
) -> None:
    events = STREAM[vendor](said)
    at_once = rig.stream(vendor, [b"".join(events)])
    assert at_once.completion is not None, at_once.error
    done = at_once.completion
    assert done.text == said.words("text")
    assert (done.reasoning or "") == said.words("reasoning")
    assert [(c.name, c.arguments) for c in done.tool_calls] == [
        (c.name, c.arguments) for c in said.calls
    ]
    called = said.calls and said.finish == "stop"
    assert done.finish_reason == ("tool_calls" if called else said.finish)
    assert done.usage is not None
    assert done.usage.prompt_tokens == said.prompt_tokens
    assert done.usage.completion_tokens == said.completion_tokens
    assert not done.usage.estimated

    in_pieces = rig.stream(vendor, cut(b"".join(events), places))
    assert in_pieces.events == at_once.events
    assert in_pieces.facts() == at_once.facts()


@vendors
@examples(6)
@given(said=answers)
def test_a_whole_stream_says_the_same_byte_by_byte(rig: Rig, vendor: str, said: Said) -> None:
    events = STREAM[vendor](said)
    at_once = rig.stream(vendor, [b"".join(events)])
    in_bytes = rig.stream(vendor, [bytes([byte]) for byte in b"".join(events)])
    assert in_bytes.events == at_once.events
    assert in_bytes.facts() == at_once.facts()


@vendors
@examples(15)
@given(said=answers)
def test_other_line_ends_and_comments_change_nothing(rig: Rig, vendor: str, said: Said) -> None:
    events = STREAM[vendor](said)
    usual = rig.stream(vendor, [b"".join(events)])
    crlf = [event.replace(b"\n", b"\r\n") for event in events]
    if vendor != "ollama":
        crlf = [b": PROCESSING\r\n\r\n" + e.replace(b"data: ", b"data:") for e in crlf]
    assert rig.stream(vendor, [b"".join(crlf)]).facts() == usual.facts()


# --- streams that are cut ---------------------------------------------------------------------


@vendors
@examples(40)
@given(said=answers, at=st.integers(0, 10**6), drop=st.booleans(), places=st.lists(st.integers(0)))
def test_a_cut_stream_never_ends_normally(
    rig: Rig, vendor: str, said: Said, at: int, drop: bool, places: list[int]
) -> None:
    events = STREAM[vendor](said)
    body, whole = b"".join(events), whole_at(vendor, events)
    at %= whole  # not one byte of the vendor's own last sign may be missing
    outcome = rig.stream(vendor, cut(body[:at], places), drop=drop)
    assert outcome.error is not None, f"{body[:at]!r} passed for whole"
    # Before the first delta it is the plain error, which is tried again; after it a StreamError.
    assert isinstance(outcome.error, StreamError) == bool(outcome.events)
    if isinstance(outcome.error, StreamError):
        partial = outcome.error.partial
        assert partial is not None
        assert said.words("text").startswith(partial.text)
        assert said.words("reasoning").startswith(partial.reasoning or "")
        assert partial.text == "".join(getattr(e, "text", "") for e in _texts(outcome.events))
    else:
        assert outcome.error.retryable


def _texts(events: Sequence[Any]) -> list[Any]:
    return [event for event in events if type(event).__name__ == "TextDelta"]


@vendors
@examples(10)
@given(said=answers, left=st.integers(0, 1))
def test_bytes_after_the_last_sign_are_not_missed(
    rig: Rig, vendor: str, said: Said, left: int
) -> None:
    events = STREAM[vendor](said)
    body, whole = b"".join(events), whole_at(vendor, events)
    outcome = rig.stream(vendor, [body[: whole + left]])
    assert outcome.facts() == rig.stream(vendor, [body]).facts()


# --- streams with one spoilt event ------------------------------------------------------------

_garbage = st.binary(min_size=1, max_size=30).map(
    lambda b: b.replace(b"\n", b"").replace(b"\r", b"")
)
_other_json = st.sampled_from(
    [b"null", b"true", b"0", b'"text"', b"[]", b"[{}]", b"{}", b"NaN", b""]
)


def _spoilt_data(event: bytes, new: Callable[[bytes], bytes]) -> bytes:
    """``event`` with other data in place of its own."""
    start = event.find(b"data: ") + len(b"data: ") if b"data: " in event else 0
    data = event[start:].rstrip(b"\n")
    return event[:start] + new(data) + event[start + len(data) :]


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of everything in a JSON value but nulls, which may stand for anything."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if inner is not None:
            yield (*path, key)
        if isinstance(inner, dict | list) and key not in _FREE:
            yield from _paths(inner, (*path, key))


_FREE = ("input", "args", "arguments")  # a tool's arguments may be anything
_WRONG = ["garbage", 7, -1.5, True, [], ["x"], {}, {"x": 1}, [None], "", float("inf")]


def _kind(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if number else type(value)


def _with_wrong_type(payload: Any, draw: Any, others: Sequence[Any] = _WRONG) -> tuple[Any, Any]:
    """``payload`` with one field of another type, and which field that is."""
    path = draw(st.sampled_from(list(_paths(payload))))
    *parents, last = path
    home = functools.reduce(lambda value, key: value[key], parents, payload)
    wrong = [value for value in others if _kind(value) != _kind(home[last])]
    if last == "arguments":  # many servers send the object where OpenAI sends its text
        wrong = [value for value in wrong if not isinstance(value, dict)]
    home[last] = draw(st.sampled_from(wrong))
    return payload, path


@vendors
@examples(60)
@given(said=answers, place=st.integers(0), how=st.data())
def test_a_spoilt_event_is_an_error_or_changes_nothing(
    rig: Rig, vendor: str, said: Said, place: int, how: st.DataObject
) -> None:
    events = STREAM[vendor](said)
    place %= len(events)
    kind = how.draw(st.sampled_from(["garbage", "shortened", "other", "type", "framing"]))
    if kind == "garbage":
        new = how.draw(_garbage)
        spoilt = _spoilt_data(events[place], lambda data: new)
    elif kind == "shortened":
        # One byte at least: of an event that is gone as a whole nothing can tell.
        length = how.draw(st.integers(1, 10**4))
        spoilt = _spoilt_data(events[place], lambda data: data[: 1 + length % (len(data) - 1)])
    elif kind == "other":
        new = how.draw(_other_json)
        if vendor == "ollama" and not new:
            return  # of a line that is gone as a whole nothing can tell
        spoilt = _spoilt_data(events[place], lambda data: new)
    elif kind == "type":
        if b"[DONE]" in events[place]:
            return
        spoilt = _spoilt_data(
            events[place],
            lambda data: json.dumps(_with_wrong_type(json.loads(data), how.draw)[0]).encode(),
        )
    else:
        at = how.draw(st.integers(0, 5))
        new = how.draw(st.sampled_from([b"", b"x", b"\n", b"\xff", b"{", b"\x00"]))
        spoilt = events[place][:at] + new + events[place][at + 1 :]
    before = rig.stream(vendor, [b"".join(events)])
    after = rig.stream(vendor, [*events[:place], spoilt, *events[place + 1 :]])
    if after.error is None:
        assert after.facts() == before.facts(), f"{events[place]!r} became {spoilt!r}"
    elif isinstance(after.error, StreamError):
        assert after.error.partial is not None
        assert said.words("text").startswith(after.error.partial.text)


# --- plain answers ----------------------------------------------------------------------------


@vendors
@examples(40)
@given(said=answers)
def test_a_plain_answer_says_what_was_said(rig: Rig, vendor: str, said: Said) -> None:
    outcome = rig.plain(vendor, json.dumps(PLAIN[vendor](said), ensure_ascii=said.ascii).encode())
    done = outcome.completion
    assert done is not None, outcome.error
    assert done.text == said.words("text")
    assert [(c.name, c.arguments) for c in done.tool_calls] == [
        (c.name, c.arguments) for c in said.calls
    ]


@vendors
@examples(60)
@given(payload=_json)
def test_any_json_is_a_completion_or_an_error(rig: Rig, vendor: str, payload: Any) -> None:
    rig.plain(vendor, json.dumps(payload).encode())


@vendors
@examples(60)
@given(said=answers, how=st.data())
def test_a_plain_answer_with_a_wrong_type_is_an_error_or_says_the_same(
    rig: Rig, vendor: str, said: Said, how: st.DataObject
) -> None:
    before = rig.plain(vendor, json.dumps(PLAIN[vendor](said)).encode())
    spoilt, path = _with_wrong_type(PLAIN[vendor](said), how.draw)
    after = rig.plain(vendor, json.dumps(spoilt).encode())
    if after.error is None:
        assert after.facts() == before.facts(), path


@vendors
@examples(30)
@given(said=answers, how=st.data())
def test_a_plain_answer_with_anything_anywhere_is_a_completion_or_an_error(
    rig: Rig, vendor: str, said: Said, how: st.DataObject
) -> None:
    payload = PLAIN[vendor](said)
    *parents, last = how.draw(st.sampled_from(list(_paths(payload))))
    home = functools.reduce(lambda value, key: value[key], parents, payload)
    if how.draw(st.booleans()):
        home[last] = how.draw(_json)
    else:
        del home[last]
    rig.plain(vendor, json.dumps(payload).encode())


@pytest.mark.covering(1)
@vendors
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 10_000, b"\xff\xfe", b"\x00", b"<html>"],
    ids=["nothing", "half", "deep list", "deep object", "number", "bom", "zero", "html"],
)
def test_a_body_that_is_no_json_is_an_error(rig: Rig, vendor: str, body: bytes) -> None:
    assert rig.plain(vendor, body).error is not None
    assert rig.stream(vendor, [body]).error is not None


# --- embeddings -------------------------------------------------------------------------------

_VECTORS: dict[str, Any] = {
    "openai": {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}],
        "model": "m-1",
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    },
    "gemini": {"embeddings": [{"values": [0.5, -0.5]}]},
    "ollama": {"model": "m-1", "embeddings": [[0.5, -0.5]], "prompt_eval_count": 1},
}
embedders = pytest.mark.parametrize("vendor", sorted(_VECTORS))


@embedders
@examples(40)
@given(payload=_json)
def test_any_json_is_vectors_or_an_error(rig: Rig, vendor: str, payload: Any) -> None:
    rig.embed(vendor, json.dumps(payload).encode())


@embedders
@examples(60)
@given(how=st.data())
def test_vectors_with_a_wrong_type_are_an_error_or_the_same(
    rig: Rig, vendor: str, how: st.DataObject
) -> None:
    # The OpenAI SDK makes 1.0 of true.
    others = [value for value in _WRONG if value is not True]
    spoilt, path = _with_wrong_type(json.loads(json.dumps(_VECTORS[vendor])), how.draw, others)
    outcome = rig.embed(vendor, json.dumps(spoilt).encode())
    assert isinstance(outcome, LLMError) or outcome == [[0.5, -0.5]], path
