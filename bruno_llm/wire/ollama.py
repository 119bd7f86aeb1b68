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

__all__ = ["OLLAMA"]

_FINISH = {"stop": "stop", "length": "length"}


def _read(payload: Mapping[str, Any], facts: Facts) -> None:
    if payload.get("error"):
        facts.error = payload
        return
    message = payload.get("message")
    if not isinstance(message, Mapping):
        facts.fault = "a line without a message"
        return
    for key in ("content", "thinking"):
        if not isinstance(message.get(key), str | None):
            facts.fault = f"{key} is not text"
            return
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            facts.fault = "a tool call without a function"
            return
        facts.tool_calls.append((call.get("id"), function["name"], function.get("arguments")))
    if payload.get("done") is True:
        facts.ended = True
        facts.has_usage = "eval_count" in payload
        reason = str(payload.get("done_reason") or "stop")
        facts.finish_reason = _FINISH.get(reason, f"other:{reason}")


OLLAMA = Format("ollama", ("/api/chat",), _read, stream="ndjson")
