"""Fits a conversation into the model's context window before it is sent.

What is always kept: the system prompt, the last user message and everything after it. What can go
are the turns before: a turn is a user message with all that follows it up to the next one, so a
tool call never loses its result and what remains starts with a user message.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bruno_core.utils.logging import get_logger

from bruno_llm.completion import Trimmed
from bruno_llm.exceptions import ConfigurationError, ContextLengthExceededError, LLMError
from bruno_llm.policies.summary import Summaries

if TYPE_CHECKING:
    from bruno_core.interfaces import LLMInterface

__all__ = ["ContextWindow", "Fitted", "Strategy"]

logger = get_logger(__name__)

Messages = list[dict[str, Any]]
Counter = Callable[[Mapping[str, Any]], int]
Strategy = (
    Literal["drop_oldest", "keep_ends", "summarize", "error"]
    | Callable[[Messages, int], "Messages | Awaitable[Messages]"]
)
"""A name, or a function ``(messages, limit_tokens) -> messages``, plain or async."""

STRATEGIES = ("drop_oldest", "keep_ends", "summarize", "error")
DEFAULT_RESERVE_SHARE = 4
DEFAULT_RESERVE_MOST = 4096

# A summarizer may be a provider with this very window: its own call is never summarized again.
_summarizing: ContextVar[bool] = ContextVar("bruno_llm_summarizing", default=False)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The messages to send, their tokens with the overhead, and what was left out."""

    messages: Messages
    tokens: int
    trimmed: Trimmed | None = None


@dataclass(frozen=True, slots=True)
class _Turn:
    messages: Messages
    tokens: int


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
        max_input_tokens: int | None = None,
        reserve: int | None = None,
        strategy: Strategy | str = "drop_oldest",
        warn_at: float = 0.9,
        *,
        summarizer: LLMInterface | None = None,
        keep_first: int = 1,
        on_warning: Callable[[int, int], Any] | None = None,
    ) -> None:
        _whole("max_input_tokens", max_input_tokens, 1)
        _whole("reserve", reserve, 0)
        _whole("keep_first", keep_first, 1)
        if not callable(strategy) and strategy not in STRATEGIES:
            raise ConfigurationError(
                f"strategy={strategy!r} is unknown: use {', '.join(STRATEGIES)}, or a function "
                "(messages, limit_tokens) -> messages"
            )
        if (strategy == "summarize") != (summarizer is not None):
            raise ConfigurationError(
                'strategy="summarize" and summarizer= go together: the one needs the other'
            )
        if not (isinstance(warn_at, int | float) and 0 < warn_at <= 1):
            raise ConfigurationError(f"warn_at={warn_at!r} is not a share above 0 and up to 1")
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
        orphans_end = _orphans_end(whole)
        if total <= limit and not orphans_end:
            return Fitted(whole, total)

        if total > limit and self.strategy == "error":
            raise ContextLengthExceededError(
                f"the prompt has {total} tokens, {total - limit} more than the {limit} that fit",
                hint=_HINT,
            )
        parts = _split(whole, counts, orphans_end)
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
        self, parts: _Parts, count: Counter, overhead: int, limit: int
    ) -> tuple[Fitted, int]:
        """What fits, and how many of its messages are summaries."""
        room = limit - overhead - parts.kept_tokens
        if self.strategy == "keep_ends":
            return parts.fitted(_ends(parts.turns, room, self.keep_first), overhead), 0
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
                turns = [_Turn([note], tokens), *parts.turns[replaced:]]
                return parts.fitted(turns, overhead), 1
        return parts.fitted(_latest(parts.turns, room), overhead), 0

    async def _custom(self, parts: _Parts, count: Counter, overhead: int, limit: int) -> Fitted:
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
        problem = _problem(kept, given, parts)
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


_HINT = "shorten the prompt, lower max_tokens or reserve, or take a model with a longer window"


