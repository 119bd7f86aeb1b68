"""A proxy that slows an answer down without ever making a long pause."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from urllib.parse import urlsplit

from bruno_llm.testing import FakeServer


class SlowProxy:
    """Passes bytes to a ``FakeServer``, and back in small pieces.

    Args:
        server: Where the requests go.
        size: Bytes of a piece.
        pause: Real seconds before each piece.

    Attributes:
        left: How many clients left before they had the whole answer.
    """

    def __init__(self, server: FakeServer, *, size: int = 40, pause: float = 0.03) -> None:
        self.left = 0
        self._target = urlsplit(server.url)
        self._size = size
        self._pause = pause
        self._tasks: set[asyncio.Task[None]] = set()

    def base_url(self, vendor: str) -> str:
        """As ``FakeServer.base_url``."""
        return f"{self._url}/v1" if vendor == "openai" else self._url

    async def __aenter__(self) -> SlowProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        back, forth = await asyncio.open_connection(self._target.hostname, self._target.port)
        upward = asyncio.create_task(self._up(reader, forth, task))
        try:
            while data := await back.read(4096):
                for start in range(0, len(data), self._size):
                    await asyncio.sleep(self._pause)
                    writer.write(data[start : start + self._size])
                    await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            self.left += 1
        finally:
            upward.cancel()
            for side in (writer, forth):
                side.close()
                with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                    await side.wait_closed()

    async def _up(
        self,
        reader: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
        answering: asyncio.Task[None],
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(4096):
                forth.write(data)
        answering.cancel()
