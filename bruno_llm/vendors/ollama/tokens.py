"""How models behind Ollama count: whatever their names, as the runner has them."""

from __future__ import annotations

from bruno_llm.tokens.rules import OPEN_WEIGHTS, CountingRules, Family

__all__ = ["TOKENS"]


def _rules(model: str) -> CountingRules:
    return OPEN_WEIGHTS


TOKENS = Family(_rules)
