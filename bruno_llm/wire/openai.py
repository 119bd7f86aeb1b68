"""OpenAI's chat completions format, also spoken by llama.cpp, vLLM, Groq and many others.

Source: OpenAI API reference, "Chat completions" and "Streaming". A stream ends with the line
``data: [DONE]``; the frame reader notes it.

Read below litellm (1.105 to 1.109) because: streamed refusals are dropped, a stream that is cut
ends as ``stop``, tool calls may come with ``stop``, and an answer without usage gets an invented
one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.wire.facts import Facts, Format

__all__ = ["COMPATIBLE", "OPENAI"]

_FINISH = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "function_call",
    "content_filter": "content_filter",
}


def _read(payload: Mapping[str, Any], facts: Facts) -> None:
    error = payload.get("error")
    if error:
        facts.error = payload
        return
    facts.id = facts.id or payload.get("id") or None
    facts.has_usage = facts.has_usage or bool(payload.get("usage"))
    choices = payload.get("choices")
    if choices is None:
        return
    if not isinstance(choices, list):
        facts.fault = "choices is not a list"
        return
    for choice in choices:
        if not isinstance(choice, Mapping):
            facts.fault = "a choice is not an object"
            return
        if choice.get("index") or 0:  # n > 1: the first choice is the answer
            continue
        _read_choice(choice, facts)


def _read_choice(choice: Mapping[str, Any], facts: Facts) -> None:
    message = choice.get("delta", choice.get("message")) or {}
    if not isinstance(message, Mapping):
        facts.fault = "a message is not an object"
        return
    for key in ("content", "refusal"):
        if not isinstance(message.get(key), str | list | None):
            facts.fault = f"{key} is not text"
            return
    facts.refusal += message.get("refusal") or ""
    raw = choice.get("finish_reason") or _finish_details(choice)
    if raw:
        facts.finish_reason = _FINISH.get(str(raw), f"other:{raw}")


def _finish_details(choice: Mapping[str, Any]) -> Any:
    # The 2023 vision models said it this way instead of with finish_reason.
    details = choice.get("finish_details")
    return details.get("type") if isinstance(details, Mapping) else None


def _mend(payload: dict[str, Any]) -> bool:
    """Add what litellm insists on: it refuses a choice without finish_reason or message."""
    choices = payload.get("choices")
    if not isinstance(choices, list):
        return False
    mended = False
    for choice in choices:
        if not isinstance(choice, dict):
            continue
        if "finish_reason" not in choice:
            choice["finish_reason"] = _finish_details(choice) or "stop"
            mended = True
        if "message" not in choice:  # Azure, when its content filter cut the whole answer
            choice["message"] = {"role": "assistant", "content": None}
            mended = True
    return mended


_PATHS = ("/chat/completions",)
OPENAI = Format("openai", _PATHS, _read, mend=_mend)
COMPATIBLE = Format("openai-compatible", _PATHS, _read, mend=_mend, finish_ends=True)
