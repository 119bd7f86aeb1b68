"""litellm's chunks and answers, as plain data, to deltas and an answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from bruno_llm import ReasoningDelta, TextDelta, ToolCallDelta, Usage
from bruno_llm.wire.facts import Facts
from bruno_llm.wire.history import outgoing
from bruno_llm.wire.reading import Answer, StreamReader, read_answer, read_usage
from bruno_llm.wire.turn import Origin


def chunk(index: int = 0, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "id": "x",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
    }


def piece(index: int | None, id: str | None, name: str | None, arguments: str) -> dict[str, Any]:
    return {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}


def read(
    *chunks: Any, facts: Facts | None = None, watched: bool = False
) -> tuple[list[Any], Answer]:
    reader = StreamReader(facts or Facts(), watched=watched)
    deltas = [delta for one in chunks for delta in reader.deltas(one)]
    return deltas, reader.answer()


class TestStreams:
    def test_text_and_reasoning(self) -> None:
        deltas, answer = read(
            chunk(reasoning_content="hm"),
            chunk(content="a"),
            chunk(content="b"),
            chunk(finish="stop"),
        )
        assert deltas == [ReasoningDelta("hm"), TextDelta("a"), TextDelta("b")]
        assert (answer.text, answer.reasoning, answer.finish_reason) == ("ab", "hm", "stop")
        assert (answer.model, answer.id) == ("m", "x")

    def test_objects_are_read_like_dicts(self) -> None:
        delta = SimpleNamespace(content="a")
        choice = SimpleNamespace(index=0, delta=delta, finish_reason=None)
        deltas, _ = read(SimpleNamespace(choices=[choice], usage=None))
        assert deltas == [TextDelta("a")]

    def test_only_the_first_of_several_answers_is_read(self) -> None:
        deltas, answer = read(chunk(content="a"), chunk(1, content="b", finish="length"))
        assert (deltas, answer.text, answer.finish_reason) == ([TextDelta("a")], "a", None)

    def test_a_chunk_without_choices_or_delta(self) -> None:
        deltas, answer = read(
            {"choices": []}, {"choices": [{"index": 0}]}, {"usage": {"prompt_tokens": 3}}
        )
        assert deltas == []
        assert answer.usage == Usage(3, 0, 3)

    def test_calls_in_pieces(self) -> None:
        deltas, answer = read(
            chunk(tool_calls=[piece(0, "a", "look", "")]),
            chunk(tool_calls=[piece(0, None, None, '{"x"'), piece(1, "b", "hear", "{}")]),
            chunk(tool_calls=[piece(0, None, None, ": 1}")], finish="stop"),
        )
        assert deltas[0] == ToolCallDelta(0, "a", "look", "")
        assert [d.index for d in deltas] == [0, 0, 1, 0]
        assert [(c.id, c.name, dict(c.arguments)) for c in answer.tool_calls] == [
            ("a", "look", {"x": 1}),
            ("b", "hear", {}),
        ]
        assert answer.finish_reason == "tool_calls"

    def test_a_server_that_numbers_every_call_zero(self) -> None:
        deltas, answer = read(
            chunk(tool_calls=[piece(0, "a", "look", '{"x": 1}')]),
            chunk(tool_calls=[piece(0, "b", "look", '{"x": 2}')]),
        )
        assert [d.index for d in deltas] == [0, 1]
        assert [dict(c.arguments) for c in answer.tool_calls] == [{"x": 1}, {"x": 2}]

    def test_calls_the_vendor_ran_itself_are_left_out(self) -> None:
        _, answer = read(
            chunk(tool_calls=[piece(0, "srv", "search", "{}")]),
            chunk(tool_calls=[piece(0, None, None, "more")]),
            chunk(tool_calls=[piece(1, "own", "look", "{}")]),
            facts=Facts(server_tools={"srv"}),
        )
        assert [call.id for call in answer.tool_calls] == ["own"]

    def test_calls_that_stand_on_the_wire_win(self) -> None:
        facts = Facts(tool_calls=[(None, "look", {"x": 1}), ("b", "hear", "{broken")])
        deltas, answer = read(
            chunk(tool_calls=[piece(0, "garbled", "look", "{}")]),
            chunk(tool_calls=[piece(0, "garbled", "look", "{}{}")]),
            facts=facts,
            watched=True,
        )
        assert [(d.index, d.name) for d in deltas] == [(0, "look"), (1, "hear")]
        assert answer.tool_calls[0].id.startswith("call_")
        assert (answer.tool_calls[1].raw_arguments, answer.tool_calls[1].arguments) == (
            "{broken",
            {},
        )

    def test_a_legacy_call(self) -> None:
        deltas, answer = read(chunk(function_call={"name": "look", "arguments": "{}"}))
        assert len(deltas) == 1
        assert answer.tool_calls[0].name == "look"

    def test_the_wire_says_how_it_ended(self) -> None:
        facts = Facts(finish_reason="length", id="true-id", refusal=["no"], has_usage=False)
        _, answer = read(
            {**chunk(content="a", finish="stop"), "usage": {"prompt_tokens": 9}},
            facts=facts,
            watched=True,
        )
        assert (answer.finish_reason, answer.id, answer.refusal) == ("length", "true-id", "no")
        assert answer.usage is None  # litellm's guess


class TestPlainAnswers:
    def response(self, finish: str | None = "stop", **message: Any) -> dict[str, Any]:
        return {
            "model": "m",
            "id": "x",
            "choices": [{"finish_reason": finish, "message": message}],
            "usage": {"prompt_tokens": 4, "completion_tokens": 2},
        }

    def test_text(self) -> None:
        answer = read_answer(self.response(content="a", reasoning="hm"), Facts(), watched=False)
        assert (answer.text, answer.reasoning, answer.finish_reason) == ("a", "hm", "stop")
        assert answer.usage == Usage(4, 2, 6)
        assert not answer.is_empty

    def test_no_choices(self) -> None:
        answer = read_answer({"choices": []}, Facts(finish_reason="content_filter"), watched=True)
        assert answer.finish_reason == "content_filter"
        assert not answer.is_empty  # the filter explains it
        assert read_answer({}, Facts(), watched=True).is_empty

    def test_calls_of_all_kinds(self) -> None:
        calls = [
            {"id": "a", "function": {"name": "look", "arguments": {"x": 1}}},
            {"id": "srv", "function": {"name": "search", "arguments": "{}"}},
            {"id": "c", "function": {"name": "list", "arguments": "[1]"}},
            {"id": "d", "function": {"name": "none", "arguments": None}},
        ]
        answer = read_answer(
            self.response(tool_calls=calls), Facts(server_tools={"srv"}), watched=False
        )
        assert [(c.id, dict(c.arguments)) for c in answer.tool_calls] == [
            ("a", {"x": 1}),
            ("c", {}),
            ("d", {}),
        ]
        assert answer.finish_reason == "tool_calls"

    def test_a_legacy_call(self) -> None:
        legacy = {"name": "look", "arguments": '{"x": 1}'}
        answer = read_answer(self.response(function_call=legacy), Facts(), watched=False)
        assert dict(answer.tool_calls[0].arguments) == {"x": 1}

    def test_calls_that_stand_on_the_wire_win(self) -> None:
        facts = Facts(tool_calls=[("a", "look", {"x": "é"})], finish_reason="stop")
        (call,) = read_answer(self.response(content=None), facts, watched=True).tool_calls
        assert (call.id, call.raw_arguments) == ("a", '{"x": "é"}')


class TestUsage:
    def test_all_details(self) -> None:
        raw = {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_creation_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 3},
        }
        assert read_usage(raw) == Usage(10, 5, 15, 4, 1, 3)

    def test_the_vendors_own_count_of_the_prompt_wins(self) -> None:
        usage = read_usage(
            {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            Facts(prompt_tokens=30),
        )
        assert (usage.prompt_tokens, usage.total_tokens) == (30, 35)

    def test_anthropics_name_for_cache_writes(self) -> None:
        assert read_usage({"cache_creation_input_tokens": 7}).cache_creation_tokens == 7


class TestThinkingThatOnlyLitellmReads:
    """Bedrock's wire is not read: its signed thinking comes and goes in litellm's form."""

    BLOCKS: ClassVar = [
        {"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmVk"},
        {"type": "redacted_thinking", "data": "aGlkZGVu"},
    ]

    def test_of_a_plain_answer(self) -> None:
        message = {"content": "Oslo.", "thinking_blocks": self.BLOCKS}
        response = {"choices": [{"message": message, "finish_reason": "stop"}]}
        assert read_answer(response, Facts(), watched=False).parts.native == self.BLOCKS
        assert read_answer(response, Facts(), watched=True).parts.native == ()

    def test_of_a_stream(self) -> None:
        pieces: list[dict[str, Any]] = [
            {"type": "thinking", "thinking": "Let me "},
            {"type": "thinking", "thinking": "see."},
            {"type": "thinking", "thinking": "", "signature": "c2lnbmVk"},
            self.BLOCKS[1],
        ]
        chunks = [chunk(thinking_blocks=[block]) for block in pieces]
        _, answer = read(*chunks, chunk(content="Oslo."), chunk(finish="stop"))
        assert answer.parts.native == self.BLOCKS
        _, cut = read(*chunks)
        assert cut.parts.native == ()

    def test_on_its_way_back(self) -> None:
        origin = Origin("openai-compatible", "bedrock", "anthropic.claude-sonnet-4")
        native = origin.unread.native(self.BLOCKS)
        chat = [{"role": "assistant", "content": "Oslo.", "native": native}]
        (message,), kept = outgoing(chat, origin, None)
        assert message["thinking_blocks"] == self.BLOCKS
        assert kept == []
        other = Origin("openai-compatible", "groq", "llama-3.3-70b-versatile")
        assert outgoing(chat, other, None) == ([{"role": "assistant", "content": "Oslo."}], [])
