"""The embedders of single vendors: declared, not coded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bruno_llm.embeddings.embedder import LiteLLMEmbedder
from bruno_llm.vendors.gemini.vendor import GEMINI
from bruno_llm.vendors.ollama.vendor import OLLAMA
from bruno_llm.vendors.openai.vendor import OPENAI

__all__ = ["GeminiEmbedder", "OllamaEmbedder", "OpenAIEmbedder"]


class OpenAIEmbedder(LiteLLMEmbedder):
    """OpenAI's embeddings, and those of servers in its format (``base_url=``)."""

    name = "openai"
    default_model = "text-embedding-3-small"
    vendor = OPENAI
    # OpenAI API reference, "Create embeddings": at most 2048 texts and 300,000 tokens a request.
    max_batch_size = 2048
    max_batch_tokens = 300_000
    dimensions_of: ClassVar[Mapping[str, int]] = {
        "text-embedding-3-small": 1536,
        "text-embedding-3-large": 3072,
        "text-embedding-ada-002": 1536,
    }


class GeminiEmbedder(LiteLLMEmbedder):
    """Google's embeddings, by the API of AI Studio."""

    name = "gemini"
    prefixes = ("models/",)
    default_model = "gemini-embedding-001"
    vendor = GEMINI
    max_batch_size = 100  # Gemini API reference, "batchEmbedContents"
    dimensions_of: ClassVar[Mapping[str, int]] = {"gemini-embedding-001": 3072}


class OllamaEmbedder(LiteLLMEmbedder):
    """Embeddings of a model on this machine or in this network."""

    name = "ollama"
    prefix = f"{OLLAMA.routes[1]}/"  # the first is of chats alone
    prefixes = (OLLAMA.prefix,)
    default_model = "nomic-embed-text"
    vendor = OLLAMA
    max_batch_size = 256
    dimensions_of: ClassVar[Mapping[str, int]] = {
        "nomic-embed-text": 768,
        "mxbai-embed-large": 1024,
        "all-minilm": 384,
    }
