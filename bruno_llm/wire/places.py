"""The connections of one HTTP client: a number of places, a line before them, nothing leaked.

httpcore's pool looks at every connection for everybody who waits, each time anything happens: 4 ms
of CPU for a call with 50 waiting, 13 ms with 500. And a caller that is cancelled while it closes
its answer leaves a connection in it that counts as busy for ever. So here every connection has a
transport of its own, which nobody else waits for, and which is thrown away whole when anything
went wrong in it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from bruno_llm._runtime.line import Line
from bruno_llm.policies.timeouts import LimitReached, within
from bruno_llm.wire.exchange import Exchange, watched
from bruno_llm.wire.sealed import unsealed

__all__ = ["KEPT", "PLACES", "Places"]

PLACES = 100
"""Requests of one client that are on the wire at a time; httpx's own default."""
KEPT = 5.0
"""Seconds for which a connection without a request is kept; httpx's own default."""
REST = 1.0
"""Seconds for which an answer that is whole may take to end its HTTP message as well."""

Make = Callable[[], httpx.AsyncBaseTransport]


@dataclass(eq=False, slots=True)
class _Connection:
    """A transport that is used by one request at a time, and where it leads to."""

    transport: httpx.AsyncBaseTransport
    target: tuple[Any, ...]
    since: float = 0.0
    socket: Any = None

    def traced(self, then: Callable[..., Awaitable[None]] | None) -> Callable[..., Awaitable[None]]:
        """Note the socket as soon as there is one.

        httpcore forgets it when it is cancelled while TLS is agreed upon; then only the garbage
        collector would close it.
        """

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            if event == "connection.connect_tcp.complete":
                self.socket = info["return_value"]
            if then is not None:
                await then(event, info)

        return trace

    async def aclose(self) -> None:
        try:
            await self.transport.aclose()
        finally:
            if self.socket is not None:
                await self.socket.aclose()


