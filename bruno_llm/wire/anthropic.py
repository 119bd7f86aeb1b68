"""Anthropic's messages format.

Source: Anthropic API reference, "Messages" and "Streaming messages". A stream ends with the event
``message_stop``; an ``error`` event may come at any time.

Read below litellm (1.105 to 1.109) because: the message id is replaced, calls of server tools
(``server_tool_use``) come out as client tool calls, a cut stream ends as ``stop``, and
``pause_turn`` is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.wire.facts import Facts, Format

__all__ = ["ANTHROPIC"]

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def _read(payload: Mapping[str, Any], facts: Facts) -> None:
    kind = payload.get("type")
    if kind == "error" or (kind is None and payload.get("error")):
        facts.error = payload
    elif kind == "message":
        _read_message(payload, facts)
        facts.has_usage = bool(payload.get("usage"))
        for block in payload.get("content") or ():
            _read_block(block, facts)
    elif kind == "message_start":
        _read_message(payload.get("message"), facts)
    elif kind == "content_block_start":
        _read_block(payload.get("content_block"), facts)
    elif kind == "content_block_delta":
        _check_delta(payload.get("delta"), facts)
    elif kind == "message_delta":
        delta = payload.get("delta")
        if not isinstance(delta, Mapping):
            facts.fault = "a message_delta without its delta"
            return
        _finish(delta.get("stop_reason"), facts)
        # message_start carries a first count only; this is the true one.
        facts.has_usage = facts.has_usage or bool(payload.get("usage"))
    elif kind == "message_stop":
        facts.ended = True
    elif not isinstance(kind, str):
        facts.fault = "an event without a type"


def _read_message(message: Any, facts: Facts) -> None:
    if not isinstance(message, Mapping):
        facts.fault = "a message is not an object"
        return
    facts.id = message.get("id")
    _finish(message.get("stop_reason"), facts)


def _read_block(block: Any, facts: Facts) -> None:
    if not isinstance(block, Mapping):
        facts.fault = "a content block is not an object"
    elif block.get("type") in ("server_tool_use", "mcp_tool_use"):
        facts.server_tools.add(str(block.get("id")))


def _check_delta(delta: Any, facts: Facts) -> None:
    if not isinstance(delta, Mapping):
        facts.fault = "a content_block_delta without its delta"
        return
    for key in ("text", "thinking", "partial_json"):
        if not isinstance(delta.get(key, ""), str):
            facts.fault = f"{key} is not text"


def _finish(reason: Any, facts: Facts) -> None:
    if reason:
        facts.finish_reason = _FINISH.get(str(reason), f"other:{reason}")


def _mend(payload: dict[str, Any]) -> bool:
    """Add the usage that litellm insists on; has_usage stays false, so it counts as none."""
    if payload.get("type") != "message" or isinstance(payload.get("usage"), dict):
        return False
    payload["usage"] = {"input_tokens": 0, "output_tokens": 0}
    return True


ANTHROPIC = Format("anthropic", ("/v1/messages",), _read, mend=_mend)
