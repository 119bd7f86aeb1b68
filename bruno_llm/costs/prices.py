"""What tokens cost: a vendor's own price table, which wins over litellm's map."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bruno_llm.completion import Usage

__all__ = ["ModelPrice", "price_list", "price_of"]

_DATE = re.compile(r"-(\d{8}|\d{4}-\d\d-\d\d)$")

_PER_TOKEN = 1_000_000


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """US dollars per million tokens of one model.

    Attributes:
        input: Prompt tokens that were not read from the vendor's cache.
        output: Completion tokens, thinking included.
        cached: Prompt tokens read from the cache; ``None`` for the price of ``input``.
        cache_creation: Prompt tokens written to the cache; ``None`` for the price of ``input``.
        source: Where the price stands.
        as_of: The day it was read, ISO 8601.
    """

    input: float
    output: float
    cached: float | None = None
    cache_creation: float | None = None
    source: str = ""
    as_of: str = ""

    def agrees_with(self, facts: Mapping[str, Any]) -> bool:
        """Whether litellm's entry has the same base prices.

        Then its calculation is used, which also knows tiers, batch and regional factors.
        """
        theirs = (facts.get("input_cost_per_token"), facts.get("output_cost_per_token"))
        ours = (self.input, self.output)
        return all(
            isinstance(price, int | float) and math.isclose(price * _PER_TOKEN, own)
            for price, own in zip(theirs, ours, strict=True)
        )

    def cost(self, usage: Usage) -> float:
        """What this usage costs, in US dollars."""
        plain = usage.prompt_tokens - usage.cached_tokens - usage.cache_creation_tokens
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.cache_creation is None else self.cache_creation
        total = (
            max(0, plain) * self.input
            + usage.cached_tokens * cached
            + usage.cache_creation_tokens * written
            + usage.completion_tokens * self.output
        )
        return total / _PER_TOKEN


def price_list(
    source: str, as_of: str, prices: Mapping[str, tuple[float, ...]]
) -> Mapping[str, ModelPrice]:
    """A vendor's table from plain numbers, in the order of the fields of :class:`ModelPrice`."""
    return {model: _priced(source, as_of, *amounts) for model, amounts in prices.items()}


def _priced(
    source: str,
    as_of: str,
    input: float,
    output: float,
    cached: float | None = None,
    cache_creation: float | None = None,
) -> ModelPrice:
    return ModelPrice(input, output, cached, cache_creation, source=source, as_of=as_of)


def price_of(prices: Mapping[str, ModelPrice], model: str) -> ModelPrice | None:
    """The price of a model in a vendor's table, also of its dated releases.

    ``gpt-4o-2024-08-06`` costs what ``gpt-4o`` costs unless it has an entry of its own.
    """
    if model in prices:
        return prices[model]
    undated = _DATE.sub("", model)
    return prices.get(undated)