class Places:
    """The places of one client, whichever hosts and proxies its requests go to.

    A place is held until the answer is closed. Everything happens on one event loop.

    Attributes:
        line: Who may open a request, and who waits for that.
    """

    def __init__(self, places: int = PLACES) -> None:
        self.line = Line(places)
        self._busy: set[_Connection] = set()
        self._idle: OrderedDict[_Connection, None] = OrderedDict()  # longest unused first
        self._by_target: dict[tuple[Any, ...], deque[_Connection]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: set[_Connection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def taken(self) -> int:
        """Places that are not free."""
        return self.line.places - self.line.free

    @property
    def connections(self) -> int:
        """Connections that are kept, those in use included."""
        return len(self._busy) + len(self._idle)

    def way(self, make: Make) -> httpx.AsyncBaseTransport:
        """The transport for one way out (direct, or by one proxy) over these places.

        Args:
            make: Makes a transport that opens one connection at most.
        """
        make()  # what is wrong with a proxy is told when the client is made
        return _ClientTransport(self, make)

    async def take(
        self, limit: float | None, waiting: Callable[[], AbstractContextManager[Any]]
    ) -> None:
        """Take a place.

        Raises:
            httpx.PoolTimeout: None was free within ``limit`` seconds.
        """
        if self.line.take_now():
            return
        try:
            with waiting():
                async with within("pool", limit):
                    await self.line.take()
        except LimitReached as exc:
            raise httpx.PoolTimeout(str(exc)) from exc

    def connection(self, make: Make, url: httpx.URL) -> _Connection:
        """One for a request to this address: the one used last, or a new one."""
        self._loop = asyncio.get_running_loop()
        target = (make, url.scheme, url.host, url.port)
        kept = self._by_target.get(target)
        if kept:
            found = kept.pop()
            del self._idle[found]
        else:
            if self._idle and self.connections >= self.line.places:
                self._close_oldest()
            found = _Connection(make(), target)
        if not kept:
            self._by_target.pop(target, None)
        self._busy.add(found)
        return found

    def keep(self, connection: _Connection) -> None:
        """Keep the connection for the next request: the one on it has ended well."""
        if connection not in self._busy:
            return  # closed meanwhile
        self._busy.remove(connection)
        connection.since = now = asyncio.get_running_loop().time()
        self._idle[connection] = None
        self._by_target.setdefault(connection.target, deque()).append(connection)
        while self._idle and next(iter(self._idle)).since < now - KEPT:
            self._close_oldest()
        self.line.give_back()

    def discard(self, connection: _Connection) -> None:
        """Close the connection, then give the place back: the request did not end well.

        In a task of its own, because the caller may be cancelled any number of times.
        """
        if connection in self._busy:
            self._busy.remove(connection)
            self._close_soon(connection).add_done_callback(lambda _: self.line.give_back())

    def finish(self, connection: _Connection, rest: AsyncIterator[bytes], stream: Any) -> None:
        """Read to the end of the HTTP message and keep the connection: the answer is whole.

        OpenAI's client leaves at ``[DONE]``, before the empty chunk that ends the message; the
        connection could then not be used again. In a task of its own: nobody waits for it.
        """

        ended = False

        async def to_the_end() -> None:
            nonlocal ended
            async with within(None, REST):
                async for _ in rest:
                    pass
                await stream.aclose()
            ended = True

        def is_over(_: object) -> None:
            (self.keep if ended else self.discard)(connection)

        self._in_the_background(to_the_end).add_done_callback(is_over)

    def discard_from_anywhere(self, connection: _Connection) -> None:
        """``discard()``, from whichever thread the garbage is collected in."""
        if connection in self._busy and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self.discard, connection)

    async def aclose(self) -> None:
        """Close all connections, and refuse those who wait for one."""
        # What httpx raises of a client that was closed.
        self.line.refuse(RuntimeError("the client has been closed"))
        while self._idle:
            self._close_oldest()
        for connection in list(self._busy):
            self.discard(connection)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # A loop that ends cancels all tasks, also one that has not begun to close its connection.
        for connection in list(self._closing):
            await self._close(connection)

    def _close_oldest(self) -> None:
        oldest, _ = self._idle.popitem(last=False)
        kept = self._by_target[oldest.target]
        kept.remove(oldest)  # the first one
        if not kept:
            del self._by_target[oldest.target]
        self._close_soon(oldest)

    def _close_soon(self, connection: _Connection) -> asyncio.Task[None]:
        self._closing.add(connection)
        return self._in_the_background(partial(self._close, connection))

    async def _close(self, connection: _Connection) -> None:
        await _quietly(connection.aclose)
        self._closing.discard(connection)

    def _in_the_background(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _quietly(work: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(Exception):  # the connection is thrown away, whatever it says
        await work()


class _ClientTransport(httpx.AsyncBaseTransport):
    """What httpx's client is given as its transport."""

    def __init__(self, places: Places, make: Make) -> None:
        self._places = places
        self._make = make

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = watched.get()
        if exchange is not None and exchange.seat is self._places:
            exchange.seat = None
        else:
            limit = request.extensions.get("timeout", {}).get("pool")
            await self._places.take(limit, exchange.waiting if exchange else nullcontext)
        try:
            connection = self._places.connection(self._make, request.url)
        except BaseException:
            self._places.line.give_back()
            raise
        if connection.socket is None:
            trace = connection.traced(request.extensions.get("trace"))
            request.extensions = {**request.extensions, "trace": trace}
        try:
            # Here, below what httpx logs.
            sent = request if exchange is None else unsealed(request, exchange)
            response = await connection.transport.handle_async_request(sent)
            response.stream = _Held(response.stream, self._places, connection, exchange)
        except BaseException:
            self._places.discard(connection)
            raise
        return response

    async def aclose(self) -> None:
        await self._places.aclose()


class _Held(httpx.AsyncByteStream):
    """The bytes of an answer; its place is given back when it is closed, fails or is forgotten."""

    def __init__(
        self, stream: Any, places: Places, connection: _Connection, exchange: Exchange | None
    ) -> None:
        self._stream = stream
        self._pieces: AsyncIterator[bytes] | None = None
        self._facts = exchange.facts if exchange is not None else None
        self._places = places
        self._connection: _Connection | None = connection

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._pieces = aiter(self._stream)
        return self

    async def __anext__(self) -> bytes:
        try:
            assert self._pieces is not None
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._pieces = None
            raise
        except BaseException:
            self._discard()
            raise
        return piece

    async def aclose(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if self._pieces is not None and self._facts is not None and self._facts.ended:
            self._connection = None
            self._places.finish(connection, self._pieces, self._stream)
            return
        try:
            await self._stream.aclose()
        except BaseException:
            self._discard()
            raise
        self._connection = None
        self._places.keep(connection)

    def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._places.discard(connection)

    def __del__(self) -> None:
        if self._connection is not None:
            self._places.discard_from_anywhere(self._connection)
