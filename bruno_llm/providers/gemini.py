"""Google's Gemini, by the API of AI Studio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bruno_llm.costs.prices import ModelPrice
from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.registry import GEMINI

__all__ = ["GeminiProvider"]

_SOURCE = "Gemini API pricing page, as in litellm 1.106.2"
_AS_OF = "2026-11-21"


def _price(input: float, output: float, cached: float) -> ModelPrice:
    return ModelPrice(input, output, cached, source=_SOURCE, as_of=_AS_OF)


class GeminiProvider(LiteLLMProvider):
    """Google's models. The key is taken from ``GEMINI_API_KEY`` or ``GOOGLE_API_KEY``."""

    name = "gemini"
    prefix = "gemini/"
    prefixes = ("models/",)
    default_model = "gemini-3.8-flash"
    vendor = GEMINI
    prices: ClassVar[Mapping[str, ModelPrice]] = {
        "gemini-3.8-flash": _price(0.75, 3.75, 0.075),
        "gemini-3.7-flash": _price(0.75, 3.75, 0.075),
        "gemini-3.5-flash": _price(1.50, 9.00, 0.15),
        "gemini-3.5-flash-lite": _price(0.30, 2.50, 0.03),
        "gemini-2.5-pro": _price(1.25, 10.00, 0.125),
        "gemini-2.5-flash": _price(0.30, 2.50, 0.03),
        "gemini-2.5-flash-lite": _price(0.10, 0.40, 0.01),
    }
