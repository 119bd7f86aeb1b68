"""JSON schemas as Gemini takes them.

Source: Gemini API reference, ``GenerationConfig.responseJsonSchema`` (its list of properties; a
cycle only through fields that may be left out; nothing beside a ``$ref``), and its errors "Function
calling with a response mime type: 'application/json' is unsupported" (before Gemini 3) and "If a
schema node has $ref set, then only description and default can be set alongside it".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bruno_llm.schema import Schema, Unfit, bare_cycle, flat, inlined, wider
from bruno_llm.vendors.dialect import Dialect

__all__ = ["SCHEMAS"]

_GENERATION = re.compile(r"gemini-(\d+)")
_BOTH = 3


def _tool(schema: Schema) -> dict[str, Any]:
    return inlined(wider(flat(schema)))


def _answer(schema: Schema) -> dict[str, Any]:
    place = bare_cycle(schema)
    if place is not None:
        raise Unfit(place, "contains itself and is required; give it a default")
    return inlined(wider(schema))


def _with_tools(model: str, facts: Mapping[str, Any]) -> bool:
    found = _GENERATION.search(model)
    return found is None or int(found.group(1)) >= _BOTH


SCHEMAS = Dialect(tool=_tool, answer=_answer, strict_answer=None, with_tools=_with_tools)
