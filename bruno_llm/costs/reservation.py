"""One call in the books: its budget is held before it, its cost booked after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Literal

from bruno_llm.costs.books import Entry, dollars
from bruno_llm.costs.budgets import Money, money, pico

if TYPE_CHECKING:
    from bruno_llm.completion import Usage
    from bruno_llm.costs.tracker import CostTracker

__all__ = ["Booking", "CallKind", "Reservation"]

CallKind = Literal["chat", "embedding"]


@dataclass(frozen=True, slots=True)
class Booking:
    """One booked call. ``cost`` is in US dollars, ``None`` when the price is unknown.

    ``uncertain``: the request went out and got no answer; nobody knows whether it is billed.
    """

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
    uncertain: bool = False

    @classmethod
    def of(cls, entry: Entry) -> Booking:
        """The booking that an entry of the books stands for."""
        values = entry._asdict()
        del values["id"]
        values["at"] = datetime.fromtimestamp(entry.at, timezone.utc)
        values["tag"] = entry.tag or None
        values["cost"] = None if entry.cost is None else dollars(entry.cost)
        return cls(**values)


class Reservation:
    """Budget held for one call, until ``settle`` or ``release``; the first of them counts.

    One that is garbage-collected without either gives its budget back. One whose booking could not
    be written does not: the ledger keeps the booking and writes it as soon as it can.
    """

    __slots__ = ("_keys", "_model", "_open", "_provider", "_tag", "_tracker", "held", "limited")

    def __init__(
        self,
        tracker: CostTracker,
        key: str,
        held: int,
        provider: str,
        model: str,
        tag: str,
        limited: bool,
    ) -> None:
        self._tracker, self._keys, self._open = tracker, [key], True
        self._provider, self._model, self._tag = provider, model, tag
        self.held, self.limited = held, limited

    def __repr__(self) -> str:
        return f"Reservation({self._provider}/{self._model}, {money(self.held)})"

    async def raise_to(self, worst_case: Decimal) -> None:
        """Hold as much as that, where it is more than what is held.

        Args:
            worst_case: US dollars.

        Raises:
            BudgetExceededError: A budget has no room for it; what is held stays held.
            ConfigurationError: The amount is negative or not finite.
            LLMError: The ledger could not be written.
        """
        amount = pico(worst_case, "worst_case", ROUND_CEILING)
        if not self.limited or amount <= self.held:
            return
        key = await self._tracker._hold_more(
            amount, self.held, self._provider, self._model, self._tag
        )
        self._keys.append(key)
        self.held = amount

    async def settle(
        self,
        *,
        usage: Usage | None,
        cost: Money | None,
        model: str | None = None,
        kind: CallKind = "chat",
        uncertain: bool = False,
    ) -> None:
        """Book what the call really cost; with a ledger, return when that is durable.

        The true cost is booked even where it is above what was reserved. Where it is unknown,
        the budgets are charged what was reserved, and the reports count an unknown price.

        Args:
            usage: Tokens used; ``None`` when nothing could be counted.
            cost: US dollars, ``None`` when the price is unknown.
            model: The model that answered, where it is another than the one asked.
            kind: ``chat`` or ``embedding``.
            uncertain: Nobody knows whether the vendor bills it.

        Raises:
            ConfigurationError: The cost is negative or not finite, or the ledger cannot be opened.
            LLMError: The ledger could not be written. What was reserved stays reserved until the
                booking is there; it is tried again by itself, calling this again does nothing.
        """
        entry = self._tracker._entry(
            self._keys[0],
            provider=self._provider,
            model=model or self._model,
            usage=usage,
            cost=cost,
            tag=self._tag,
            kind=kind,
            cached=False,
            uncertain=uncertain,
        )
        if self._close():
            await self._tracker._book(entry, unknown=self.held, more=self._keys[1:])

    async def release(self) -> None:
        """Give the budget back: the call was not made, or cost nothing."""
        if self._close():
            for key in self._keys:
                self._tracker._store.free(key)

    def _close(self) -> bool:
        with self._tracker._lock:
            was_open, self._open = self._open, False
        return was_open

    def __del__(self) -> None:
        if self._open and self.held:
            for key in self._keys:
                self._tracker._store.abandon(key)
