"""litellm's parser, one step at a time: whatever it awaits, and back when it wants more to read."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Generator
from typing import Any

from bruno_llm._runtime.loops import unlisting
from bruno_llm.completion import TextDelta
from bruno_llm.wire.tap import HUNGRY, Tap

__all__ = ["Split"]


class Split:
    """The chunks of litellm's parser and, between them, the texts that never went through it.

    The parser is an iterator that reads the body by itself and says nothing until it has a chunk.
    So its step is driven by hand: it stops where the body has nothing more for it, the wire is read
    here until there is, and the step goes on. All of it in the task of who reads the stream.
    """

    def __init__(self, tap: Tap, parser: AsyncIterator[Any]) -> None:
        self._tap = tap
        self._parser = parser
        self._step: Generator[Any, Any, Any] | None = None
        self._hungry = False

    async def next(self) -> Any:
        """The next chunk of litellm's, or a ``TextDelta``.

        Raises:
            StopAsyncIteration: That was all.
        """
        tap = self._tap
        while True:
            if not self._hungry:
                chunk = await self
                if chunk is not HUNGRY:
                    return chunk
                self._hungry = True
            item = await tap.next()
            if isinstance(item, str):
                return TextDelta(item)
            tap.give(item)
            self._hungry = False

    async def close(self) -> None:
        """End a step that waits for more to read."""
        if self._step is not None:
            self._tap.give(None)
            with contextlib.suppress(Exception, StopAsyncIteration):
                await self

    def __await__(self) -> Generator[Any, Any, Any]:
        """One step: a chunk, or ``HUNGRY``."""
        tap = self._tap
        step = self._step
        if step is None:
            step = self._step = self._parser.__anext__().__await__()
        thrown: BaseException | None = None
        while True:
            tap.asked = True
            try:
                with unlisting():  # a loop that ends would close them in the middle of this step
                    wanted = step.send(None) if thrown is None else step.throw(thrown)
            except StopIteration as done:
                self._step = None
                return done.value
            except BaseException:
                self._step = None
                raise
            finally:
                tap.asked = False
            if wanted is HUNGRY:
                return HUNGRY
            thrown = None
            try:
                yield wanted  # something of the event loop's
            except BaseException as exc:
                thrown = exc
