"""The way from a name of bruno-llm 0.2.0 to what it means today."""

from __future__ import annotations

from pathlib import Path

import pytest

import bruno_llm
from tests.compat.former import fresh, old

pytestmark = pytest.mark.usefixtures("no_keys")


# Every public name of 0.2.0 that is not today's, by its path.
NAMES = {
    "bruno_llm.base": """
        BaseProvider CacheEntry ResponseCache MODEL_LIMITS ContextLimits ContextWindowManager
        TruncationStrategy PRICING_CLAUDE PRICING_OLLAMA PRICING_OPENAI CostTracker UsageRecord
        BaseEmbeddingProvider CachingMiddleware LoggingMiddleware Middleware MiddlewareChain
        RetryMiddleware ValidationMiddleware RateLimiter RetryConfig RetryDecorator retry_async
        StreamAggregator StreamBuffer StreamProcessor StreamStats stream_with_timeout
        SimpleTokenCounter TikTokenCounter TokenCounter create_token_counter
    """,
    "bruno_llm.base.base_provider": "BaseProvider",
    "bruno_llm.base.cache": "CacheEntry ResponseCache",
    "bruno_llm.base.context": (
        "MODEL_LIMITS ContextLimits ContextWindowManager TruncationStrategy"
    ),
    "bruno_llm.base.cost_tracker": (
        "PRICING_CLAUDE PRICING_OLLAMA PRICING_OPENAI CostTracker UsageRecord"
    ),
    "bruno_llm.base.embedding_interface": "BaseEmbeddingProvider",
    "bruno_llm.base.middleware": """
        CachingMiddleware LoggingMiddleware Middleware MiddlewareChain RetryMiddleware
        ValidationMiddleware
    """,
    "bruno_llm.base.rate_limiter": "RateLimiter",
    "bruno_llm.base.retry": "RetryConfig RetryDecorator retry_async",
    "bruno_llm.base.streaming": (
        "StreamAggregator StreamBuffer StreamProcessor StreamStats stream_with_timeout"
    ),
    "bruno_llm.base.token_counter": (
        "SimpleTokenCounter TikTokenCounter TokenCounter create_token_counter"
    ),
    "bruno_llm.embedding_factory": "EmbeddingFactory",
    "bruno_llm.exceptions": "InvalidResponseError ProviderNotFoundError TimeoutError",
    "bruno_llm.providers.ollama": "OllamaConfig OllamaEmbeddingConfig OllamaEmbeddingProvider",
    "bruno_llm.providers.ollama.config": "OllamaConfig OllamaEmbeddingConfig",
    "bruno_llm.providers.ollama.embedding_provider": "OllamaEmbeddingProvider",
    "bruno_llm.providers.ollama.provider": "OllamaProvider",
    "bruno_llm.providers.openai": "OpenAIConfig OpenAIEmbeddingConfig OpenAIEmbeddingProvider",
    "bruno_llm.providers.openai.config": "OpenAIConfig OpenAIEmbeddingConfig",
    "bruno_llm.providers.openai.embedding_provider": "OpenAIEmbeddingProvider",
    "bruno_llm.providers.openai.provider": "OpenAIProvider",
}


def test_every_old_name_comes_with_one_warning_that_says_the_new_one() -> None:
    names = {module: listed.split() for module, listed in NAMES.items()}
    code = f"""
import importlib, json, warnings
found = {{}}
for module, names in {names!r}.items():
    for name in names:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exec(f"from {{module}} import {{name}}")
            exec(f"from {{module}} import {{name}}")
        found[f"{{module}}.{{name}}"] = [
            [str(w.message), w.category.__name__, w.filename]
            for w in caught
            if "0.2.0" in str(w.message)
        ]
print(json.dumps(found))
"""
    found = fresh(code)
    assert len(found) == sum(map(len, names.values()))
    for path, said in found.items():
        ((text, category, where),) = said
        assert (category, where) == ("DeprecationWarning", "<string>")
        assert text.startswith(f"{path} is of bruno-llm 0.2.0; use ")


def test_a_module_lists_its_old_names() -> None:
    for module in ("bruno_llm.base", "bruno_llm.base.streaming", "bruno_llm.embedding_factory"):
        assert set(old(module, "__all__")) == set(NAMES[module].split())


def test_what_never_was_is_an_error() -> None:
    with pytest.raises(ImportError, match="cannot import name 'RateLimitr'"):
        from bruno_llm.base import RateLimitr  # noqa: F401
    with pytest.raises(AttributeError, match=r"'bruno_llm\.exceptions' has no attribute 'Timeout'"):
        _ = bruno_llm.exceptions.Timeout  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match=r"is gone: .*LiteLLMEmbedder\('huggingface/"):
        from bruno_llm.base import HuggingFaceEmbeddingProvider  # noqa: F401


def test_the_core_does_not_know_the_room() -> None:
    """Its name stands in one module, and whoever uses no old name never loads it."""
    root = Path(bruno_llm.__file__).parent
    users = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "compat" not in path.relative_to(root).parts
        and '"bruno_llm.compat' in path.read_text("utf-8")
    }
    assert users == {"_former.py"}
    code = (
        "import json, sys; from bruno_llm import *; import bruno_llm.base, bruno_llm.base.cache, "
        "bruno_llm.embedding_factory, bruno_llm.providers.openai.config; "
        "OpenAIProvider(api_key='k').get_model_info(); LLMFactory.create('ollama'); "
        "print(json.dumps([m for m in sys.modules if m.startswith('bruno_llm.compat')]))"
    )
    assert fresh(code) == []
