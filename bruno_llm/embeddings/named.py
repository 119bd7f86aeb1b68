"""The embedders of single vendors: declared, not coded."""

from __future__ import annotations

from bruno_llm.embeddings.embedder import LiteLLMEmbedder
from bruno_llm.vendors.gemini.vendor import GEMINI
from bruno_llm.vendors.ollama.vendor import OLLAMA
from bruno_llm.vendors.openai.vendor import OPENAI

__all__ = ["GeminiEmbedder", "OllamaEmbedder", "OpenAIEmbedder"]


class OpenAIEmbedder(LiteLLMEmbedder):
    """OpenAI's embeddings, and those of servers in its format (``base_url=``).

    The key is taken from ``OPENAI_API_KEY`` when none is given.
    """

    name = "openai"
    default_model = "text-embedding-3-small"
    vendor = OPENAI


class GeminiEmbedder(LiteLLMEmbedder):
    """Google's embeddings, by the API of AI Studio.

    The key is taken from ``GEMINI_API_KEY`` or ``GOOGLE_API_KEY`` when none is given.
    """

    name = "gemini"
    prefixes = ("models/",)
    default_model = "gemini-embedding-001"
    vendor = GEMINI


class OllamaEmbedder(LiteLLMEmbedder):
    """Embeddings of a model that Ollama runs, on this machine or in this network.

    Where: ``base_url``, ``OLLAMA_API_BASE``, ``OLLAMA_HOST`` or localhost:11434.
    """

    name = "ollama"
    prefix = f"{OLLAMA.routes[1]}/"  # the first is of chats alone
    prefixes = (OLLAMA.prefix,)
    default_model = "nomic-embed-text"
    vendor = OLLAMA
