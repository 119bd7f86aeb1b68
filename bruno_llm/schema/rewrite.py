"""Rewriting that every vendor understands, and that most of them want."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.schema.walk import Schema, mapped, resolved

__all__ = ["flat", "wider", "with_plain_patterns"]

_UNIONS = ("anyOf", "oneOf", "allOf")


def flat(schema: Schema) -> dict[str, Any]:
    """A tool's schema as an object with properties at its top, and items in every list.

    OpenAI, Anthropic and Gemini refuse a union at the top and (the first and the last) a list
    that does not say of what. The properties of a union's branches come together; required is
    what all of them require. The tool's own check still knows the union.
    """
    made: dict[str, Any] = mapped(schema, _with_items)
    made["type"] = "object"
    properties = dict(made.get("properties") or {})
    required = list(made.get("required") or ())
    for word in _UNIONS:
        branches = [_branch(made, one) for one in made.pop(word, None) or ()]
        for branch in branches:
            properties = {**(branch.get("properties") or {}), **properties}
        needed = [set(branch.get("required") or ()) for branch in branches]
        if needed:
            all_of = set.union(*needed) if word == "allOf" else set.intersection(*needed)
            required += [name for name in properties if name in all_of and name not in required]
    for word in ("not", "enum", "const", "if", "then", "else", "discriminator", "$schema", "$id"):
        made.pop(word, None)
    made["properties"] = properties
    # Gemini refuses a required name without a property.
    if required or "required" in made:
        made["required"] = [name for name in required if name in properties]
    return made


def wider(schema: Schema) -> dict[str, Any]:
    """The schema with ``oneOf`` as ``anyOf`` and constants as enums: more fits it, nothing less."""
    made: dict[str, Any] = mapped(schema, _wider)
    return made


def _branch(root: Schema, branch: Any) -> Schema:
    if not isinstance(branch, Mapping):
        return {}
    target = resolved(root, branch.get("$ref"))
    return branch if target is None else target


def _with_items(part: dict[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    is_list = kind == "array" or (isinstance(kind, list) and "array" in kind)
    if is_list and "items" not in part and "prefixItems" not in part:
        part["items"] = {}
    return part


def _wider(part: dict[str, Any]) -> dict[str, Any]:
    if isinstance(part.get("oneOf"), list) and "anyOf" not in part:
        part["anyOf"] = part.pop("oneOf")
        part.pop("discriminator", None)
    if "const" in part and "enum" not in part:
        value = part.pop("const")
        if value is None or isinstance(value, bool):  # Gemini: "enum (for strings and numbers)"
            part.setdefault("type", "null" if value is None else "boolean")
        else:
            part["enum"] = [value]
    return part


def with_plain_patterns(schema: Schema) -> dict[str, Any]:
    """The schema without patterns that look ahead or behind, such as pydantic's for ``Decimal``.

    OpenAI's strict mode, Anthropic and llama.cpp know none; whoever reads the value checks it.
    """

    def change(part: dict[str, Any]) -> dict[str, Any]:
        if isinstance(part.get("pattern"), str) and "(?" in part["pattern"]:
            del part["pattern"]
        return part

    made: dict[str, Any] = mapped(schema, change)
    return made
