"""FakeServer(strict=True): what OpenAI's chat and the vendors after it refuse or take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from bruno_llm.completion import ToolCall
from bruno_llm.testing import FakeServer, Reply
from tests.strict_client import Client, copied

QUESTION = {"role": "user", "content": "Which city?"}
CALLS = (ToolCall("call_1", "search", {"q": "Oslo"}), ToolCall("call_2", "get_time", {}))
THOUGHT = Reply("", reasoning="Hm.", tool_calls=CALLS)


def answers(*ids: str) -> list[dict[str, Any]]:
    return [{"role": "tool", "tool_call_id": used, "content": "Rain."} for used in ids]


def loop(said: Any, *ids: str) -> dict[str, Any]:
    return {"messages": [QUESTION, said, *answers(*(ids or ("call_1", "call_2")))]}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(strict=True) as running:
        yield running


@pytest.fixture
def openai(server: FakeServer) -> Client:
    return Client(server, "openai")


class TestOpenAI:
    def test_a_tool_loop(self, openai: Client) -> None:
        said = openai.given(Reply("", tool_calls=CALLS), {"messages": [QUESTION]})
        openai.accepted(loop(said))
        # Broken arguments are text as any other.
        said["tool_calls"][0]["function"]["arguments"] = '{"q": '
        openai.accepted(loop(said, "call_2", "call_1"))

    def test_calls_without_a_result(self, openai: Client) -> None:
        said = openai.given(Reply("", tool_calls=CALLS), {"messages": [QUESTION]})
        text = openai.refused(loop(said, "call_1"))
        assert text.endswith("did not have response messages: call_2")
        assert "call_1, call_2" in openai.refused({"messages": [QUESTION, said]})
        between = loop(said, "call_1")
        between["messages"] += [QUESTION, *answers("call_2")]
        assert text == openai.refused(between)

    def test_results_without_a_call(self, openai: Client) -> None:
        said = openai.given(Reply("", tool_calls=CALLS), {"messages": [QUESTION]})
        for body in (
            loop(said, "call_1", "call_2", "call_9"),
            {"messages": [QUESTION, *answers("call_1")]},
        ):
            assert "must be a response to a preceeding message" in openai.refused(body)

    @pytest.mark.parametrize("name", ["thinking_blocks", "reasoning_content", "native"])
    def test_foreign_fields(self, openai: Client, name: str) -> None:
        said = {"role": "assistant", "content": "Oslo.", "refusal": None}
        openai.accepted({"messages": [QUESTION, said, QUESTION]})
        text = openai.refused({"messages": [QUESTION, said | {name: []}, QUESTION]})
        assert text == f"Unknown parameter: 'messages[1].{name}'."

    def test_reasoning_that_it_gave_itself(self, openai: Client) -> None:
        said = openai.given(THOUGHT, {"messages": [QUESTION]})
        openai.accepted(loop(said))
        said["reasoning_content"] = "Another."
        assert "messages[1].reasoning_content" in openai.refused(loop(said))

    def test_foreign_fields_of_a_call(self, openai: Client) -> None:
        said = openai.given(Reply("", tool_calls=CALLS), {"messages": [QUESTION]})
        said["tool_calls"][1]["index"] = 1
        text = openai.refused(loop(said))
        assert text == "Unknown parameter: 'messages[1].tool_calls[1].index'."

    def test_arguments_are_text(self, openai: Client) -> None:
        said = openai.given(Reply("", tool_calls=CALLS), {"messages": [QUESTION]})
        said["tool_calls"][0]["function"]["arguments"] = {}
        assert openai.refused(loop(said)) == (
            "Invalid type for 'messages[1].tool_calls[0].function.arguments': expected a string, "
            "but got an object instead."
        )

    def test_roles_and_nothing(self, openai: Client) -> None:
        openai.accepted({"messages": [{"role": "developer", "content": "Be brief."}]})
        text = openai.refused({"messages": [{"role": "model", "content": "x"}]})
        assert text.startswith("Invalid value: 'model'. Supported values are: 'system', ")
        assert "empty array" in openai.refused({"messages": []})

    def test_no_content(self, openai: Client) -> None:
        said = {"role": "assistant", "content": None}
        openai.accepted({"messages": [QUESTION, said | {"refusal": "No."}, QUESTION]})
        openai.accepted({"messages": [QUESTION, said | {"audio": {"id": "audio_1"}}, QUESTION]})
        answer = openai.post({"messages": [QUESTION, said, QUESTION]})
        assert answer.json()["error"]["param"] == "messages.[1].content"
        assert "expected a string, got null" in openai.server.refusals.pop()


class TestSchemas:
    GOOD: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"rain": {"type": "boolean"}},
                    "required": ["rain"],
                    "additionalProperties": False,
                },
            },
            "wind": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/wind"}]},
        },
        "$defs": {
            "wind": {
                "type": "object",
                "properties": {},
                "required": [],
                "additionalProperties": False,
            }
        },
        "required": ["city", "days", "wind"],
        "additionalProperties": False,
    }

    def tool(self, schema: Any, strict: bool = True) -> dict[str, Any]:
        function = {"name": "search", "parameters": schema, "strict": strict}
        return {"messages": [QUESTION], "tools": [{"type": "function", "function": function}]}

    def format(self, schema: Any, strict: bool = True) -> dict[str, Any]:
        wanted = {"name": "answer", "schema": schema, "strict": strict}
        kind = {"type": "json_schema", "json_schema": wanted}
        return {"messages": [QUESTION], "response_format": kind}

    def broken(self, how: str) -> tuple[dict[str, Any], str]:
        schema = copied(self.GOOD)
        if how == "a key that is not required":
            schema["required"].remove("days")
            return schema, "In context=(), 'required' is required"
        if how == "an open object":
            del schema["additionalProperties"]
            return schema, "In context=(), 'additionalProperties' is required"
        if how == "deeper":
            schema["properties"]["days"]["items"]["required"] = []
            return schema, "In context=('properties', 'days', 'items'), 'required'"
        schema["$defs"]["wind"]["additionalProperties"] = True
        return schema, "In context=('$defs', 'wind'), 'additionalProperties'"

    @pytest.mark.parametrize(
        "how", ["a key that is not required", "an open object", "deeper", "in a definition"]
    )
    def test_strict_schemas(self, openai: Client, how: str) -> None:
        schema, complaint = self.broken(how)
        for make, name in (
            (self.tool, "function 'search'"),
            (self.format, "response_format 'answer'"),
        ):
            openai.accepted(make(self.GOOD))
            openai.accepted(make(schema, strict=False))
            assert openai.refused(make(schema)).startswith(
                f"Invalid schema for {name}: {complaint}"
            )

    def test_which_key_is_missing(self, openai: Client) -> None:
        schema, _ = self.broken("a key that is not required")
        assert openai.refused(self.tool(schema)).endswith("Missing 'days'.")


class TestReasoningThatComesBack:
    @pytest.mark.parametrize(
        ("vendor", "words"),
        [
            ("deepseek", "Missing `reasoning_content` field in the assistant message at message"),
            ("moonshot", "reasoning_content is missing in assistant tool call message at index 1"),
        ],
    )
    def test_in_a_tool_loop(self, server: FakeServer, vendor: str, words: str) -> None:
        client = Client(server, vendor)
        said = client.given(THOUGHT, {"messages": [QUESTION]})
        client.accepted(loop(said))
        client.accepted(loop(said | {"reasoning_content": ""}))
        del said["reasoning_content"]
        assert words in client.refused(loop(said))
        client.accepted(loop(said) | {"thinking": {"type": "disabled"}})

    def test_turns_that_had_none(self, server: FakeServer) -> None:
        client = Client(server, "deepseek")
        said = client.given(Reply("", tool_calls=CALLS), {"messages": [QUESTION]})
        client.accepted(loop(said))
        client.accepted({"messages": [QUESTION, {"role": "assistant", "content": "x"}, QUESTION]})

    def test_turns_of_others(self, server: FakeServer) -> None:
        function = {"name": "search", "arguments": "{}"}
        said = {"role": "assistant", "content": ""}
        said |= {"tool_calls": [{"id": "call_x", "type": "function", "function": function}]}
        Client(server, "deepseek", "deepseek-chat").accepted(loop(said, "call_x"))
        reasoner = Client(server, "deepseek", "deepseek-reasoner")
        assert "message index 1" in reasoner.refused(loop(said, "call_x"))

    def test_what_another_vendor_gave_is_not_known(self, server: FakeServer) -> None:
        thought = Client(server, "moonshot").given(THOUGHT, {"messages": [QUESTION]})
        del thought["reasoning_content"]
        Client(server, "deepseek", "deepseek-chat").accepted(loop(thought))
        blocks = Client(server, "anthropic").given(THOUGHT, {"messages": [QUESTION]})
        assert blocks[1]["id"] == thought["tool_calls"][0]["id"]
        Client(server, "deepseek", "deepseek-chat").accepted(loop(thought))

    def test_results_have_calls_there_too(self, server: FakeServer) -> None:
        body = {"messages": [QUESTION, *answers("call_1")]}
        assert "preceeding message" in Client(server, "deepseek").refused(body)


class TestReasoningThatIsNotTaken:
    SAID: ClassVar[dict[str, Any]] = {"role": "assistant", "content": "Oslo."}

    def body(self, **fields: Any) -> dict[str, Any]:
        return {"messages": [QUESTION, self.SAID | fields, QUESTION]}

    @pytest.mark.parametrize(
        ("vendor", "status", "words"),
        [
            ("groq", 400, "'messages.1' : for 'role:assistant' the following must be satisfied"),
            ("cerebras", 400, "messages.1.assistant.reasoning_content: property"),
            ("mistral", 422, "Extra inputs are not permitted"),
        ],
    )
    def test_reasoning_content(
        self, server: FakeServer, vendor: str, status: int, words: str
    ) -> None:
        client = Client(server, vendor)
        client.accepted(self.body())
        assert words in client.refused(self.body(reasoning_content="Hm."), status)

    def test_the_shapes(self, server: FakeServer) -> None:
        bad = self.body(reasoning_content="Hm.")
        cerebras = Client(server, "cerebras").post(bad).json()
        assert cerebras["code"] == "wrong_api_format"
        mistral = Client(server, "mistral").post(bad).json()
        assert mistral["message"]["detail"][0]["loc"][2:] == [1, "assistant", "reasoning_content"]
        assert Client(server, "groq").post(bad).json()["error"]["type"] == "invalid_request_error"


class TestMistral:
    def test_ids(self, server: FakeServer) -> None:
        mistral = Client(server, "mistral")
        said = mistral.given(Reply("", tool_calls=CALLS), {"messages": [QUESTION]})
        mistral.accepted(loop(said))  # what it gave itself, it takes
        other = copied(said)
        other["tool_calls"][0]["id"] = "toolu_01AbCdEf"
        text = mistral.refused(loop(other, "toolu_01AbCdEf", "call_2"))
        assert text == (
            "Tool call id was toolu_01AbCdEf but must be a-z, A-Z, 0-9, with a length of 9."
        )
        other["tool_calls"][0]["id"] = "AbCdEf123"
        mistral.accepted(loop(other, "AbCdEf123", "call_2"))

    def test_the_order_of_roles(self, server: FakeServer) -> None:
        mistral = Client(server, "mistral")
        said = mistral.given(Reply("", tool_calls=CALLS), {"messages": [QUESTION]})
        body = loop(said)
        body["messages"].append(QUESTION)
        assert mistral.refused(body) == "Unexpected role 'user' after role 'tool'"
        alone = {"messages": [QUESTION, *answers("call_1")]}
        assert mistral.refused(alone) == "Unexpected role 'tool' after role 'user'"
        last = {"role": "assistant", "content": "Os"}
        mistral.accepted({"messages": [QUESTION, last | {"prefix": True}]})
        assert "Expected last role User or Tool" in mistral.refused({"messages": [QUESTION, last]})

    def test_as_many_results_as_calls(self, server: FakeServer) -> None:
        mistral = Client(server, "mistral")
        said = mistral.given(Reply("", tool_calls=CALLS), {"messages": [QUESTION]})
        uneven = "Not the same number of function calls and responses"
        assert mistral.refused(loop(said, "call_1")) == uneven
        assert mistral.refused({"messages": [QUESTION, said]}) == uneven
