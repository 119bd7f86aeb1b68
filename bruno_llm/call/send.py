"""The one way out: every try of every call, plain, streamed or embedding, goes through here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from bruno_core.utils.logging import get_logger

from bruno_llm import _clock
from bruno_llm.call.endpoint import Endpoint
from bruno_llm.call.watch import SILENT, Watch
from bruno_llm.completion import Completion
from bruno_llm.costs.reservation import Reservation
from bruno_llm.costs.tracker import CostTracker
from bruno_llm.errors.retry_after import retry_after_of
from bruno_llm.exceptions import LLMError
from bruno_llm.policies.timeouts import LimitReached, Timeout, within
from bruno_llm.rate_limit.limit import RateLimit, Ticket
from bruno_llm.wire.client import Exchange
from bruno_llm.wire.facts import Format

__all__ = ["Call", "admitted", "send"]

logger = get_logger(__name__)
C = TypeVar("C", bound="Call")
T = TypeVar("T")


class Call:
    """One call, from its admission to its booking: what is asked, and all that comes of it.

    Attributes:
        endpoint: The model at its vendor.
        exchange: The wire's record of the try under way or the last one.
        options: What the caller asked of the model besides the texts.
        content: The messages, for those who asked to see them.
        done: What is to be billed, as soon as it is known.
        started: When the call began, by the clock.
        sent: When its first try began.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        api_key: str | None,
        base_url: str | None,
        timeout: Timeout,
        wire: Format | None = None,
        tag: str | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.api_key = api_key
        self.base_url = base_url
        self.timeout = timeout
        self.tag = tag
        self.options: Mapping[str, Any] = {}
        self.content: Sequence[Mapping[str, Any]] = ()
        self.exchange = Exchange(wire, {})
        self.watch: Watch = SILENT
        self.done: Completion | None = None
        self.started = self.sent = _clock.monotonic()
        self._wire = wire
        self._ticket: Ticket | None = None
        self._reservation: Reservation | None = None

    # --- what kind of call it is --------------------------------------------------------------

    @property
    @abstractmethod
    def texts(self) -> Sequence[str]:
        """Everything of the caller's that must not stand in an error."""

    @abstractmethod
    def expected_tokens(self) -> int:
        """Tokens a try will probably use, for the rate limit."""

    @abstractmethod
    def worst_case(self) -> Decimal | None:
        """US dollars the call can cost at most, for the budget; ``None`` for an unknown price."""

    # --- what happens to it -------------------------------------------------------------------

    def next_try(self) -> None:
        """A fresh record for a try."""
        self.exchange = Exchange(self._wire, self.timeout.http, options=self.options)

    def error(self, cause: BaseException | None) -> LLMError:
        """Our error for what was caught (``None``: only the wire knows that it failed)."""
        return self.endpoint._error(cause, self.exchange, self.api_key, self.texts)

    async def pace(self, limit: RateLimit) -> None:
        """Wait until the rate limit lets this try go."""
        self._ticket = await limit.pace(self.expected_tokens())

    async def observe(self, limit: RateLimit, error: LLMError | None) -> None:
        """Tell the rate limit what the vendor said of itself in this try."""
        exchange = self.exchange
        if self._ticket is not None and error is not None and error.status_code:
            await limit.settle(self._ticket, 0)
        if exchange.status is not None:
            limit.observe(
                exchange.headers,
                status=exchange.status,
                retry_after=retry_after_of(exchange.headers, exchange.error_text),
            )

    async def reserve(self, costs: CostTracker) -> None:
        """Hold the most that the call can cost."""
        endpoint = self.endpoint
        self._reservation = await costs.reserve(
            provider=endpoint.name,
            model=endpoint.model,
            worst_case=self.worst_case(),
            tag=self.tag,
        )

    async def settle(self) -> None:
        """Book what the call used, or give back what was held for it; then correct its tokens.

        In this order, because the correction may wait for Redis, and a caller that is cancelled
        meanwhile has its answer paid for. A booking is on its way before anything is awaited.
        """
        done, limit = self.done, self.endpoint.rate_limit
        try:
            await self._book()
        finally:
            if limit is not None and self._ticket is not None and done and done.usage:
                await limit.settle(self._ticket, done.usage.total_tokens)

    async def _book(self) -> None:
        done, held, endpoint = self.done, self._reservation, self.endpoint
        if held is None:
            return
        if done is None:
            await held.release()
            return
        try:
            await held.settle(
                usage=done.usage, cost=done.cost, model=done.model, kind=endpoint.kind
            )
        except LLMError as error:
            # The answer is paid for and must not be lost; what was reserved stays reserved, and the
            # ledger tries the booking again.
            logger.error(
                "cost_booking_failed", provider=endpoint.name, model=done.model, error=str(error)
            )


@asynccontextmanager
async def admitted(call: C) -> AsyncIterator[C]:
    """A place for the call and money for it; both given back when it ends, however it ends."""
    endpoint = call.endpoint
    call.watch = Watch(
        endpoint.name, endpoint.model, endpoint.kind, call.base_url, call.options, call.started
    )
    failure: BaseException | None = None
    try:
        async with endpoint.rate_limit.slot() if endpoint.rate_limit else nullcontext():
            if endpoint.costs is not None:
                await call.reserve(endpoint.costs)
            try:
                yield call
            finally:
                if endpoint.rate_limit is not None or endpoint.costs is not None:
                    await call.settle()
    except BaseException as error:
        failure = error
        raise
    finally:
        call.watch.end(call.done, failure, call.content)


async def send(call: C, attempt: Callable[[C], Awaitable[T]]) -> T:
    """Try until an answer is there, cannot be had, or tries and time are used up.

    Raises:
        LLMError: The error of the last try, in our words.
    """
    endpoint = call.endpoint
    call.sent = _clock.monotonic()
    one_try = partial(_one_try, call, attempt)
    total = call.timeout.total
    try:
        async with within("total", total) if total is not None else nullcontext():
            if endpoint.retry is None:
                return await one_try()
            return await endpoint.retry.run(one_try, on_retry=call.watch.retried)
    except LimitReached as exc:
        call.next_try()  # the limit ended it, not what the last try was told
        error = call.error(exc)
        raise error from error.original_error


async def _one_try(call: C, attempt: Callable[[C], Awaitable[T]]) -> T:
    """Pace, wire, errors in our words."""
    call.next_try()
    limit = call.endpoint.rate_limit
    if limit is not None:
        await call.pace(limit)
    error: LLMError | None = None
    try:
        with call.watch.current():
            async with within("first_token", call.timeout.first_token):
                return await attempt(call)
    except LLMError as exc:
        error = exc
        raise
    except Exception as exc:  # whatever litellm or the SDK below it raises
        error = call.error(exc)
        raise error from error.original_error
    finally:
        if limit is not None:
            await call.observe(limit, error)
