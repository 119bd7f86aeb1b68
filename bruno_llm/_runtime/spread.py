"""Work that is spread over the turns of the event loop, however much of it is asked for at once."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from bruno_llm._runtime.line import Line

__all__ = ["STARTS", "STEPS", "Spread"]


class Spread:
    """So many pieces of one kind of work in one turn of an event loop; the rest have a later one.

    Each loop has a line of its own, in which the first to come is the first to go on.

    Attributes:
        at_once: Pieces in one turn.
    """

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._lines: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Line]
        self._lines = weakref.WeakKeyDictionary()

    async def go_on(self, waiting: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
        """Wait for the turn in which the work may be done: this one, if it has room.

        Args:
            waiting: Makes what is entered while that has to be waited for.
        """
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            # Who waits refers to the loop, so one that ended in the middle would stay for ever.
            for ended in [other for other in list(self._lines) if other.is_closed()]:
                self._lines.pop(ended, None)
            line = self._lines[loop] = Line(self.at_once)
        if not line.take_now():
            with waiting():
                await line.take()
        loop.call_soon(line.give_back)


STARTS = Spread(8)
"""Calls that begin: 0.2 ms each, until they wait for a place."""
STEPS = Spread(2)
"""What litellm does before a request and after its answer: 1 to 2 ms each time."""