def _whole(name: str, value: int | None, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{name}={value!r} is not a whole number of at least {least}")


# --- the parts of a conversation --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Parts:
    """A conversation cut into what must stay and the turns that may go."""

    system: Messages
    turns: list[_Turn]
    last: Messages
    kept_tokens: int

    @property
    def tokens(self) -> int:
        return self.kept_tokens + sum(turn.tokens for turn in self.turns)

    def check(self, overhead: int, limit: int) -> None:
        needed = self.kept_tokens + overhead
        if needed > limit:
            raise ContextLengthExceededError(
                f"the system prompt, the last user turn and the tools alone have {needed} tokens, "
                f"{needed - limit} more than the {limit} that fit",
                hint=_HINT,
            )

    def fitted(self, turns: Iterable[_Turn], overhead: int) -> Fitted:
        kept = list(self.system)
        tokens = self.kept_tokens + overhead
        for turn in turns:
            kept += turn.messages
            tokens += turn.tokens
        return Fitted(kept + self.last, tokens)


def _system_end(messages: Sequence[Mapping[str, Any]]) -> int:
    for index, message in enumerate(messages):
        if message.get("role") not in ("system", "developer"):
            return index
    return len(messages)


def _orphans_end(messages: Sequence[Mapping[str, Any]]) -> int:
    """Where the tool results end that a rolling window left without their call, else 0.

    Every vendor refuses a conversation that starts with one.
    """
    start = end = _system_end(messages)
    while end < len(messages) and messages[end].get("role") == "tool":
        end += 1
    return end if start < end < len(messages) else 0


def _split(messages: Messages, counts: list[int], start: int) -> _Parts:
    system = _system_end(messages)
    start = max(start, system)
    starts = [i for i in range(start, len(messages)) if messages[i].get("role") == "user"]
    if not starts:
        # Nobody asked anything: the unit is then a message with its tool results.
        starts = [i for i in range(start, len(messages)) if messages[i].get("role") != "tool"]
    borders = [*starts, len(messages)] if starts else [len(messages)]
    if borders[0] > start:
        borders.insert(0, start)  # a greeting before the first user message
    turns = [
        _Turn(messages[begin:end], sum(counts[begin:end]))
        for begin, end in itertools.pairwise(borders)
    ]
    last = turns.pop() if turns else _Turn([], 0)
    return _Parts(messages[:system], turns, last.messages, sum(counts[:system]) + last.tokens)


def _latest(turns: list[_Turn], room: int) -> list[_Turn]:
    """The longest end of the conversation that has room."""
    index = len(turns)
    while index and turns[index - 1].tokens <= room:
        index -= 1
        room -= turns[index].tokens
    return turns[index:]


def _ends(turns: list[_Turn], room: int, keep_first: int) -> list[_Turn]:
    """The first turns, as far as there is room, and with what is left the latest."""
    # A greeting before the first user message is no turn of the user's, so it may go.
    first = _from_user(turns)
    begin = []
    for turn in first[:keep_first]:
        if turn.tokens > room:
            break
        begin.append(turn)
        room -= turn.tokens
    return begin + _latest(first[len(begin) :], room)


def _from_user(turns: list[_Turn]) -> list[_Turn]:
    """Without a greeting at the start: what was cut begins with the user's words."""
    roles = [turn.messages[0].get("role") for turn in turns[:2]]
    return turns[1:] if roles[1:] == ["user"] and roles[0] != "user" else turns


# --- checking a user's strategy ---------------------------------------------------------------


def _problem(kept: Messages, given: Messages, parts: _Parts) -> str | None:
    """What is wrong with the messages a user's function returned, in words, or ``None``."""
    if kept[: len(parts.system)] != parts.system:
        return "messages without the system prompt at their start"
    body = kept[len(parts.system) :]
    if parts.last and body[len(body) - len(parts.last) :] != parts.last:
        return "messages that do not end with the last user turn"
    calls, orphans = _pairs(kept)
    if orphans - _pairs(given)[1]:
        return "a tool result without its tool call"
    answered = {str(m.get("tool_call_id")) for m in kept if m.get("role") == "tool"}
    had = {str(m.get("tool_call_id")) for m in given if m.get("role") == "tool"}
    if (calls & had) - answered:
        return "a tool call without its result"
    return None


def _pairs(messages: Messages) -> tuple[set[str], set[str]]:
    """All ids of tool calls, and the ids of tool results that no call right before them has."""
    calls: set[str] = set()
    orphans: set[str] = set()
    waiting: set[str] = set()
    for message in messages:
        if message.get("role") == "tool":
            name = str(message.get("tool_call_id"))
            if name not in waiting:
                orphans.add(name)
            continue
        waiting = {str(call.get("id")) for call in message.get("tool_calls") or ()}
        calls |= waiting
    return calls, orphans
