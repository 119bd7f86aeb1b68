"""Language models and embeddings by name, as bruno-llm 0.2.0 offered them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, overload

from bruno_core.interfaces.llm import LLMInterface

from bruno_llm._door import keeps_secrets
from bruno_llm.config.layers import Layer
from bruno_llm.config.settings import ProviderConfig
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.factory.build import arguments_of, split
from bruno_llm.factory.factory import AnyConfig, LLMFactory
from bruno_llm.options.checks import nearest

if TYPE_CHECKING:
    from bruno_llm.embeddings.embedder import LiteLLMEmbedder
    from bruno_llm.embeddings.named import (
        GeminiEmbedder,
        OllamaEmbedder,
        OpenAIEmbedder,
    )
    from bruno_llm.providers.mistral import MistralEmbedder

__all__ = ["UnifiedProviderFactory"]

_OF_EMBEDDERS = ("dimensions", "batch_size", "encoding_format", "input_type")
_EMBEDDERS = {
    "gemini": "GeminiEmbedder",
    "mistral": "MistralEmbedder",
    "ollama": "OllamaEmbedder",
    "openai": "OpenAIEmbedder",
}


class UnifiedProviderFactory:
    """Language models and embeddings by name, as bruno-llm 0.2.0 offered them."""

    @classmethod
    @keeps_secrets
    def create_llm(
        cls, provider: str, config: AnyConfig | None = None, **kwargs: Any
    ) -> LLMInterface:
        """The same as ``LLMFactory.create``."""
        return LLMFactory.create(provider, config, **kwargs)

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
        plain, objects = split({**(config or {}), **kwargs})
        name = provider.strip()
        named = "LiteLLMEmbedder"
        if "/" in name:
            plain.setdefault("model", name)
        elif name.lower() in _EMBEDDERS:
            named = _EMBEDDERS[name.lower()]
        else:
            raise ConfigurationError(
                f"there is no embedder {name!r}{nearest(name.lower(), _EMBEDDERS)}"
            )
        settings = ProviderConfig.from_layers(
            Layer({**plain, "provider": name}, "constructor"), accepts=_OF_EMBEDDERS
        )
        embedder_class: type[LiteLLMEmbedder] = getattr(import_module("bruno_llm"), named)
        return embedder_class(**{**arguments_of(settings), **objects})

    @classmethod
    def list_llm_providers(cls) -> list[str]:
        """The same as ``LLMFactory.list_providers``."""
        return LLMFactory.list_providers()

    @classmethod
    def list_embedding_providers(cls) -> list[str]:
        """The names that :meth:`create_embedding` takes."""
        return sorted(_EMBEDDERS)

    @classmethod
    def list_all_providers(cls) -> dict[str, list[str]]:
        """``{"llm": [...], "embedding": [...]}``."""
        return {"llm": cls.list_llm_providers(), "embedding": cls.list_embedding_providers()}
