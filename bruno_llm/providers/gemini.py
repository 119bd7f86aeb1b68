"""Google's Gemini, by the API of AI Studio."""

from __future__ import annotations

from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.gemini.vendor import GEMINI

__all__ = ["GeminiProvider"]


class GeminiProvider(LiteLLMProvider):
    """Google's models. The key is taken from ``GEMINI_API_KEY`` or ``GOOGLE_API_KEY``."""

    name = "gemini"
    prefix = GEMINI.prefix
    prefixes = ("models/",)
    default_model = "gemini-3.8-flash"
    vendor = GEMINI
    prices = GEMINI.prices
