"""What programs written for bruno-llm 0.2.0 import, over the classes of today.

Nobody needs to import this package: the old paths (``bruno_llm.base``,
``bruno_llm.embedding_factory``, ``bruno_llm.providers.openai.config``, ...) lead here when one of
their names is asked for, with one ``DeprecationWarning`` that says the new name. Nothing else in
bruno_llm imports it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any

__all__ = ["former_name"]

# By module of this package: what 0.2.0 called it -> what to use now.
_INSTEAD: Mapping[str, Mapping[str, str]] = {
    "base_provider": {
        "BaseProvider": "bruno_llm.LiteLLMProvider, or bruno_core's LLMInterface for one's own",
    },
    "cache": {
        "CacheEntry": "bruno_llm.Completion, which bruno_llm.Cache keeps",
        "ResponseCache": "bruno_llm.Cache, given to the provider: cache=Cache()",
    },
    "context": {
        "MODEL_LIMITS": "provider.capabilities().max_input_tokens",
        "ContextLimits": "bruno_llm.ContextWindow(max_input_tokens=..., reserve=...)",
        "ContextWindowManager": "bruno_llm.ContextWindow, given to the provider: window=...",
        "TruncationStrategy": "bruno_llm.ContextWindow(strategy=...)",
    },
    "cost_tracker": {
        "PRICING_CLAUDE": "ClaudeProvider.prices",
        "PRICING_OLLAMA": "OllamaProvider, which costs nothing",
        "PRICING_OPENAI": "OpenAIProvider.prices",
        "CostTracker": "bruno_llm.CostTracker, given to the provider: costs=CostTracker()",
        "UsageRecord": "bruno_llm.CostTracker.recent()",
    },
    "embedding_interface": {
        "BaseEmbeddingProvider": (
            "bruno_llm.LiteLLMEmbedder, or bruno_core's EmbeddingInterface for one's own"
        ),
    },
    "middleware": {
        "CachingMiddleware": "bruno_llm.Cache, given to the provider: cache=Cache()",
        "LoggingMiddleware": "the provider's own log events (docs/observability.md)",
        "Middleware": "the provider's policies: retry=, rate_limit=, cache=, costs=, window=",
        "MiddlewareChain": "the provider's policies: retry=, rate_limit=, cache=, costs=, window=",
        "RetryMiddleware": "bruno_llm.Retry, given to the provider: retry=Retry()",
        "ValidationMiddleware": "the provider, which checks messages and options itself",
    },
    "rate_limiter": {
        "RateLimiter": "bruno_llm.RateLimit, given to the provider: rate_limit=RateLimit(...)",
    },
    "retry": {
        "RetryConfig": "bruno_llm.Retry, given to the provider: retry=Retry()",
        "RetryDecorator": "bruno_llm.Retry().run(...)",
        "retry_async": "bruno_llm.Retry().run(...)",
    },
    "streaming": {
        "StreamAggregator": "provider.stream(), and a few lines of one's own",
        "StreamBuffer": "provider.stream_events()",
        "StreamProcessor": "provider.stream_events(), which ends with the whole completion",
        "StreamStats": "bruno_llm.Completion: usage, latency",
        "stream_with_timeout": "bruno_llm.Timeout, given to the provider: timeout=...",
    },
    "token_counter": {
        "SimpleTokenCounter": "provider.get_token_count()",
        "TikTokenCounter": "provider.get_token_count()",
        "TokenCounter": "provider.get_token_count(), provider.count_message_tokens()",
        "create_token_counter": "provider.get_token_count(), provider.count_message_tokens()",
    },
    "embedding_factory": {
        "EmbeddingFactory": "bruno_llm.UnifiedProviderFactory.create_embedding()",
    },
    "exceptions": {
        "InvalidResponseError": "bruno_llm.ServiceUnavailableError or EmptyResponseError",
        "ProviderNotFoundError": "bruno_llm.ConfigurationError",
        "TimeoutError": "bruno_llm.RequestTimeoutError",
    },
    "configs": {
        "OllamaConfig": "bruno_llm.ProviderConfig",
        "OllamaEmbeddingConfig": "the arguments of bruno_llm.OllamaEmbedder",
        "OpenAIConfig": "bruno_llm.ProviderConfig",
        "OpenAIEmbeddingConfig": "the arguments of bruno_llm.OpenAIEmbedder",
    },
    "embedding_provider": {
        "OllamaEmbeddingProvider": "bruno_llm.OllamaEmbedder",
        "OpenAIEmbeddingProvider": "bruno_llm.OpenAIEmbedder",
    },
}

# What an old path gave by today's name, where only the path is old.
_SAME_NAME: Mapping[str, Mapping[str, str]] = {
    "bruno_llm.providers.ollama.provider": {"OllamaProvider": "bruno_llm.providers.ollama"},
    "bruno_llm.providers.openai.provider": {"OpenAIProvider": "bruno_llm.providers.openai"},
}

# What 0.2.0 had and nothing sensible stands behind now -> what to use.
_GONE: Mapping[str, str] = {
    "HuggingFaceEmbeddingProvider": (
        "0.2.0 only planned it; LiteLLMEmbedder('huggingface/<model>') asks Hugging Face's servers"
    ),
}

_BASE = (
    "base_provider",
    "cache",
    "context",
    "cost_tracker",
    "embedding_interface",
    "middleware",
    "rate_limiter",
    "retry",
    "streaming",
    "token_counter",
)


def _of(*modules: str, only: str = "") -> dict[str, str]:
    """Name -> the module of this package that has it."""
    return {
        name: module for module in modules for name in _INSTEAD[module] if name.startswith(only)
    }


# Old module -> its names -> the module of this package that has them.
_NAMES: Mapping[str, Mapping[str, str]] = {
    "bruno_llm.base": _of(*_BASE),
    **{f"bruno_llm.base.{module}": _of(module) for module in _BASE},
    "bruno_llm.embedding_factory": _of("embedding_factory"),
    "bruno_llm.exceptions": _of("exceptions"),
    **{
        f"bruno_llm.providers.{vendor.lower()}{path}": _of(*modules, only=vendor)
        for vendor in ("Ollama", "OpenAI")
        for path, modules in (
            ("", ("configs", "embedding_provider")),
            (".config", ("configs",)),
            (".embedding_provider", ("embedding_provider",)),
        )
    },
}


def former_name(module: str, name: str) -> Any:
    """What a module of 0.2.0 gave by a name; see ``bruno_llm._former.former_name``."""
    same = _SAME_NAME.get(module, {})
    names = _NAMES.get(module, {})
    if name == "__all__":
        return sorted({*names, *same})
    if name in same:
        value = getattr(import_module(same[name]), name)
        instead = f"{same[name]}.{name}"
    elif name in names:
        value = getattr(import_module(f"{__name__}.{names[name]}"), name)
        instead = _INSTEAD[names[name]][name]
    elif name in _GONE:
        raise ImportError(f"{module}.{name} is gone: {_GONE[name]}")
    else:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warn(f"{module}.{name}", instead, stacklevel=4)
    # Kept where it was asked for, so that the warning comes once.
    setattr(sys.modules[module], name, value)
    return value


def warn(old: str, instead: str, stacklevel: int) -> None:
    """Say the new name.

    Args:
        old: What 0.2.0 called it.
        instead: What to use now.
        stacklevel: The program's place in the stack, this function's caller being 1.
    """
    warnings.warn(
        f"{old} is of bruno-llm 0.2.0; use {instead} (docs/migration.md)",
        DeprecationWarning,
        stacklevel=stacklevel + 1,
    )
