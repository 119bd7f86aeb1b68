"""0.2.0's token counters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from bruno_core.models.message import Message

from bruno_llm.vendors.tokens import counter_for

__all__ = ["SimpleTokenCounter", "TikTokenCounter", "TokenCounter", "create_token_counter"]

# What 0.2.0 added for each message of a list.
_PER_MESSAGE = 4


class TokenCounter(ABC):
    """Counts the tokens of texts and messages."""

    @abstractmethod
    def count_tokens(self, text: str) -> int:
        """Tokens of a text."""

    def count_message_tokens(self, message: Message) -> int:
        """Tokens of a message's text."""
        return self.count_tokens(message.content)

    def count_messages_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of messages, with four for each of them besides its text."""
        return sum(self.count_message_tokens(message) + _PER_MESSAGE for message in messages)


class SimpleTokenCounter(TokenCounter):
    """An estimate by the length of the text.

    Args:
        chars_per_token: Characters in a token.
    """

    def __init__(self, chars_per_token: float = 4.0) -> None:
        self.chars_per_token = chars_per_token

    def count_tokens(self, text: str) -> int:
        """About the tokens of a text; at least one, unless it is empty."""
        return max(1, int(len(text) / self.chars_per_token)) if text else 0


class TikTokenCounter(TokenCounter):
    """Tokens as OpenAI's models count them; an estimate where their vocabulary is not to be had."""

    def __init__(self, model: str = "gpt-4") -> None:
        self.model = model

    def count_tokens(self, text: str) -> int:
        """Tokens of a text."""
        return counter_for("openai", self.model).text(text)


def create_token_counter(provider: str = "simple", model: str | None = None) -> TokenCounter:
    """A counter for OpenAI's models (``openai``, ``tiktoken``), else the estimate."""
    if provider not in ("openai", "tiktoken"):
        return SimpleTokenCounter()
    return TikTokenCounter(model or "gpt-4")
