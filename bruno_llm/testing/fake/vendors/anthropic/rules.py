"""What Anthropic's Messages API refuses.

Its pages: platform.claude.com/docs/en/build-with-claude/extended-thinking ("Preserving thinking
blocks", "Extended thinking with tool use"), .../adaptive-thinking, .../api/messages. The words are
from threads, named at each rule.
"""

from __future__ import annotations

import re
from typing import Any

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.media import picture_type
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import (
    VendorRefusals,
    dicts,
    member,
)
from bruno_llm.testing.fake.vendors.anthropic.functions import anthropic_functions, anthropic_says
from bruno_llm.testing.fake.vendors.anthropic.thinking import thinking_rules

_FIELDS = {
    "text": {"text", "citations"},
    "image": {"source"},
    "document": {"source", "title", "context", "citations"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
    "tool_use": {"id", "name", "input", "caller"},
    "tool_result": {"tool_use_id", "content", "is_error"},
}
_EVERYWHERE = {"type", "cache_control"}
_ID = re.compile(r"[a-zA-Z0-9_-]+")


def anthropic_rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    """Every rule that this request breaks."""
    body = request.json
    messages = dicts(body.get("messages"))
    if not messages:
        yield anthropic_says("messages: at least one message is required")
    yield from _roles(messages)
    yield from _blocks(messages)
    yield from _results(_joined(messages))
    yield from anthropic_functions(body)
    choice = member(body, "tool_choice").get("type")
    thinking = member(body, "thinking").get("type")
    if choice in ("any", "tool") and thinking in ("enabled", "adaptive"):
        # mastra-ai/mastra#7507, usestrix/strix#503 (an adaptive model)
        yield anthropic_says("Thinking may not be enabled when tool_choice forces tool use.")
    yield from thinking_rules(_joined(messages), thinking == "enabled", request, memory)


def _roles(messages: list[dict[str, Any]]) -> VendorRefusals:
    # Consecutive messages of one role are joined, and the first may be the assistant's: the page
    # of the API, and anthropics/courses#79.
    for message in messages:
        role = message.get("role")
        if role == "system":
            # ianarawjo/ChainForge#271
            yield anthropic_says(
                'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
                'parameter, not "system" as an input message role.'
            )
        elif role not in ("user", "assistant"):
            yield anthropic_says(
                f'messages: Unexpected role "{role}". Allowed roles are "user" or "assistant".'
            )


def _blocks(messages: list[dict[str, Any]]) -> VendorRefusals:
    for place, message in enumerate(messages):
        for name in message:
            if name not in ("role", "content"):
                # anthropics/claude-code#4378, amrit110/oli#7
                yield anthropic_says(f"messages.{place}.{name}: Extra inputs are not permitted")
        if isinstance(message.get("content"), str) and not message["content"]:
            yield anthropic_says("messages: text content blocks must be non-empty")
        for index, block in enumerate(dicts(message.get("content"))):
            yield from _block(block, f"messages.{place}.content.{index}")


def _block(block: dict[str, Any], place: str) -> VendorRefusals:
    kind = str(block.get("type"))
    for name in block:
        if kind in _FIELDS and name not in _FIELDS[kind] | _EVERYWHERE:
            yield anthropic_says(f"{place}.{kind}.{name}: Extra inputs are not permitted")
    if kind == "text" and not block.get("text"):
        # anthropics/claude-code#60009
        yield anthropic_says("messages: text content blocks must be non-empty")
    elif kind == "tool_use":
        if not isinstance(block.get("input"), dict):
            # anthropics/claude-code#6695
            yield anthropic_says(f"{place}.tool_use.input: Input should be a valid dictionary")
        if not _ID.fullmatch(str(block.get("id"))):
            # maximhq/bifrost#5097: ids that other vendors gave
            yield anthropic_says(
                f"{place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
            )
    elif kind == "image":
        yield from _picture(member(block, "source"), place)
    elif kind == "tool_result":
        for index, inner in enumerate(dicts(block.get("content"))):
            yield from _block(inner, f"{place}.tool_result.content.{index}")


def _picture(source: dict[str, Any], place: str) -> VendorRefusals:
    said = source.get("media_type")
    found = picture_type(source.get("data") or "") if source.get("type") == "base64" else None
    if found and said != found:
        # vybestack/llxprt-code#2130
        yield anthropic_says(
            f"{place}.image.source.base64: The image was specified using the {said} media type, "
            f"but the image appears to be a {found} image"
        )


def _results(messages: list[dict[str, Any]]) -> VendorRefusals:
    for place, message in enumerate(messages):
        blocks = message["content"]
        before = messages[place - 1]["content"] if place else []
        called = [block.get("id") for block in before if block.get("type") == "tool_use"]
        seen: list[Any] = []
        for index, block in enumerate(blocks):
            kind, use = str(block.get("type")), block.get("tool_use_id")
            where = f"messages.{place}.content.{index}"
            if kind == "server_tool_use":
                seen.append(block.get("id"))
            elif kind == "tool_result" and use not in called:
                # anthropics/claude-code#18947
                yield anthropic_says(
                    f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {use}. Each "
                    "`tool_result` block must have a corresponding `tool_use` block in the "
                    "previous message."
                )
            elif kind.endswith("_tool_result") and use not in seen:
                # anthropics/claude-code#64383
                yield anthropic_says(
                    f"{where}: unexpected `tool_use_id` found in `{kind}` blocks: {use}. Each "
                    f"`{kind}` block must have a corresponding `server_tool_use` block before it."
                )
        answered = [block.get("tool_use_id") for block in blocks]
        left = [str(one) for one in called if one not in answered]
        if left:
            yield _unanswered(place - 1, left)
    last = messages[-1]["content"] if messages else []
    left = [str(block.get("id")) for block in last if block.get("type") == "tool_use"]
    if left:
        yield _unanswered(len(messages) - 1, left)


def _unanswered(place: int, ids: list[str]) -> Any:
    # anthropics/claude-code#7929
    return anthropic_says(
        f"messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately "
        f"after: {', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` "
        "block in the next message."
    )


def _joined(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages with content blocks, neighbours of one role made one."""
    found: list[dict[str, Any]] = []
    for message in messages:
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else dicts(content)
        if found and found[-1]["role"] == message.get("role"):
            found[-1]["content"] += blocks
        else:
            found.append({"role": message.get("role"), "content": [*blocks]})
    return found
