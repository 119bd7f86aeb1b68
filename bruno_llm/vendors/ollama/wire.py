"""Ollama's native chat format.

Source: Ollama API documentation, "Generate a chat completion". A stream is one JSON object a
line; the last has ``done: true``.

Read below litellm (1.105 to 1.109) because: parallel tool calls of a stream all get index 0 and
run into each other, a cut stream ends as ``stop``, and an ``error`` line is a bad request there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.shape import COUNT, read_json

__all__ = ["OLLAMA"]

_FINISH = {"stop": "stop", "length": "length"}


_CALL = {"id": str, "function": {"name": str, "arguments": (Mapping, str)}}
_SHAPE = {
    "model": str,
    "message": {"content": str, "thinking": str, "tool_calls": [_CALL]},
    "done": bool,
    "done_reason": str,
    "prompt_eval_count": COUNT,
    "eval_count": COUNT,
}


def _read(payload: Mapping[str, Any], facts: Facts) -> None:
    message = payload.get("message")
    if message is None:
        facts.fault = "there is no message in it"
        return
    facts.model = payload.get("model")
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        if not function.get("name"):
            facts.fault = "a tool call has no name"
            return
        arguments = function.get("arguments")
        if isinstance(arguments, str) and not _is_object(arguments):
            facts.fault = "the arguments of a tool call are no object"
            return
        facts.tool_calls.append((call.get("id"), function["name"], arguments))
    if payload.get("done"):
        facts.ended = True
        facts.has_usage = payload.get("eval_count") is not None
        reason = payload.get("done_reason") or "stop"
        facts.finish_reason = _FINISH.get(reason, f"other:{reason}")


def _is_object(text: str) -> bool:
    # Other servers in this format send the object as text.
    try:
        return isinstance(read_json(text), dict)
    except ValueError:
        return False


OLLAMA = Format("ollama", ("/api/chat",), _read, _SHAPE, stream="ndjson")
