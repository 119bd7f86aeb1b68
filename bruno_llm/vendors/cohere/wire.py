"""Cohere's chat format, version 2.

Source: Cohere API reference, "Chat" and "Chat with streaming". A stream ends with the event
``message-end``, which also holds the finish reason and the usage.

Read below litellm (1.105 to 1.109) because: its parser of streams takes the lines of the stream
for JSON and fails at the first, expects tool calls and the end in other places than Cohere writes
them, gives every plain answer the finish reason ``stop``, and drops thoughts and cached tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.vendors.cohere import pieces
from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.shape import COUNT

__all__ = ["COHERE"]

_FINISH = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}

_FUNCTION = {"name": str, "arguments": str}
_CALL = {"id": str, "function": _FUNCTION}
_USAGE = {"tokens": {"input_tokens": COUNT, "output_tokens": COUNT}, "cached_tokens": COUNT}
_EVENT = {"type": str, "index": int, "id": str}
_DELTA = {"finish_reason": str, "usage": _USAGE, "message": Mapping}
_SHAPE = {
    **_EVENT,
    "finish_reason": str,
    "message": (Mapping, str),
    "usage": _USAGE,
    "delta": _DELTA,
}


def _read(payload: Mapping[str, Any], facts: Facts) -> None:
    facts.id = facts.id or payload.get("id")
    kind, delta = payload.get("type"), payload.get("delta") or {}
    if kind is None:
        _read_answer(payload, facts)
    elif kind == "content-delta":
        _note_thought(_message(delta).get("content"), facts)
    elif kind == "message-end":
        if delta.get("error"):
            facts.error = {"error": {"message": delta["error"]}}
            return
        _read_end(delta, facts)
        facts.ended = True


def _read_answer(payload: Mapping[str, Any], facts: Facts) -> None:
    message = payload.get("message")
    if not isinstance(message, Mapping):
        facts.fault = "there is no message in it"
        return
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        _note_thought(part, facts)
    _read_end(payload, facts)


def _read_end(part: Mapping[str, Any], facts: Facts) -> None:
    reason = part.get("finish_reason")
    if reason:
        facts.finish_reason = _FINISH.get(reason, f"other:{str(reason).lower()}")
    usage = part.get("usage") or {}
    facts.has_usage = bool(usage.get("tokens"))
    facts.cached_tokens = usage.get("cached_tokens")


def _note_thought(content: Any, facts: Facts) -> None:
    if isinstance(content, Mapping) and content.get("thinking"):
        facts.reasoning.append(str(content["thinking"]))


def _mend(payload: dict[str, Any]) -> bool:
    """Put the parts of an event where litellm looks for them (``CohereV2ModelResponseIterator``).

    What it does not know it passes on as an empty chunk.
    """
    kind, delta = payload.get("type"), payload.get("delta") or {}
    if kind is None:
        return _mend_answer(payload)
    if kind in ("tool-call-start", "tool-call-delta"):
        call = _message(delta).get("tool_calls") or {}
        function = call.get("function") or {} if isinstance(call, Mapping) else {}
        payload["type"] = "tool-call-delta"
        payload["delta"] = {
            **delta,  # where releases from 1.109 on look for it
            "tool_calls": [
                {
                    "id": call.get("id"),
                    "name": function.get("name"),
                    "arguments": function.get("arguments") or "",
                }
            ],
        }
    elif kind == "message-end":
        payload["event"] = kind
        payload["data"] = {"delta": delta}
    return True


def _mend_answer(payload: dict[str, Any]) -> bool:
    if isinstance(payload.get("usage"), Mapping):
        return False
    payload["usage"] = {}
    return True


def _message(delta: Mapping[str, Any]) -> Mapping[str, Any]:
    message = delta.get("message")
    return message if isinstance(message, Mapping) else {}


COHERE = Format(
    "cohere",
    ("/v2/chat",),
    _read,
    _SHAPE,
    mend=_mend,
    text=pieces.text,
    brings=pieces.brings,
    bare=True,
)
