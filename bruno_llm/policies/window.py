"""Fits a conversation into the model's context window before it is sent.

What is always kept: the system prompt, the last user message and everything after it. What can go
are the turns before (see ``turns.py``).
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Literal, get_args

from bruno_core.interfaces import LLMInterface

from bruno_llm._runtime.log import get_logger
from bruno_llm.completion import Trimmed
from bruno_llm.exceptions import ConfigurationError, ContextLengthExceededError, LLMError
from bruno_llm.options.checks import Count, CountOrZero, Share, check_arguments
from bruno_llm.policies.summary import Summaries
from bruno_llm.policies.turns import (
    HINT,
    CutConversation,
    Fitted,
    Transcript,
    Turn,
    cut_into_turns,
    end_of_orphans,
    ends,
    fault_of_result,
    latest,
)

__all__ = ["ContextWindow", "Fitted", "Strategy"]

logger = get_logger(__name__)

Counter = Callable[[Mapping[str, Any]], int]
Named = Literal["drop_oldest", "keep_ends", "summarize", "error"]
Strategy = Named | Callable[[Transcript, int], "Transcript | Awaitable[Transcript]"]
"""A name, or a function ``(messages, limit_tokens) -> messages``, plain or async."""

STRATEGIES: tuple[str, ...] = get_args(Named)
DEFAULT_RESERVE_SHARE = 4
DEFAULT_RESERVE_MOST = 4096

# A summarizer may be a provider with this very window: its own call is never summarized again.
_summarizing: ContextVar[bool] = ContextVar("bruno_llm_summarizing", default=False)


class ContextWindow:
    """How a conversation that grew too long is cut to what the model can read.

    Without a known limit (no ``max_input_tokens`` and a model whose window nobody knows)
    everything is sent as it is.

    Args:
        max_input_tokens: Most tokens of a prompt. With a model's window known too, the smaller
            of this and ``window - reserve`` counts.
        reserve: Tokens of the model's window kept free for the answer. By default the call's
            ``max_tokens``; when the call has none, a quarter of the window, at most 4,096.
        strategy: What happens to a prompt over the limit:

            * ``"drop_oldest"``: the oldest turns go.
            * ``"keep_ends"``: the first turns and the latest stay, those between go.
            * ``"summarize"``: the oldest turns go, and ``summarizer`` replaces them by one user
              message right after the system prompt. When it fails they just go.
            * ``"error"``: nothing goes; ``ContextLengthExceededError``.
            * a function ``(messages, limit_tokens) -> messages``, plain or async. It gets a copy,
              and the tokens that the messages may take. Its result must not be empty, must fit,
              keep the system prompt and the last user turn, and hold no tool result without
              its call and no call without the result it had.
        warn_at: Share of the limit (0 to 1) from which each call warns.
        summarizer: The model that summarizes. It should be a cheap one with a long window.
        keep_first: How many of the first turns ``"keep_ends"`` keeps.
        on_warning: Called with ``(tokens, limit)`` when ``warn_at`` is reached; plain or async.
            What it raises is logged, not passed on.

    Raises:
        ConfigurationError: A setting is out of its range, or does not go with the others.
    """

    def __init__(
        self,
        max_input_tokens: Count | None = None,
        reserve: CountOrZero | None = None,
        strategy: Strategy | str = "drop_oldest",
        warn_at: Share = 0.9,
        *,
        summarizer: LLMInterface | None = None,
        keep_first: Count = 1,
        on_warning: Callable[[int, int], Any] | None = None,
    ) -> None:
        check_arguments("ContextWindow", ContextWindow.__init__, locals())
        if not callable(strategy) and strategy not in STRATEGIES:
            raise ConfigurationError(
                f"strategy={strategy!r} is unknown: use {', '.join(STRATEGIES)}, or a function "
                "(messages, limit_tokens) -> messages"
            )
        if (strategy == "summarize") != (summarizer is not None):
            raise ConfigurationError(
                'strategy="summarize" and summarizer= go together: the one needs the other'
            )
        self.max_input_tokens = max_input_tokens
        self.reserve = reserve
        self.strategy = strategy
        self.warn_at = warn_at
        self.keep_first = keep_first
        self.on_warning = on_warning
        self._summaries = Summaries(summarizer) if summarizer is not None else None

    def __repr__(self) -> str:
        return (
            f"ContextWindow(max_input_tokens={self.max_input_tokens}, reserve={self.reserve}, "
            f"strategy={self._strategy_name!r}, warn_at={self.warn_at})"
        )

    @property
    def _strategy_name(self) -> str:
        if callable(self.strategy):
            return getattr(self.strategy, "__name__", type(self.strategy).__name__)
        return self.strategy

    def limit(self, window: int | None = None, max_tokens: int | None = None) -> int | None:
        """Most tokens a prompt may have, ``None`` when nobody knows.

        Args:
            window: The model's context window, when it is known.
            max_tokens: The most the answer may have, when the call says so.
        """
        if window is None:
            return self.max_input_tokens
        reserve = self.reserve
        if reserve is None:
            reserve = max_tokens
        if reserve is None:
            reserve = min(window // DEFAULT_RESERVE_SHARE, DEFAULT_RESERVE_MOST)
        room = window - reserve
        return room if self.max_input_tokens is None else min(room, self.max_input_tokens)

    async def fit(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        count: Counter,
        overhead: int = 0,
        window: int | None = None,
        max_tokens: int | None = None,
    ) -> Fitted:
        """The messages that fit.

        Each message is counted once. The input is not changed; the result holds the same dicts
        in a list of its own.

        Args:
            messages: OpenAI-shaped chat messages, a system prompt first if there is one.
            count: Tokens of one message.
            overhead: Tokens of the request beside the messages, such as tool definitions.
            window: The model's context window in tokens, when it is known.
            max_tokens: The most the answer may have, when the call says so.

        Raises:
            ContextLengthExceededError: What must be kept does not fit, or the strategy is
                ``"error"``. The message says by how much.
            ConfigurationError: The strategy is a function and its result is not valid.
        """
        whole = list(messages)
        counts = list(map(count, whole))
        total = sum(counts) + overhead
        limit = self.limit(window, max_tokens)
        if limit is None or not whole:
            return Fitted(whole, total)
        if limit < 1:
            raise ContextLengthExceededError(
                f"what is reserved for the answer leaves no room in a window of {window} tokens",
                hint="lower max_tokens, or give ContextWindow a smaller reserve",
            )
        if total >= limit * self.warn_at:
            await self._warn(total, limit)
        orphans_end = end_of_orphans(whole)
        if total <= limit and not orphans_end:
            return Fitted(whole, total)

        if total > limit and self.strategy == "error":
            raise ContextLengthExceededError(
                f"the prompt has {total} tokens, {total - limit} more than the {limit} that fit",
                hint=HINT,
            )
        parts = cut_into_turns(whole, counts, orphans_end)
        parts.check(overhead, limit)
        summaries = 0
        if parts.tokens + overhead <= limit:
            fitted = parts.fitted(parts.turns, overhead)
        elif callable(self.strategy):
            fitted = await self._custom(parts, count, overhead, limit)
        else:
            fitted, summaries = await self._cut(parts, count, overhead, limit)
        dropped = max(0, len(whole) - len(fitted.messages) + summaries)
        return self._report(fitted, dropped, total, limit)

    # --- the strategies -----------------------------------------------------------------------

    async def _cut(
        self, parts: CutConversation, count: Counter, overhead: int, limit: int
    ) -> tuple[Fitted, int]:
        """What fits, and how many of its messages are summaries."""
        room = limit - overhead - parts.kept_tokens
        if self.strategy == "keep_ends":
            return parts.fitted(ends(parts.turns, room, self.keep_first), overhead), 0
        if self._summaries is not None and not _summarizing.get():
            mark = _summarizing.set(True)
            try:
                found = await self._summaries.replace(
                    [(turn.messages, turn.tokens) for turn in parts.turns], room, limit, count
                )
            finally:
                _summarizing.reset(mark)
            if found is not None:
                note, tokens, replaced = found
                turns = [Turn([note], tokens), *parts.turns[replaced:]]
                return parts.fitted(turns, overhead), 1
        return parts.fitted(latest(parts.turns, room), overhead), 0

    async def _custom(
        self, parts: CutConversation, count: Counter, overhead: int, limit: int
    ) -> Fitted:
        assert callable(self.strategy)
        name = self._strategy_name
        given = [*parts.system, *(m for turn in parts.turns for m in turn.messages), *parts.last]
        try:
            # A deep copy costs little (texts are shared), and the caller's messages stay his.
            result: Any = self.strategy(copy.deepcopy(given), limit - overhead)
            if inspect.isawaitable(result):
                result = await result
        except LLMError:
            raise
        except Exception as error:
            raise ConfigurationError(
                f"strategy {name!r} failed with {type(error).__name__}", original_error=error
            ) from error
        if (
            not isinstance(result, Sequence)
            or not result
            or not all(isinstance(message, dict) and "role" in message for message in result)
        ):
            raise ConfigurationError(
                f"strategy {name!r} must return a list of messages with at least one in it"
            )
        kept = list(result)
        problem = fault_of_result(kept, given, parts)
        if problem:
            raise ConfigurationError(f"strategy {name!r} returned {problem}")
        tokens = sum(map(count, kept)) + overhead
        if tokens > limit:
            raise ConfigurationError(
                f"strategy {name!r} returned {tokens} tokens, {tokens - limit} more than the "
                f"{limit} that fit"
            )
        return Fitted(kept, tokens)

    # --- telling ------------------------------------------------------------------------------

    async def _warn(self, tokens: int, limit: int) -> None:
        logger.warning(
            "context_window_warning",
            tokens=tokens,
            limit=limit,
            share=round(tokens / limit, 3) if limit > 0 else None,
        )
        if self.on_warning is None:
            return
        try:
            result = self.on_warning(tokens, limit)
            if inspect.isawaitable(result):
                await result
        except Exception as error:
            # A broken listener must not cost the caller his answer.
            logger.warning("context_window_callback_failed", error=type(error).__name__)

    def _report(self, fitted: Fitted, dropped: int, tokens: int, limit: int) -> Fitted:
        trimmed = Trimmed(dropped, max(0, tokens - fitted.tokens), self._strategy_name)
        logger.info(
            "context_window_trimmed",
            strategy=trimmed.strategy,
            dropped_messages=trimmed.messages,
            dropped_tokens=trimmed.tokens,
            kept_messages=len(fitted.messages),
            tokens=fitted.tokens,
            limit=limit,
        )
        return Fitted(fitted.messages, fitted.tokens, trimmed)
