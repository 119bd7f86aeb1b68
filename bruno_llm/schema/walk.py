"""The schemas inside of a schema: which words of JSON Schema hold others, and where.

Source: JSON Schema 2020-12, "Core", 10 ("A Vocabulary for Applying Subschemas").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["Path", "Schema", "Unfit", "field_path", "mapped", "resolved", "subschemas"]

Schema = Mapping[str, Any]
Path = tuple[str, ...]
"""Names of fields, from the top down; ``[]`` for the items of a list."""

_BY_NAME = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_SEVERAL = ("anyOf", "oneOf", "allOf", "prefixItems")


class Unfit(ValueError):
    """A schema cannot be said in a vendor's words; the message names the field and why."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{field_path(path)} {why}" if path else f"it {why}")
        self.path = path


def field_path(path: Path) -> str:
    """A field as people write it: ``city.people[]``."""
    return repr(".".join(path).replace(".[]", "[]"))


def subschemas(schema: Schema) -> Iterator[tuple[str, str | int | None, Any]]:
    """The schemas directly inside: the word that holds them, their name or place in it, they."""
    for word, value in schema.items():
        if word in _BY_NAME and isinstance(value, Mapping):
            yield from ((word, name, part) for name, part in value.items())
        elif word in _ONE and isinstance(value, Mapping):
            yield word, None, value
        elif (word in _SEVERAL or word in _ONE) and isinstance(value, list):
            yield from ((word, place, part) for place, part in enumerate(value))


def mapped(schema: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A copy with every schema in it changed, the inner ones first."""
    if not isinstance(schema, Mapping):
        return schema
    made = dict(schema)
    for word, place, part in subschemas(schema):
        inner = mapped(part, change)
        if place is None:
            made[word] = inner
            continue
        if made[word] is schema[word]:
            made[word] = made[word].copy()
        made[word][place] = inner
    return change(made)


def resolved(root: Schema, ref: Any) -> Any:
    """What a reference points to within its schema, ``None`` for what is not there."""
    if not isinstance(ref, str) or not ref.startswith("#"):
        return None
    found: Any = root
    for step in ref.removeprefix("#").split("/")[1:]:
        if not isinstance(found, Mapping):
            return None
        found = found.get(step.replace("~1", "/").replace("~0", "~"))
    return found if isinstance(found, Mapping) else None
