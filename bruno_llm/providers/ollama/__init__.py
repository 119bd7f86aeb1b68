"""Ollama: models on this machine or in this network, free of charge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bruno_llm._former import former_name
from bruno_llm.options.arguments import ProviderSettings
from bruno_llm.options.call import ChatOptions, OllamaOptions
from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.ollama.vendor import OLLAMA

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["OllamaProvider", "OllamaSettings"]


class OllamaSettings(ProviderSettings, ChatOptions, OllamaOptions, total=False):
    """What ``OllamaProvider()`` takes by name."""


class OllamaProvider(LiteLLMProvider):
    """Ollama's models, at ``base_url``, ``OLLAMA_API_BASE``, ``OLLAMA_HOST`` or localhost:11434."""

    name = "ollama"
    prefixes = ("ollama/",)
    default_model = "llama3.2"
    vendor = OLLAMA

    if TYPE_CHECKING:

        def __init__(
            self, model: str | None = None, **settings: Unpack[OllamaSettings]
        ) -> None: ...


def __getattr__(name: str) -> Any:
    return former_name(__name__, name)
