"""JSON schemas as Ollama takes them.

Source: Ollama's ``api/types.go`` (``ToolProperty`` has no ``$ref``: what it does not know never
reaches the model's prompt) and its issue 13750 (a ``format`` beside tools wins, and no tool is
called); llama.cpp's ``json-schema-to-grammar`` (a pattern has to be anchored).
"""

from __future__ import annotations

from typing import Any

from bruno_llm.schema import Schema, flat, inlined, mapped, with_plain_patterns
from bruno_llm.vendors.dialect import Dialect, never

__all__ = ["SCHEMAS"]


def _tool(schema: Schema) -> dict[str, Any]:
    return inlined(flat(schema), cut=True)


def _answer(schema: Schema) -> dict[str, Any]:
    made: dict[str, Any] = mapped(with_plain_patterns(schema), _anchored)
    return made


def _anchored(part: dict[str, Any]) -> dict[str, Any]:
    pattern = part.get("pattern")
    if isinstance(pattern, str) and not (pattern.startswith("^") and pattern.endswith("$")):
        del part["pattern"]
    return part


SCHEMAS = Dialect(tool=_tool, answer=_answer, strict_answer=None, with_tools=never)
