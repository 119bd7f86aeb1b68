"""Anthropic's thinking blocks: what has to come back, and what may not be touched."""

from __future__ import annotations

from typing import Any

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.memory import Given, TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusal, VendorRefusals, dicts
from bruno_llm.testing.fake.vendors.anthropic.functions import anthropic_says

_THINKING = ("thinking", "redacted_thinking")
_OPAQUE = {"thinking": "signature", "redacted_thinking": "data"}
_CALLS = ("tool_use", "server_tool_use")


def thinking_rules(
    messages: list[dict[str, Any]], enabled: bool, request: Request, memory: TurnMemory
) -> VendorRefusals:
    """The rules of the whole history, then those of the turn that goes on."""

    def known(blocks: list[dict[str, Any]]) -> list[Given]:
        calls = (block.get("id") for block in blocks if block.get("type") in _CALLS)
        return memory.turns(request, *calls)

    for place, message in enumerate(messages):
        for index, block in enumerate(dicts(message.get("content"))):
            field = _OPAQUE.get(str(block.get("type")))
            if field and not memory.knows(request, block.get(field)):
                yield _invalid(f"messages.{place}.content.{index}", block, field)
    going_on = _going_on(messages)
    if going_on and enabled:
        place = going_on[0]
        blocks = dicts(messages[place].get("content"))
        yield from _start(blocks, place, known(blocks))
    # Of a turn that goes on each message is one that the model gave.
    for place in going_on:
        blocks = dicts(messages[place].get("content"))
        yield from _untouched(blocks, place, known(blocks))


def _invalid(place: str, block: dict[str, Any], field: str) -> VendorRefusal:
    # anthropics/claude-code#10627, microsoft/vscode#320196. It is checked in old turns too:
    # anthropics/anthropic-sdk-python#1598, a maintainer's word.
    return anthropic_says(f"{place}: Invalid `{field}` in `{block['type']}` block")


def _going_on(messages: list[dict[str, Any]]) -> list[int]:
    """The assistant's messages since the last one of a person, if the turn is not over.

    A turn goes on while tool results come back, or when the assistant's own message is the last
    one (``pause_turn``).
    """
    start = 0
    for place, message in enumerate(messages):
        kinds = {block.get("type") for block in dicts(message.get("content"))}
        if message.get("role") == "user" and kinds != {"tool_result"}:
            start = place + 1
    return [n for n in range(start, len(messages)) if messages[n].get("role") == "assistant"]


def _start(blocks: list[dict[str, Any]], place: int, known: list[Given]) -> VendorRefusals:
    thought = not known or any(_thoughts(one.content) for one in known)
    found = blocks[0].get("type") if blocks else "text"
    # Adaptive thinking does not ask for it: .../adaptive-thinking, "Validation changes".
    if thought and found not in _THINKING and any(b.get("type") in _CALLS for b in blocks):
        # anomalyco/opencode#3077
        yield anthropic_says(
            f"messages.{place}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
            f"found `{found}`. When `thinking` is enabled, a final `assistant` message must start "
            "with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` "
            "blocks). We recommend you include thinking blocks from previous turns. To avoid this "
            "requirement, disable `thinking`. Please consult our documentation at "
            "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
        )


def _untouched(blocks: list[dict[str, Any]], place: int, known: list[Given]) -> VendorRefusals:
    sent = _order(blocks)
    # To leave all thinking out is the other rule's business, or none's.
    if not known or not _thoughts(blocks) or any(_order(one.content) == sent for one in known):
        return
    given = _order(known[0].content)
    at = next((n for n, block in enumerate(blocks) if _key(block) not in given), None)
    if at is None:
        at = next(n for n, block in enumerate(blocks) if block.get("type") in _THINKING)
    # anthropics/claude-code#63404; that the order counts: the page, "you cannot rearrange"
    yield anthropic_says(
        f"messages.{place}.content.{at}: `thinking` or `redacted_thinking` blocks in the latest "
        "assistant message cannot be modified. These blocks must remain as they were in the "
        "original response."
    )


def _thoughts(blocks: list[dict[str, Any]]) -> bool:
    return any(block.get("type") in _THINKING for block in blocks)


def _order(blocks: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Thinking and calls, in their order."""
    return [_key(block) for block in blocks if block.get("type") in (*_THINKING, *_CALLS)]


def _key(block: dict[str, Any]) -> tuple[Any, ...]:
    kind = block.get("type")
    if kind in _CALLS:
        return (kind, block.get("id"))
    return (kind, block.get("thinking"), block.get("signature"), block.get("data"))
