"""What the calls cost, and budgets that hold while hundreds of calls are in the air.

A call asks for its worst case first, is refused when that could pass a budget, and settles its
true cost afterwards. Amounts are whole pico-dollars inside and ``Decimal`` dollars outside, so
that sums are exact.
"""

from __future__ import annotations

import inspect
import os
from collections import deque
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any, TypeVar

from bruno_llm import _clock
from bruno_llm._runtime.forks import new_lock
from bruno_llm._runtime.log import get_logger
from bruno_llm.completion import Usage
from bruno_llm.costs import report as cost_report
from bruno_llm.costs.books import Entry, Limit, Reserve, dollars, storable
from bruno_llm.costs.budgets import (
    Budget,
    BudgetWarning,
    Money,
    exceeded,
    period_key,
    pico,
    read_budgets,
)
from bruno_llm.costs.report import BudgetState, By, CostLine, Report, Since, Source
from bruno_llm.costs.reservation import Booking, CallKind, Reservation
from bruno_llm.costs.stores import LedgerStore, ProcessStore, Store
from bruno_llm.exceptions import BudgetExceededError, ConfigurationError
from bruno_llm.options.checks import Share, check

__all__ = ["Booking", "Budget", "BudgetWarning", "CostTracker", "Reservation"]

logger = get_logger(__name__)

T = TypeVar("T")

