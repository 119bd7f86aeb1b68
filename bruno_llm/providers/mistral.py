"""Mistral's models, for chat and as vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bruno_llm.embeddings.embedder import LiteLLMEmbedder
from bruno_llm.options.arguments import ProviderSettings
from bruno_llm.options.call import ChatOptions, MistralOptions
from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.mistral.vendor import MISTRAL

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["MistralEmbedder", "MistralProvider", "MistralSettings"]


class MistralSettings(ProviderSettings, ChatOptions, MistralOptions, total=False):
    """What ``MistralProvider()`` takes by name."""


class MistralProvider(LiteLLMProvider):
    """Mistral's models. The key is taken from ``MISTRAL_API_KEY`` when none is given."""

    name = "mistral"
    default_model = "mistral-small-latest"
    vendor = MISTRAL

    if TYPE_CHECKING:

        def __init__(
            self, model: str | None = None, **settings: Unpack[MistralSettings]
        ) -> None: ...


class MistralEmbedder(LiteLLMEmbedder):
    """Mistral's embeddings. The key is taken from ``MISTRAL_API_KEY`` when none is given."""

    name = "mistral"
    default_model = "mistral-embed"
    vendor = MISTRAL
