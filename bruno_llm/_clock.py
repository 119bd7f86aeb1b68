"""The one clock of the package, so that a test can move time instead of waiting for it.

Policies (retry, rate limits, budgets, cool-downs) read the time and sleep here and nowhere else.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What a policy needs of time. ``bruno_llm.testing.MovedClock`` is one that a test moves."""

    def monotonic(self) -> float:
        """Seconds that never go backwards; only differences mean anything."""

    def time(self) -> float:
        """Seconds since the epoch (UTC)."""

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run for that many seconds."""


class _SystemClock:
    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


SYSTEM: Clock = _SystemClock()
_current: Clock = SYSTEM


def monotonic() -> float:
    """Monotonic seconds of the clock in force."""
    return _current.monotonic()


def now() -> float:
    """Epoch seconds of the clock in force."""
    return _current.time()


async def sleep(seconds: float) -> None:
    """Sleep on the clock in force."""
    await _current.sleep(seconds)


def use(clock: Clock) -> Clock:
    """Put ``clock`` in force and return the one before, so that a test can put it back."""
    global _current
    previous, _current = _current, clock
    return previous
