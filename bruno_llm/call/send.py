"""The one way out: every try of every call, plain, streamed or embedding, goes through here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import KW_ONLY, dataclass, field
from decimal import Decimal
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr
from typing_extensions import Self

from bruno_llm import _clock
from bruno_llm._runtime.log import get_logger
from bruno_llm.call.endpoint import Endpoint
from bruno_llm.call.pricing import billed_tier
from bruno_llm.call.watch import SILENT, Watch
from bruno_llm.completion import Completion, Usage
from bruno_llm.costs.reservation import Reservation
from bruno_llm.costs.tracker import CostTracker
from bruno_llm.errors.retry_after import retry_after_of
from bruno_llm.exceptions import LLMError
from bruno_llm.policies.timeouts import LimitReached, Timeout, paused, within
from bruno_llm.rate_limit.limit import RateLimit, Ticket
from bruno_llm.redaction import bare
from bruno_llm.wire.exchange import Exchange
from bruno_llm.wire.facts import Format
from bruno_llm.wire.shape import read_json

if TYPE_CHECKING:
    import httpx

__all__ = ["Call", "send"]

logger = get_logger(__name__)
C = TypeVar("C", bound="Call")
T = TypeVar("T")


@dataclass(eq=False, repr=False)
class Call:
    """One call, from its admission to its booking: what is asked, and all that comes of it.

    Within ``async with`` it has a place and money for it; both are given back when that ends,
    however it ends.

    Attributes:
        endpoint: The model at its vendor.
        api_key: The key, ``None`` for none.
        base_url: The address, ``None`` for the vendor's own.
        address: The same with what is secret in it, where there is something.
        timeout: Its limits.
        options: What the caller asked of the model besides the texts.
        content: The messages, for those who asked to see them.
        wire: The format of the answer, ``None`` when nobody reads it.
        tag: Whose budget it is.
        exchange: The wire's record of the try under way or the last one.
        watch: Who is told of it.
        done: What is to be billed, as soon as it is known.
        started: When the call began, by the clock.
        sent: When its first try began.
        is_limited: A budget holds money for it.
    """

    endpoint: Endpoint
    _: KW_ONLY
    api_key: SecretStr | None
    base_url: str | None
    address: SecretStr | None
    timeout: Timeout
    options: Mapping[str, Any]
    content: Sequence[Mapping[str, Any]] = ()
    wire: Format | None = None
    tag: str | None = None
    exchange: Exchange = field(init=False)
    watch: Watch = field(init=False, default=SILENT)
    done: Completion | None = field(init=False, default=None)
    started: float = field(init=False)
    sent: float = field(init=False)
    is_limited: bool = field(init=False, default=False)
    _slot: AbstractAsyncContextManager[None] | None = field(init=False, default=None)
    _ticket: Ticket | None = field(init=False, default=None)
    _reservation: Reservation | None = field(init=False, default=None)
    _is_reserved: bool = field(init=False, default=False)

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

    @abstractmethod
    def used_by_a_lost_try(self) -> Usage:
        """Tokens of a try that got no answer: the counted prompt, and what had arrived."""

    @abstractmethod
    def most(self, body: Mapping[str, Any], content: bytes) -> Decimal | None:
        """US dollars that this body of a request can cost, ``None`` where that is held already.

        Raises:
            BudgetExceededError: It has no bound.
        """

    @property
    def service_tier(self) -> str | None:
        """The tier that is asked for."""
        return None

    # --- what happens to it -------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        endpoint = self.endpoint
        self.started = _clock.monotonic()
        self.watch = Watch(
            endpoint.name,
            endpoint.telemetry,
            endpoint.model,
            endpoint.kind,
            self.base_url,
            self.options,
            self.started,
        )
        try:
            if endpoint.rate_limit is not None:
                slot = endpoint.rate_limit.slot()
                await slot.__aenter__()
                self._slot = slot
            if endpoint.costs is not None:
                await self.reserve(endpoint.costs)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: Any, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                if self._ticket is not None or self._reservation is not None:
                    await self.settle()
            finally:
                if self._slot is not None:
                    await self._slot.__aexit__(kind, failure, trace)
        except BaseException as error:
            failure = error
            raise
        finally:
            self.watch.end(self.done, failure, self.content)

    def next_try(self) -> None:
        """A fresh record for a try."""
        self.exchange = Exchange(
            self.wire,
            self.timeout.http,
            options=self.options,
            base_url=self.base_url,
            most=self.endpoint.max_response_bytes,
            key=self.api_key,
            address=self.address,
        )

    def error(self, cause: BaseException | None) -> LLMError:
        """Our error for what was caught (``None``: only the wire knows that it failed)."""
        refused = self.exchange.refused
        if refused is not None:
            return refused.with_traceback(None)  # its frames hold what was to be sent
        return self.endpoint._error(cause, self.exchange, self.api_key, self.texts, self.options)

    async def pace(self, limit: RateLimit) -> None:
        """Wait until the rate limit lets this try go."""
        self._ticket = await limit.pace(self.expected_tokens())

    async def observe(self, limit: RateLimit, error: LLMError | None) -> None:
        """Tell the rate limit what the vendor said of itself in this try."""
        exchange = self.exchange
        if self._ticket is not None and error is not None and error.status_code:
            await limit.settle(self._ticket, 0)
        if exchange.status is not None:
            failed = not 200 <= exchange.status < 300
            wait = retry_after_of(exchange.headers, exchange.error_text) if failed else None
            limit.observe(exchange.headers, status=exchange.status, retry_after=wait)

    async def reserve(self, costs: CostTracker) -> None:
        """Hold the most that the call can cost."""
        endpoint, self._is_reserved = self.endpoint, True
        self._reservation = await costs.reserve(
            provider=endpoint.name,
            model=endpoint.model,
            worst_case=self.worst_case() if costs.limits(self.tag) else Decimal(0),
            tag=self.tag,
        )
        self.is_limited = self._reservation.held > 0

    async def reserve_for_try(self) -> None:
        """Hold it anew where the try before this one has spent it, and watch what leaves.

        Raises:
            BudgetExceededError: There is no room for another try.
        """
        if self._is_reserved and self._reservation is None and self.endpoint.costs is not None:
            await self.reserve(self.endpoint.costs)
        if self.is_limited:
            self.exchange.admit = self._admit

    async def _admit(self, request: httpx.Request) -> None:
        """Hold what this request can really cost, before it leaves."""
        try:
            body = read_json(request.content)
        except ValueError:
            return  # a form, of those who sign in
        try:
            most = self.most(body, request.content) if isinstance(body, dict) else None
            if most is not None and self._reservation is not None:
                await self._reservation.raise_to(most)
        except LLMError as error:
            self.exchange.refused = error
            raise

    async def charge_lost(self) -> None:
        """Book the try that failed, if the vendor may bill it all the same.

        What was held for the call is given back with that; a further try has to ask anew.
        """
        held, endpoint = self._reservation, self.endpoint
        if held is None or not self.exchange.may_be_billed:
            return
        self._reservation = None
        usage, tier = self.used_by_a_lost_try(), billed_tier(self.service_tier, None)
        cost = endpoint._pricing.cost(usage, endpoint.model, service_tier=tier)
        lost = Completion(usage=usage, cost=cost, model=endpoint.model)
        await self._book(held, lost, uncertain=True)

    async def settle(self) -> None:
        """Book what the call used, or give back what was held for it; then correct its tokens.

        In this order, because the correction may wait for Redis, and a caller that is cancelled
        meanwhile has its answer paid for. A booking is on its way before anything is awaited.
        """
        done, limit = self.done, self.endpoint.rate_limit
        held, self._reservation = self._reservation, None
        try:
            if held is not None:
                await (self._book(held, done) if done is not None else held.release())
        finally:
            if limit is not None and self._ticket is not None and done and done.usage:
                await limit.settle(self._ticket, done.usage.total_tokens)

    async def _book(self, held: Reservation, done: Completion, *, uncertain: bool = False) -> None:
        endpoint = self.endpoint
        try:
            await held.settle(
                usage=done.usage,
                cost=done.cost,
                model=done.model,
                kind=endpoint.kind,
                uncertain=uncertain,
            )
        except LLMError as error:
            # The answer is paid for and must not be lost; what was reserved stays reserved, and the
            # ledger tries the booking again.
            logger.error(
                "cost_booking_failed", provider=endpoint.name, model=done.model, error=str(error)
            )


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
    endpoint = call.endpoint
    call.next_try()
    if endpoint.costs is not None:
        await call.reserve_for_try()
    limit = endpoint.rate_limit
    if limit is not None:
        await call.pace(limit)
    error: LLMError | None = None
    try:
        with call.watch.current():
            async with within("first_token", call.timeout.first_token) as first_token:
                call.exchange.waiting = partial(paused, first_token)
                try:
                    return await attempt(call)
                except BaseException:  # also where a limit or its caller cut it off
                    await call.charge_lost()
                    raise
    except LLMError as exc:
        error = exc
    except Exception as exc:  # whatever litellm or the SDK below it raises
        error = call.error(exc)
    except BaseException as exc:  # cancelled
        raise bare(exc) from None
    finally:
        if limit is not None:
            await call.observe(limit, error)
    came_from = error.original_error or error.__cause__
    error.__context__ = None
    raise bare(error) from came_from  # outside the handler, whose exception would be its context
