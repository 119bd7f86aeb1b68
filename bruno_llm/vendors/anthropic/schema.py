"""JSON schemas as Anthropic takes them.

Source: Anthropic documentation, "Structured outputs", "JSON Schema limitations" (no recursion, no
open objects); its errors "input_schema does not support oneOf, allOf, or anyOf at the top level"
and "Property keys should match pattern".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.schema import (
    Schema,
    Unfit,
    cycle,
    inlined,
    open_object,
    untyped,
    using,
    wider,
    with_plain_patterns,
)
from bruno_llm.vendors.dialect import Dialect

__all__ = ["SCHEMAS"]


def _answer(schema: Schema) -> dict[str, Any]:
    """litellm (1.105 to 1.109) makes of an open object one that is always empty, and of a
    reference within a cycle one that leads nowhere."""
    for place, why in (
        (cycle(schema), "contains itself"),
        (open_object(schema), "is an object without named fields"),
        (untyped(schema), "may be of any type"),
        (using(schema, "prefixItems"), "is a list with a type for each place"),
    ):
        if place is not None:
            raise Unfit(place, why)
    return inlined(with_plain_patterns(wider(schema)))


def _native(model: str, facts: Mapping[str, Any]) -> bool:
    """For other models litellm makes a forced tool of the shape, so that no other is called."""
    return bool(facts.get("supports_native_structured_output"))


SCHEMAS = Dialect(answer=_answer, strict_answer=None, with_tools=_native, plain_keys=True)
