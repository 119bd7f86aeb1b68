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

# The clock in force, by its methods: a call asks it often, so nothing stands between.
_current = SYSTEM
monotonic = SYSTEM.monotonic
now = SYSTEM.time
sleep = SYSTEM.sleep


def use(clock: Clock) -> Clock:
    """Put ``clock`` in force and return the one before, so that a test can put it back."""
    global _current, monotonic, now, sleep
    previous, _current = _current, clock
    monotonic, now, sleep = clock.monotonic, clock.time, clock.sleep
    return previous
