"""FakeServer(strict=True): what Anthropic refuses, and beside it what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bruno_llm.completion import ToolCall
from bruno_llm.testing import FakeServer, Reply, ServerTool, Text, Thinking
from tests.strict_client import Client, copied

QUESTION = {"role": "user", "content": "Which city?"}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2048}
CALL = ToolCall("toolu_1", "search", {"q": "Oslo"})
TURN = Reply(parts=[Thinking("One."), Thinking(redacted=True), Text("I'll look."), CALL])
INTERLEAVED = Reply(
    parts=[Thinking("One."), CALL, Thinking("Two."), ToolCall("toolu_2", "search", {"q": "x"})]
)
PNG = "iVBORw0KGgoAAAANSUhEUg=="
JPEG = "/9j/4AAQSkZJRgABAQAAAQ=="


@pytest.fixture
def claude() -> Iterator[Client]:
    with FakeServer(strict=True) as server:
        yield Client(server, "anthropic")


def results(*ids: str) -> dict[str, Any]:
    blocks = [{"type": "tool_result", "tool_use_id": used, "content": "Rain."} for used in ids]
    return {"role": "user", "content": blocks}


def loop(content: Any, *ids: str, **fields: Any) -> dict[str, Any]:
    """The second request of a tool loop."""
    answered = results(*(ids or ("toolu_1",)))
    said = {"role": "assistant", "content": content}
    return {"messages": [QUESTION, said, answered], **(fields or THINKING)}


class TestThinking:
    def test_a_turn_as_it_was_given(self, claude: Client) -> None:
        blocks = claude.given(TURN, {"messages": [QUESTION], **THINKING})
        claude.accepted(loop(blocks))
        claude.accepted(loop(blocks, "toolu_1", max_tokens=10))

    def test_missing(self, claude: Client) -> None:
        blocks = claude.given(TURN, {"messages": [QUESTION], **THINKING})
        said = claude.refused(loop(blocks[2:]))
        assert said.startswith(
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            "`text`. When `thinking` is enabled, a final `assistant` message must start"
        )
        # Who has it switched off, or adaptive, need not start with it.
        claude.accepted(loop(blocks[2:], "toolu_1", max_tokens=10))
        claude.accepted(loop(blocks[2:], "toolu_1", thinking={"type": "adaptive"}))

    def test_missing_of_a_turn_that_nobody_knows(self, claude: Client) -> None:
        call = {"type": "tool_use", "id": "toolu_x", "name": "search", "input": {}}
        assert "but found `tool_use`" in claude.refused(loop([call], "toolu_x"))

    def test_a_turn_that_had_none(self, claude: Client) -> None:
        blocks = claude.given(Reply("x", tool_calls=[CALL]), {"messages": [QUESTION], **THINKING})
        claude.accepted(loop(blocks))

    def test_only_the_turn_that_goes_on_has_to_have_it(self, claude: Client) -> None:
        blocks = claude.given(TURN, {"messages": [QUESTION], **THINKING})
        body = loop(blocks[2:])
        body["messages"] += [{"role": "assistant", "content": "Rain."}, QUESTION]
        claude.accepted(body)

    def test_a_second_round_may_be_without(self, claude: Client) -> None:
        blocks = claude.given(TURN, {"messages": [QUESTION], **THINKING})
        second = {"type": "tool_use", "id": "toolu_2", "name": "search", "input": {}}
        body = loop(blocks)
        body["messages"] += [{"role": "assistant", "content": [second]}, results("toolu_2")]
        claude.accepted(body)

    def changed(self, blocks: list[dict[str, Any]], how: str) -> list[dict[str, Any]]:
        blocks = copied(blocks)
        if how == "text":
            blocks[0]["thinking"] = "Another."
        elif how == "order":
            blocks[0], blocks[1] = blocks[1], blocks[0]
        elif how == "one left out":
            del blocks[1]
        return blocks

    @pytest.mark.parametrize("how", ["text", "order", "one left out"])
    @pytest.mark.parametrize("thinking", ["enabled", "adaptive"])
    def test_changed(self, claude: Client, how: str, thinking: str) -> None:
        blocks = claude.given(TURN, {"messages": [QUESTION], **THINKING})
        said = claude.refused(
            loop(self.changed(blocks, how), "toolu_1", thinking={"type": thinking})
        )
        assert "blocks in the latest assistant message cannot be modified" in said
        assert said.startswith("messages.1.content.")

    def test_moved_between_calls(self, claude: Client) -> None:
        one, call, two, other = claude.given(INTERLEAVED, {"messages": [QUESTION], **THINKING})
        claude.accepted(loop([one, call, two, other], "toolu_1", "toolu_2"))
        for order in ([one, two, call, other], [two, call, one, other], [one, call, other]):
            assert "cannot be modified" in claude.refused(loop(order, "toolu_1", "toolu_2"))

    @pytest.mark.parametrize(
        ("block", "field"), [("thinking", "signature"), ("redacted_thinking", "data")]
    )
    def test_signatures_of_others(self, claude: Client, block: str, field: str) -> None:
        blocks = copied(claude.given(TURN, {"messages": [QUESTION], **THINKING}))
        place = [one["type"] for one in blocks].index(block)
        blocks[place][field] = "bWFkZSB1cA=="
        said = claude.refused(loop(blocks))
        assert said == f"messages.1.content.{place}: Invalid `{field}` in `{block}` block"
        # In an old turn too.
        body = loop(blocks)
        body["messages"] += [{"role": "assistant", "content": "Rain."}, QUESTION]
        assert "Invalid" in claude.refused(body)

    @pytest.mark.parametrize("kind", ["any", "tool"])
    def test_forced_tools(self, claude: Client, kind: str) -> None:
        body = {"messages": [QUESTION], "tool_choice": {"type": kind, "name": "search"}}
        claude.accepted(body)
        claude.accepted(body | THINKING | {"tool_choice": {"type": "auto"}})
        said = claude.refused(body | THINKING)
        assert said == "Thinking may not be enabled when tool_choice forces tool use."


class TestServerTools:
    PAUSED = Reply(
        parts=[Thinking("One."), ServerTool("web_search", {"query": "x"}), Text("And")],
        finish_reason="pause_turn",
    )

    def test_a_paused_turn_goes_on(self, claude: Client) -> None:
        blocks = claude.given(self.PAUSED, {"messages": [QUESTION], **THINKING})
        body = {"messages": [QUESTION, {"role": "assistant", "content": blocks}], **THINKING}
        claude.accepted(body)
        body["messages"][1]["content"] = blocks[1:]
        assert "but found `server_tool_use`" in claude.refused(body)

    def test_a_result_without_its_call(self, claude: Client) -> None:
        blocks = claude.given(self.PAUSED, {"messages": [QUESTION], **THINKING})
        said = {"role": "assistant", "content": [blocks[0], blocks[2]]}
        text = claude.refused({"messages": [QUESTION, said, QUESTION]})
        assert text.startswith(
            "messages.1.content.1: unexpected `tool_use_id` found in `web_search_tool_result` "
            f"blocks: {blocks[2]['tool_use_id']}."
        )


class TestResults:
    def test_without_a_call(self, claude: Client) -> None:
        blocks = claude.given(Reply("", tool_calls=[CALL]), {"messages": [QUESTION]})
        claude.accepted(loop(blocks, "toolu_1", max_tokens=1))
        said = claude.refused(loop(blocks, "toolu_1", "toolu_9", max_tokens=1))
        assert said.startswith(
            "messages.2.content.1: unexpected `tool_use_id` found in `tool_result` blocks: toolu_9"
        )

    def test_calls_without_a_result(self, claude: Client) -> None:
        calls = [CALL, ToolCall("toolu_2", "search", {})]
        blocks = claude.given(Reply("", tool_calls=calls), {"messages": [QUESTION]})
        said = claude.refused(loop(blocks, "toolu_1", max_tokens=1))
        assert said.startswith(
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: "
            "toolu_2."
        )
        last = {"messages": [QUESTION, {"role": "assistant", "content": blocks}]}
        assert "toolu_1, toolu_2" in claude.refused(last)

    def test_results_in_two_messages_are_one_turn(self, claude: Client) -> None:
        calls = [CALL, ToolCall("toolu_2", "search", {})]
        blocks = claude.given(Reply("", tool_calls=calls), {"messages": [QUESTION]})
        said = {"role": "assistant", "content": blocks}
        claude.accepted({"messages": [QUESTION, said, results("toolu_1"), results("toolu_2")]})

    @pytest.mark.parametrize("wrong", ["{}", [], None])
    def test_arguments_that_are_no_object(self, claude: Client, wrong: Any) -> None:
        call = {"type": "tool_use", "id": "toolu_1", "name": "search", "input": wrong}
        said = claude.refused(loop([call], "toolu_1", max_tokens=1))
        assert said == "messages.1.content.0.tool_use.input: Input should be a valid dictionary"

    def test_ids_of_other_vendors(self, claude: Client) -> None:
        call = {"type": "tool_use", "id": "functions.search:0", "name": "search", "input": {}}
        said = claude.refused(loop([call], "functions.search:0", max_tokens=1))
        assert said == (
            "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        )
        call["id"] = "functions_search-0"
        claude.accepted(loop([call], "functions_search-0", max_tokens=1))


class TestMessages:
    def test_roles(self, claude: Client) -> None:
        claude.accepted({"messages": [QUESTION, QUESTION]})
        system = {"role": "system", "content": "Be brief."}
        claude.accepted({"messages": [QUESTION], "system": "Be brief."})
        assert 'Unexpected role "system"' in claude.refused({"messages": [system, QUESTION]})
        tool = {"role": "tool", "content": "Rain."}
        assert 'Unexpected role "tool"' in claude.refused({"messages": [QUESTION, tool]})
        assert claude.refused({"messages": []}) == "messages: at least one message is required"

    @pytest.mark.parametrize("content", ["", [{"type": "text", "text": ""}]])
    def test_empty_texts(self, claude: Client, content: Any) -> None:
        empty = {"role": "assistant", "content": content}
        said = claude.refused({"messages": [QUESTION, empty, QUESTION]})
        assert said == "messages: text content blocks must be non-empty"

    def test_foreign_fields(self, claude: Client) -> None:
        said = {"role": "assistant", "content": "Oslo."}
        for name in ("reasoning_content", "thinking_blocks", "tool_calls"):
            body = {"messages": [QUESTION, said | {name: []}, QUESTION]}
            assert claude.refused(body) == f"messages.1.{name}: Extra inputs are not permitted"
        block = {"type": "text", "text": "x"}
        claude.accepted(
            {"messages": [{"role": "user", "content": [block | {"cache_control": {}}]}]}
        )
        text = claude.refused({"messages": [{"role": "user", "content": [block | {"id": "1"}]}]})
        assert text == "messages.0.content.0.text.id: Extra inputs are not permitted"

    def picture(self, said: str, data: str) -> dict[str, Any]:
        source = {"type": "base64", "media_type": said, "data": data}
        return {"type": "image", "source": source}

    @pytest.mark.parametrize(
        ("said", "data"),
        [
            ("image/png", PNG),
            ("image/jpeg", JPEG),
            ("image/webp", "UklGRhAAAABXRUJQVlA4IA=="),
            ("image/png", "bm90aGluZw=="),
            ("image/png", "no base64"),
        ],
    )
    def test_pictures(self, claude: Client, said: str, data: str) -> None:
        claude.accepted({"messages": [{"role": "user", "content": [self.picture(said, data)]}]})

    def test_pictures_of_another_type(self, claude: Client) -> None:
        shown = {"role": "user", "content": [self.picture("image/png", JPEG)]}
        assert claude.refused({"messages": [shown]}) == (
            "messages.0.content.0.image.source.base64: The image was specified using the image/png "
            "media type, but the image appears to be a image/jpeg image"
        )

    def test_pictures_in_results(self, claude: Client) -> None:
        blocks = claude.given(Reply("", tool_calls=[CALL]), {"messages": [QUESTION]})
        body = loop(blocks, "toolu_1", max_tokens=1)
        body["messages"][2]["content"][0]["content"] = [self.picture("image/webp", PNG)]
        said = claude.refused(body)
        assert said.startswith("messages.2.content.0.tool_result.content.0.image.source.base64:")


def test_a_server_that_is_not_strict_takes_everything() -> None:
    with FakeServer() as server:
        assert Client(server, "anthropic").post({"messages": []}).status_code == 200
        assert server.refusals == []


def test_streams_are_remembered_and_refused_too(claude: Client) -> None:
    claude.server.script(TURN)
    streamed = claude.post({"messages": [QUESTION], "stream": True, **THINKING})
    assert "signature_delta" in streamed.text
    made_up = {"type": "thinking", "thinking": "One.", "signature": "bWFkZSB1cA=="}
    said = {"role": "assistant", "content": [made_up]}
    assert "Invalid" in claude.refused({"messages": [QUESTION, said, QUESTION], "stream": True})
