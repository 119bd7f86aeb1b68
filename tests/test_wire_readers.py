"""The four readers and what is made of litellm's answers, on the samples and on odd cases."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from bruno_llm.completion import ReasoningDelta, TextDelta, ToolCallDelta
from bruno_llm.vendors.anthropic.vendor import ANTHROPIC
from bruno_llm.vendors.gemini.vendor import GEMINI
from bruno_llm.vendors.ollama.vendor import OLLAMA
from bruno_llm.vendors.openai.vendor import COMPATIBLE, OPENAI
from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.frames import FrameReader
from bruno_llm.wire.reading import StreamReader, read_answer, read_usage
from tests.wire import Sample, samples
from tests.wire.variants import variants

WIRES = {
    vendor: found.wire
    for vendor, found in {
        "openai": OPENAI,
        "anthropic": ANTHROPIC,
        "gemini": GEMINI,
        "ollama": OLLAMA,
    }.items()
}
ANSWERS = [s for s in (*samples(endpoint="chat"), *variants()) if s.status == 200]


def facts_of(wire: Format | None, body: bytes, *, stream: bool) -> Facts:
    assert wire is not None
    facts = Facts()
    if stream:
        reader = FrameReader(wire, facts)
        reader.feed(body)
        reader.close()
    else:
        wire.note(json.loads(body), facts)
    return facts


def noted(vendor: str, payload: Any) -> Facts:
    """The facts of one JSON object."""
    return facts_of(WIRES[vendor], json.dumps(payload).encode(), stream=False)


@pytest.mark.parametrize("sample", ANSWERS, ids=str)
def test_the_facts_of_an_answer_stand_on_the_wire(sample: Sample) -> None:
    facts = facts_of(WIRES[sample.vendor], sample.body, stream=sample.stream)
    expected = sample.expected
    if expected.get("error") == "StreamError" or "finish_reason" not in expected:
        return
    assert facts.fault is None
    assert facts.error is None
    called = expected["finish_reason"] == "tool_calls"
    wanted = {expected["finish_reason"], *(["stop"] if called else [])}
    assert facts.finish_reason in wanted
    assert facts.ended == sample.stream or sample.vendor == "ollama"
    if "usage" in expected:
        assert facts.has_usage
    if "id" in expected:
        assert facts.id == expected["id"]
    assert "".join(facts.refusal) == (expected.get("refusal") or "")


# --- usage ------------------------------------------------------------------------------------


def test_gemini_bills_the_prompts_of_its_tools() -> None:
    usage = {"promptTokenCount": 10, "toolUsePromptTokenCount": 90, "totalTokenCount": 101}
    facts = noted("gemini", {"candidates": [], "usageMetadata": usage})
    assert facts.prompt_tokens == 100
    raw = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}
    assert read_usage(raw, facts).prompt_tokens == 100
    assert read_usage(raw, facts).total_tokens == 101


def test_anthropics_own_count_of_thinking_wins() -> None:
    details = {"output_tokens": 50, "output_tokens_details": {"thinking_tokens": 30}}
    message = {"type": "message", "content": [], "usage": details}
    assert noted("anthropic", message).reasoning_tokens == 30
    del details["output_tokens_details"]
    assert noted("anthropic", message).reasoning_tokens == 0
    raw = {"completion_tokens": 50, "completion_tokens_details": {"reasoning_tokens": 44}}
    assert read_usage(raw, noted("anthropic", message)).reasoning_tokens == 0
    assert read_usage(raw).reasoning_tokens == 44


def test_no_usage_is_zero_tokens() -> None:
    assert read_usage(None).total_tokens == 0


# --- what litellm cannot read is changed for it, and only for it ------------------------------


@pytest.mark.parametrize(
    ("vendor", "payload", "field"),
    [
        ("anthropic", {"type": "message", "content": []}, "usage"),
        ("gemini", {"candidates": [{"content": {"parts": []}}]}, "usageMetadata"),
    ],
)
def test_usage_that_was_added_for_litellm_counts_as_none(
    vendor: str, payload: Any, field: str
) -> None:
    wire = WIRES[vendor]
    assert wire is not None
    facts = Facts()
    wire.note(payload, facts)
    assert wire.mend(payload)
    assert field in payload
    assert not facts.has_usage
    assert not wire.mend(payload)


def test_a_filtered_answer_of_gemini_keeps_its_words_and_its_reason() -> None:
    payload = {
        "candidates": [{"content": {"parts": [{"text": "so"}]}, "finishReason": "SAFETY"}],
        "usageMetadata": {"totalTokenCount": 1},
    }
    facts = noted("gemini", payload)
    assert GEMINI.wire is not None
    assert GEMINI.wire.mend(payload)
    assert payload["candidates"][0]["finishReason"] == "STOP"  # type: ignore[index]
    assert facts.finish_reason == "content_filter"


def test_an_answer_that_litellm_can_read_is_left_alone() -> None:
    for sample in ANSWERS:
        wire = WIRES[sample.vendor]
        usual = sample.name in ("text", "tools", "thinking", "unicode", "length")
        if wire is not None and usual and not sample.stream:
            assert not wire.mend(json.loads(sample.body)), str(sample)


# --- events that are new, and fields that are missing -----------------------------------------


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ({"type": "message_delta"}, "a message_delta has no delta"),
        ({"type": "content_block_delta", "index": 0}, "a content_block_delta has no delta"),
        ({"type": "message_start"}, "a message_start has no message"),
        ({"delta": {}}, "it has no type"),
        ({"type": 7}, "type has the wrong type"),
        ({"type": "something_new", "x": 1}, None),
        ({"type": "ping"}, None),
        ({"type": "content_block_delta", "delta": {"type": "new_delta", "x": []}}, None),
    ],
)
def test_anthropic_events(payload: Any, fault: str | None) -> None:
    assert noted("anthropic", payload).fault == fault


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("pause_turn", "other:pause_turn"),
        ("of_the_future", "other:of_the_future"),
    ],
)
def test_anthropic_stop_reasons(reason: str, finish: str) -> None:
    message = {"type": "message", "content": [], "stop_reason": reason}
    assert noted("anthropic", message).finish_reason == finish


@pytest.mark.parametrize("kind", ["server_tool_use", "mcp_tool_use"])
def test_tools_that_anthropic_ran_are_known(kind: str) -> None:
    block = {"type": kind, "id": "s1", "name": "n", "input": {}}
    start = {"type": "content_block_start", "index": 0, "content_block": block}
    assert noted("anthropic", start).server_tools == {"s1"}


def test_gemini_says_nothing_with_an_unspecified_reason() -> None:
    payload = {"candidates": [{"finishReason": "FINISH_REASON_UNSPECIFIED"}]}
    assert noted("gemini", payload).finish_reason is None


@pytest.mark.parametrize("vendor", WIRES)
def test_nothing_is_a_fault(vendor: str) -> None:
    for payload in ({}, [], None, 7, "text", {"something": "else"}):
        assert noted(vendor, payload).fault


def test_a_server_of_old_says_its_end_otherwise() -> None:
    choice = {"message": {"content": "a"}, "finish_details": {"type": "max_tokens"}}
    assert noted("openai", {"choices": [choice]}).finish_reason == "length"


def test_compatible_servers_share_the_reader() -> None:
    assert COMPATIBLE.wire is not None
    assert OPENAI.wire is not None
    assert COMPATIBLE.wire.read is OPENAI.wire.read


# --- litellm's chunks put right ---------------------------------------------------------------


def chunk(**delta: Any) -> Any:
    choice = SimpleNamespace(index=0, delta=SimpleNamespace(**delta), finish_reason=None)
    return SimpleNamespace(model="m", id="litellms", choices=[choice])


def called(index: int | None, id_: str | None, name: str | None, arguments: str | None) -> Any:
    function = SimpleNamespace(name=name, arguments=arguments)
    return chunk(tool_calls=[SimpleNamespace(index=index, id=id_, function=function)])


def calls_of(*chunks: Any, facts: Facts | None = None) -> list[tuple[str, str, Any]]:
    reader = StreamReader(facts or Facts(), watched=True)
    deltas = [delta for one in chunks for delta in reader.deltas(one)]
    calls = reader.answer().tool_calls
    for place, call in enumerate(calls):
        pieces = [d.arguments for d in deltas if isinstance(d, ToolCallDelta) and d.index == place]
        assert "".join(pieces) == call.raw_arguments
    return [(call.id, call.name, call.arguments) for call in calls]


def test_text_and_thinking_add_up() -> None:
    reader = StreamReader(Facts(id="the vendors", finish_reason="stop"), watched=True)
    chunks = [chunk(reasoning_content="Hm."), chunk(content="Well"), chunk(content=" then.")]
    deltas = [delta for one in chunks for delta in reader.deltas(one)]
    assert deltas == [ReasoningDelta("Hm."), TextDelta("Well"), TextDelta(" then.")]
    answer = reader.answer()
    assert (answer.text, answer.reasoning, answer.id) == ("Well then.", "Hm.", "the vendors")


def test_where_the_wire_is_not_read_litellms_word_has_to_do() -> None:
    reader = StreamReader(Facts(), watched=False)
    last = chunk()
    last.choices[0].finish_reason = "length"
    assert list(reader.deltas(last)) == []
    assert reader.answer().finish_reason == "length"
    assert reader.answer().id == "litellms"


@pytest.mark.parametrize(
    "pieces",
    [
        [(0, "a", "f", '{"x"'), (0, None, None, ": 1}"), (1, "b", "g", "{}")],
        [(0, "a", "f", '{"x": 1}'), (0, "b", "g", "{}")],
        [(None, "a", "f", '{"x": 1}'), (None, "b", "g", "{}")],
        [(0, "a", "f", '{"x"'), (0, "a", "f", ": 1}"), (1, "b", "g", "{}")],
        [(0, "a", "f", '{"x"'), (1, "b", "g", "{"), (0, None, None, ": 1}"), (1, None, None, "}")],
        [(0, "a", "f", '{"x"'), (0, "b", "g", "{}"), (0, "a", "f", ": 1}")],
        [(0, "a", "f", '{"x"'), (0, "a2", None, ": 1}"), (1, "b", "g", None), (1, "", "", "{}")],
    ],
    ids=[
        "as documented",
        "all number 0",
        "no numbers",
        "repeated",
        "interleaved",
        "interleaved, all number 0",
        "a new id in each piece",
    ],
)
def test_the_pieces_of_two_calls_find_each_other(pieces: list[Any]) -> None:
    expected = [("a", "f", {"x": 1}), ("b", "g", {})]
    assert calls_of(*(called(*piece) for piece in pieces)) == expected


def test_calls_without_ids_are_told_apart_by_their_ends() -> None:
    pieces = [(0, None, "f", '{"x": 1}'), (0, None, "f", '{"x": 2}')]
    calls = calls_of(*(called(*piece) for piece in pieces))
    assert calls == [("", "f", {"x": 1}), ("", "f", {"x": 2})]


def test_server_tools_are_no_calls_of_the_client() -> None:
    facts = Facts(server_tools={"s1"})
    pieces = [(0, "s1", "search", ""), (0, None, None, '{"q": 1}'), (1, "a", "f", "{}")]
    assert calls_of(*(called(*piece) for piece in pieces), facts=facts) == [("a", "f", {})]


def test_broken_arguments_are_kept_as_they_came() -> None:
    reader = StreamReader(Facts(), watched=True)
    list(reader.deltas(called(0, "a", "f", '{"x": ')))
    (call,) = reader.answer().tool_calls
    assert call.arguments == {}
    assert call.raw_arguments == '{"x": '


def test_a_plain_answer_without_choices_is_empty() -> None:
    answer = read_answer({"choices": [], "usage": None}, Facts(), watched=True)
    assert answer.is_empty


def test_a_filter_that_left_nothing_explains_the_emptiness() -> None:
    facts = Facts(finish_reason="content_filter")
    assert not read_answer({"choices": []}, facts, watched=True).is_empty


def test_the_words_of_a_refusal_are_an_answer() -> None:
    answer = read_answer({"choices": [{"message": {}}]}, Facts(refusal=["No."]), watched=True)
    assert answer.refusal == "No."
    assert not answer.is_empty


@pytest.mark.parametrize("arguments", ['{"x": 1}', {"x": 1}])
def test_arguments_come_as_text_or_as_an_object(arguments: Any) -> None:
    facts = Facts(tool_calls=[(None, "f", arguments)])
    (call,) = read_answer({"choices": [{"message": {}}]}, facts, watched=True).tool_calls
    assert call.arguments == {"x": 1}
    assert json.loads(call.raw_arguments) == {"x": 1}
    assert call.id
