"""Which lines of a stream of Ollama's are a piece of text and nothing else.

Source: Ollama API documentation, "Generate a chat completion".
"""

from __future__ import annotations

from typing import Any

from bruno_llm.wire.facts import Facts

__all__ = ["brings", "text"]

_FIELDS = frozenset({"model", "created_at", "message", "done", "remote_model", "remote_host"})
_OF_A_MESSAGE = frozenset({"role", "content"})


def text(line: dict[str, Any], facts: Facts) -> str | None:
    """The text of a line that is nothing but a piece of it."""
    message = line.get("message")
    if type(message) is not dict or line.get("done") is not False or not line.keys() <= _FIELDS:
        return None
    said = message.get("content")
    if type(said) is not str or not message.keys() <= _OF_A_MESSAGE:
        return None
    return said if line.get("model") == facts.model else None


def brings(line: dict[str, Any]) -> bool:
    """Whether a line brings something of the answer."""
    message = line.get("message") or {}
    return bool(line.get("done")) or any(v for name, v in message.items() if name != "role")
