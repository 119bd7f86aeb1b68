"""The queues of one process: who may start now, who waits, and in which order.

A ``Queue`` is strictly first come, first served and belongs to no event loop: its state is
guarded by a thread lock, and a waiting caller is woken in its own loop by
``call_soon_threadsafe``. So one limit serves many providers, threads and loops.

Only the caller at the head of a line keeps a timer. All waiters of a line have the same
timeout and stand in order of arrival, so the head's deadline is always the next one, and a
correction of the counts wakes one task instead of a thousand.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass

from bruno_llm import _clock
from bruno_llm._runtime.forks import new_rlock, renewed
from bruno_llm._runtime.log import get_logger
from bruno_llm.exceptions import RateLimitError
from bruno_llm.rate_limit.headers import Mirror

__all__ = ["Account", "Pacer", "Queue", "Slots", "WaitingRules"]

logger = get_logger(__name__)

# Sums of many emission intervals are off by rounding; a start this near is now.
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class WaitingRules:
    """How long the line may be, and how long a caller stands in it."""

    max_waiting: int
    wait_timeout: float | None
    key: str

    def deadline(self, now: float) -> float:
        """Monotonic time at which a caller that arrives now gives up."""
        return math.inf if self.wait_timeout is None else now + self.wait_timeout

    def admit(self, waiting: int, expected: float | None, what: str) -> None:
        """Let one more caller wait, or refuse it at once instead of after a wait in vain.

        Args:
            waiting: Callers that stand in the line already.
            expected: Seconds the new one would wait, ``None`` when nobody can know.
            what: What it waits for, in plain words.

        Raises:
            RateLimitError: The line is full, or its end is further away than ``wait_timeout``.
        """
        if waiting >= self.max_waiting:
            raise _refusal(
                f"{waiting} callers already wait for {what}",
                f"raise RateLimit(max_waiting={self.max_waiting}) or send less at once",
                expected,
            )
        if (
            expected is not None
            and self.wait_timeout is not None
            and expected > self.wait_timeout + _SLACK
        ):
            raise self.late(what, expected)

    def late(self, what: str, expected: float | None = None) -> RateLimitError:
        """The error of a caller for whom ``wait_timeout`` is too short."""
        told = f": the next place is {expected:.1f} s away" if expected is not None else ""
        return _refusal(
            f"no place for {what} within the time allowed{told}",
            f"raise RateLimit(wait_timeout={self.wait_timeout}) or send less at once",
            expected,
        )

    def announce(self, waiting: int, expected: float | None, what: str) -> None:
        """One event for each caller that has to wait."""
        logger.info(
            "rate_limit_waiting",
            limit=self.key,
            what=what,
            waiting=waiting,
            expected_wait_seconds=None if expected is None else round(expected, 3),
        )


def _refusal(message: str, hint: str, retry_after: float | None) -> RateLimitError:
    error = RateLimitError(message, hint=hint, retry_after=retry_after)
    # The line is the waiting: a retry would only stand at its end once more.
    error.retryable = False
    return error


class _Waiter:
    __slots__ = ("_future", "_loop", "deadline", "granted", "left", "tokens")

    def __init__(self, tokens: float, deadline: float) -> None:
        self.tokens = tokens
        self.deadline = deadline
        self.granted = False
        self.left = False
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] = self._loop.create_future()

    def wake(self) -> bool:
        """Wake the caller in its own loop, from any thread. False when that loop is gone."""
        try:
            self._loop.call_soon_threadsafe(_resolve, self._future)
        except RuntimeError:
            return False
        return True

    async def rest(self, seconds: float | None) -> None:
        """Return when woken (also if that happened before), or after that many seconds."""
        future, timer = self._future, None
        if seconds is not None:
            timer = asyncio.ensure_future(_clock.sleep(max(0.0, seconds)))
            # Bound to this rest: a timer that is cancelled below must not end the next one.
            timer.add_done_callback(lambda _: _resolve(future))
        try:
            # Not asyncio.wait: it would let the head of the line, which alone has a timer, go on
            # later than those who were let in after it.
            await future
        finally:
            if timer is not None:
                timer.cancel()
        # Before the caller looks at the line again: a wake from now on is for the next rest.
        self._future = self._loop.create_future()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Queue(ABC):
    """First come, first served. Subclasses say when the head may start and what it takes."""

    what = "a place"

    def __init__(self, rules: WaitingRules) -> None:
        self._rules = rules
        # Reentrant: an abandoned caller is cleaned up by the garbage collector, which may run in
        # a thread that holds the lock.
        self._lock = new_rlock()
        # Some of them may have left; the first has not.
        self._queue: deque[_Waiter] = deque()
        self._waiting = 0
        self._queued_tokens = 0.0
        renewed(self)

    def after_fork(self) -> None:
        """Empty the line of a forked child: those who stand in it are the parent's."""
        self._queue.clear()
        self._waiting = 0
        self._queued_tokens = 0.0

    @abstractmethod
    def _start(self, tokens: float, now: float) -> float:
        """Monotonic time at which the head may start; infinite when only a release can tell."""

    @abstractmethod
    def _expected(self, tokens: float, now: float) -> float | None:
        """Seconds until a caller at the end of the line may start, as far as one can know."""

    @abstractmethod
    def _take(self, tokens: float, now: float) -> None:
        """Take what a caller that starts now needs."""

    @abstractmethod
    def _give_back(self, tokens: float) -> None:
        """Undo ``_take`` for a caller that does not start after all."""

    @property
    def waiting(self) -> int:
        """Callers that stand in the line."""
        return self._waiting

    async def enter(self, tokens: float = 0) -> None:
        """Wait for the caller's turn and take what it needs.

        Raises:
            RateLimitError: Refused: the line is full or the wait longer than allowed.
        """
        with self._lock:
            now = _clock.monotonic()
            if self._queue:
                self._advance(now)
            if not self._queue and self._start(tokens, now) <= now + _SLACK:
                self._take(tokens, now)
                return
            expected = self._expected(tokens, now)
            self._rules.admit(self._waiting, expected, self.what)
            waiter = _Waiter(tokens, self._rules.deadline(now))
            self._queue.append(waiter)
            self._queued_tokens += tokens
            self._waiting = waiting = self._waiting + 1
        try:
            self._rules.announce(waiting, expected, self.what)
            await self._stand(waiter)
        except BaseException:
            with self._lock:
                if waiter.granted:
                    # The turn came in the very moment in which the caller gave up.
                    self._give_back(tokens)
                else:
                    self._leave(waiter)
                self._replan()
            raise

    async def _stand(self, waiter: _Waiter) -> None:
        while True:
            with self._lock:
                now = _clock.monotonic()
                self._advance(now)
                if waiter.granted:
                    return
                if now >= waiter.deadline:
                    raise self._rules.late(self.what)
                pause = None
                if self._queue[0] is waiter:
                    until = min(self._start(waiter.tokens, now), waiter.deadline)
                    pause = None if until == math.inf else until - now
            await waiter.rest(pause)

    def replan(self) -> None:
        """Something changed: let those start who may, and the head look at the clock again."""
        if self._queue:  # who comes to stand in it from now on looks at what has changed
            with self._lock:
                self._replan()

    def _replan(self) -> None:
        head = self._queue[0] if self._queue else None
        self._advance(_clock.monotonic())
        if self._queue and self._queue[0] is head:
            head.wake()

    def _advance(self, now: float) -> None:
        head = self._queue[0] if self._queue else None
        while self._queue:
            first = self._queue[0]
            if self._start(first.tokens, now) > now + _SLACK:
                break
            self._leave(first)
            # Whose loop was closed without cancelling it can no longer be woken: it takes nothing.
            if first.wake():
                first.granted = True
                self._take(first.tokens, now)
        while self._queue and self._queue[0] is not head and not self._queue[0].wake():
            self._leave(self._queue[0])

    def _leave(self, waiter: _Waiter) -> None:
        if waiter.left:
            return
        waiter.left = True
        self._waiting -= 1
        self._queued_tokens -= waiter.tokens
        # To look for it each time took 0.7 s for 10,000 callers that gave up: they are taken out
        # when they are more than half of all. Of a list, as the garbage collector may come between.
        if len(self._queue) > 2 * self._waiting + 10:
            self._queue = deque([one for one in list(self._queue) if not one.left])
        while self._queue and self._queue[0].left:
            self._queue.popleft()


