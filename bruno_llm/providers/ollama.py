"""Ollama: models on this machine or in this network, free of charge."""

from __future__ import annotations

from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.ollama.vendor import OLLAMA

__all__ = ["OllamaProvider"]


class OllamaProvider(LiteLLMProvider):
    """Ollama's models, at ``base_url``, ``OLLAMA_API_BASE``, ``OLLAMA_HOST`` or localhost:11434."""

    name = "ollama"
    prefix = OLLAMA.prefix
    prefixes = ("ollama/",)
    default_model = "llama3.2"
    vendor = OLLAMA
