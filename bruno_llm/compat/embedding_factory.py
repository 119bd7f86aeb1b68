"""0.2.0's embedders by name. ``bruno_llm.UnifiedProviderFactory`` makes today's."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from bruno_core.interfaces.embedding import EmbeddingInterface

from bruno_llm.compat.embedding_provider import OllamaEmbeddingProvider, OpenAIEmbeddingProvider
from bruno_llm.embeddings.named import GeminiEmbedder
from bruno_llm.exceptions import ConfigurationError, LLMError
from bruno_llm.redaction import keeps_secrets

__all__ = ["EmbeddingFactory"]

EmbedderClass = Callable[..., EmbeddingInterface]

# The settings that are numbers, and how their text is read.
_NUMBERS: Mapping[str, Callable[[str], float]] = {
    "timeout": float,
    "batch_size": int,
    "dimensions": int,
    "max_retries": int,
}


class EmbeddingFactory:
    """Makes embedders by name. Every method is a class method."""

    _providers: ClassVar[dict[str, EmbedderClass]] = {
        "gemini": GeminiEmbedder,
        "ollama": OllamaEmbeddingProvider,
        "openai": OpenAIEmbeddingProvider,
    }

    @classmethod
    def register(cls, name: str, provider_class: EmbedderClass) -> None:
        """Give a name to a class, or to a function that returns an embedder."""
        cls._providers[name.lower()] = provider_class

    @classmethod
    @keeps_secrets
    def create(
        cls, provider: str, config: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> EmbeddingInterface:
        """Make an embedder; ``kwargs`` win over ``config``.

        Raises:
            ConfigurationError: Nothing has that name, or the class refuses its settings.
        """
        create = cls._find(provider)
        try:
            return create(**{**(config or {}), **kwargs})
        except LLMError:
            raise
        except Exception as error:
            raise ConfigurationError(
                f"Failed to create embedding provider {provider!r}: {error}"
            ) from error

    @classmethod
    @keeps_secrets
    def create_from_env(cls, provider: str, prefix: str | None = None) -> EmbeddingInterface:
        """Make an embedder by ``BRUNO_LLM_<PROVIDER>_EMBEDDING_<SETTING>``.

        ``EMBEDDING_TIMEOUT`` and ``EMBEDDING_BATCH_SIZE`` hold below these, and what the class's
        ``from_env()`` reads.

        Raises:
            ConfigurationError: As for ``create()``; or a number is none.
        """
        create = cls._find(provider)
        start = f"{prefix or 'BRUNO_LLM'}_{provider.upper()}_EMBEDDING_"
        found = {
            name.removeprefix(start).lower(): value
            for name, value in os.environ.items()
            if name.startswith(start) and value
        }
        for name in ("timeout", "batch_size"):
            common = os.environ.get(f"EMBEDDING_{name.upper()}")
            if common:
                found.setdefault(name, common)
        if "org_id" in found:
            found["organization"] = found.pop("org_id")
        settings: dict[str, Any] = dict(found)
        for name, read in _NUMBERS.items():
            if name in found:
                try:
                    settings[name] = read(found[name])
                except ValueError:
                    raise ConfigurationError(
                        f"{start}{name.upper()} must be a number", provider
                    ) from None
        from_env = getattr(create, "from_env", None)
        if from_env is None:
            return cls.create(provider, settings)
        embedder: EmbeddingInterface = from_env(**settings)
        return embedder

    @classmethod
    def list_providers(cls) -> list[str]:
        """The names, sorted."""
        return sorted(cls._providers)

    @classmethod
    def is_registered(cls, provider: str) -> bool:
        """Whether a name stands for an embedder."""
        return provider.lower() in cls._providers

    @classmethod
    def get_provider_info(cls, provider: str) -> dict[str, Any]:
        """``name``, ``class_name``, ``module`` and ``docstring`` of what a name stands for."""
        create = cls._find(provider)
        return {
            "name": provider,
            "class_name": getattr(create, "__name__", type(create).__name__),
            "module": create.__module__,
            "docstring": create.__doc__ or "",
        }

    @classmethod
    def _find(cls, provider: str) -> EmbedderClass:
        try:
            return cls._providers[provider.lower()]
        except KeyError:
            known = ", ".join(cls.list_providers())
            raise ConfigurationError(
                f"Embedding provider {provider!r} not found; there are {known}"
            ) from None
