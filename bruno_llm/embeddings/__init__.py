"""Texts as vectors, over the same path as chat."""

from __future__ import annotations

from bruno_llm.embeddings.embedder import LiteLLMEmbedder
from bruno_llm.embeddings.named import GeminiEmbedder, OllamaEmbedder, OpenAIEmbedder

__all__ = ["GeminiEmbedder", "LiteLLMEmbedder", "OllamaEmbedder", "OpenAIEmbedder"]
