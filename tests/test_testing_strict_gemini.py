"""FakeServer(strict=True): what Gemini and Ollama refuse, and beside it what they take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from bruno_llm.completion import ToolCall
from bruno_llm.testing import FakeServer, Reply
from tests.strict_client import Client, copied

CALLS = (ToolCall("1", "search", {"q": "Oslo"}), ToolCall("2", "get_time", {}))


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(strict=True) as running:
        yield running


class TestGemini:
    QUESTION: ClassVar[dict[str, Any]] = {"role": "user", "parts": [{"text": "Which city?"}]}

    @pytest.fixture
    def gemini(self, server: FakeServer) -> Client:
        return Client(server, "gemini", "gemini-3-pro-preview")

    def responses(self, *names: str) -> dict[str, Any]:
        parts = [{"functionResponse": {"name": name, "response": {}}} for name in names]
        return {"role": "user", "parts": parts}

    def loop(self, parts: Any, *names: str) -> dict[str, Any]:
        said = {"role": "model", "parts": parts}
        return {"contents": [self.QUESTION, said, self.responses(*(names or ("search",)))]}

    def test_a_signed_call(self, gemini: Client) -> None:
        parts = gemini.given(Reply("", tool_calls=CALLS), {"contents": [self.QUESTION]})
        gemini.accepted(self.loop(parts, "search", "get_time"))
        # The other alphabet, and the other spelling, say the same.
        other = copied(parts)
        other[0]["thought_signature"] = (
            other[0].pop("thoughtSignature").replace("+", "-").replace("/", "_")
        )
        gemini.accepted(self.loop(other, "search", "get_time"))

    def test_an_unsigned_call(self, gemini: Client) -> None:
        parts = gemini.given(Reply("", tool_calls=CALLS), {"contents": [self.QUESTION]})
        del parts[0]["thoughtSignature"]
        said = gemini.refused(self.loop(parts, "search", "get_time"))
        assert said.startswith("Function call is missing a thought_signature in functionCall parts")
        assert "function call `default_api:search` , position 2." in said
        parts.reverse()
        assert "default_api:get_time" in gemini.refused(self.loop(parts, "get_time", "search"))

    def test_every_step_of_the_turn(self, gemini: Client) -> None:
        first = gemini.given(Reply("", tool_calls=CALLS[:1]), {"contents": [self.QUESTION]})
        body = self.loop(first)
        second = gemini.given(Reply("", tool_calls=CALLS[1:]), body)
        body["contents"] += self.loop(second, "get_time")["contents"][1:]
        gemini.accepted(body)
        del first[0]["thoughtSignature"]
        assert "position 2." in gemini.refused(body)
        # A question later it is an old turn, which may be without.
        body["contents"] += [{"role": "model", "parts": [{"text": "Rain."}]}, self.QUESTION]
        gemini.accepted(body)

    def test_calls_of_others(self, gemini: Client, server: FakeServer) -> None:
        call = {"functionCall": {"name": "search", "args": {}}}
        assert "missing a thought_signature" in gemini.refused(self.loop([call]))
        gemini.accepted(
            self.loop([call | {"thoughtSignature": "skip_thought_signature_validator"}])
        )
        Client(server, "gemini", "gemini-2.5-flash").accepted(self.loop([call]))

    def test_a_call_that_was_given_unsigned(self, gemini: Client) -> None:
        reply = Reply("", tool_calls=CALLS[:1], signed=False)
        parts = gemini.given(reply, {"contents": [self.QUESTION]})
        gemini.accepted(self.loop(parts))

    def test_signatures_of_others(self, gemini: Client) -> None:
        parts = gemini.given(Reply("Oslo.", signed=True), {"contents": [self.QUESTION]})
        body = {"contents": [self.QUESTION, {"role": "model", "parts": parts}, self.QUESTION]}
        gemini.accepted(body)
        parts[0]["thoughtSignature"] = "bWFkZSB1cA=="
        assert gemini.refused(body) == "Corrupted thought signature."

    def test_what_another_vendor_signed(self, gemini: Client, server: FakeServer) -> None:
        claude = Client(server, "anthropic")
        thinking = {"thinking": {"type": "enabled"}, "messages": [{"role": "user", "content": "x"}]}
        blocks = claude.given(Reply("x", reasoning="Hm."), thinking)
        part = {"text": "x", "thoughtSignature": blocks[0]["signature"]}
        body = {"contents": [self.QUESTION, {"role": "model", "parts": [part]}, self.QUESTION]}
        assert gemini.refused(body) == "Corrupted thought signature."

    def test_results_without_a_call(self, gemini: Client) -> None:
        parts = gemini.given(Reply("", tool_calls=CALLS), {"contents": [self.QUESTION]})
        uneven = "Please ensure that the number of function response parts is equal"
        assert gemini.refused(self.loop(parts, "search")).startswith(uneven)
        body = self.loop(parts)
        body["contents"][2] = self.QUESTION
        assert gemini.refused(body).startswith(uneven)
        assert gemini.refused({"contents": body["contents"][:2]}).startswith(uneven)
        lonely = {"contents": [self.QUESTION, self.responses("search")]}
        assert "comes immediately after a function call turn" in gemini.refused(lonely)

    def test_a_call_out_of_turn(self, gemini: Client) -> None:
        parts = gemini.given(Reply("", tool_calls=CALLS[:1]), {"contents": [self.QUESTION]})
        said = {"role": "model", "parts": [{"text": "I'll look."}]}
        body = self.loop(parts)
        body["contents"].insert(1, said)
        assert "function call turn comes immediately after a user turn" in gemini.refused(body)
        assert "function call turn comes" in gemini.refused({"contents": body["contents"][2:]})

    @pytest.mark.parametrize("wrong", ["{}", [1]])
    def test_arguments_and_results_that_are_no_object(self, gemini: Client, wrong: Any) -> None:
        call = {"functionCall": {"name": "search", "args": wrong}}
        said = gemini.refused(self.loop([call]))
        assert said.startswith(
            "Invalid value at 'contents[1].parts[0].function_call.args' "
            "(type.googleapis.com/google.protobuf.Struct)"
        )
        body = self.loop([{"functionCall": {"name": "search", "args": {}}}])
        body["contents"][2]["parts"][0]["functionResponse"]["response"] = wrong
        assert "contents[2].parts[0].function_response.response" in gemini.refused(body)

    def test_foreign_fields_and_empty_parts(self, gemini: Client) -> None:
        gemini.accepted({"contents": [self.QUESTION | {"parts": [{"text": "x", "thought": True}]}]})
        part = {"text": "x", "reasoning_content": "y"}
        assert gemini.refused({"contents": [{"role": "user", "parts": [part]}]}) == (
            'Invalid JSON payload received. Unknown name "reasoningContent" at '
            "'contents[0].parts[0]': Cannot find field."
        )
        named = {"contents": [self.QUESTION | {"name": "Ada"}]}
        assert "Unknown name \"name\" at 'contents[0]'" in gemini.refused(named)
        empty = {"contents": [self.QUESTION, {"role": "model", "parts": []}]}
        assert "contents[1].parts: contents.parts must not be empty" in gemini.refused(empty)
        blank = {"contents": [{"role": "user", "parts": [{"thought": True}]}]}
        assert "must have one initialized field" in gemini.refused(blank)

    def test_roles(self, gemini: Client) -> None:
        gemini.accepted({"contents": [{"parts": [{"text": "x"}]}]})
        body = {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}
        assert gemini.refused(body) == "Please use a valid role: user, model."


class TestOllama:
    QUESTION: ClassVar[dict[str, Any]] = {"role": "user", "content": "Which city?"}

    @pytest.fixture
    def ollama(self, server: FakeServer) -> Client:
        return Client(server, "ollama")

    def loop(self, said: Any, **fields: Any) -> dict[str, Any]:
        return {"messages": [self.QUESTION, said, {"role": "tool", "content": "Rain."} | fields]}

    def test_results_and_their_calls(self, ollama: Client) -> None:
        said = ollama.given(Reply("", tool_calls=CALLS[:1]), {"messages": [self.QUESTION]})
        ollama.accepted(self.loop(said, tool_name="search"))
        ollama.accepted(self.loop(said, tool_call_id="1"))
        for fields in ({}, {"tool_name": "get_time"}, {"tool_call_id": "9"}):
            assert "no tool call has this result's tool_name" in ollama.refused(
                self.loop(said, **fields)
            )
        del said["tool_calls"][0]["id"]
        assert ollama.refused(self.loop(said, tool_call_id="1"))

    def test_stop_is_a_list(self, ollama: Client) -> None:
        ollama.accepted({"messages": [self.QUESTION], "options": {"stop": ["."]}})
        said = ollama.refused({"messages": [self.QUESTION], "options": {"stop": "."}}, 500)
        assert said == 'option "stop" must be of type array'

    @pytest.mark.parametrize(("wrong", "kind"), [("{}", "string"), ([1], "array"), (5, "number")])
    def test_arguments_that_are_no_object(self, ollama: Client, wrong: Any, kind: str) -> None:
        said = ollama.given(Reply("", tool_calls=CALLS[:1]), {"messages": [self.QUESTION]})
        said["tool_calls"][0]["function"]["arguments"] = wrong
        assert ollama.refused(self.loop(said, tool_name="search")) == (
            f"json: cannot unmarshal {kind} into Go struct field ChatRequest.messages.tool_calls."
            "function.arguments of type api.ToolCallFunctionArguments"
        )

    def test_content_is_a_text(self, ollama: Client) -> None:
        content = [{"type": "text", "text": "x"}]
        assert ollama.refused({"messages": [{"role": "user", "content": content}]}) == (
            "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of "
            "type string"
        )
