"""Null for what was left out: strict mode makes every field required."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.schema.walk import Schema, resolved

__all__ = ["without_nulls"]


def without_nulls(value: Any, schema: Schema) -> Any:
    """A value without the nulls of fields that may be left out, and that have no null themselves.

    Such a field gets its default then. A field of which null is a value keeps it.

    Args:
        value: As JSON gave it.
        schema: The schema as it was declared, not as it was sent.
    """
    return _cleaned(value, schema, schema)


def _cleaned(value: Any, schema: Any, root: Schema) -> Any:
    found = _resolved(schema, root)
    if isinstance(value, list):
        several = (found, *_branches(found, root))
        items = next((one["items"] for one in several if one.get("items")), None)
        return [_cleaned(one, items, root) for one in value] if items else value
    if not isinstance(value, dict):
        return value
    shape = _object_for(value, found, root)
    properties = shape.get("properties") or {}
    required = shape.get("required") or ()
    more = shape.get("additionalProperties")
    return {
        name: _cleaned(part, properties.get(name, more), root)
        for name, part in value.items()
        if part is not None
        or name not in properties
        or name in required
        or _takes_null(properties[name], root)
    }


def _resolved(schema: Any, root: Schema) -> Schema:
    for _ in range(20):
        target = resolved(root, schema.get("$ref")) if isinstance(schema, Mapping) else None
        if target is None:
            break
        schema = target
    return schema if isinstance(schema, Mapping) else {}


def _branches(schema: Schema, root: Schema) -> list[Schema]:
    return [
        _resolved(part, root)
        for word in ("anyOf", "oneOf", "allOf")
        for part in schema.get(word) or ()
    ]


def _object_for(value: Mapping[str, Any], schema: Schema, root: Schema) -> Schema:
    """Of a union the branch that knows most of the value's names."""
    if "properties" in schema or "additionalProperties" in schema:
        return schema
    branches = [_object_for(value, part, root) for part in _branches(schema, root)]
    known = [part for part in branches if part]
    return max(known, key=lambda part: len(value.keys() & _names(part)), default={})


def _names(schema: Schema) -> set[str]:
    return set(schema.get("properties") or ())


def _takes_null(schema: Any, root: Schema) -> bool:
    found = _resolved(schema, root)
    kind = found.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        return True
    if None in (found.get("enum") or ()) or ("const" in found and found["const"] is None):
        return True
    branches = _branches(found, root)
    # A schema that says nothing takes everything.
    nothing = not (found.keys() - {"description", "default", "title"})
    return nothing or any(_takes_null(part, root) for part in branches)
