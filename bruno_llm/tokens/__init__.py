"""Counting tokens: exactly for OpenAI's models, by measured rules for the others."""

from __future__ import annotations

from bruno_llm.tokens.counter import TokenCounter, counter_for

__all__ = ["TokenCounter", "counter_for"]
