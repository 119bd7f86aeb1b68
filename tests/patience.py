"""An event loop for tests with limits of a few tenths of a second, on any machine.

Sockets know no moved clock, so such a test needs real seconds. On a machine with other work a
process may not run for a second at a time; a limit would then pass, although nobody was silent. So
a second in which the loop did not get to run does not count.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import time
from typing import Any

__all__ = ["PatientLoop", "machine_is_busy"]

TURN = 0.02
"""The most that one turn of the loop may count, in seconds."""


class _ShortWaits(selectors.DefaultSelector):
    """Wakes at least once a turn, so that a long wait counts in full."""

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None:
            timeout = min(timeout, TURN)
        return super().select(timeout)


class PatientLoop(asyncio.SelectorEventLoop):
    """Its clock goes at most ``TURN`` seconds further in one turn."""

    def __init__(self) -> None:
        self._lost = 0.0
        self._seen = time.monotonic()
        super().__init__(_ShortWaits())

    def time(self) -> float:
        """Seconds in which the loop was able to run, from any moment on."""
        now = time.monotonic()
        self._lost += max(0.0, now - self._seen - TURN)
        self._seen = now
        return now - self._lost

    def skip(self, seconds: float) -> None:
        """Let so many seconds be over, in place of waiting for them."""
        self._lost -= seconds


def machine_is_busy() -> bool:
    """Whether more wants to run than there are processors.

    A limit that another process counts, on a clock that nobody here can move, says nothing then.
    """
    return os.getloadavg()[0] > (os.cpu_count() or 1)
