"""OpenAI's strict mode: what it takes of JSON schema, and a schema said so.

Source: OpenAI documentation, "Structured model outputs", "Supported schemas" (every field is
required, no object is open, the lists of properties and formats); its errors "In context=...,
'uniqueItems' is not permitted", "'uri' is not a valid format", "$ref cannot have keywords".
"""

from __future__ import annotations

from typing import Any

from bruno_llm.schema.faults import open_object, untyped, using
from bruno_llm.schema.refs import inlined
from bruno_llm.schema.rewrite import wider, with_plain_patterns
from bruno_llm.schema.walk import Schema, Unfit, mapped

__all__ = ["strict"]

# What changes a schema's meaning, so that it cannot be left out.
_REFUSED = ("prefixItems", "allOf", "not", "if", "dependentRequired", "dependentSchemas")
_KNOWN = {"type", "description", "title", "enum", "anyOf", "properties", "required"}
_KNOWN |= {"additionalProperties", "items", "$ref", "$defs", "definitions", "pattern", "format"}
_KNOWN |= {"minLength", "maxLength", "minItems", "maxItems", "multipleOf"}
_KNOWN |= {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
_NULL = {"type": "null"}


def strict(schema: Schema) -> dict[str, Any]:
    """The schema in strict mode's form: what may be left out is required and may be null.

    Checks that this mode lacks (unique items, other formats) are left out; whoever reads the
    value makes them.

    Raises:
        Unfit: It cannot be said so: an open object, a tuple, ``allOf`` and the like.
    """
    if (place := open_object(schema)) is not None:
        raise Unfit(place, "is an object without named fields")
    if (place := untyped(schema)) is not None:
        raise Unfit(place, "may be of any type")
    for word in _REFUSED:
        if (place := using(schema, word)) is not None:
            raise Unfit(place, f"needs {word!r}")
    made: dict[str, Any] = mapped(inlined(with_plain_patterns(wider(schema)), bare=False), _strict)
    return made


def _strict(part: dict[str, Any]) -> dict[str, Any]:
    made = {word: value for word, value in part.items() if word in _KNOWN}
    if made.get("format") not in _FORMATS:
        made.pop("format", None)
    if made.get("type") == "object" or "properties" in made:
        properties = made.get("properties") or {}
        required = set(made.get("required") or ())
        made["type"] = "object"
        made["properties"] = {
            name: inner if name in required else _or_null(inner)
            for name, inner in properties.items()
        }
        made["required"] = list(properties)
        made["additionalProperties"] = False
    return made


def _or_null(schema: Schema) -> dict[str, Any]:
    kinds = schema.get("type")
    if kinds == "null" or (isinstance(kinds, list) and "null" in kinds):
        return dict(schema)
    options = schema.get("anyOf")
    if isinstance(options, list):
        return {**schema, "anyOf": options if _NULL in options else [*options, _NULL]}
    about = {word: schema[word] for word in ("description",) if word in schema}
    inner = {word: value for word, value in schema.items() if word not in about}
    return {**about, "anyOf": [inner, _NULL]}
