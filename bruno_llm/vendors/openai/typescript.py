"""Tool definitions as OpenAI shows them to its models: a TypeScript namespace.

The format is not documented but well known (github.com/hmarr/openai-chat-tokens); recorded requests
agree within two tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bruno_llm.tokens.text import as_text

__all__ = ["as_typescript"]


def as_typescript(functions: Sequence[Mapping[str, Any]]) -> str:
    """The definitions of these functions, as the model sees them."""
    lines = ["namespace functions {", ""]
    for function in functions:
        if function.get("description"):
            lines.append(f"// {function['description']}")
        fields = _fields(function.get("parameters") or {}, 0)
        if fields:
            lines += [f"type {function.get('name')} = (_: {{", *fields, "}) => any;", ""]
        else:
            lines += [f"type {function.get('name')} = () => any;", ""]
    return "\n".join([*lines, "} // namespace functions"])


def _fields(schema: Mapping[str, Any], indent: int) -> list[str]:
    required = schema.get("required") or ()
    lines = []
    for key, field in (schema.get("properties") or {}).items():
        # A schema may also be plain true or false.
        if isinstance(field, Mapping) and field.get("description"):
            lines.append(" " * indent + f"// {field['description']}")
        optional = "" if key in required else "?"
        lines.append(" " * indent + f"{key}{optional}: {_type(field, indent)},")
    return lines


def _type(schema: Any, indent: int) -> str:
    if not isinstance(schema, Mapping):
        return "any"
    if "enum" in schema:
        return " | ".join(as_text(item) if item is None else f'"{item}"' for item in schema["enum"])
    for combination in ("anyOf", "oneOf"):
        if combination in schema:
            return " | ".join(_type(one, indent) for one in schema[combination])
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": one}, indent) for one in kind)
    if kind == "array":
        return f"{_type(schema.get('items') or {}, indent)}[]"
    if kind == "object":
        return "\n".join(["{", *_fields(schema, indent + 2), " " * indent + "}"])
    if kind in ("integer", "number"):
        return "number"
    return kind if kind in ("string", "boolean", "null") else "any"
