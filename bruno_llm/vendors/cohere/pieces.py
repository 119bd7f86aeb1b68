"""Which events of a stream of Cohere's are a piece of text and nothing else.

Source: Cohere API reference, "Chat with streaming".
"""

from __future__ import annotations

from typing import Any

from bruno_llm.wire.facts import Facts

__all__ = ["brings", "text"]

_FIELDS = frozenset({"type", "index", "delta"})


def text(event: dict[str, Any], facts: Facts) -> str | None:
    """The text of an event that is nothing but a piece of it."""
    delta, index = event.get("delta"), event.get("index")
    if event.get("type") != "content-delta" or not event.keys() <= _FIELDS:
        return None
    if (index is not None and type(index) is not int) or type(delta) is not dict:
        return None
    message = delta.get("message")
    if len(delta) != 1 or type(message) is not dict or len(message) != 1:
        return None
    content = message.get("content")
    if type(content) is not dict or not content.keys() <= {"type", "text"}:
        return None
    said = content.get("text")
    return said if type(said) is str else None


def brings(event: dict[str, Any]) -> bool:
    """Whether an event brings something of the answer."""
    return event.get("type") not in ("message-start", "content-start", "content-end")
