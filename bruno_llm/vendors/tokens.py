"""Which rules count the prompts of a model: those of who made it, whoever serves it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from bruno_llm.tokens.counter import TokenCounter
from bruno_llm.tokens.rules import OPEN_WEIGHTS, CountingRules, Family
from bruno_llm.vendors.registry import maker_of, vendor_of

__all__ = ["counter_for"]


@lru_cache(maxsize=256)
def counter_for(provider: str, model: str, family: Family | None = None) -> TokenCounter:
    """The counter of one model; the same object for the same names.

    Args:
        provider: litellm's name of the vendor: ``openai``, ``anthropic``, ``gemini``,
            ``ollama``, ``openrouter`` and so on. An unknown one is no error.
        model: The model, with or without the vendor's prefix.
        family: How that vendor's models count, where it is none that we know.
    """
    own = family or vendor_of(provider.lower()).tokens
    return TokenCounter(provider, model, _rules(own, model.lower().rpartition("/")[2]))


def _rules(own: Family | None, model: str) -> CountingRules:
    if own is not None and (found := own.rules(model)):
        return found
    maker = maker_of(model)
    if maker is not None and maker.tokens is not None and (found := maker.tokens.rules(model)):
        # A reseller's chat format is its own affair, so its counts are not called exact.
        return replace(found, exact=False)
    return own.otherwise if own is not None else OPEN_WEIGHTS
