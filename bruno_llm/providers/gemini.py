"""Google's Gemini, by the API of AI Studio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bruno_llm.options.arguments import ProviderSettings
from bruno_llm.options.call import ChatOptions, GeminiOptions
from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.gemini.vendor import GEMINI

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["GeminiProvider", "GeminiSettings"]


class GeminiSettings(ProviderSettings, ChatOptions, GeminiOptions, total=False):
    """What ``GeminiProvider()`` takes by name."""


class GeminiProvider(LiteLLMProvider):
    """Google's models. The key is taken from ``GEMINI_API_KEY`` or ``GOOGLE_API_KEY``."""

    name = "gemini"
    prefixes = ("models/",)
    default_model = "gemini-3.8-flash"
    vendor = GEMINI

    if TYPE_CHECKING:

        def __init__(
            self, model: str | None = None, **settings: Unpack[GeminiSettings]
        ) -> None: ...
