"""A refused request, and how rules look into one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bruno_llm.schema import subschemas


@dataclass(frozen=True, slots=True)
class VendorRefusal:
    """What the vendor answers in place of a model's turn.

    Attributes:
        status: The HTTP status.
        message: The sentence that a person reads.
        body: The whole answer.
    """

    status: int
    message: str
    body: Any = field(repr=False)


VendorRefusals = Iterator[VendorRefusal]


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON array; of anything else none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def member(value: dict[str, Any], name: str) -> dict[str, Any]:
    """The object in a field of a request; an empty one where there is none."""
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def schemas_in(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all that are in it."""
    if isinstance(schema, dict):
        yield schema
        for _, _, inner in subschemas(schema):
            yield from schemas_in(inner)


def json_kind(value: Any) -> str:
    """What a parser calls the JSON type of ``value``."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    if isinstance(value, bool):
        return "bool"
    return "object" if isinstance(value, dict) else "number"
