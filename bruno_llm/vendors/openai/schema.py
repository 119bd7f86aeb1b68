"""JSON schemas as OpenAI takes them.

Source: OpenAI documentation, "Structured model outputs", "Supported schemas"; "Function calling",
"Strict mode".
"""

from __future__ import annotations

from bruno_llm.schema import strict
from bruno_llm.vendors.dialect import Dialect

__all__ = ["SCHEMAS"]

SCHEMAS = Dialect(strict_answer=strict, strict_tools=True)