class Slots(Queue):
    """At most so many callers at a time."""

    what = "a concurrency slot"

    def __init__(self, size: int, rules: WaitingRules) -> None:
        super().__init__(rules)
        self._size = self._free = size

    def after_fork(self) -> None:
        """So are the slots that are taken."""
        super().after_fork()
        self._free = self._size

    def leave(self) -> None:
        """Give the slot back; the first in the line gets it."""
        with self._lock:
            self._give_back(0)
            self._replan()

    def _start(self, tokens: float, now: float) -> float:
        return now if self._free > 0 else math.inf

    def _expected(self, tokens: float, now: float) -> float | None:
        return None

    def _take(self, tokens: float, now: float) -> None:
        self._free -= 1

    def _give_back(self, tokens: float) -> None:
        self._free += 1


class Account:
    """A token bucket as one number (GCRA): the moment at which the bucket would be full again.

    Args:
        per_minute: Units that flow in per minute.
        burst: Units the full bucket holds.
    """

    __slots__ = ("_full_at", "burst", "interval")

    def __init__(self, per_minute: float, burst: float) -> None:
        self.interval = 60.0 / per_minute
        self.burst = burst
        self._full_at = -math.inf

    def earliest(self, units: float) -> float:
        """When ``units`` are there to be taken."""
        return self._full_at + (units - self.burst) * self.interval

    def take(self, units: float, at: float) -> None:
        """Take ``units`` at a time at which they are there."""
        self._full_at = max(self._full_at, at) + units * self.interval

    def correct(self, units: float) -> None:
        """Take more (or, negative, give back) after the fact, without asking."""
        self._full_at += units * self.interval


