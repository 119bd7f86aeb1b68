"""The rules of booking and reserving, the same for memory and for a ledger.

Amounts are whole pico-dollars (10**-12 USD): the smallest prices per token that vendors ask,
such as 0.0000000375 USD, are exact in it, and adding integers never rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Context, Decimal
from typing import NamedTuple, Protocol

EXACT = Context(prec=60)
"""Arithmetic that does not depend on the caller's decimal context."""

COUNTED = (
    "calls",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_creation_tokens",
    "reasoning_tokens",
    "cost",
    "estimated_calls",
    "cache_hits",
    "unknown_price_calls",
    "embedding_calls",
    "uncertain_calls",
    "uncertain_cost",
)
"""What is summed up per day, provider, model and tag; of ``MONEY`` in pico-dollars."""

MONEY = ("cost", "uncertain_cost")

OTHER = "(other)"
# Sums kept in memory before the finest distinctions are given up; about 10 MB.
_ROWS = 20_000


def dollars(pico: int) -> Decimal:
    """Pico-dollars as exact US dollars, without trailing zeros."""
    value = Decimal(pico).scaleb(-12, EXACT).normalize(EXACT)
    # normalize() makes 1E+1 of 10.
    return value.quantize(Decimal(1), context=EXACT) if value == value.to_integral() else value


def storable(name: str) -> str:
    """The name as every database takes it: without NUL and halves of surrogate pairs."""
    if name.isascii() and "\0" not in name:
        return name
    return name.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


class Entry(NamedTuple):
    """One booking. ``cost`` is in pico-dollars, ``None`` when the price is unknown.

    ``uncertain``: nobody knows whether the vendor bills it.
    """

    id: str
    at: float
    provider: str
    model: str
    tag: str
    kind: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_creation_tokens: int
    reasoning_tokens: int
    cost: int | None
    estimated: bool
    cached: bool
    uncertain: bool = False


class Limit(NamedTuple):
    """A budget in force for one call: period ``total``, a day or a month; tag ``""`` is all."""

    period: str
    tag: str
    amount: int


class BudgetRefusal(NamedTuple):
    """Which limit a call would break, and how that limit stands (pico-dollars)."""

    which: int
    spent: int
    reserved: int


class Row(NamedTuple):
    """Sums of the bookings that share ``key``; ``sums`` are in the order of ``COUNTED``."""

    key: tuple[str, ...]
    sums: Sequence[int]


class Books(Protocol):
    """What reservations and bookings read and change: in memory, or in one transaction."""

    def spent(self, period: str, tag: str) -> int: ...
    def reserved(self, tag: str) -> int: ...
    def hold(self, key: str, amount: int, tag: str) -> None: ...
    def free(self, key: str) -> None: ...
    def post(self, entry: Entry) -> None: ...
    def charge(self, period: str, tag: str, amount: int) -> None: ...


class Reserve(NamedTuple):
    """Hold ``amount`` if every limit has room for it; ``None`` is an amount nobody knows."""

    key: str
    amount: int | None
    tag: str
    limits: Sequence[Limit]

    def apply(self, books: Books) -> BudgetRefusal | None:
        if self.amount != 0:  # what costs nothing cannot overspend, not even a used-up budget
            asked = 1 if self.amount is None else self.amount
            for which, limit in enumerate(self.limits):
                spent, reserved = books.spent(limit.period, limit.tag), books.reserved(limit.tag)
                if spent + reserved + asked > limit.amount:
                    return BudgetRefusal(which, spent, reserved)
        if self.amount:
            books.hold(self.key, self.amount, self.tag)
        return None


class Post(NamedTuple):
    """Book an entry, charge it to the counters of ``keys`` and let go of its reservation.

    ``charge`` is the entry's cost, or what is taken for it against the budgets when the price is
    unknown. ``more`` are further reservations of the same call. The answer says what has been spent
    of each limit now.
    """

    entry: Entry
    charge: int
    keys: Sequence[tuple[str, str]]
    limits: Sequence[Limit]
    more: Sequence[str] = ()

    @property
    def held(self) -> tuple[str, ...]:
        """The keys of what was reserved for it."""
        return (self.entry.id, *self.more)

    def apply(self, books: Books) -> list[int]:
        for key in self.held:
            books.free(key)
        books.post(self.entry)
        for period, tag in self.keys:
            books.charge(period, tag, self.charge)
        return [books.spent(limit.period, limit.tag) for limit in self.limits]


