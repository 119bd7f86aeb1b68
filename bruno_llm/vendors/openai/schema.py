"""JSON schemas as OpenAI takes them.

Source: OpenAI documentation, "Structured model outputs", "Supported schemas"; "Function calling",
"Strict mode".
"""

from __future__ import annotations

from bruno_llm.schema import strict
from bruno_llm.vendors.dialect import Dialect, ModelFacts

__all__ = ["SCHEMAS"]


def _openais_own(model: str, facts: ModelFacts) -> bool:
    """Other servers in OpenAI's format may refuse the word, as Gemini's does."""
    return facts.get("litellm_provider") == "openai"


SCHEMAS = Dialect(strict_answer=strict, strict_tools=_openais_own)
