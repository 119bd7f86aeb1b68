"""Anthropic's messages format.

Source: Anthropic API reference, "Messages" and "Streaming messages". A stream ends with the event
``message_stop``; an ``error`` event may come at any time.

Read below litellm (1.105 to 1.109) because: the message id is replaced, calls of server tools
(``server_tool_use``) come out as client tool calls, a cut stream ends as ``stop``, and
``pause_turn`` is lost, and thinking is counted with another vendor's tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.vendors.anthropic import pieces, turn
from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.shape import COUNT

__all__ = ["ANTHROPIC"]

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


_USAGE = {
    "input_tokens": COUNT,
    "output_tokens": COUNT,
    "cache_read_input_tokens": COUNT,
    "cache_creation_input_tokens": COUNT,
    "output_tokens_details": {"thinking_tokens": COUNT},
}
_BLOCK = {
    "type": str,
    "text": str,
    "thinking": str,
    "signature": str,
    "partial_json": str,
    "id": str,
    "name": str,
    "input": Mapping,
}
_MESSAGE = {"id": str, "model": str, "content": [_BLOCK], "stop_reason": str, "usage": _USAGE}
# One for all events: a field means the same in each that has it.
_SHAPE = {
    **_MESSAGE,
    "type": str,
    "index": int,
    "message": _MESSAGE,
    "content_block": _BLOCK,
    "delta": {**_BLOCK, "stop_reason": str},
}
# What the known events cannot do without. Others are new ones, to be ignored (API reference,
# "Streaming messages: Other events").
_NEEDED = {
    "message_start": "message",
    "content_block_start": "content_block",
    "content_block_delta": "delta",
    "message_delta": "delta",
    "message": "content",
}


def _read(payload: Mapping[str, Any], facts: Facts) -> None:
    kind = payload.get("type")
    needed = _NEEDED.get(kind or "")
    if kind is None:
        facts.fault = "it has no type"
    elif needed and payload.get(needed) is None:
        facts.fault = f"a {kind} has no {needed}"
    else:
        _read_event(kind, payload, facts)
        turn.note(payload, facts)


def _read_event(kind: str, payload: Mapping[str, Any], facts: Facts) -> None:
    if kind == "message":
        _read_message(payload, facts)
        _read_usage(payload.get("usage"), facts)
        for block in payload["content"]:
            _read_block(block, facts)
    elif kind == "message_start":
        _read_message(payload["message"], facts)
    elif kind == "content_block_start":
        _read_block(payload["content_block"], facts)
    elif kind == "message_delta":
        _finish(payload["delta"].get("stop_reason"), facts)
        # message_start carries a first count only; this is the true one.
        _read_usage(payload.get("usage"), facts)
    elif kind == "message_stop":
        facts.ended = True


def _read_message(message: Mapping[str, Any], facts: Facts) -> None:
    facts.id = message.get("id")
    _finish(message.get("stop_reason"), facts)


def _read_usage(usage: Mapping[str, Any] | None, facts: Facts) -> None:
    if usage:
        facts.has_usage = True
        details = usage.get("output_tokens_details") or {}
        facts.reasoning_tokens = int(details.get("thinking_tokens") or 0)


def _read_block(block: Mapping[str, Any], facts: Facts) -> None:
    if block.get("type") in ("server_tool_use", "mcp_tool_use"):
        facts.server_tools.add(str(block.get("id")))


def _finish(reason: Any, facts: Facts) -> None:
    if reason:
        facts.finish_reason = _FINISH.get(str(reason), f"other:{reason}")


def _mend(payload: dict[str, Any]) -> bool:
    """Add the usage that litellm insists on; it counts as none all the same."""
    if payload.get("type") != "message" or isinstance(payload.get("usage"), dict):
        return False
    payload["usage"] = {"input_tokens": 0, "output_tokens": 0}
    return True


def _request(body: dict[str, Any], options: Mapping[str, Any]) -> bool:
    """The schema of an answer by the API's present name.

    litellm sends ``output_format``, the name of the beta (Anthropic, "Structured outputs").
    """
    if "output_format" not in body:
        return False
    body["output_config"] = {**(body.get("output_config") or {}), "format": body["output_format"]}
    del body["output_format"]
    return True


ANTHROPIC = Format(
    "anthropic",
    ("/v1/messages",),
    _read,
    _SHAPE,
    mend=_mend,
    request=_request,
    asks_with=frozenset({"response_format", "extra_body"}),
    text=pieces.text,
    brings=pieces.brings,
    turn=turn.TURN,
    tool_images=True,
)
