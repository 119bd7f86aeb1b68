"""What holds an answer back until the test lets it go."""

from __future__ import annotations

import asyncio

__all__ = ["Gate"]


class Gate:
    """Holds answers back until the test lets them go; made by ``FakeServer.gate()``.

    A stream stops behind its first piece, a plain answer before its first byte. The same gate can
    hold many answers at once. All methods may be called from any thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = asyncio.Event()
        self._open = False
        self._steps = 0

    def set(self) -> None:
        """Let everything through, for good."""
        self._open = True
        self._announce()

    def step(self, pieces: int = 1) -> None:
        """Let each answer that is held here go on by ``pieces`` more pieces."""
        self._steps += pieces
        self._announce()

    def is_set(self) -> bool:
        """Whether everything may pass."""
        return self._open

    def _announce(self) -> None:
        # After the server has closed nobody waits any more.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def passed(self, pieces: int) -> None:
        """Wait, on the server's loop, until ``pieces`` pieces may be behind the gate."""
        while not self._open and self._steps < pieces:
            self._changed.clear()
            await self._changed.wait()
