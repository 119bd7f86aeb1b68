"""What OpenAI's strict mode asks of a JSON schema.

platform.openai.com/docs/guides/structured-outputs, "Supported schemas": every key is required and
``additionalProperties`` is false, at every depth. The words: lastmile-ai/openai-agents-mcp#2,
kevinwatt/mysql-mcp#5, vercel/ai#6484, 1jehuang/jcode#687 (a keyword), can1357/oh-my-pi#206 (a
format), camel-ai/camel#3001 (beside a reference).
"""

from __future__ import annotations

from typing import Any

SchemaPath = tuple[str, ...]
_REFUSED = {"allOf", "oneOf", "not", "if", "patternProperties", "propertyNames", "uniqueItems"}
_REFUSED |= {"prefixItems", "contains", "minProperties", "maxProperties", "dependentRequired"}
_TYPED = {"type", "anyOf", "$ref", "enum", "const", "properties"}
_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}


def fault_in_strict(schema: Any, place: SchemaPath = ()) -> str | None:
    """The vendor's complaint about a schema, or ``None``."""
    if not isinstance(schema, dict):
        return None
    where = f"In context={place!r}"
    refused = [word for word in schema if word in _REFUSED]
    if refused:
        return f"{where}, '{refused[0]}' is not permitted."
    if schema.get("format", "date") not in _FORMATS:
        return f"{where}, '{schema['format']}' is not a valid format."
    if not _TYPED & schema.keys():
        # These words are ours; the page asks for one of the types that it lists.
        return f"{where}, schema must have a 'type' key."
    beside = schema.keys() - {"$ref", "$defs"}
    if "$ref" in schema and beside:
        return f"{where}, $ref cannot have keywords {beside}."
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        if schema.get("additionalProperties") is not False:
            return f"{where}, 'additionalProperties' is required to be supplied and to be false."
        required = schema.get("required")
        listed = required if isinstance(required, list) else []
        missing = [name for name in properties or {} if name not in listed]
        if missing:
            return (
                f"{where}, 'required' is required to be supplied and to be an array including "
                f"every key in properties. Missing '{missing[0]}'."
            )
    for name, inner in _inner(schema):
        found = fault_in_strict(inner, (*place, *name))
        if found:
            return found
    return None


def _inner(schema: dict[str, Any]) -> list[tuple[SchemaPath, Any]]:
    found: list[tuple[SchemaPath, Any]] = []
    for group in ("properties", "$defs", "definitions"):
        members = schema.get(group)
        if isinstance(members, dict):
            found += [((group, name), inner) for name, inner in members.items()]
    if "items" in schema:
        found.append((("items",), schema["items"]))
    for group in ("anyOf", "allOf", "oneOf"):
        choices = schema.get(group)
        if isinstance(choices, list):
            found += [((group, str(index)), inner) for index, inner in enumerate(choices)]
    return found