class Pacer(Queue):
    """Requests and tokens per minute."""

    what = "a place in the rate limit"

    def __init__(
        self,
        requests: Account | None,
        tokens: Account | None,
        vendor: Mirror,
        rules: WaitingRules,
    ) -> None:
        super().__init__(rules)
        self._requests = requests
        self._tokens = tokens
        self._vendor = vendor

    def correct(self, tokens: float) -> None:
        """Book that many more tokens (negative: fewer) than were taken."""
        if self._tokens is None or tokens == 0:
            return
        with self._lock:
            self._tokens.correct(tokens)
            self._replan()

    def _start(self, tokens: float, now: float) -> float:
        return max(now, self._vendor.earliest(tokens, now), self._earliest(1, tokens))

    def _expected(self, tokens: float, now: float) -> float | None:
        start = self._earliest(self._waiting + 1, self._queued_tokens + tokens)
        return max(now, self._vendor.earliest(tokens, now), start) - now

    def _earliest(self, requests: float, tokens: float) -> float:
        start = -math.inf
        if self._requests is not None:
            start = self._requests.earliest(requests)
        if self._tokens is not None:
            start = max(start, self._tokens.earliest(tokens))
        return start

    def _take(self, tokens: float, now: float) -> None:
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)
        self._vendor.take(tokens, now)

    def _give_back(self, tokens: float) -> None:
        if self._requests is not None:
            self._requests.correct(-1)
        if self._tokens is not None:
            self._tokens.correct(-tokens)
