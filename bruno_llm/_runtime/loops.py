"""Connections belong to the event loop that opened them: one set a loop, closed with the loop."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from bruno_llm._runtime.forks import before_and_after_fork, new_lock, renewed

__all__ = ["Closable", "PerLoop", "inside", "unlisting"]

T = TypeVar("T")
Close = Callable[[Any], Awaitable[Any]]


class Closable(ABC):
    """What can be closed, by name or at the end of an ``async with`` block."""

    @abstractmethod
    async def aclose(self) -> None:
        """Release what is held open for the running event loop."""

    async def close(self) -> None:
        """The same as ``aclose()``."""
        await self.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class PerLoop(Generic[T]):
    """One ``T`` for each running event loop, so that two ``asyncio.run`` and threads all work.

    What was made is closed when its loop ends, or soon after the ``PerLoop`` itself is gone,
    without anybody closing it.

    Args:
        make: Makes one, on the loop it is for.
        close: Closes one, on its own loop; holds no reference to the owner.
        before: What is waited for before one is made, if anything.
    """

    def __init__(
        self,
        make: Callable[[], T],
        close: Callable[[T], Awaitable[Any]],
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._make = make
        self._close = close
        self._before = before
        self._made: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, T]
        self._made = weakref.WeakKeyDictionary()
        self._finalizers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any]
        self._finalizers = weakref.WeakKeyDictionary()
        self._guard = new_lock()
        renewed(self)

    def after_fork(self) -> None:
        """Leave the parent its connections: a byte that is read here would be missing there."""
        _inherited.append(self._made)
        for gone in self._finalizers.values():
            gone.detach()
        self._made = weakref.WeakKeyDictionary()
        self._finalizers = weakref.WeakKeyDictionary()

    async def get(self) -> T:
        """The one of the running loop."""
        loop = asyncio.get_running_loop()
        if self._before is not None and loop not in self._made:
            await self._before()
        with self._guard:
            if loop in self._made:
                return self._made[loop]
            one = self._made[loop] = self._make()
        keeper = await _keeper_of(loop)
        keeper.open[id(one)] = one, self._close
        gone = weakref.finalize(self, _owner_is_gone, weakref.ref(loop), keeper, id(one))
        gone.atexit = False
        self._finalizers[loop] = gone
        return one

    async def aclose(self) -> None:
        """Close the one of the running loop; the next ``get()`` makes another."""
        loop = asyncio.get_running_loop()
        with self._guard:
            one = self._made.pop(loop, None)
            gone = self._finalizers.pop(loop, None)
        if gone is not None:
            # The id of what is closed here may soon be that of another owner's.
            gone.detach()
        if one is not None:
            await (await _keeper_of(loop)).close(id(one))


class _Keeper:
    """What is open on one event loop.

    It holds it, so that a garbage collection that takes an owner does not take the connections in
    the same sweep, unclosed. The loop finalises the generator when it ends: ``asyncio.run`` and
    pytest's runner wait for that.
    """

    def __init__(self) -> None:
        self.open: dict[int, tuple[Any, Close]] = {}
        self.closing: set[asyncio.Task[None]] = set()
        self.until_the_loop_ends = self._until_the_loop_ends()

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            # Tasks that were closing something may have been cancelled with all others.
            await asyncio.gather(*self.closing, return_exceptions=True)
            for key in list(self.open):
                await self.close(key)

    async def close(self, key: int) -> None:
        if key in self.open:
            one, close = self.open[key]
            await close(one)
            self.open.pop(key, None)

    def close_soon(self, key: int) -> None:
        task = asyncio.get_running_loop().create_task(self.close(key))
        self.closing.add(task)
        task.add_done_callback(self.closing.discard)


_keepers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Keeper]
_keepers = weakref.WeakKeyDictionary()
# What a parent had open when this process was forked. It is kept, because its end would tell the
# parent's event loop of it.
_inherited: list[object] = []


def _leave_to_the_parent() -> None:
    for keeper in list(_keepers.values()):
        _inherited.append((keeper, keeper.open))
        keeper.open = {}
    _keepers.clear()


before_and_after_fork(lambda: None, lambda: None, _leave_to_the_parent)


async def _keeper_of(loop: asyncio.AbstractEventLoop) -> _Keeper:
    keeper = _keepers.get(loop)
    if keeper is None:
        # What it holds refers to its loop, so a loop that ended unasked would stay for ever.
        for ended in [other for other in list(_keepers) if other.is_closed()]:
            _keepers.pop(ended, None)
        keeper = _keepers[loop] = _Keeper()
        await anext(keeper.until_the_loop_ends)
    return keeper


def _owner_is_gone(
    loop_ref: weakref.ref[asyncio.AbstractEventLoop], keeper: _Keeper, key: int
) -> None:
    # Garbage is collected in whichever thread, so the loop is only told.
    loop = loop_ref()
    if loop is not None and key in keeper.open:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and closed it
            loop.call_soon_threadsafe(keeper.close_soon, key)


@contextlib.contextmanager
def unlisting() -> Iterator[None]:
    """Keep generators that make their first step in this block out of the loop's list.

    Nothing may be awaited in it: the switch is the thread's.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, _left_to_the_outer)
    try:
        yield
    finally:
        sys.set_asyncgen_hooks(*hooks)


class _Unlisted(AsyncGenerator[T, None]):
    """An asynchronous generator that its event loop does not know.

    A loop that ends closes all generators that it knows, in any order and at the same time. Those
    that stand one within the other then meet: "asynchronous generator is already running". So only
    the outermost one is listed, and closes the others.
    """

    def __init__(self, source: AsyncGenerator[T, None]) -> None:
        self._source = source
        self._begun = False

    def __anext__(self) -> Awaitable[T]:  # type: ignore[override]  # a coroutine would be slower
        if self._begun:
            return self._source.__anext__()
        self._begun = True
        with unlisting():
            return self._source.__anext__()

    async def asend(self, value: None) -> T:
        return await self.__anext__()

    async def athrow(self, *error: Any) -> T:
        return await self._source.athrow(*error)

    async def aclose(self) -> None:
        await self._source.aclose()


def _left_to_the_outer(generator: object) -> None:
    """Instead of the loop's own hook, which would close what is forgotten."""


def inside(source: AsyncGenerator[T, None]) -> AbstractAsyncContextManager[AsyncGenerator[T, None]]:
    """``contextlib.aclosing`` for a generator that is iterated within another one.

    It takes everything that has ``__anext__`` and ``aclose``.
    """
    return contextlib.aclosing(_Unlisted(source))
