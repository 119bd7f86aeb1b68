"""FakeServer(strict=True): what OpenAI's Responses refuse, and beside it what they take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from bruno_llm.completion import ToolCall
from bruno_llm.testing import FakeServer, Reply, Text, Thinking
from tests.strict_client import Client, copied

QUESTION = {"role": "user", "content": "Which city?"}
KEPT = {"include": ["reasoning.encrypted_content"], "store": False}
CALLS = (ToolCall("call_1", "search", {"q": "Oslo"}), ToolCall("call_2", "get_time", {}))
TURN = Reply(parts=[Thinking("Hm."), *CALLS])


def outputs(*ids: str) -> list[dict[str, Any]]:
    return [{"type": "function_call_output", "call_id": used, "output": "Rain."} for used in ids]


def loop(items: list[dict[str, Any]], *ids: str, **fields: Any) -> dict[str, Any]:
    answered = outputs(*(ids or ("call_1", "call_2")))
    return {"input": [QUESTION, *items, *answered], **(fields or KEPT)}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(strict=True) as running:
        yield running


@pytest.fixture
def openai(server: FakeServer) -> Client:
    return Client(server, "responses")


class TestReasoning:
    def test_a_turn_as_it_was_given(self, openai: Client) -> None:
        openai.accepted({"input": "Which city?"})
        items = openai.given(TURN, {"input": [QUESTION], **KEPT})
        openai.accepted(loop(items))

    def test_missing_before_its_call(self, openai: Client) -> None:
        reasoning, one, two = openai.given(TURN, {"input": [QUESTION], **KEPT})
        said = openai.refused(loop([one, two]))
        assert said == (
            f"Item '{one['id']}' of type 'function_call' was provided without its required "
            f"'reasoning' item: '{reasoning['id']}'."
        )
        assert one["id"] in openai.refused(loop([one, reasoning, two]))

    def test_calls_without_their_ids_may_come_alone(self, openai: Client) -> None:
        _, *calls = openai.given(TURN, {"input": [QUESTION], **KEPT})
        plain = [{name: call[name] for name in call if name != "id"} for call in calls]
        openai.accepted(loop(plain))

    def test_missing_before_its_message(self, openai: Client) -> None:
        reply = Reply(parts=[Thinking("Hm."), Text("Oslo.")])
        items = openai.given(reply, {"input": [QUESTION], **KEPT})
        openai.accepted({"input": [QUESTION, *items, QUESTION], **KEPT})
        said = openai.refused({"input": [QUESTION, items[1], QUESTION], **KEPT})
        assert "of type 'message' was provided without its required 'reasoning' item" in said

    def test_without_what_followed_it(self, openai: Client) -> None:
        reasoning, *_ = openai.given(TURN, {"input": [QUESTION], **KEPT})
        for items in ([QUESTION, reasoning], [QUESTION, reasoning, QUESTION]):
            said = openai.refused({"input": items, **KEPT})
            assert said == (
                f"Item '{reasoning['id']}' of type 'reasoning' was provided without its required "
                "following item."
            )

    def test_changed_and_of_others(self, openai: Client) -> None:
        items = copied(openai.given(TURN, {"input": [QUESTION], **KEPT}))
        items[0]["encrypted_content"] = "gAAAAbWFkZSB1cA=="
        said = openai.refused(loop(items))
        assert said == (
            "The encrypted content gAAA...cA== could not be verified. Reason: Encrypted content "
            "could not be decrypted or parsed."
        )

    def test_by_its_id_alone(self, openai: Client) -> None:
        items = copied(openai.given(TURN, {"input": [QUESTION], **KEPT}))
        del items[0]["encrypted_content"]
        said = openai.refused(loop(items), 404)
        assert f"Item with id '{items[0]['id']}' not found. Items are not persisted" in said
        stored = openai.given(TURN, {"input": [QUESTION]})
        assert "encrypted_content" not in stored[0]
        openai.accepted(loop(stored, "call_1", "call_2", store=True))

    def test_the_vendors_after_openai_take_items_apart(self, server: FakeServer) -> None:
        xai = Client(server, "responses")
        xai.url = f"{server.base_url('xai')}/responses"
        _, *calls = xai.given(TURN, {"input": [QUESTION], **KEPT})
        xai.accepted(loop(calls))


class TestItems:
    def test_results_without_a_call(self, openai: Client) -> None:
        items = openai.given(Reply("", tool_calls=CALLS), {"input": [QUESTION]})
        said = openai.refused(loop(items, "call_1", "call_2", "call_9"))
        assert said == "No tool call found for function call output with call_id call_9."
        # The call may be in an answer that the vendor keeps.
        kept = {"input": outputs("call_1"), "previous_response_id": "resp_1"}
        openai.accepted(kept)

    def test_calls_without_a_result(self, openai: Client) -> None:
        items = openai.given(Reply("", tool_calls=CALLS), {"input": [QUESTION]})
        said = openai.refused(loop(items, "call_1"))
        assert said == "No tool output found for function call call_2."

    def test_arguments_are_text(self, openai: Client) -> None:
        items = copied(openai.given(Reply("", tool_calls=CALLS), {"input": [QUESTION]}))
        items[0]["arguments"] = '{"q": '
        openai.accepted(loop(items))
        items[0]["arguments"] = {"q": "Oslo"}
        assert openai.refused(loop(items)) == (
            "Invalid type for 'input[1].arguments': expected a string, but got an object instead."
        )

    def test_foreign_fields(self, openai: Client) -> None:
        said = {"role": "assistant", "content": "Oslo."}
        openai.accepted({"input": [QUESTION, said, QUESTION]})
        for name in ("metadata", "tool_calls", "reasoning_content"):
            text = openai.refused({"input": [QUESTION, said | {name: {}}, QUESTION]})
            assert text == f"Unknown parameter: 'input[1].{name}'."

    @pytest.mark.parametrize(
        ("item", "prefix"),
        [
            ({"type": "function_call", "call_id": "call_1", "name": "x", "arguments": ""}, "fc"),
            ({"type": "reasoning", "summary": []}, "rs"),
            ({"role": "assistant", "content": "Oslo."}, "msg"),
        ],
    )
    def test_ids_of_other_kinds(self, openai: Client, item: dict[str, Any], prefix: str) -> None:
        body = {"input": [QUESTION, item | {"id": "call_1"}, *outputs("call_1")]}
        assert openai.refused(body) == (
            f"Invalid 'input[1].id': 'call_1'. Expected an ID that begins with '{prefix}'."
        )

    def test_long_ids(self, openai: Client) -> None:
        for length in (64, 65):
            used = "x" * length
            items = openai.given(Reply("", tool_calls=[ToolCall(used, "x", {})]), {"input": "x"})
            body = {"input": [QUESTION, *items, *outputs(used)]}
            if length == 64:
                openai.accepted(body)
        assert openai.refused(body) == (
            "Invalid 'input[1].call_id': string too long. Expected a string with maximum length "
            "64, but got a string with length 65 instead."
        )


class TestSchemas:
    GOOD: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }

    @pytest.mark.parametrize("strict", [True, False, None])
    def test_of_functions(self, openai: Client, strict: bool | None) -> None:
        tool = {"type": "function", "name": "search", "strict": strict}
        openai.accepted({"input": "x", "tools": [tool | {"parameters": self.GOOD}]})
        body = {"input": "x", "tools": [tool | {"parameters": {"type": "object"}}]}
        if strict:
            assert "Invalid schema for function 'search'" in openai.refused(body)
        else:
            openai.accepted(body)

    def test_of_the_answer(self, openai: Client) -> None:
        wanted = {"type": "json_schema", "name": "answer", "strict": True, "schema": self.GOOD}
        openai.accepted({"input": "x", "text": {"format": wanted}})
        wanted["schema"] = {"type": "object"}
        text = openai.refused({"input": "x", "text": {"format": wanted}})
        assert text.startswith("Invalid schema for response_format 'answer'")


def test_streams_are_remembered_too(openai: Client) -> None:
    openai.server.script(TURN)
    body = {"input": [QUESTION], "stream": True, **KEPT}
    streamed = openai.post(body).text
    item = streamed.partition('"id":"fc_')[2].partition('"')[0]
    call = {"type": "function_call", "id": f"fc_{item}", "call_id": "call_1"}
    call |= {"name": "search", "arguments": "{}"}
    assert "required 'reasoning' item" in openai.refused(loop([call], "call_1"))
