"""The ``response_format`` that asks for a shape, and the mark on functions that a ``Tool`` made."""

from __future__ import annotations

from typing import Any

from bruno_llm.schema.names import clean_name
from bruno_llm.schema.strict import strict
from bruno_llm.schema.walk import Schema, Unfit, resolved

__all__ = ["OwnFunction", "response_format", "topped"]


class OwnFunction(dict[str, Any]):
    """A function in OpenAI's form that a ``Tool`` made.

    Its arguments are read by its own schema, so it may go to a vendor in another form (strict
    mode, with null for what is left out), which a dict of the caller's may not.
    """


def response_format(name: str, schema: Schema) -> dict[str, Any]:
    """OpenAI's form of a question for this shape, strict where it can be.

    The schema stands there as it is declared; providers write it as their vendor takes it.
    """
    try:
        strict(schema)
    except Unfit:
        strictly = False
    else:
        strictly = True
    inner = {"name": clean_name(name), "schema": dict(schema), "strict": strictly}
    return {"type": "json_schema", "json_schema": inner}


def topped(schema: Schema) -> dict[str, Any]:
    """The schema of a type that contains itself, with the type at its top."""
    target = resolved(schema, schema.get("$ref"))
    if target is None:
        return dict(schema)
    return {**target, **{word: part for word, part in schema.items() if word != "$ref"}}
