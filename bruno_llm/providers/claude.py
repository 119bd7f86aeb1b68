"""Anthropic's Claude."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from bruno_llm.costs.prices import ModelPrice
from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.registry import ANTHROPIC

__all__ = ["ClaudeProvider"]

_SOURCE = "Anthropic pricing page, as in litellm 1.106.2"
_AS_OF = "2026-11-21"


def _price(input: float, output: float, cached: float, cache_creation: float) -> ModelPrice:
    return ModelPrice(input, output, cached, cache_creation, source=_SOURCE, as_of=_AS_OF)


class ClaudeProvider(LiteLLMProvider):
    """Anthropic's models. The key is taken from ``ANTHROPIC_API_KEY`` when none is given.

    Anthropic asks for ``max_tokens`` with every call; litellm would ask for up to 128,000, which
    a budget then has to reserve, so the default here is 4096.
    """

    name = "claude"
    prefix = "anthropic/"
    prefixes = ("claude/",)
    default_model = "claude-sonnet-5-5"
    vendor = ANTHROPIC
    defaults: ClassVar[Mapping[str, Any]] = {"max_tokens": 4096}
    prices: ClassVar[Mapping[str, ModelPrice]] = {
        "claude-opus-5-5": _price(4.00, 20.00, 0.20, 5.00),
        "claude-opus-5": _price(5.00, 25.00, 0.50, 6.25),
        "claude-opus-4-8": _price(5.00, 25.00, 0.50, 6.25),
        "claude-sonnet-5-5": _price(2.00, 10.00, 0.10, 2.50),
        "claude-sonnet-5": _price(2.00, 10.00, 0.20, 2.50),
        "claude-sonnet-4-6": _price(3.00, 15.00, 0.30, 3.75),
        "claude-sonnet-4-5": _price(3.00, 15.00, 0.30, 3.75),
        "claude-haiku-5-5": _price(0.10, 0.50, 0.01, 0.125),
        "claude-haiku-4-5": _price(1.00, 5.00, 0.10, 1.25),
    }
