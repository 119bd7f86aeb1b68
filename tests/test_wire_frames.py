"""Cutting a streamed body into events: what is handed on, what is noted, what is a fault."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, cast

import pytest

from bruno_llm.vendors.anthropic.wire import ANTHROPIC
from bruno_llm.vendors.gemini.wire import GEMINI
from bruno_llm.vendors.ollama.wire import OLLAMA
from bruno_llm.vendors.openai.wire import COMPATIBLE, OPENAI
from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.frames import FrameReader
from bruno_llm.wire.shape import COUNT, ShapeCheck, misfit, read_json

CHUNK = {"id": "c", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
LAST = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
LINE = {"message": {"content": "a"}, "done": False}


def sse(*payloads: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in payloads)


def through(wire: Format, *pieces: bytes) -> tuple[bytes, Facts]:
    """What litellm would get of these TCP packets, and what was noted."""
    facts = Facts()
    reader = FrameReader(wire, facts)
    passed = [item for piece in pieces for item in reader.feed(piece)]
    return b"".join(cast("list[bytes]", [*passed, reader.close()])), facts


def test_a_whole_stream_is_handed_on_as_it_is() -> None:
    body = sse(CHUNK, LAST) + b"data: [DONE]\n\n"
    passed, facts = through(OPENAI, body)
    assert passed == body
    assert facts.ended
    assert facts.fault is None
    assert facts.finish_reason == "stop"


@pytest.mark.parametrize("size", [1, 2, 7, 50])
def test_the_packets_do_not_matter(size: int) -> None:
    body = sse({**CHUNK, "x": "漢字🙂"}, LAST) + b"data: [DONE]\n\n"
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    assert through(OPENAI, *pieces) == through(OPENAI, body)


def test_nothing_is_handed_on_before_its_line_is_whole() -> None:
    reader = FrameReader(OPENAI, Facts())
    assert reader.feed(sse(CHUNK)[:-4]) == []
    assert reader.feed(sse(CHUNK)[-4:]) == [sse(CHUNK)]


@pytest.mark.parametrize(
    "body",
    [
        b": a comment\n\n" + sse(CHUNK),
        sse(CHUNK).replace(b"data: ", b"data:"),
        sse(CHUNK).replace(b"\n", b"\r\n"),
        b"retry: 10\nid: 7\n" + sse(CHUNK),
        sse(CHUNK).replace(b', "choices"', b',\ndata:"choices"'),
        sse(CHUNK)[:-1],
        sse(CHUNK)[:-2],
    ],
    ids=["comment", "no space", "crlf", "fields", "two lines", "one newline", "no newline"],
)
def test_other_ways_to_write_the_same_event(body: bytes) -> None:
    passed, facts = through(OPENAI, body)
    assert facts.fault is None
    assert facts.id == "c"
    (line,) = [line for line in passed.split(b"\n") if line]
    assert json.loads(line.removeprefix(b"data: ")) == CHUNK


def test_the_name_of_an_event_is_handed_on() -> None:
    passed, _ = through(ANTHROPIC, b'event: ping\ndata: {"type": "ping"}\n\n')
    assert passed == b'event: ping\ndata: {"type": "ping"}\n\n'


def test_line_ends_of_unicode_are_escaped() -> None:
    body = json.dumps({"message": {"content": "a\u2028b\u2029c\x85d"}}, ensure_ascii=False)
    passed, facts = through(OLLAMA, body.encode() + b"\n")
    assert facts.fault is None
    assert passed.decode().splitlines() == [passed.decode().rstrip("\n")]
    assert json.loads(passed) == json.loads(body)


@pytest.mark.parametrize(
    "spoilt",
    [
        b"data: {\n\n",
        b'data: {"choices": [}\n\n',
        b"data: []\n\n",
        b"data: null\n\n",
        b"data: \n\n",
        b"data: \xff\n\n",
        b'dta: {"choices": []}\n\n',
        b'{"choices": []}\n\n',
        b"data: {}\n\n",
        b'data: {"choices": {}}\n\n',
        b'data: {"choices": [7]}\n\n',
        b'data: {"choices": [{"delta": {"content": 7}}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [{"index": "0"}]}}]}\n\n',
        b'data: {"choices": [], "usage": {"prompt_tokens": -1}}\n\n',
        b'data: {"choices": [], "usage": {"prompt_tokens": true}}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
def test_what_litellm_sees_ends_before_the_fault(spoilt: bytes) -> None:
    passed, facts = through(OPENAI, sse(CHUNK) + spoilt + sse(CHUNK, LAST) + b"data: [DONE]\n\n")
    assert passed == sse(CHUNK)
    assert facts.fault
    assert not facts.ended


@pytest.mark.parametrize(
    "spoilt",
    [b"{", b"null", b"{}", b'{"message": []}', b'{"message": {"tool_calls": [{}]}}', b"<html>"],
)
def test_a_line_that_is_none_of_ollamas_is_a_fault(spoilt: bytes) -> None:
    line = json.dumps(LINE).encode() + b"\n"
    passed, facts = through(OLLAMA, line + spoilt + b"\n" + line)
    assert passed == line
    assert facts.fault


def test_an_error_event_is_noted_and_not_handed_on() -> None:
    passed, facts = through(OPENAI, sse(CHUNK, {"error": {"message": "no"}}, CHUNK))
    assert passed == sse(CHUNK)
    assert facts.error == {"error": {"message": "no"}}


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_error_in_place_of_a_stream_is_read(wrapped: bool) -> None:
    error: Any = {"error": {"code": 503, "message": "no"}}
    body = json.dumps([error] if wrapped else error, indent=2).encode()
    passed, facts = through(GEMINI, body)
    assert passed == b""
    assert facts.error == error


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"candidates": []}', b"[1]"])
def test_json_in_place_of_a_stream_is_a_fault(body: bytes) -> None:
    _, facts = through(GEMINI, body)
    assert facts.fault


def test_what_comes_after_the_last_sign_is_not_looked_at() -> None:
    body = sse(LAST) + b"data: [DONE]\n\n"
    passed, facts = through(OPENAI, body + b"garbage\n\n" + sse({"error": {}}))
    assert passed == body
    assert facts.fault is None
    assert facts.ended


def test_a_finish_reason_ends_a_stream_only_where_no_sign_follows() -> None:
    assert not through(OPENAI, sse(CHUNK, LAST))[1].ended
    assert through(COMPATIBLE, sse(CHUNK, LAST))[1].ended
    assert not through(COMPATIBLE, sse(CHUNK))[1].ended
    assert not through(COMPATIBLE, sse(CHUNK, LAST) + b"data: {")[1].ended


def test_gemini_may_count_after_its_finish_reason() -> None:
    first = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}
    last = {"usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 4}}
    _, facts = through(GEMINI, sse(first, last))
    assert facts.ended
    assert facts.has_usage
    assert facts.prompt_tokens == 3


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "1" * 10_000])
def test_what_is_no_json_is_one_kind_of_error(text: str) -> None:
    with pytest.raises(ValueError):
        read_json(text)


@pytest.mark.parametrize(
    ("value", "shape", "fits"),
    [
        (None, str, True),
        ("a", str, True),
        (7, str, False),
        (True, int, False),
        (True, bool, True),
        (7, COUNT, True),
        (7.0, COUNT, True),
        (False, COUNT, False),
        (True, COUNT, False),
        (-1, COUNT, False),
        (float("nan"), COUNT, False),
        (float("inf"), COUNT, False),
        ("7", COUNT, False),
        ({"a": 1, "new": []}, {"a": int}, True),
        ({"a": "1"}, {"a": int}, False),
        ([], {"a": int}, False),
        ([{"a": 1}], [{"a": int}], True),
        ([{"a": 1}, None], [{"a": int}], False),
        ([{"a": 1}, 7], [{"a": int}], False),
        ({}, [int], False),
        ("a", (str, list), True),
        (7, (str, list), False),
    ],
)
def test_what_fits_a_shape(value: Any, shape: Any, fits: bool) -> None:
    assert (misfit(value, shape) is None) == fits
    assert ShapeCheck(shape).fits(value, strict=True) <= fits


VALUES = [
    None,
    True,
    0,
    -1,
    1.5,
    math.nan,
    math.inf,
    1e15,
    10**400,
    "",
    "a",
    "\ud800",
    [],
    {},
    b"x",
]
SHAPES = [int, str, (str, list), (str, Mapping), COUNT, [str], {"a": int}, [{"a": COUNT}], list]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_compiled_check_takes_nothing_that_does_not_fit(shape: Any) -> None:
    check = ShapeCheck(shape)
    nested = [made(v) for v in VALUES for made in (lambda v: [v], lambda v: {"a": v, "new": v})]
    for value in (*VALUES, *nested, *([item] for item in nested)):
        if check.fits(value, strict=True):
            assert misfit(value, shape) is None, value


def test_a_misfit_names_the_field() -> None:
    assert misfit({"a": {"b": [1, "x"]}}, {"a": {"b": [int]}}) == "b has the wrong type"
