"""JSON schemas, rewritten to what a vendor takes."""

from __future__ import annotations

from bruno_llm.schema.faults import bare_cycle, cycle, open_object, untyped, using
from bruno_llm.schema.names import clean_keys, clean_name, clean_names
from bruno_llm.schema.nulls import without_nulls
from bruno_llm.schema.own import OwnFunction, response_format, topped
from bruno_llm.schema.refs import inlined
from bruno_llm.schema.rewrite import flat, wider, with_plain_patterns
from bruno_llm.schema.strict import strict
from bruno_llm.schema.walk import Schema, Unfit, mapped, subschemas

__all__ = [
    "OwnFunction",
    "Schema",
    "Unfit",
    "bare_cycle",
    "clean_keys",
    "clean_name",
    "clean_names",
    "cycle",
    "flat",
    "inlined",
    "mapped",
    "open_object",
    "response_format",
    "strict",
    "subschemas",
    "topped",
    "untyped",
    "using",
    "wider",
    "with_plain_patterns",
    "without_nulls",
]
