"""JSON schemas as Mistral takes them.

Source: its error "Cannot use json_schema response type with tools."; Mistral documentation,
"Custom structured output" (its client makes every field required).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.vendors.dialect import Dialect

__all__ = ["SCHEMAS"]


def _never(model: str, facts: Mapping[str, Any]) -> bool:
    return False


SCHEMAS = Dialect(with_tools=_never)
