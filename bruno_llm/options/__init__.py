"""Options: what a call and a constructor may carry, within which limits, and the check of it."""

from __future__ import annotations

from bruno_llm.options.call import (
    CallOptions,
    ChatOptions,
    ClaudeOptions,
    EmbeddingOptions,
    GeminiOptions,
    MistralOptions,
    OllamaOptions,
    OpenAIOptions,
)

__all__ = [
    "CallOptions",
    "ChatOptions",
    "ClaudeOptions",
    "EmbeddingOptions",
    "GeminiOptions",
    "MistralOptions",
    "OllamaOptions",
    "OpenAIOptions",
]
