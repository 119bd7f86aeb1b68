"""Language models and embeddings by name, as bruno-llm 0.2.0 offered them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bruno_core.interfaces.llm import LLMInterface

from bruno_llm.config.layers import Layer
from bruno_llm.config.settings import ProviderConfig
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.factory.build import configurable_and_objects, constructor_arguments
from bruno_llm.factory.factory import LLMFactory
from bruno_llm.factory.named import EMBEDDERS, AnyConfig, EmbeddersByName
from bruno_llm.options.checks import nearest
from bruno_llm.redaction import keeps_secrets

if TYPE_CHECKING:
    from bruno_llm.embeddings.embedder import LiteLLMEmbedder

__all__ = ["UnifiedProviderFactory"]

_OF_EMBEDDERS = ("dimensions", "batch_size", "encoding_format", "input_type")


class UnifiedProviderFactory(EmbeddersByName):
    """Language models and embeddings by name, as bruno-llm 0.2.0 offered them."""

    @classmethod
    @keeps_secrets
    def create_llm(
        cls, provider: str, config: AnyConfig | None = None, **kwargs: Any
    ) -> LLMInterface:
        """The same as ``LLMFactory.create``."""
        return LLMFactory.create(provider, config, **kwargs)

    @classmethod
    def _embedder(
        cls, provider: str, config: Mapping[str, Any] | None, more_settings: Mapping[str, Any]
    ) -> LiteLLMEmbedder:
        plain, objects = configurable_and_objects({**(config or {}), **more_settings})
        name = provider.strip()
        named = "LiteLLMEmbedder"
        if "/" in name:
            plain.setdefault("model", name)
        elif name.lower() in EMBEDDERS:
            named = EMBEDDERS[name.lower()]
        else:
            raise ConfigurationError(
                f"there is no embedder {name!r}{nearest(name.lower(), EMBEDDERS)}"
            )
        settings = ProviderConfig.from_layers(
            Layer({**plain, "provider": name}, "constructor"), accepts=_OF_EMBEDDERS
        )
        embedder_class: type[LiteLLMEmbedder] = getattr(import_module("bruno_llm"), named)
        return embedder_class(**{**constructor_arguments(settings), **objects})

    @classmethod
    def list_llm_providers(cls) -> list[str]:
        """The same as ``LLMFactory.list_providers``."""
        return LLMFactory.list_providers()

    @classmethod
    def list_embedding_providers(cls) -> list[str]:
        """The names that :meth:`create_embedding` takes."""
        return sorted(EMBEDDERS)

    @classmethod
    def list_all_providers(cls) -> dict[str, list[str]]:
        """``{"llm": [...], "embedding": [...]}``."""
        return {"llm": cls.list_llm_providers(), "embedding": cls.list_embedding_providers()}