class Free(NamedTuple):
    """Let go of a reservation without a booking."""

    key: str

    def apply(self, books: Books) -> None:
        books.free(self.key)


class Open(NamedTuple):
    """Make sure that the ledger can be reached and has its tables."""

    def apply(self, books: Books) -> None:
        """Opening is what every transaction does first."""


Operation = Reserve | Post | Free | Open


def day_of(at: float) -> str:
    """The UTC day of an epoch time, as ``2025-11-21``."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d")


class MemoryBooks:
    """The books of one process: sums per day, provider, model and tag, in bounded memory."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, ...], list[int]] = {}
        self._counters: dict[tuple[str, str], int] = {}
        self._held: dict[str, tuple[int, str]] = {}
        self._by_tag: dict[str, int] = {}
        self._total_held = 0
        self._day_number = self._newest_day = -1
        self._day = ""

    def spent(self, period: str, tag: str) -> int:
        return self._counters.get((period, tag), 0)

    def reserved(self, tag: str) -> int:
        return self._by_tag.get(tag, 0) if tag else self._total_held

    def hold(self, key: str, amount: int, tag: str) -> None:
        self._held[key] = (amount, tag)
        self._add_held(amount, tag)

    def free(self, key: str) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._add_held(-held[0], held[1])

    def _add_held(self, amount: int, tag: str) -> None:
        self._total_held += amount
        self._by_tag[tag] = self._by_tag.get(tag, 0) + amount
        if not self._by_tag[tag]:
            del self._by_tag[tag]

    def charge(self, period: str, tag: str, amount: int) -> None:
        self._counters[period, tag] = self._counters.get((period, tag), 0) + amount

    def post(self, entry: Entry) -> None:
        number = int(entry.at // 86_400)
        if number != self._day_number:
            self._begin_day(number, day_of(entry.at))
        key = (self._day, entry.provider, entry.model, entry.tag)
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= _ROWS:
                self._compact()
            row = self._rows[key] = [0] * len(COUNTED)
        row[0] += 1
        row[1] += entry.prompt_tokens
        row[2] += entry.completion_tokens
        row[3] += entry.cached_tokens
        row[4] += entry.cache_creation_tokens
        row[5] += entry.reasoning_tokens
        row[6] += entry.cost or 0
        row[7] += entry.estimated
        row[8] += entry.cached
        row[9] += entry.cost is None
        row[10] += entry.kind == "embedding"
        row[11] += entry.uncertain
        row[12] += (entry.cost or 0) if entry.uncertain else 0

    def _begin_day(self, number: int, day: str) -> None:
        self._day_number, self._day = number, day
        if number <= self._newest_day:
            return  # the clock was set back: what was spent is still spent when it goes on
        # The days beside midnight stay: a clock that is set right may cross it again.
        kept = {self._newest_day, number - 1, number}
        self._newest_day = number
        days = {day_of(one * 86_400.0) for one in kept if one >= 0}
        current = {"total"} | days | {one[:7] for one in days}
        self._counters = {k: v for k, v in self._counters.items() if k[0] in current}

    def _compact(self) -> None:
        """Give up distinctions, the least missed first, until there is room; sums stay exact."""
        today = self._day
        for coarser in (
            lambda d, p, m, t: (d, p, m, t and OTHER),
            lambda d, p, m, t: (d if d == today else "", p, m, t),
            lambda d, p, m, t: (d, p, OTHER, t),
            lambda d, p, m, t: (d, OTHER, m, t),
        ):
            merged: dict[tuple[str, ...], list[int]] = {}
            for key, row in self._rows.items():
                sums = merged.setdefault(coarser(*key), [0] * len(COUNTED))
                sums[:] = map(int.__add__, sums, row)
            self._rows = merged
            if len(merged) <= _ROWS // 2:
                return

    def sums(self, columns: Sequence[str], since: str | None) -> list[Row]:
        names = ("day", "provider", "model", "tag")
        places = [names.index(column) for column in columns]
        found: dict[tuple[str, ...], list[int]] = {}
        for key, row in self._rows.items():
            if since is None or key[0] >= since:
                group = tuple(key[place] for place in places)
                sums = found.setdefault(group, [0] * len(COUNTED))
                sums[:] = map(int.__add__, sums, row)
        return [Row(group, sums) for group, sums in found.items()]

    def standing(self, limits: Sequence[Limit]) -> list[tuple[int, int]]:
        return [(self.spent(one.period, one.tag), self.reserved(one.tag)) for one in limits]
