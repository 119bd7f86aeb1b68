"""Which events of a stream of messages are a piece of text and nothing else.

Source: Anthropic API reference, "Streaming messages".
"""

from __future__ import annotations

from typing import Any

from bruno_llm.wire.facts import Facts
from bruno_llm.wire.turn import grow

__all__ = ["brings", "text"]

_FIELDS = frozenset({"type", "index", "delta"})
_SIGNS = frozenset({"ping", "message_start", "content_block_stop"})


def text(event: dict[str, Any], facts: Facts) -> str | None:
    """The text of an event that is nothing but a piece of it."""
    if event.get("type") != "content_block_delta" or not event.keys() <= _FIELDS:
        return None
    delta = event.get("delta")
    if type(delta) is not dict or len(delta) != 2 or delta.get("type") != "text_delta":
        return None
    said, index = delta.get("text"), event.get("index")
    if type(said) is not str or (index is not None and type(index) is not int):
        return None
    if said and facts.items:
        grow(facts.items[-1], "text", said)
    return said


def brings(event: dict[str, Any]) -> bool:
    """Whether an event brings something of the answer."""
    kind = event.get("type")
    if kind == "content_block_start":
        block = event.get("content_block") or {}
        return block.get("type") not in ("text", "thinking") or bool(block.get("text"))
    if kind == "content_block_delta":
        delta = event.get("delta") or {}
        return any(value for name, value in delta.items() if name != "type")
    return kind not in _SIGNS
