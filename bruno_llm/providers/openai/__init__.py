"""OpenAI, and every server that speaks its format (``base_url=``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bruno_llm._former import former_name
from bruno_llm.options.arguments import ProviderSettings
from bruno_llm.options.call import ChatOptions, OpenAIOptions
from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.openai.vendor import OPENAI

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["OpenAIProvider", "OpenAISettings"]


class OpenAISettings(ProviderSettings, ChatOptions, OpenAIOptions, total=False):
    """What ``OpenAIProvider()`` takes by name."""


class OpenAIProvider(LiteLLMProvider):
    """OpenAI's models. The key is taken from ``OPENAI_API_KEY`` when none is given."""

    name = "openai"
    default_model = "gpt-5.4-mini"
    vendor = OPENAI

    if TYPE_CHECKING:

        def __init__(
            self, model: str | None = None, **settings: Unpack[OpenAISettings]
        ) -> None: ...


def __getattr__(name: str) -> Any:
    return former_name(__name__, name)
