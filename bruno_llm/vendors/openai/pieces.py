"""Which events of a stream of chat completions are a piece of text and nothing else.

Source: OpenAI API reference, "Streaming". A chunk may carry ids, sums and obfuscation beside the
text; a field that is empty says nothing.
"""

from __future__ import annotations

from typing import Any

from bruno_llm.wire.facts import Facts

__all__ = ["brings", "text"]

_SAID = frozenset({"content", "role"})
_EMPTY_TEXTS = frozenset({"refusal", "reasoning_content", "reasoning"})
_EMPTY_LISTS = frozenset({"tool_calls", "reasoning_details", "annotations"})


def text(event: dict[str, Any], facts: Facts) -> str | None:
    """The text of an event that is nothing but a piece of it."""
    choices = event.get("choices")
    if type(choices) is not list or len(choices) != 1 or type(choices[0]) is not dict:
        return None
    choice = choices[0]
    delta = choice.get("delta")
    if type(delta) is not dict:
        return None
    said = delta.get("content")
    if type(said) is not str or (len(delta) > 1 and not _is_bare(delta)):
        return None
    index = choice.get("index")
    if index is not None and (type(index) is not int or index):
        return None
    get = choice.get
    if get("finish_reason") not in (None, "") or get("message") is not None:
        return None
    if get("logprobs") or get("error") or get("finish_details"):
        return None
    get = event.get
    if (
        get("usage") is not None
        or get("error")
        or get("object") == "error"
        or get("id") != facts.id
    ):
        return None
    model = get("model")
    if model is not None and type(model) is not str:
        return None
    if facts.items and "content" in facts.items[0]:  # its text comes in parts
        return None
    return said


def _is_bare(delta: dict[str, Any]) -> bool:
    for name, value in delta.items():
        if value is None or name in _SAID:
            continue
        if not ((value == "" and name in _EMPTY_TEXTS) or (value == [] and name in _EMPTY_LISTS)):
            return False
    return True


def brings(event: dict[str, Any]) -> bool:
    """Whether an event brings something of the answer."""
    if event.get("usage"):
        return True
    for choice in event.get("choices") or ():
        if choice.get("finish_reason") or choice.get("finish_details"):
            return True
        delta = choice.get("delta") or {}
        if any(value for name, value in delta.items() if name != "role"):
            return True
    return False
