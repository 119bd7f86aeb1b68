"""An event loop in a thread of its own that serves connections on a free port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Awaitable, Callable

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing.fake.http import Incoming, ServedConnection

_Ready = concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]]


_TURNS = 5  # it takes three


class ServerThread:
    """Starts and ends the thread; ``handler`` runs in it, once for each request.

    Attributes:
        closing: Whether connections break because the server ends.
        connections: Those that are open.
        accepted: How many have been opened so far.
    """

    def __init__(self, handler: Callable[[ServedConnection, Incoming], Awaitable[None]]) -> None:
        self.closing = False
        self._handler = handler
        self.connections: set[ServedConnection] = set()
        self.accepted = 0
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        self._require_started()
        return self._port

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The thread's event loop."""
        self._require_started()
        return self._loop

    def start(self) -> None:
        """Listen; returns when connections are accepted."""
        if self._thread is not None:
            raise ConfigurationError("FakeServer: it was started before, make a new one")
        ready: _Ready = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=self._run, args=(ready,), name="bruno-llm-fake-server", daemon=True
        )
        self._thread.start()
        self._loop, self._stop, self._port = ready.result(timeout=30)

    def close(self) -> None:
        """Break every connection and end the thread; may be called more than once."""
        if self._thread is None or self.closing:
            return
        self.closing = True
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _require_started(self) -> None:
        if self._thread is None:
            raise ConfigurationError("FakeServer: it is not running, use it in a `with` block")

    # What follows runs in the thread.

    def _run(self, ready: _Ready) -> None:
        try:
            asyncio.run(self._main(ready))
        except OSError as error:
            ready.set_exception(error)

    async def _main(self, ready: _Ready) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        # A thousand clients may connect before the loop has accepted the first of them.
        server = await loop.create_server(self._accept, "127.0.0.1", 0, backlog=2048)
        ready.set_result((loop, stop, server.sockets[0].getsockname()[1]))
        await stop.wait()
        # Who was accepted a moment ago is a task of asyncio's until there is a connection to abort,
        # and one that finds its server closed leaves a socket behind.
        with contextlib.suppress(NotImplementedError):  # on Windows
            loop.remove_reader(server.sockets[0].fileno())
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        server.close()
        open_connections = list(self.connections)
        for connection in open_connections:
            connection.abort()
        tasks = [connection.task for connection in open_connections if connection.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self) -> ServedConnection:
        self.accepted += 1
        return ServedConnection(self._handler, self.connections)