_RECENT = 1_000
_NOTHING = Usage()


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
        spill: A directory for bookings that the ledger could not take, until it does; by default
            that of the ledger's file, and none for PostgreSQL.

    Raises:
        ConfigurationError: A bad value, or a ledger that needs an extra which is not installed.
    """

    def __init__(
        self,
        budget: Money | Budget | Sequence[Budget] | None = None,
        warn_at: Share = 0.8,
        ledger: str | os.PathLike[str] | None = None,
        *,
        allow_unknown_prices: bool = False,
        on_warning: Callable[[BudgetWarning], Any] | None = None,
        spill: str | os.PathLike[str] | None = None,
    ) -> None:
        check("warn_at", warn_at, Share, "CostTracker")
        self._budgets = read_budgets(budget)
        self._warn_at = Decimal(str(warn_at))
        self._allow_unknown = allow_unknown_prices
        self._on_warning = on_warning
        if ledger is None and spill is not None:
            raise ConfigurationError("spill= is for what a ledger cannot take; give ledger= too")
        self._store: Store = ProcessStore() if ledger is None else LedgerStore(ledger, spill)
        self._lock = new_lock()
        self._recent: deque[Entry] = deque(maxlen=_RECENT)
        self._warned: set[tuple[int, str, str]] = set()

    def __repr__(self) -> str:
        in_process = isinstance(self._store, ProcessStore)
        where = "" if in_process else f", ledger={self._store.label!r}"
        return f"CostTracker({len(self._budgets)} budgets{where})"

    # -- before and after a call ------------------------------------------------------------

    def limits(self, tag: str | None = None) -> bool:
        """Whether a budget applies to calls with this tag."""
        return bool(self._budgets and self._applying(_clock.now(), storable(tag or "")))

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
        at, tag = _clock.now(), storable(tag or "")
        applying = self._applying(at, tag)
        key = self._store.key(at)
        held = amount or 0 if applying else 0
        if not applying:
            return Reservation(self, key, held, provider, model, tag, False)
        if amount is None and not self._allow_unknown:
            raise BudgetExceededError(
                "the price of this model is unknown, so the call cannot be kept within the budget",
                provider=provider,
                model=model,
                hint="give the provider a price for it, or CostTracker(allow_unknown_prices=True)",
            )
        refusal = await self._store.reserve(
            Reserve(key, amount, tag, [limit for _, limit in applying])
        )
        if refusal is not None:
            budget, limit = applying[refusal.which]
            raise exceeded(budget, limit, refusal, amount, at, provider, model)
        return Reservation(self, key, held, provider, model, tag, True)

    async def _hold_more(self, amount: int, held: int, provider: str, model: str, tag: str) -> str:
        """Hold what is missing of ``amount`` besides what is held; the key of that."""
        at = _clock.now()
        applying, key = self._applying(at, tag), self._store.key(at)
        limits = [limit for _, limit in applying]
        refusal = await self._store.reserve(Reserve(key, amount - held, tag, limits))
        if refusal is not None:
            budget, limit = applying[refusal.which]
            others = refusal._replace(reserved=refusal.reserved - held)
            raise exceeded(budget, limit, others, amount, at, provider, model)
        return key

    async def book(
        self,
        *,
        provider: str,
        model: str,
        usage: Usage | None,
        cost: Money | None,
        tag: str | None = None,
        cached: bool = False,
        kind: CallKind = "chat",
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
            LLMError: The ledger could not be written. The booking is kept and tried again.
        """
        entry = self._entry(
            None,
            provider=provider,
            model=model,
            usage=usage,
            cost=cost,
            tag=tag or "",
            kind=kind,
            cached=cached,
        )
        await self._book(entry, unknown=0)

    # -- what it came to --------------------------------------------------------------------

    @property
    def total(self) -> Decimal:
        """US dollars of all calls with a known price; with a ledger, of all that share it."""
        rows = self._store.read(lambda source: source.sums((), None))
        return cost_report.cost_line((), rows[0].sums).cost if rows else Decimal(0)

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
        return [Booking.of(entry) for entry in entries]

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
        return self._store.read(self._report(since, by))

    async def areport(self, since: Since = None, by: By = "model") -> Report:
        """``report()`` that does not block the event loop while a ledger is read."""
        return await self._store.aread(self._report(since, by))

    def to_csv(self, since: Since = None, by: By = "model") -> str:
        """``report()`` as CSV with a header line; see ``bruno_llm.costs.to_csv``."""
        return cost_report.to_csv(self.report(since, by))

    def to_json(self, since: Since = None, by: By = "model") -> str:
        """``report()`` as JSON; see ``bruno_llm.costs.to_json``."""
        return cost_report.to_json(self.report(since, by))

    def close(self) -> None:
        """Write what is queued for the ledger and let go of it. Not calling it is safe."""
        self._store.close()

    # -- inside -----------------------------------------------------------------------------

    def _applying(self, at: float, tag: str) -> list[tuple[Budget, Limit]]:
        found = ((budget, budget.limit_for(at, tag)) for budget in self._budgets)
        return [(budget, limit) for budget, limit in found if limit is not None]

    def _entry(
        self,
        key: str | None,
        *,
        provider: str,
        model: str,
        usage: Usage | None,
        cost: Money | None,
        tag: str,
        kind: CallKind,
        cached: bool,
        uncertain: bool = False,
    ) -> Entry:
        """A booking as it will stand in the books.

        Raises:
            ConfigurationError: The cost is negative or not finite.
        """
        at = _clock.now()
        amount = 0 if cached else None if cost is None else pico(cost, "cost")
        used = usage if usage is not None and not cached else _NOTHING
        return Entry(
            id=key or self._store.key(at),
            at=at,
            provider=storable(provider),
            model=storable(model),
            tag=storable(tag),
            kind=kind,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            cached_tokens=used.cached_tokens,
            cache_creation_tokens=used.cache_creation_tokens,
            reasoning_tokens=used.reasoning_tokens,
            cost=amount,
            estimated=used.estimated,
            cached=cached,
            uncertain=uncertain,
        )

    async def _book(self, entry: Entry, *, unknown: int, more: Sequence[str] = ()) -> None:
        """Book, and warn; ``unknown`` is charged where the cost is not known."""
        at, tag = entry.at, entry.tag
        charge = unknown if entry.cost is None else entry.cost
        applying = self._applying(at, tag) if self._budgets else []
        limits = [limit for _, limit in applying]
        spent = await self._store.post(entry, charge, limits, more)
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
            return cost_report.build_report(source, by, first, at, self._store.label, states)

        return read
