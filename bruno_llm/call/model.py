"""A chat model at a vendor, and what can be said of it without a call."""

from __future__ import annotations

import dataclasses
from typing import Any

from bruno_llm import _litellm
from bruno_llm.call.describe import describe
from bruno_llm.call.endpoint import Endpoint
from bruno_llm.capabilities import Capabilities, capabilities_of
from bruno_llm.options.checks import check
from bruno_llm.redaction import hide_url_secrets

__all__ = ["ChatModel"]


class ChatModel(Endpoint):
    """An ``Endpoint`` that chats: what it can do, and what is sent with every call.

    Attributes:
        temperature: Default of every call.
        max_tokens: Default of every call: the longest answer, in tokens.
    """

    temperature: float | None
    max_tokens: int | None
    _system_prompt: str | None

    def capabilities(self) -> Capabilities:
        """What the model can do, as hints with their source. Asks nobody and opens nothing."""
        if self._described is not None:
            return self._described.capabilities
        return capabilities_of(_litellm.model_facts(self._litellm_model, self._route))

    async def fetch_capabilities(self) -> Capabilities:
        """What the running server says of its model; ``capabilities()`` says it from then on.

        Ollama is asked, by free requests of at most 5 seconds; elsewhere it is the same as before.

        Raises:
            LLMError: The server cannot be reached, or has no such model.
        """
        await describe(self)
        return self.capabilities()

    def get_model_info(self) -> dict[str, Any]:
        """The model, its provider, address, limits and abilities, as a plain dict."""
        abilities = dataclasses.asdict(self.capabilities())
        return {
            "model": self.model,
            "provider": self.name,
            "base_url": hide_url_secrets(self.base_url) if self.base_url else None,
            "max_tokens": self.max_tokens or abilities["max_output_tokens"],
            "temperature": self.temperature,
            **abilities,
        }

    def set_system_prompt(self, prompt: str) -> None:
        """Send this first on every call from now on."""
        check("system_prompt", prompt, str | None)
        self._system_prompt = prompt

    def get_system_prompt(self) -> str | None:
        """The system prompt that is sent first on every call."""
        return self._system_prompt

    def get_token_count(self, text: str) -> int:
        """Tokens of a text: exact for OpenAI's models, an estimate for others, never a request."""
        return self._counter.text(text)
