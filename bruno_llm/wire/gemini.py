"""Gemini's generateContent format.

Source: Gemini API reference, "GenerateContentResponse" and "FinishReason". Every event is a whole
response object; the last one carries a ``finishReason``.

Read below litellm (1.105 to 1.109) because: a cut stream ends as ``stop`` and nothing of litellm's
tells, ``toolUsePromptTokenCount`` is lost, and several finish reasons become ``stop``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.wire.facts import Facts, Format

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


def _read(payload: Mapping[str, Any], facts: Facts) -> None:
    if payload.get("error"):
        facts.error = payload
        return
    facts.id = facts.id or payload.get("responseId")
    usage = payload.get("usageMetadata")
    if isinstance(usage, Mapping):
        facts.has_usage = facts.has_usage or "totalTokenCount" in usage
        if "promptTokenCount" in usage:
            with_tools = usage.get("toolUsePromptTokenCount") or 0
            facts.prompt_tokens = usage["promptTokenCount"] + with_tools
    feedback = payload.get("promptFeedback")
    if isinstance(feedback, Mapping) and feedback.get("blockReason"):
        facts.finish_reason = "content_filter"
        facts.ended = True
    candidates = payload.get("candidates")
    if candidates is None:
        return
    if not isinstance(candidates, list):
        facts.fault = "candidates is not a list"
        return
    for candidate in candidates:
        _read_candidate(candidate, facts)


def _read_candidate(candidate: Any, facts: Facts) -> None:
    if not isinstance(candidate, Mapping):
        facts.fault = "a candidate is not an object"
        return
    if candidate.get("index") or 0:
        return
    content = candidate.get("content") or {}
    if not isinstance(content, Mapping) or not isinstance(content.get("parts") or [], list):
        facts.fault = "content is not an object with parts"
        return
    for part in content.get("parts") or ():
        if not isinstance(part, Mapping) or not isinstance(part.get("text", ""), str):
            facts.fault = "a part is not an object with text"
            return
    reason = candidate.get("finishReason")
    if reason and reason != "FINISH_REASON_UNSPECIFIED":
        known = "content_filter" if reason in _FILTERED else _FINISH.get(str(reason))
        facts.finish_reason = known or f"other:{reason}"
        facts.ended = True


def _mend(payload: dict[str, Any]) -> bool:
    """Add the usage that litellm insists on; has_usage stays false, so it counts as none."""
    if "candidates" not in payload or isinstance(payload.get("usageMetadata"), dict):
        return False
    payload["usageMetadata"] = {"promptTokenCount": 0, "totalTokenCount": 0}
    return True


GEMINI = Format("gemini", (":generateContent", ":streamGenerateContent"), _read, mend=_mend)
