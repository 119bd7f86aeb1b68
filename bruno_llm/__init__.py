"""bruno_llm: every language model for bruno-core assistants, through LiteLLM."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bruno_llm._version import __version__

# Where each public name lives; resolved at first use (PEP 562), so that importing the package is
# as cheap as importing bruno-core and never imports litellm.
_HOMES = {
    "bruno_llm.policies.cache": ("Cache",),
    "bruno_llm.capabilities": ("Capabilities",),
    "bruno_llm.completion": (
        "Completion",
        "ReasoningDelta",
        "StreamEnd",
        "StreamEvent",
        "StreamRestart",
        "TextDelta",
        "ToolCall",
        "ToolCallDelta",
        "Trimmed",
        "Usage",
    ),
    "bruno_llm.config.settings": ("ProviderConfig",),
    "bruno_llm.policies.window": ("ContextWindow",),
    "bruno_llm.costs.tracker": ("Budget", "BudgetWarning", "CostTracker"),
    "bruno_llm.embeddings.embedder": (
        "GeminiEmbedder",
        "LiteLLMEmbedder",
        "OllamaEmbedder",
        "OpenAIEmbedder",
    ),
    "bruno_llm.exceptions": (
        "AllProvidersFailedError",
        "AuthenticationError",
        "BudgetExceededError",
        "ConfigurationError",
        "ContentFilterError",
        "ContextLengthExceededError",
        "EmptyResponseError",
        "InvalidRequestError",
        "LLMError",
        "ModelNotFoundError",
        "PermissionDeniedError",
        "ProviderConnectionError",
        "QuotaExceededError",
        "RateLimitError",
        "RequestTimeoutError",
        "ServiceUnavailableError",
        "StreamError",
        "StructuredOutputError",
        "TransientError",
    ),
    "bruno_llm.factory.factory": ("LLMFactory", "UnifiedProviderFactory"),
    "bruno_llm.fallback": ("FallbackProvider",),
    "bruno_llm.messages": ("completion_message", "file_message", "image_message", "tool_result"),
    "bruno_llm.costs.prices": ("ModelPrice",),
    "bruno_llm.provider": ("LiteLLMProvider",),
    "bruno_llm.providers.claude": ("ClaudeProvider",),
    "bruno_llm.providers.gemini": ("GeminiProvider",),
    "bruno_llm.providers.ollama": ("OllamaProvider",),
    "bruno_llm.providers.openai": ("OpenAIProvider",),
    "bruno_llm.rate_limit.limit": ("RateLimit",),
    "bruno_llm.policies.retry": ("Retry",),
    "bruno_llm.policies.timeouts": ("Timeout",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]  # noqa: PLE0604  names of _HOMES are strings


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return list(__all__)
