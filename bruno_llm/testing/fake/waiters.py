"""Tests that wait until the server has seen something."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable


class Waiters:
    """Wakes those who wait, on their own event loops, whenever the server did something."""

    def __init__(self) -> None:
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._lock = threading.Lock()

    def notify(self) -> None:
        """Let everybody look again; may be called from any thread."""
        with self._lock:
            for loop, changed in self._waiters:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(changed.set)

    async def until(self, predicate: Callable[[], object], timeout: float) -> bool:
        """Whether ``predicate()`` became true within ``timeout`` real seconds."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        waiter = (loop, changed)
        with self._lock:
            self._waiters.append(waiter)
        try:
            deadline = loop.time() + timeout
            while True:
                changed.clear()
                if predicate():
                    return True
                left = deadline - loop.time()
                if left <= 0:
                    return False
                # The predicate may also look at the client, of which the server knows nothing.
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(changed.wait(), min(left, 0.02))
        finally:
            with self._lock:
                self._waiters.remove(waiter)
