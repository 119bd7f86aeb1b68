"""Which events of a stream of Gemini's are a piece of text and nothing else.

Source: Gemini API reference, "GenerateContentResponse". Each event has the usage so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from bruno_llm.vendors.gemini import turn
from bruno_llm.wire.facts import Facts

__all__ = ["brings", "text"]

_FIELDS = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "createTime"})
_OF_A_CANDIDATE = frozenset({"content", "index"})
_OF_A_CONTENT = frozenset({"parts", "role"})


def text(event: dict[str, Any], facts: Facts) -> str | None:
    """The text of an event that is nothing but a piece of it."""
    candidates = event.get("candidates")
    if type(candidates) is not list or len(candidates) != 1 or not event.keys() <= _FIELDS:
        return None
    candidate = candidates[0]
    if type(candidate) is not dict or not candidate.keys() <= _OF_A_CANDIDATE:
        return None
    content, index = candidate.get("content"), candidate.get("index")
    if type(content) is not dict or not content.keys() <= _OF_A_CONTENT:
        return None
    if index is not None and (type(index) is not int or index):
        return None
    parts = content.get("parts")
    if type(parts) is not list or len(parts) != 1 or type(parts[0]) is not dict:
        return None
    said = parts[0].get("text")
    if type(said) is not str or len(parts[0]) != 1:
        return None
    model = event.get("modelVersion")
    if event.get("responseId") != facts.id or (model is not None and type(model) is not str):
        return None
    usage = event.get("usageMetadata")
    if usage is not None and not _note_usage(usage, facts):
        return None
    if said:
        turn.note_part(parts[0], facts)
    return said


def _note_usage(usage: Any, facts: Facts) -> bool:
    """Note the counts of a text on the way; false where they are not of the usual shape."""
    if type(usage) is not dict:
        return False
    for name, value in usage.items():
        if type(value) is int and 0 <= value < 10**15:
            continue
        if name.endswith("Count") or name == "error":
            return False
    prompt = usage.get("promptTokenCount")
    if prompt is None or "totalTokenCount" not in usage:
        return False
    facts.has_usage = True
    facts.prompt_tokens = prompt + usage.get("toolUsePromptTokenCount", 0)
    facts.usage = partial(_in_openais_words, usage)
    return True


def _in_openais_words(usage: Mapping[str, Any]) -> dict[str, Any]:
    said, thought = usage.get("candidatesTokenCount") or 0, usage.get("thoughtsTokenCount") or 0
    prompt, total = usage["promptTokenCount"], usage["totalTokenCount"]
    return {
        "prompt_tokens": prompt,
        # As litellm reads it: the sum tells whether the thinking is counted already.
        "completion_tokens": said if prompt + said == total else said + thought,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": usage.get("cachedContentTokenCount") or 0},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def brings(event: dict[str, Any]) -> bool:
    """Whether an event brings something of the answer."""
    if event.get("promptFeedback"):
        return True
    for candidate in event.get("candidates") or ():
        if candidate.get("finishReason"):
            return True
        parts = (candidate.get("content") or {}).get("parts") or ()
        if any(value for part in parts for name, value in part.items() if name != "thought"):
            return True
    return False
