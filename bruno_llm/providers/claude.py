"""Anthropic's Claude."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bruno_llm.options.arguments import ProviderSettings
from bruno_llm.options.call import ChatOptions, ClaudeOptions
from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.anthropic.vendor import ANTHROPIC

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["ClaudeProvider", "ClaudeSettings"]


class ClaudeSettings(ProviderSettings, ChatOptions, ClaudeOptions, total=False):
    """What ``ClaudeProvider()`` takes by name."""


class ClaudeProvider(LiteLLMProvider):
    """Anthropic's models. The key is taken from ``ANTHROPIC_API_KEY`` when none is given.

    ``max_tokens`` is 4096 unless you say otherwise.
    """

    name = "claude"
    prefixes = ("claude/",)
    default_model = "claude-sonnet-5-5"
    vendor = ANTHROPIC

    if TYPE_CHECKING:

        def __init__(
            self, model: str | None = None, **settings: Unpack[ClaudeSettings]
        ) -> None: ...
