"""What the factories make by name: one row a class, and for type checkers one signature.

An editor knows ``LLMFactory.create("ollama")`` as an ``OllamaProvider``; the factories themselves
say how it is made.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from bruno_core.interfaces.llm import LLMInterface
from bruno_core.models.config import BrunoConfig, LLMConfig

from bruno_llm.config.settings import ProviderConfig
from bruno_llm.redaction import keeps_secrets

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from bruno_llm.embeddings.embedder import LiteLLMEmbedder
    from bruno_llm.embeddings.named import GeminiEmbedder, OllamaEmbedder, OpenAIEmbedder
    from bruno_llm.options.arguments import FactorySettings
    from bruno_llm.providers.claude import ClaudeProvider
    from bruno_llm.providers.gemini import GeminiProvider
    from bruno_llm.providers.mistral import MistralEmbedder, MistralProvider
    from bruno_llm.providers.ollama import OllamaProvider
    from bruno_llm.providers.openai import OpenAIProvider

__all__ = ["ALSO", "BUILTIN", "EMBEDDERS", "AnyConfig", "EmbeddersByName", "ProvidersByName"]

AnyConfig = Mapping[str, Any] | ProviderConfig | LLMConfig | BrunoConfig

BUILTIN: Mapping[str, str] = {
    "claude": "bruno_llm.providers.claude:ClaudeProvider",
    "gemini": "bruno_llm.providers.gemini:GeminiProvider",
    "litellm": "bruno_llm.provider:LiteLLMProvider",
    "mistral": "bruno_llm.providers.mistral:MistralProvider",
    "ollama": "bruno_llm.providers.ollama:OllamaProvider",
    "openai": "bruno_llm.providers.openai:OpenAIProvider",
}
"""The providers of this package, imported when they are asked for."""

ALSO: Mapping[str, str] = {"anthropic": "claude", "google": "gemini", "ollama_chat": "ollama"}
"""Other names of theirs."""

EMBEDDERS: Mapping[str, str] = {
    "gemini": "GeminiEmbedder",
    "mistral": "MistralEmbedder",
    "ollama": "OllamaEmbedder",
    "openai": "OpenAIEmbedder",
}
"""The embedders of this package, as ``bruno_llm`` has them."""


class ProvidersByName:
    """``create()``."""

    @overload
    @classmethod
    def create(
        cls,
        provider: Literal["claude", "anthropic"],
        config: None = None,
        **kwargs: Unpack[FactorySettings],
    ) -> ClaudeProvider: ...
    @overload
    @classmethod
    def create(
        cls,
        provider: Literal["gemini", "google"],
        config: None = None,
        **kwargs: Unpack[FactorySettings],
    ) -> GeminiProvider: ...
    @overload
    @classmethod
    def create(
        cls, provider: Literal["mistral"], config: None = None, **kwargs: Unpack[FactorySettings]
    ) -> MistralProvider: ...
    @overload
    @classmethod
    def create(
        cls,
        provider: Literal["ollama", "ollama_chat"],
        config: None = None,
        **kwargs: Unpack[FactorySettings],
    ) -> OllamaProvider: ...
    @overload
    @classmethod
    def create(
        cls, provider: Literal["openai"], config: None = None, **kwargs: Unpack[FactorySettings]
    ) -> OpenAIProvider: ...
    @overload
    @classmethod
    def create(
        cls, provider: str | None = None, config: AnyConfig | None = None, **kwargs: Any
    ) -> LLMInterface: ...
    @classmethod
    @keeps_secrets
    def create(
        cls, provider: str | None = None, config: AnyConfig | None = None, **kwargs: Any
    ) -> LLMInterface:
        """Create a provider.

        To a type checker the built-in names alone give their classes. A configuration, or an
        environment, with a ``fallback`` makes it a ``FallbackProvider``, and :meth:`register` may
        give a name to something else.

        Args:
            provider: A name or a litellm model string; may be left out when ``config`` has it.
            config: Settings, or a configuration of this package or of bruno-core.
            **kwargs: Settings that win over ``config``. Policies may be objects here
                (``retry=Retry(5)``, ``costs=tracker``).

        Returns:
            The provider; a ``FallbackProvider`` when the configuration has a ``fallback``.

        Raises:
            ConfigurationError: Nothing has that name, or a setting is unknown or wrong.
        """
        return cls._named(provider, config, kwargs)

    @classmethod
    @abstractmethod
    def _named(
        cls, provider: str | None, config: AnyConfig | None, more_settings: Mapping[str, Any]
    ) -> LLMInterface: ...


class EmbeddersByName:
    """``create_embedding()``."""

    @overload
    @classmethod
    def create_embedding(
        cls, provider: Literal["gemini"], config: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> GeminiEmbedder: ...
    @overload
    @classmethod
    def create_embedding(
        cls, provider: Literal["mistral"], config: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> MistralEmbedder: ...
    @overload
    @classmethod
    def create_embedding(
        cls, provider: Literal["ollama"], config: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> OllamaEmbedder: ...
    @overload
    @classmethod
    def create_embedding(
        cls, provider: Literal["openai"], config: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> OpenAIEmbedder: ...
    @overload
    @classmethod
    def create_embedding(
        cls, provider: str, config: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> LiteLLMEmbedder: ...
    @classmethod
    @keeps_secrets
    def create_embedding(
        cls, provider: str, config: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> LiteLLMEmbedder:
        """An embedder of ``openai``, ``ollama``, ``gemini`` or ``mistral``, or of a model string.

        Raises:
            ConfigurationError: Nothing has that name, or the embedder refuses a setting.
        """
        return cls._embedder(provider, config, kwargs)

    @classmethod
    @abstractmethod
    def _embedder(
        cls, provider: str, config: Mapping[str, Any] | None, more_settings: Mapping[str, Any]
    ) -> LiteLLMEmbedder: ...
