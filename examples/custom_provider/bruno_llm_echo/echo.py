"""A provider with its own code: it says what it was told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from bruno_core.interfaces.llm import LLMInterface
from bruno_core.models.message import Message

MODELS = ["echo-1"]


class EchoProvider(LLMInterface):
    """Repeats the last message.

    Args:
        model: ``echo-1``, the only one.
        voice: ``plain``, or ``loud`` for capitals.
    """

    name = "echo"
    local = True
    """It needs no network, so ``create_available(prefer="local")`` likes it."""

    def __init__(self, model: str = "echo-1", voice: str = "plain") -> None:
        self.model = model
        self.voice = voice
        self._system_prompt: str | None = None

    async def generate(
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> str:
        """The last message, of at most ``max_tokens`` words."""
        last = messages[-1]
        said = str(last["content"] if isinstance(last, Mapping) else last.content)
        words = said.split()[:max_tokens]
        text = " ".join(words)
        return text.upper() if self.voice == "loud" else text

    async def stream(  # type: ignore[override]  # the interface means an async generator
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[str]:
        """The same, word by word."""
        text = await self.generate(messages, temperature, max_tokens, **kwargs)
        for place, word in enumerate(text.split()):
            yield word if place == 0 else f" {word}"

    def get_token_count(self, text: str) -> int:
        """Words."""
        return len(text.split())

    async def check_connection(self) -> bool:
        """Whether the model exists."""
        return self.model in MODELS

    async def list_models(self) -> list[str]:
        """The only model."""
        return list(MODELS)

    def get_model_info(self) -> dict[str, Any]:
        """Name and provider."""
        return {"model": self.model, "provider": self.name}

    def set_system_prompt(self, prompt: str) -> None:
        """Kept, and not used: an echo has no opinion."""
        self._system_prompt = prompt

    def get_system_prompt(self) -> str | None:
        """What was set."""
        return self._system_prompt
