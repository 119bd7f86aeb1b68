"""JSON schemas as Mistral takes them.

Source: its error "Cannot use json_schema response type with tools."; Mistral documentation,
"Custom structured output" (its client makes every field required).
"""

from __future__ import annotations

from bruno_llm.vendors.dialect import Dialect, never

__all__ = ["SCHEMAS"]


SCHEMAS = Dialect(with_tools=never)
