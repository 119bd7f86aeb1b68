"""bruno-core messages to chat dicts and back: shapes, repairs, refusals."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from bruno_core.models.message import Message, MessageRole
from hypothesis import given, settings
from hypothesis import strategies as st

from bruno_llm import (
    Completion,
    InvalidRequestError,
    ToolCall,
    completion_message,
    file_message,
    image_message,
    tool_result,
)
from bruno_llm.messages.chat import texts_of, to_chat

PNG = b"\x89PNG\r\n\x1a\n rest"
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def message(role: str, content: str, **metadata: Any) -> Message:
    return Message(role=MessageRole(role), content=content, metadata=metadata)


class TestContents:
    @pytest.mark.parametrize(
        ("data", "media"),
        [
            (PNG, "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ],
    )
    def test_images_of_bytes(self, data: bytes, media: str) -> None:
        (turn,) = to_chat([image_message("see", data, detail="low")])
        text, image = turn["content"]
        assert text == {"type": "text", "text": "see"}
        assert image["image_url"] == {
            "url": f"data:{media};base64,{base64.b64encode(data).decode()}",
            "detail": "low",
        }

    def test_images_by_address_and_by_path(self, tmp_path: Path) -> None:
        path = tmp_path / "pixel.png"
        path.write_bytes(PNG)
        (turn,) = to_chat([image_message("see", "https://example.org/a.png", path, str(path))])
        urls = [part["image_url"]["url"] for part in turn["content"][1:]]
        assert urls[0] == "https://example.org/a.png"
        assert urls[1] == urls[2] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"

    def test_what_is_no_image_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidRequestError, match="file_message"):
            image_message("see", b"%PDF-1.7")
        with pytest.raises(InvalidRequestError, match=r"missing\.png"):
            image_message("see", tmp_path / "missing.png")

    def test_files(self, tmp_path: Path) -> None:
        path = tmp_path / "report.pdf"
        path.write_bytes(b"%PDF-1.7")
        (turn,) = to_chat([file_message("read", path, b"%PDF-1.4")])
        _, named, bare = turn["content"]
        assert named["file"]["filename"] == "report.pdf"
        assert named["file"]["file_data"].startswith("data:application/pdf;base64,")
        assert "filename" not in bare["file"]
        (turn,) = to_chat([file_message("read", "https://example.org/a.pdf", filename="a")])
        assert turn["content"][1]["file"] == {
            "file_id": "https://example.org/a.pdf",
            "filename": "a",
        }


class TestTools:
    def test_an_answer_with_calls_becomes_a_turn_without_words(self) -> None:
        call = ToolCall("c1", "look", {"at": "é"}, '{"at": "é"}')
        said = completion_message(Completion(tool_calls=(call,)))
        assert said.content  # bruno-core wants some
        _, turn, result = to_chat([message("user", "?"), said, tool_result(call, {"ok": True})])
        assert "content" not in turn
        assert turn["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at": "é"}'}
        assert result["tool_call_id"] == "c1"
        assert (result["name"], result["content"]) == ("look", '{"ok": true}')

    def test_words_refusals_and_silence(self) -> None:
        assert completion_message(Completion(text="yes")).content == "yes"
        assert completion_message(Completion(refusal="no")).content == "no"
        assert completion_message(Completion(text="  ")).content == "(no text)"

    def test_results_in_all_shapes(self) -> None:
        assert tool_result("c1", "").content == "(empty)"
        assert tool_result("c1", [1, "é"]).content == '[1, "é"]'
        assert tool_result("c1", "x", name="look").metadata == {
            "tool_call_id": "c1",
            "name": "look",
        }

    def test_a_result_is_found_by_its_tools_name(self) -> None:
        other = {**CALL, "id": "c2", "function": {"name": "hear", "arguments": "{}"}}
        called = {"role": "assistant", "content": None, "tool_calls": [CALL, other]}
        named = message("function", "birds", name="hear")
        chat = to_chat([message("user", "?"), called, named, tool_result("c1", "trees")])
        assert [turn.get("tool_call_id") for turn in chat[2:]] == ["c2", "c1"]

    def test_a_nameless_result_belongs_to_the_only_call(self) -> None:
        called = {"role": "assistant", "tool_calls": [CALL]}
        chat = to_chat([message("user", "?"), called, message("tool", "trees")])
        assert chat[-1]["tool_call_id"] == "c1"

    def test_an_orphan_becomes_a_note(self) -> None:
        (turn,) = to_chat([message("tool", "22 degrees", name="weather", tool_call_id="gone")])
        assert turn == {"role": "user", "content": "Result of weather: 22 degrees"}
        (turn,) = to_chat([{"role": "tool", "content": [{"type": "text", "text": "22"}]}])
        assert turn["content"] == "Result of a tool: 22"

    def test_a_legacy_pair_stays_together(self) -> None:
        called = {"role": "assistant", "function_call": {"name": "look", "arguments": "{}"}}
        result = {"role": "function", "name": "look", "content": "trees"}
        chat = to_chat([{"role": "user", "content": "?"}, called, result])
        assert chat[1:] == [called, result]

    def test_an_empty_result_says_so(self) -> None:
        called = {"role": "assistant", "tool_calls": [CALL]}
        chat = to_chat(
            [message("user", "?"), called, {"role": "tool", "tool_call_id": "c1", "content": ""}]
        )
        assert chat[-1]["content"] == "(empty)"


class TestShapes:
    def test_a_system_message_that_is_said_twice_is_sent_once(self) -> None:
        chat = to_chat([message("system", "S"), message("user", "?")], "S")
        assert chat[0] == {"role": "system", "content": "S"}

    def test_system_messages_of_parts_are_joined(self) -> None:
        parts = [{"type": "text", "text": "two"}]
        chat = to_chat([{"role": "system", "content": parts}, message("user", "?")], "one")
        assert chat[0]["content"] == [{"type": "text", "text": "one"}, *parts]

    def test_turns_with_a_name_are_not_merged(self) -> None:
        chat = to_chat([{"role": "user", "name": "ann", "content": "a"}, message("user", "b")])
        assert len(chat) == 2

    def test_nulls_are_not_sent(self) -> None:
        (turn,) = to_chat([{"role": "user", "content": "?", "name": None}])
        assert turn == {"role": "user", "content": "?"}

    def test_a_role_may_be_bruno_cores(self) -> None:
        (turn,) = to_chat([{"role": MessageRole.USER, "content": "?"}])
        assert turn["role"] == "user"
        assert type(turn["role"]) is str

    def test_texts_of(self) -> None:
        chat = to_chat(
            [image_message("see", PNG), {"role": "assistant", "tool_calls": [CALL]}], "S"
        )
        assert texts_of(chat)[:2] == ["S", "see"]

    def test_a_message_of_another_kind_is_named(self) -> None:
        with pytest.raises(InvalidRequestError, match="message 1 is a int"):
            to_chat([message("user", "?"), 42])  # type: ignore[list-item]


ROLES = st.sampled_from(["user", "assistant", "system", "tool"])


@settings(deadline=None)
@given(st.lists(st.tuples(ROLES, st.text("abc xyz", min_size=1)), max_size=12))
def test_any_history_becomes_one_that_vendors_accept(turns: list[tuple[str, str]]) -> None:
    """Nothing is lost; the first turn is the user's; roles alternate."""
    messages = [{"role": role, "content": f"<{i}>{text}"} for i, (role, text) in enumerate(turns)]
    if all(role == "system" for role, _ in turns):
        with pytest.raises(InvalidRequestError):
            to_chat(messages)
        return
    chat = to_chat(messages)
    whole = "\n".join(turn["content"] for turn in chat)
    assert all(f"<{i}>" in whole for i in range(len(turns)))
    roles = [turn["role"] for turn in chat if turn["role"] != "system"]
    assert roles[0] == "user"
    assert all(a != b for a, b in pairwise(roles))
    assert [turn["role"] for turn in chat].count("system") <= 1
