"""Where a tracker keeps its books: in this process, or in a ledger."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from bruno_llm._runtime.forks import new_lock
from bruno_llm._runtime.log import get_logger
from bruno_llm.costs.books import (
    BudgetRefusal,
    Entry,
    Limit,
    MemoryBooks,
    Open,
    Post,
    Reserve,
    day_of,
    dollars,
)
from bruno_llm.costs.ledger import Ledger
from bruno_llm.costs.report import Source
from bruno_llm.exceptions import LLMError
from bruno_llm.policies.timeouts import LimitReached, within

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["LONGEST", "LedgerStore", "ProcessStore", "Store"]

LONGEST = 90.0
"""Seconds that a call waits for a ledger. One that is locked says so after 30, one that dropped the
connection is asked once more; a server that says nothing at all is given up here."""

logger = get_logger(__name__)

T = TypeVar("T")


class Store(Protocol):
    """What keeps the books of one tracker; usable from every thread and event loop."""

    @property
    def label(self) -> str:
        """Its name for people, without a password."""
        ...

    def key(self, at: float) -> str:
        """A new name for a reservation or a booking made at the epoch time ``at``."""
        ...

    async def reserve(self, wish: Reserve) -> BudgetRefusal | None:
        """Hold an amount; says which limit refused it."""
        ...

    async def post(
        self, entry: Entry, charge: int, limits: Sequence[Limit], more: Sequence[str] = ()
    ) -> Sequence[int]:
        """Book, and say what is spent of each limit; returns when the booking will last.

        The reservation of the entry's id is let go of, and so are those of the keys in ``more``.
        """
        ...

    def free(self, key: str) -> None:
        """Let go of a reservation."""
        ...

    def abandon(self, key: str) -> None:
        """Let go of a reservation from a finalizer, whatever lock its thread holds."""
        ...

    def read(self, function: Callable[[Source], T]) -> T:
        """What ``function`` reads, blocking until it is there."""
        ...

    async def aread(self, function: Callable[[Source], T]) -> T:
        """What ``function`` reads, without blocking the event loop."""
        ...

    def close(self) -> None:
        """Write what is queued; may be used again."""
        ...


class ProcessStore:
    """The books of this process alone."""

    label = "this process"

    def __init__(self) -> None:
        self._memory = MemoryBooks()
        self._lock = new_lock()
        self._abandoned: deque[str] = deque()
        self._numbers = itertools.count()

    def key(self, at: float) -> str:
        return str(next(self._numbers))

    async def reserve(self, wish: Reserve) -> BudgetRefusal | None:
        with self._lock:
            self._free_abandoned()
            return wish.apply(self._memory)

    async def post(
        self, entry: Entry, charge: int, limits: Sequence[Limit], more: Sequence[str] = ()
    ) -> Sequence[int]:
        keys = {(limit.period, limit.tag) for limit in limits}
        with self._lock:
            return Post(entry, charge, tuple(keys), limits, more).apply(self._memory)

    def free(self, key: str) -> None:
        with self._lock:
            self._memory.free(key)

    def abandon(self, key: str) -> None:
        self._abandoned.append(key)

    def _free_abandoned(self) -> None:
        while self._abandoned:
            self._memory.free(self._abandoned.popleft())

    def read(self, function: Callable[[Source], T]) -> T:
        with self._lock:
            self._free_abandoned()
            return function(self._memory)

    async def aread(self, function: Callable[[Source], T]) -> T:
        return self.read(function)

    def close(self) -> None:
        """Nothing is queued."""


class LedgerStore:
    """The books of all who share a ledger."""

    def __init__(
        self, target: str | os.PathLike[str], aside: str | os.PathLike[str] | None = None
    ) -> None:
        self._ledger = Ledger(target, aside=aside)

    @property
    def label(self) -> str:
        return self._ledger.label

    def key(self, at: float) -> str:
        # Unique over machines, and growing with time, which keeps the index of the ledger small.
        return f"{int(at * 1e6):014x}{secrets.token_hex(10)}"

    async def reserve(self, wish: Reserve) -> BudgetRefusal | None:
        ledger, future = self._ledger, self._ledger.submit(wish)
        try:
            refusal: BudgetRefusal | None = await self._answer(future)
        except BaseException:
            if not future.done() or future.exception() is None:
                # Nobody will hold this reservation; it may be on its way to the disk.
                future.add_done_callback(lambda _: ledger.free_soon(wish.key))
            raise
        return refusal

    async def _answer(self, future: Future[Any]) -> Any:
        """The result of an operation; the operation goes on where the waiting is cancelled.

        Raises:
            LLMError: It failed, or the ledger did not answer in time.
        """
        try:
            async with within(None, LONGEST):
                return await asyncio.wrap_future(future)
        except LimitReached:
            pass
        raise LLMError(
            f"the cost ledger {self.label} did not answer within {LONGEST:g} s",
            hint="check that the database of ledger= can be reached and is not locked",
        )

    async def post(
        self, entry: Entry, charge: int, limits: Sequence[Limit], more: Sequence[str] = ()
    ) -> Sequence[int]:
        most = self._ledger.most
        if most is not None and max(charge, entry.cost or 0) > most:
            logger.error(
                "cost_implausible",
                provider=entry.provider,
                model=entry.model,
                cost_usd=float(dollars(entry.cost or charge)),
            )
            charge = min(charge, most)
            entry = entry._replace(cost=None if entry.cost is None else min(entry.cost, most))
        day = day_of(entry.at)
        keys = {(period, owner) for period in ("total", day, day[:7]) for owner in ("", entry.tag)}
        post = Post(entry, charge, sorted(keys), limits, more)
        spent: Sequence[int] = await self._answer(self._ledger.submit(post))
        return spent

    def free(self, key: str) -> None:
        self._ledger.free_soon(key)

    def abandon(self, key: str) -> None:
        self._ledger.free_soon(key)

    def read(self, function: Callable[[Source], T]) -> T:
        self._ledger.submit(Open()).result()
        return self._ledger.read(function).result()

    async def aread(self, function: Callable[[Source], T]) -> T:
        await asyncio.wrap_future(self._ledger.submit(Open()))
        return await asyncio.wrap_future(self._ledger.read(function))

    def close(self) -> None:
        self._ledger.close()
