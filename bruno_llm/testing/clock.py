"""A clock that a test moves, in place of time that passes."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
import weakref
from dataclasses import dataclass, field
from types import TracebackType

from bruno_llm import _clock
from bruno_llm.exceptions import ConfigurationError

__all__ = ["MovedClock"]


@dataclass(order=True)
class _Sleeper:
    deadline: float
    order: int
    loop: asyncio.AbstractEventLoop = field(compare=False)
    woken: asyncio.Future[None] = field(compare=False)

    def wake(self, here: asyncio.AbstractEventLoop | None) -> None:
        def release() -> None:
            if not self.woken.done():
                self.woken.set_result(None)

        if self.loop is here:
            release()
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(release)


class MovedClock:
    """Time for tests: it stands still until somebody sleeps or the test moves it.

    ``with MovedClock() as clock:`` puts it in force for every policy of the package (retry, rate
    limits, budgets, cool-downs) and puts the former clock back at the end.

    By default a sleep costs no time: the tasks that are ready run first, then time jumps to the
    earliest deadline and that sleeper goes on, then to the next one. With ``auto=False`` a sleeper
    waits until the test calls :meth:`advance`. Use that where real input and output goes on beside
    the sleep, since a socket needs real time and an automatic clock would not wait for it.

    Args:
        start: What :meth:`monotonic` says at first, in seconds.
        epoch: What :meth:`time` says at first, in seconds since 1970 (UTC).
        auto: Whether a sleep moves the time by itself.

    Attributes:
        sleeps: Seconds of every sleep that was asked for, in order.
    """

    def __init__(
        self, start: float = 1000.0, *, epoch: float = 1_767_225_600.0, auto: bool = True
    ) -> None:
        self.sleeps: list[float] = []
        self._now = start
        self._epoch_offset = epoch - start
        self._auto = auto
        self._sleepers: list[_Sleeper] = []
        self._count = itertools.count()
        # Sleepers of several event loops, each in its thread, may share one clock.
        self._lock = threading.Lock()
        self._moving: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self._previous: list[_clock.Clock] = []

    def monotonic(self) -> float:
        """Seconds that only this clock moves."""
        return self._now

    def time(self) -> float:
        """Seconds since the epoch (UTC), moved together with :meth:`monotonic`."""
        return self._now + self._epoch_offset

    @property
    def waiting(self) -> int:
        """How many sleepers have not woken yet."""
        return len(self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Sleep on this clock; other ready tasks run first, however short the sleep."""
        self.sleeps.append(seconds)
        loop = asyncio.get_running_loop()
        with self._lock:
            sleeper = _Sleeper(
                self._now + max(0.0, seconds), next(self._count), loop, loop.create_future()
            )
            heapq.heappush(self._sleepers, sleeper)
        if self._auto or seconds <= 0:
            self._move_soon(loop)
        try:
            await sleeper.woken
        finally:
            with self._lock:
                if sleeper in self._sleepers:
                    self._sleepers.remove(sleeper)
                    heapq.heapify(self._sleepers)

    def advance(self, seconds: float) -> None:
        """Move the time; whoever is due wakes, in the order of the deadlines.

        Sleepers go on when their event loop next runs: give it a turn with
        ``await asyncio.sleep(0)`` before looking at what they did.

        Raises:
            ConfigurationError: ``seconds`` is negative.
        """
        if seconds < 0:
            raise ConfigurationError(
                f"MovedClock.advance: seconds={seconds!r} is not allowed, it must be at least 0"
            )
        self._now += seconds
        self._wake_due()

    def _move_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        # Once a turn and no more: whoever was woken runs before time goes on.
        if loop not in self._moving:
            self._moving.add(loop)
            loop.call_soon(self._move_on, loop)

    def _move_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._moving.discard(loop)
        with self._lock:
            if not self._sleepers:
                return
            if self._auto:
                self._now = max(self._now, self._sleepers[0].deadline)
        self._wake_due(loop)
        if self._auto and self._sleepers:
            self._move_soon(loop)

    def _wake_due(self, here: asyncio.AbstractEventLoop | None = None) -> None:
        due: list[_Sleeper] = []
        with self._lock:
            while self._sleepers and self._sleepers[0].deadline <= self._now:
                due.append(heapq.heappop(self._sleepers))
        if here is None:
            try:
                here = asyncio.get_running_loop()
            except RuntimeError:
                here = None
        for sleeper in due:
            sleeper.wake(here)

    def __enter__(self) -> MovedClock:
        self._previous.append(_clock.use(self))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _clock.use(self._previous.pop())
