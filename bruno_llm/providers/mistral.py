"""Mistral's models, for chat and as vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

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
    # More texts are "Too many inputs in request, split into more batches." (measured by rig-core:
    # 257), and a request of more than 16,384 tokens is refused as well.
    max_batch_size = 256
    max_batch_tokens = 16_000
    dimensions_of: ClassVar[Mapping[str, int]] = {"mistral-embed": 1024}
