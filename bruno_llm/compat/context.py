"""0.2.0's way to shorten conversations by hand. ``bruno_llm.ContextWindow`` stands in the calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bruno_core.models.message import Message, MessageRole

from bruno_llm.compat.token_counter import TokenCounter, create_token_counter
from bruno_llm.exceptions import ContextLengthExceededError

__all__ = ["MODEL_LIMITS", "ContextLimits", "ContextWindowManager", "TruncationStrategy"]

# A model that is not in the table.
_UNKNOWN_MODEL = 4096


class TruncationStrategy(Enum):
    """What is left out first; system messages always stay."""

    OLDEST_FIRST = "oldest_first"
    MIDDLE_OUT = "middle_out"
    SLIDING_WINDOW = "sliding_window"
    SMART = "smart"


@dataclass
class ContextLimits:
    """A model's limits in tokens; a quarter is kept for the answer unless told otherwise.

    ``warning_threshold`` is the share of the input (0 to 1) from which the callback is called.
    """

    max_tokens: int
    max_input_tokens: int = 0
    max_output_tokens: int = 0
    warning_threshold: float = 0.9

    def __post_init__(self) -> None:
        self.max_input_tokens = self.max_input_tokens or self.max_tokens
        self.max_output_tokens = self.max_output_tokens or self.max_tokens // 4


# The models that 0.2.0 knew, with the windows it gave them.
_WINDOWS = {
    4096: ("gpt-3.5-turbo", "llama2", "llama2:13b", "llama2:70b"),
    8192: ("gpt-4", "mistral"),
    16_384: ("gpt-3.5-turbo-16k",),
    32_768: ("gpt-4-32k", "mixtral"),
    100_000: ("claude-2",),
    128_000: ("gpt-4-turbo",),
    200_000: ("claude-3-opus", "claude-3-sonnet", "claude-3-haiku"),
}
MODEL_LIMITS = {
    model: ContextLimits(window) for window, models in _WINDOWS.items() for model in models
}
"""By model; ``provider.capabilities().max_input_tokens`` knows today's."""


class ContextWindowManager:
    """Counts conversations and shortens them.

    Args:
        model: Whose limits hold, by the longest name in ``MODEL_LIMITS`` that it begins with.
        token_counter: What counts; four characters a token when left out.
        limits: Other limits than the model's.
        strategy: What is left out first.
    """

    def __init__(
        self,
        model: str,
        token_counter: TokenCounter | None = None,
        limits: ContextLimits | None = None,
        strategy: TruncationStrategy = TruncationStrategy.SLIDING_WINDOW,
    ) -> None:
        self.model = model
        self.token_counter = token_counter or create_token_counter()
        self.limits = limits or _limits_of(model)
        self.strategy = strategy
        self._warning_callback: Callable[[int, int], None] | None = None

    def set_warning_callback(self, callback: Callable[[int, int], None]) -> None:
        """Call this with the tokens used and the tokens allowed when it gets tight."""
        self._warning_callback = callback

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of messages."""
        return self.token_counter.count_messages_tokens(messages)

    def check_limit(
        self, messages: Sequence[Message], max_output_tokens: int | None = None
    ) -> bool:
        """Whether messages and an answer of that many tokens fit."""
        used, allowed = self.count_tokens(messages), self.limits.max_input_tokens
        if self._warning_callback and used >= allowed * self.limits.warning_threshold:
            self._warning_callback(used, allowed)
        return used + (max_output_tokens or self.limits.max_output_tokens) <= self.limits.max_tokens

    def get_available_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens that are left for an answer."""
        return max(0, self.limits.max_tokens - self.count_tokens(messages))

    def truncate(
        self, messages: Sequence[Message], max_output_tokens: int | None = None
    ) -> list[Message]:
        """The messages that fit, in their order; those of the system first.

        ``MIDDLE_OUT`` keeps the last message and the first ones. The others keep the latest;
        ``SMART`` goes on past one that is too long.

        Raises:
            ContextLengthExceededError: The answer alone would not fit.
        """
        room = self.limits.max_tokens - (max_output_tokens or self.limits.max_output_tokens)
        if room <= 0:
            raise ContextLengthExceededError(
                f"the answer alone needs {self.limits.max_tokens - room} tokens, more than fit",
                max_tokens=self.limits.max_tokens,
            )
        system = [message for message in messages if message.role is MessageRole.SYSTEM]
        spoken = [message for message in messages if message.role is not MessageRole.SYSTEM]
        room -= self.count_tokens(system)
        latest_first = list(reversed(range(len(spoken))))
        if self.strategy is TruncationStrategy.MIDDLE_OUT:
            order: Iterable[int] = latest_first[:1] + latest_first[:0:-1]
        else:
            order = latest_first
        kept = set()
        for place in order:
            tokens = self.count_tokens([spoken[place]])
            if tokens <= room:
                kept.add(place)
                room -= tokens
            elif self.strategy is not TruncationStrategy.SMART:
                break
        return system + [message for place, message in enumerate(spoken) if place in kept]

    def get_stats(self, messages: Sequence[Message]) -> dict[str, Any]:
        """Tokens used, allowed and left; ``usage_percent`` of the input from 0 to 100."""
        used = self.count_tokens(messages)
        return {
            "model": self.model,
            "input_tokens": used,
            "max_input_tokens": self.limits.max_input_tokens,
            "available_output_tokens": self.get_available_tokens(messages),
            "max_output_tokens": self.limits.max_output_tokens,
            "total_limit": self.limits.max_tokens,
            "usage_percent": 100 * used / self.limits.max_input_tokens,
            "within_limit": self.check_limit(messages),
            "message_count": len(messages),
        }


def _limits_of(model: str) -> ContextLimits:
    known = max((name for name in MODEL_LIMITS if model.startswith(name)), key=len, default=None)
    return ContextLimits(_UNKNOWN_MODEL) if known is None else MODEL_LIMITS[known]
