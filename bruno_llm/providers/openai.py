"""OpenAI, and every server that speaks its format (``base_url=``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bruno_llm.costs.prices import ModelPrice
from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.registry import OPENAI

__all__ = ["OpenAIProvider"]

_SOURCE = "OpenAI pricing page, as in litellm 1.106.2"
_AS_OF = "2026-11-21"


def _price(input: float, output: float, cached: float) -> ModelPrice:
    return ModelPrice(input, output, cached, source=_SOURCE, as_of=_AS_OF)


class OpenAIProvider(LiteLLMProvider):
    """OpenAI's models. The key is taken from ``OPENAI_API_KEY`` when none is given."""

    name = "openai"
    prefix = "openai/"
    default_model = "gpt-5.4-mini"
    vendor = OPENAI
    prices: ClassVar[Mapping[str, ModelPrice]] = {
        "gpt-5.5": _price(5.00, 30.00, 0.50),
        "gpt-5.4": _price(2.50, 15.00, 0.25),
        "gpt-5.4-mini": _price(0.75, 4.50, 0.075),
        "gpt-5.4-nano": _price(0.20, 1.25, 0.02),
        "gpt-5.1": _price(1.25, 10.00, 0.125),
        "gpt-5": _price(1.25, 10.00, 0.125),
        "gpt-5-mini": _price(0.25, 2.00, 0.025),
        "gpt-5-nano": _price(0.05, 0.40, 0.005),
        "gpt-4.1": _price(2.00, 8.00, 0.50),
        "gpt-4.1-mini": _price(0.40, 1.60, 0.10),
        "gpt-4o": _price(2.50, 10.00, 1.25),
        "gpt-4o-mini": _price(0.15, 0.60, 0.075),
    }
