"""A fair line before a number of places."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

__all__ = ["Line"]


class Line:
    """So many places on one event loop, given out in the order in which they were asked for.

    Unlike ``asyncio.Semaphore``, which searches its whole line for a waiter that was cancelled,
    every step takes the same time however long the line is.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self.free = places
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many stand in the line."""
        return len(self._waiting)

    def take_now(self) -> bool:
        """Take a place if nobody has to be waited for."""
        if self.free and not self._waiting:
            self.free -= 1
            return True
        return False

    async def take(self) -> None:
        """Wait for a place; a caller that is cancelled has none."""
        if self.take_now():
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        try:
            await turn
        except BaseException:
            if turn in self._waiting:
                del self._waiting[turn]
            elif not turn.cancelled() and turn.exception() is None:
                self.give_back()  # its turn had come already
            raise

    def give_back(self) -> None:
        """Hand a place to the first in the line."""
        while self._waiting:
            turn, _ = self._waiting.popitem(last=False)
            if not turn.done():  # else cancelled, and not run since
                turn.set_result(None)
                return
        self.free += 1

    def refuse(self, error: Exception) -> None:
        """Raise the error in everybody who waits."""
        while self._waiting:
            turn, _ = self._waiting.popitem(last=False)
            if not turn.done():
                turn.set_exception(error)
