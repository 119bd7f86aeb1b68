"""Requests per minute, tokens per minute and calls at a time, kept before the vendor refuses.

What is allowed, exactly. Requests and tokens each fill a token bucket (computed as GCRA): it
holds one minute's worth, starts full, and refills evenly. So after a pause
``requests_per_minute`` requests may start at once (fewer with ``burst``), and from then on one
every ``60 / requests_per_minute`` seconds: in any window of 60 s at most ``requests_per_minute``
plus one burst. Tokens the same, with a burst of ``tokens_per_minute``. That is the shape of the
limits of OpenAI and Anthropic, so a caller is neither refused nor slowed without need; where a
vendor counts differently, its headers correct the pace.

Callers beyond that wait in one line, first come, first served, whatever their size: a large
request is not overtaken by small ones for ever.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from bruno_llm import _clock
from bruno_llm._runtime.log import get_logger
from bruno_llm.exceptions import ConfigurationError, ProviderConnectionError, RateLimitError
from bruno_llm.options.checks import Count, CountOrZero, PerMinute, Seconds, Wait, check_arguments
from bruno_llm.rate_limit.headers import Mirror
from bruno_llm.rate_limit.lines import Account, Pacer, Queue, Slots, WaitingRules

if TYPE_CHECKING:
    from bruno_llm.rate_limit.shared import HeldSlot, RedisStore

__all__ = ["RateLimit", "Ticket"]

logger = get_logger(__name__)

# After Redis failed, the local fallback is used this long before Redis is tried again.
_STORE_PAUSE = 5.0


@dataclass(slots=True)
class Ticket:
    """One request that may start now; give it back to ``RateLimit.settle``.

    Attributes:
        tokens: What was taken from the tokens of the minute.
        shared: Whether it was taken from the shared store or from this process.
    """

    tokens: int
    shared: bool
    _settled: bool = field(default=False, repr=False, compare=False)


class _Slot:
    """One of the ``concurrency`` slots, held from entering to leaving.

    No generator: one within a stream would be closed with its event loop in any order.
    """

    def __init__(self, limit: RateLimit, slots: Slots) -> None:
        self._limit = limit
        self._slots = slots
        self._shared: HeldSlot | None = None

    async def __aenter__(self) -> None:
        self._shared = await self._limit._hold_shared_slot()
        if self._shared is None:
            await self._slots.enter()

    async def __aexit__(self, *exc_info: object) -> None:
        if self._shared is None:
            self._slots.leave()
        else:
            await self._shared.release()


class RateLimit:
    """A limit that may be shared by any number of providers, threads and event loops.

    Args:
        requests_per_minute: Requests that may start in a minute; see the module's text for what
            a burst may be. ``None``: no limit.
        tokens_per_minute: Tokens in a minute, prompt and completion together. ``None``: no limit.
        concurrency: Calls at a time; a stream counts until it is closed. ``None``: no limit.
        store: ``None`` keeps the limit in this process. ``"redis://[:password@]host[:port][/db]"``
            (also ``rediss://`` and ``unix://``) shares it between processes and machines;
            needs ``pip install 'bruno-llm[redis]'``.
        max_waiting: Callers that may wait in each of the lines; one more is refused at once.
        wait_timeout: Seconds a caller waits in a line. One whose place is known to be further
            away is refused at once. ``None``: no bound.
        on_store_failure: ``"error"`` raises when Redis cannot be reached; ``"local"`` announces
            it (event ``rate_limit_store_lost``) and keeps the limit in each process by itself
            until Redis is back.
        key: Name of the limit in the store and in events: processes with the same key share it.
        burst: Requests that may start at once after a pause; ``None``: one minute's worth.
            1 spaces all requests evenly.
        lease: Seconds after which the slot of a process that died is free again; renewed while
            the slot is held. Only used with ``store``.
        max_pause: Seconds for which a vendor's header may hold everybody at most, so that an
            absurd one does not stop the limit. A hold of more than a minute also ends with the
            next answer. ``None``: as long as it says.

    Raises:
        ConfigurationError: A value is outside what is allowed, or an extra is missing.
    """

    def __init__(
        self,
        requests_per_minute: PerMinute | None = None,
        tokens_per_minute: Annotated[float, Ge(1)] | None = None,
        concurrency: Count | None = None,
        store: str | None = None,
        *,
        max_waiting: CountOrZero = 1000,
        wait_timeout: Wait | None = 60.0,
        on_store_failure: Literal["error", "local"] = "error",
        key: str = "default",
        burst: Count | None = None,
        lease: Seconds = 15.0,
        max_pause: Seconds | None = 300.0,
    ) -> None:
        check_arguments("RateLimit", RateLimit.__init__, locals())
        if not isinstance(key, str) or not key:
            raise ConfigurationError(
                f"RateLimit(key={key!r}) is not allowed: a name of at least one character"
            )

        self.requests_per_minute = requests_per_minute
        self.tokens_per_minute = tokens_per_minute
        self.concurrency = concurrency
        self.key = key
        self.on_store_failure = on_store_failure
        self._rules = WaitingRules(max_waiting, wait_timeout, key)
        self._vendor = Mirror(math.inf if max_pause is None else max_pause)
        requests = None
        if requests_per_minute is not None:
            # Below one request per minute the bucket must still hold the one.
            requests = Account(
                requests_per_minute, burst or max(1, math.floor(requests_per_minute))
            )
        tokens = None
        if tokens_per_minute is not None:
            tokens = Account(tokens_per_minute, tokens_per_minute)
        self._paced = requests is not None or tokens is not None
        self._pacer = Pacer(requests, tokens, self._vendor, self._rules)
        self._slots = Slots(concurrency, self._rules) if concurrency is not None else None

        self._store: RedisStore | None = None
        self._store_down_until = -math.inf
        if store is not None:
            from bruno_llm.rate_limit.shared import RedisStore

            self._store = RedisStore(
                store, key=key, lease=lease, requests=requests, tokens=tokens, rules=self._rules
            )

    def __repr__(self) -> str:
        # The store's URL may hold a password: only its host is shown.
        where = f", store={self._store.name!r}" if self._store is not None else ""
        return (
            f"RateLimit(requests_per_minute={self.requests_per_minute}, "
            f"tokens_per_minute={self.tokens_per_minute}, concurrency={self.concurrency}{where})"
        )

    @property
    def waiting(self) -> int:
        """Callers of this process that wait at this moment, for a slot or for their start."""
        lines: list[Queue] = [self._pacer]
        if self._slots is not None:
            lines.append(self._slots)
        shared = self._store.waiting if self._store is not None else 0
        return sum(line.waiting for line in lines) + shared

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Hold one of the ``concurrency`` slots for the length of an ``async with`` block.

        Entering waits in line; without ``concurrency`` it costs nothing.

        Raises:
            RateLimitError: On entering: the line is full, or ``wait_timeout`` is over.
            ProviderConnectionError: On entering: the store cannot be reached.
        """
        return nullcontext() if self._slots is None else _Slot(self, self._slots)

    async def _hold_shared_slot(self) -> HeldSlot | None:
        """One of the store's; ``None`` where this process keeps them by itself."""
        store = self._live_store()
        if store is None:
            return None
        try:
            held = await store.hold_slot(self._slots_size())
        except ProviderConnectionError as error:
            self._store_failed(error)
            return None
        self._store_answered()
        return held

    async def pace(self, tokens: int) -> Ticket:
        """Wait until one request of about ``tokens`` may start, and count it.

        Args:
            tokens: Estimated tokens of prompt and completion together.

        Returns:
            The ticket to give to ``settle`` when the true number is known.

        Raises:
            RateLimitError: The request is larger than ``tokens_per_minute`` and could never
                start, the line is full, or the wait is longer than ``wait_timeout``. Never
                ``.retryable``.
            ProviderConnectionError: The store cannot be reached.
        """
        if self.tokens_per_minute is not None and tokens > self.tokens_per_minute:
            error = RateLimitError(
                f"the request needs about {tokens} tokens, more than the whole "
                f"tokens_per_minute={self.tokens_per_minute:g}",
                hint="shorten it, lower max_tokens, or raise RateLimit(tokens_per_minute=...)",
            )
            error.retryable = False
            raise error
        store = self._live_store()
        if store is not None and self._paced:
            try:
                await store.pace(tokens, self._vendor)
            except ProviderConnectionError as error:
                self._store_failed(error)
            else:
                self._store_answered()
                self._vendor.take(tokens, _clock.monotonic())
                return Ticket(tokens, shared=True)
        await self._pacer.enter(tokens)
        return Ticket(tokens, shared=False)

    async def settle(self, ticket: Ticket, tokens: int) -> None:
        """Correct the estimate of ``pace`` by what was truly used; the first call counts.

        Never raises for a store that is away: the answer is there, and an uncorrected estimate
        only makes the next callers a little slower (event ``rate_limit_settle_failed``).

        Args:
            ticket: What ``pace`` returned.
            tokens: True tokens of prompt and completion together; 0 when nothing was used.
        """
        if ticket._settled:
            return
        ticket._settled = True
        difference = tokens - ticket.tokens
        if not ticket.shared:
            self._pacer.correct(difference)
            return
        store = self._live_store()
        if store is None:
            return
        # In a task of its own: within redis-py (8.1) a cancellation of the caller may get lost.
        correcting = asyncio.ensure_future(store.correct(difference, self._vendor))
        correcting.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            await asyncio.shield(correcting)
        except asyncio.CancelledError:
            correcting.cancel()
            raise
        except ProviderConnectionError:
            logger.warning("rate_limit_settle_failed", limit=self.key, store=store.name)

    def observe(
        self,
        headers: Mapping[str, str],
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Learn from one HTTP answer, so that the next callers wait before they are refused.

        Reads ``x-ratelimit-*`` and ``anthropic-ratelimit-*``: with nothing left, callers are
        held until the reset; below a tenth of the limit, requests are spread over the time to
        the reset, at most 5 s apart. A 429 holds everyone for ``retry_after`` (else for the
        ``Retry-After`` header, else for 1 s); 503 and 529 only when they say how long. Nothing
        holds for longer than ``max_pause``, and an answer ends a hold of more than a minute.

        Args:
            headers: Headers of the answer, in any case.
            status: Its HTTP status.
            retry_after: Seconds the vendor asked to wait, where known from the body.
        """
        hold = self._vendor.observe(headers, status, retry_after)
        if hold is not None:
            logger.info(
                "rate_limit_hold", limit=self.key, status_code=status, hold_seconds=round(hold, 3)
            )
        self._pacer.replan()

    async def aclose(self) -> None:
        """Close this event loop's connections to the store. The limit stays usable."""
        if self._store is not None:
            await self._store.aclose()

    def _slots_size(self) -> int:
        assert self.concurrency is not None
        return self.concurrency

    def _live_store(self) -> RedisStore | None:
        if self._store is None or _clock.monotonic() < self._store_down_until:
            return None
        return self._store

    def _store_failed(self, error: ProviderConnectionError) -> None:
        if self.on_store_failure == "error":
            raise error
        if self._store_down_until == -math.inf:
            logger.warning("rate_limit_store_lost", limit=self.key, error=str(error))
        self._store_down_until = _clock.monotonic() + _STORE_PAUSE

    def _store_answered(self) -> None:
        if self._store_down_until != -math.inf:
            self._store_down_until = -math.inf
            logger.warning("rate_limit_store_back", limit=self.key)
