"""Gemini's generateContent format.

Source: Gemini API reference, "GenerateContentResponse" and "FinishReason". Every event is a whole
response object; the last one carries a ``finishReason``.

Read below litellm (1.105 to 1.109) because: a cut stream ends as ``stop`` and nothing of litellm's
tells, ``toolUsePromptTokenCount`` is lost, and several finish reasons become ``stop``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.vendors.gemini import pieces, turn
from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.shape import COUNT

__all__ = ["GEMINI"]

_FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}
_FILTERED = {
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MODEL_ARMOR",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
}


_PART = {
    "text": str,
    "thought": bool,
    "functionCall": {"name": str, "args": Mapping, "id": str},
}
_CANDIDATE = {"index": int, "content": {"parts": [_PART]}, "finishReason": str}
_USAGE = {
    "promptTokenCount": COUNT,
    "candidatesTokenCount": COUNT,
    "totalTokenCount": COUNT,
    "cachedContentTokenCount": COUNT,
    "thoughtsTokenCount": COUNT,
    "toolUsePromptTokenCount": COUNT,
}
# Vertex AI's words ("GenerateContentResponse", TrafficType); AI Studio says it in a header.
_TIERS = {
    "ON_DEMAND": "default",
    "ON_DEMAND_PRIORITY": "priority",
    "ON_DEMAND_FLEX": "flex",
    "FLEX": "flex",
    "BATCH": "flex",
}
_SHAPE = {
    "responseId": str,
    "modelVersion": str,
    "candidates": [_CANDIDATE],
    "promptFeedback": {"blockReason": str},
    "usageMetadata": _USAGE,
}


def _read(payload: Mapping[str, Any], facts: Facts) -> None:
    if not any(payload.get(name) is not None for name in _SHAPE):
        facts.fault = "nothing of Gemini's is in it"
    facts.id = facts.id or payload.get("responseId")
    usage = payload.get("usageMetadata") or {}
    if usage:
        facts.usage = None
    facts.has_usage = facts.has_usage or "totalTokenCount" in usage
    if usage.get("promptTokenCount") is not None:
        with_tools = usage.get("toolUsePromptTokenCount") or 0
        facts.prompt_tokens = usage["promptTokenCount"] + with_tools
    facts.note_tier(_TIERS.get(str(usage.get("trafficType"))))
    if (payload.get("promptFeedback") or {}).get("blockReason"):
        facts.finish_reason = "content_filter"
    for candidate in payload.get("candidates") or ():
        if candidate.get("index"):
            continue
        turn.note(candidate, facts)
        for part in (candidate.get("content") or {}).get("parts") or ():
            if (call := part.get("functionCall")) is not None:
                facts.tool_calls.append((call.get("id"), call.get("name") or "", call.get("args")))
        reason = candidate.get("finishReason")
        if reason and reason != "FINISH_REASON_UNSPECIFIED":
            known = "content_filter" if reason in _FILTERED else _FINISH.get(reason)
            facts.finish_reason = known or f"other:{reason}"


def _mend(payload: dict[str, Any]) -> bool:
    """Spare litellm what it cannot read; the facts are noted before, and stay as they are."""
    mended = False
    if payload.get("candidates") and payload.get("usageMetadata") is None:
        payload["usageMetadata"] = {"promptTokenCount": 0, "totalTokenCount": 0}
        mended = True
    for candidate in payload.get("candidates") or ():
        parts = (candidate.get("content") or {}).get("parts") or ()
        if parts and candidate.get("finishReason") in _FILTERED:
            candidate["finishReason"] = "STOP"  # else it throws away what was said until then
            mended = True
        for part in parts:
            call = part.get("functionCall")
            if call is not None and call.get("args") is None:  # a call without arguments
                call["args"] = {}
                mended = True
    return mended


def _request(body: dict[str, Any], options: Mapping[str, Any]) -> bool:
    """The parameters of tools as the JSON schema they were given as.

    litellm translates them to Gemini's older dialect, in which ``$ref``, ``additionalProperties``
    and ``null`` are lost (Gemini API reference, "FunctionDeclaration", ``parametersJsonSchema``).
    """
    given = {
        function.get("name"): function.get("parameters")
        for function in (tool.get("function") or {} for tool in options.get("tools") or ())
    }
    changed = False
    for tool in body.get("tools") or ():
        for declared in tool.get("function_declarations") or ():
            schema = given.get(declared.get("name"))
            if schema and declared.pop("parameters", None) is not None:
                declared["parametersJsonSchema"] = schema
                changed = True
    return changed


GEMINI = Format(
    "gemini",
    (":generateContent", ":streamGenerateContent"),
    _read,
    _SHAPE,
    mend=_mend,
    request=_request,
    asks_with=frozenset({"tools"}),
    text=pieces.text,
    brings=pieces.brings,
    turn=turn.TURN,
    finish_ends=True,  # its usage may come after it
)
