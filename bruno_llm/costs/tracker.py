"""What the calls cost, and budgets that hold while hundreds of calls are in the air.

A call asks for its worst case first, is refused when that could pass a budget, and settles its
true cost afterwards. Amounts are whole pico-dollars inside and ``Decimal`` dollars outside, so
that sums are exact.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from bruno_core.utils.logging import get_logger

from bruno_llm import _clock
from bruno_llm.costs import report as cost_report
from bruno_llm.costs.books import (
    Entry,
    Limit,
    Memory,
    Open,
    Post,
    Refusal,
    Reserve,
    day_of,
    dollars,
)
from bruno_llm.costs.budgets import (
    Budget,
    BudgetWarning,
    Money,
    exceeded,
    money,
    period_key,
    pico,
    read_budgets,
)
from bruno_llm.costs.ledger import Ledger
from bruno_llm.costs.report import BudgetState, By, CostLine, Report, Since, Source
from bruno_llm.exceptions import BudgetExceededError, ConfigurationError

if TYPE_CHECKING:
    from bruno_llm.completion import Usage

__all__ = ["Booking", "Budget", "BudgetWarning", "CostTracker", "Reservation"]

logger = get_logger(__name__)

T = TypeVar("T")

Kind = Literal["chat", "embedding"]
_RECENT = 1_000


@dataclass(frozen=True, slots=True)
class Booking:
    """One booked call. ``cost`` is in US dollars, ``None`` when the price is unknown."""

    at: datetime
    provider: str
    model: str
    tag: str | None
    kind: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_creation_tokens: int
    reasoning_tokens: int
    cost: Decimal | None
    estimated: bool
    cached: bool


class Reservation:
    """Budget held for one call, until ``settle`` or ``release``; the first of them counts.

    One that is garbage-collected without either gives its budget back.
    """

    __slots__ = ("_key", "_model", "_open", "_provider", "_tag", "_tracker", "held")

    def __init__(
        self, tracker: CostTracker, key: str, held: int, provider: str, model: str, tag: str
    ) -> None:
        self._tracker, self._key, self._open = tracker, key, True
        self._provider, self._model, self._tag = provider, model, tag
        self.held = held

    def __repr__(self) -> str:
        return f"Reservation({self._provider}/{self._model}, {money(self.held)})"

    async def settle(
        self,
        *,
        usage: Usage | None,
        cost: Money | None,
        model: str | None = None,
        kind: Kind = "chat",
    ) -> None:
        """Book what the call really cost; with a ledger, return when that is durable.

        The true cost is booked even where it is above what was reserved. Where it is unknown,
        the budgets are charged what was reserved, and the reports count an unknown price.

        Args:
            usage: Tokens used; ``None`` when nothing could be counted.
            cost: US dollars, ``None`` when the price is unknown.
            model: The model that answered, where it is another than the one asked.
            kind: ``chat`` or ``embedding``.

        Raises:
            ConfigurationError: The cost is negative or not finite, or the ledger cannot be opened.
            LLMError: The ledger could not be written. The reservation stays open.
        """
        if not self._close():
            return
        try:
            await self._tracker._book(
                self._key,
                provider=self._provider,
                model=model or self._model,
                usage=usage,
                cost=cost,
                tag=self._tag,
                kind=kind,
                cached=False,
                unknown=self.held,
            )
        except Exception:
            self._open = True
            raise

    async def release(self) -> None:
        """Give the budget back: the call was not made, or cost nothing."""
        if self._close():
            self._tracker._free(self._key)

    def _close(self) -> bool:
        with self._tracker._lock:
            was_open, self._open = self._open, False
        return was_open

    def __del__(self) -> None:
        if self._open and self.held:
            self._tracker._abandon(self._key)


class CostTracker:
    """Books what calls cost, per provider and model, and keeps them within budgets.

    One tracker may serve many providers, threads and event loops. Without a ledger it knows the
    calls of this process since it was made; with one, everything that was ever booked there.

    Args:
        budget: US dollars in total, a ``Budget``, or several of them; ``None`` only counts.
        warn_at: Part of a budget (above 0, at most 1) from which there is one warning per budget,
            tag and period: the event ``budget_warning`` and a call of ``on_warning``.
        ledger: A file, ``sqlite:///path`` or ``postgresql://user:password@host/database``.
            Bookings survive crashes there, and budgets hold over all processes that share it.
        allow_unknown_prices: Let calls of unknown price pass while the budget is not used up.
        on_warning: Called with a ``BudgetWarning``; may be a coroutine function.

    Raises:
        ConfigurationError: A bad value, or a ledger that needs an extra which is not installed.
    """

    def __init__(
        self,
        budget: Money | Budget | Sequence[Budget] | None = None,
        warn_at: float = 0.8,
        ledger: str | os.PathLike[str] | None = None,
        *,
        allow_unknown_prices: bool = False,
        on_warning: Callable[[BudgetWarning], Any] | None = None,
    ) -> None:
        if not 0 < warn_at <= 1:
            raise ConfigurationError(f"warn_at={warn_at!r} must be above 0 and at most 1")
        self._budgets = read_budgets(budget)
        self._warn_at = Decimal(str(warn_at))
        self._allow_unknown = allow_unknown_prices
        self._on_warning = on_warning
        self._ledger = None if ledger is None else Ledger(ledger)
        self._memory = Memory()
        self._lock = threading.Lock()
        self._recent: deque[Entry] = deque(maxlen=_RECENT)
        self._abandoned: deque[str] = deque()
        self._warned: set[tuple[int, str, str]] = set()
        self._numbers = itertools.count()

    def __repr__(self) -> str:
        where = f", ledger={self._ledger.label!r}" if self._ledger else ""
        return f"CostTracker({len(self._budgets)} budgets{where})"

    # -- before and after a call ------------------------------------------------------------

    async def reserve(
        self, *, provider: str, model: str, worst_case: Decimal | None, tag: str | None = None
    ) -> Reservation:
        """Hold the most that a call can cost, until it is settled or released.

        Args:
            provider: Name of the provider.
            model: The model that will be asked.
            worst_case: US dollars; ``None`` when the price is unknown.
            tag: Whose call it is, for budgets by tag.

        Raises:
            BudgetExceededError: A budget has no room for it, or the price is unknown while a
                budget applies and ``allow_unknown_prices`` is off.
            ConfigurationError: The amount is negative or not finite, or the ledger cannot be
                opened.
            LLMError: The ledger could not be written.
        """
        # Rounded up: what is held must never be less than what was asked.
        amount = None if worst_case is None else pico(worst_case, "worst_case", ROUND_CEILING)
        at, tag = _clock.now(), tag or ""
        applying = self._applying(at, tag)
        key = self._key(at)
        held = amount or 0 if applying else 0
        if not applying:
            return Reservation(self, key, held, provider, model, tag)
        if amount is None and not self._allow_unknown:
            raise BudgetExceededError(
                "the price of this model is unknown, so the call cannot be kept within the budget",
                provider=provider,
                model=model,
                hint="give the provider a price for it, or CostTracker(allow_unknown_prices=True)",
            )
        refusal = await self._ask(Reserve(key, amount, tag, [limit for _, limit in applying]))
        if refusal is not None:
            budget, limit = applying[refusal.which]
            raise exceeded(budget, limit, refusal, amount, at, provider, model)
        return Reservation(self, key, held, provider, model, tag)

    async def book(
        self,
        *,
        provider: str,
        model: str,
        usage: Usage | None,
        cost: Money | None,
        tag: str | None = None,
        cached: bool = False,
        kind: Kind = "chat",
    ) -> None:
        """Book a call that was not reserved; with a ledger, return when that is durable.

        Args:
            provider: Name of the provider.
            model: The model that answered.
            usage: Tokens used; ``None`` when nothing could be counted.
            cost: US dollars, ``None`` when the price is unknown.
            tag: Whose call it was.
            cached: The answer came from the cache: it costs 0, and its tokens are not counted
                again.
            kind: ``chat`` or ``embedding``.

        Raises:
            ConfigurationError: The cost is negative or not finite, or the ledger cannot be opened.
            LLMError: The ledger could not be written.
        """
        await self._book(
            None,
            provider=provider,
            model=model,
            usage=usage,
            cost=cost,
            tag=tag or "",
            kind=kind,
            cached=cached,
            unknown=0,
        )

    # -- what it came to --------------------------------------------------------------------

    @property
    def total(self) -> Decimal:
        """US dollars of all calls with a known price; with a ledger, of all that share it."""
        rows = self._read(lambda source: source.sums((), None))
        return cost_report.line((), rows[0].sums).cost if rows else Decimal(0)

    def by_model(self) -> dict[str, CostLine]:
        """Calls, tokens and cost per ``provider/model``, the dearest first."""
        return {line.key: line for line in self.report(by="model").lines}

    def by_provider(self) -> dict[str, CostLine]:
        """Calls, tokens and cost per provider, the dearest first."""
        return {line.key: line for line in self.report(by="provider").lines}

    def recent(self, count: int = 100) -> list[Booking]:
        """The last bookings of this process (at most 1,000), the newest last."""
        with self._lock:
            entries = list(self._recent)[-count:] if count > 0 else []
        return [
            Booking(
                at=datetime.fromtimestamp(entry.at, timezone.utc),
                provider=entry.provider,
                model=entry.model,
                tag=entry.tag or None,
                kind=entry.kind,
                prompt_tokens=entry.prompt_tokens,
                completion_tokens=entry.completion_tokens,
                cached_tokens=entry.cached_tokens,
                cache_creation_tokens=entry.cache_creation_tokens,
                reasoning_tokens=entry.reasoning_tokens,
                cost=None if entry.cost is None else dollars(entry.cost),
                estimated=entry.estimated,
                cached=entry.cached,
            )
            for entry in entries
        ]

    def report(self, since: Since = None, by: By = "model") -> Report:
        """What was spent from the UTC day ``since`` on, grouped.

        With a ledger this reads it and blocks until it answers: within an event loop use
        ``await areport()``.

        Args:
            since: A day (``date`` or ``"2025-11-21"``), a time (its UTC day counts), how long
                ago (``timedelta``, ``"7d"``, ``"12h"``), or ``None`` for everything.
            by: ``model``, ``provider``, ``day`` or ``tag``.

        Raises:
            ConfigurationError: ``since`` or ``by`` is not understood, or the ledger cannot be
                read.
        """
        return self._read(self._report(since, by))

    async def areport(self, since: Since = None, by: By = "model") -> Report:
        """``report()`` that does not block the event loop while a ledger is read."""
        function = self._report(since, by)
        if self._ledger is None:
            return self._read(function)
        await asyncio.wrap_future(self._ledger.submit(Open()))
        return await asyncio.wrap_future(self._ledger.read(function))

    def to_csv(self, since: Since = None, by: By = "model") -> str:
        """``report()`` as CSV with a header line; see ``cost_report.to_csv``."""
        return cost_report.to_csv(self.report(since, by))

    def to_json(self, since: Since = None, by: By = "model") -> str:
        """``report()`` as JSON; see ``cost_report.to_json``."""
        return cost_report.to_json(self.report(since, by))

    def close(self) -> None:
        """Write what is queued for the ledger and let go of it. Not calling it is safe."""
        if self._ledger is not None:
            self._ledger.close()

    # -- inside -----------------------------------------------------------------------------

    def _key(self, at: float) -> str:
        if self._ledger is None:
            return str(next(self._numbers))
        # Unique over machines, and growing with time, which keeps the index of the ledger small.
        return f"{int(at * 1e6):014x}{secrets.token_hex(10)}"

    def _applying(self, at: float, tag: str) -> list[tuple[Budget, Limit]]:
        found = ((budget, budget.limit_for(at, tag)) for budget in self._budgets)
        return [(budget, limit) for budget, limit in found if limit is not None]

    async def _ask(self, operation: Reserve) -> Refusal | None:
        ledger = self._ledger
        if ledger is None:
            with self._lock:
                self._free_abandoned()
                return operation.apply(self._memory)
        future = ledger.submit(operation)
        try:
            refusal: Refusal | None = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            # Nobody will hold this reservation; it may be on its way to the disk.
            future.add_done_callback(lambda _: ledger.free_soon(operation.key))
            raise
        return refusal

    async def _book(
        self,
        key: str | None,
        *,
        provider: str,
        model: str,
        usage: Usage | None,
        cost: Money | None,
        tag: str,
        kind: Kind,
        cached: bool,
        unknown: int,
    ) -> None:
        at = _clock.now()
        amount = 0 if cached else None if cost is None else pico(cost, "cost")
        counted = usage is not None and not cached
        entry = Entry(
            id=key or self._key(at),
            at=at,
            provider=provider,
            model=model,
            tag=tag,
            kind=kind,
            prompt_tokens=usage.prompt_tokens if usage and counted else 0,
            completion_tokens=usage.completion_tokens if usage and counted else 0,
            cached_tokens=usage.cached_tokens if usage and counted else 0,
            cache_creation_tokens=usage.cache_creation_tokens if usage and counted else 0,
            reasoning_tokens=usage.reasoning_tokens if usage and counted else 0,
            cost=amount,
            estimated=bool(usage and counted and usage.estimated),
            cached=cached,
        )
        charge = unknown if amount is None else amount
        applying = self._applying(at, tag) if self._budgets else []
        limits = [limit for _, limit in applying]
        if self._ledger is None:
            keys = {(limit.period, limit.tag) for limit in limits}
            with self._lock:
                spent = Post(entry, charge, tuple(keys), limits).apply(self._memory)
                self._recent.append(entry)
        else:
            keys = {
                (period, owner)
                for period in ("total", day_of(at), day_of(at)[:7])
                for owner in ("", tag)
            }
            post = Post(entry, charge, sorted(keys), limits)
            spent = await asyncio.wrap_future(self._ledger.submit(post))
            with self._lock:
                self._recent.append(entry)
        for i, (budget, limit) in enumerate(applying):
            if spent[i] and spent[i] >= limit.amount * self._warn_at:
                await self._warn(self._budgets.index(budget), budget, limit, spent[i], at)

    async def _warn(self, index: int, budget: Budget, limit: Limit, spent: int, at: float) -> None:
        key = (index, limit.tag, limit.period)
        with self._lock:
            if key in self._warned:
                return
            current = {period_key(period, at) for period in ("total", "day", "month")}
            self._warned = {one for one in self._warned if one[2] in current} | {key}
        warning = BudgetWarning(budget, limit.tag or None, dollars(spent), budget.ends(at))
        logger.warning(
            "budget_warning",
            spent_usd=float(warning.spent),
            budget_usd=float(budget.limit),
            period=budget.period,
            tag=warning.tag,
            ends=warning.ends.isoformat() if warning.ends else None,
        )
        if self._on_warning is None:
            return
        try:
            answer = self._on_warning(warning)
            if inspect.isawaitable(answer):
                await answer
        except Exception as exc:
            # The answer of this call is paid for: a broken alarm must not lose it.
            logger.error("budget_warning_callback_failed", error=type(exc).__name__)

    def _free(self, key: str) -> None:
        if self._ledger is None:
            with self._lock:
                self._memory.free(key)
        else:
            self._ledger.free_soon(key)

    def _abandon(self, key: str) -> None:
        """Called by a finalizer, which may run while its own thread holds the lock."""
        if self._ledger is None:
            self._abandoned.append(key)
        else:
            self._ledger.free_soon(key)

    def _free_abandoned(self) -> None:
        while self._abandoned:
            self._memory.free(self._abandoned.popleft())

    def _read(self, function: Callable[[Source], T]) -> T:
        if self._ledger is None:
            with self._lock:
                self._free_abandoned()
                return function(self._memory)
        self._ledger.submit(Open()).result()
        return self._ledger.read(function).result()

    def _report(self, since: Since, by: By) -> Callable[[Source], Report]:
        at = _clock.now()
        first = cost_report.first_day(since, at)
        cost_report.check_by(by)
        # A budget of every tag ("*") has as many states as there are tags; they are not listed.
        listed = [budget for budget in self._budgets if budget.tag != "*"]
        limits = [budget.limit_for(at, budget.tag or "") for budget in listed]
        asked = [limit for limit in limits if limit is not None]

        def read(source: Source) -> Report:
            states = tuple(
                BudgetState(
                    limit=budget.limit,
                    period=budget.period,
                    tag=budget.tag,
                    spent=dollars(spent),
                    reserved=dollars(reserved),
                    ends=budget.ends(at),
                )
                for budget, (spent, reserved) in zip(listed, source.standing(asked), strict=True)
            )
            where = self._ledger.label if self._ledger else "this process"
            return cost_report.build(source, by, first, at, where, states)

        return read
