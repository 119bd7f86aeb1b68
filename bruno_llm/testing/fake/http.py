"""HTTP/1.1 from below: a test server must do what well-behaved servers never do."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import h11

_LINGER = 0.02


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request off the wire; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class ServedConnection(asyncio.Protocol):
    """One connection: reads requests one after the other and lets ``handler`` answer each.

    When the client leaves while an answer is under way, the handler is cancelled at once and
    ``lost`` is true. A stream reader would only see that at its next read or write.
    """

    def __init__(
        self,
        handler: Callable[[ServedConnection, Incoming], Awaitable[None]],
        connections: set[ServedConnection],
    ) -> None:
        self.lost = False
        self.task: asyncio.Task[None] | None = None
        self._handler = handler
        self._connections = connections
        self._http = h11.Connection(h11.SERVER)
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # No high-water mark: drained means that the kernel has every byte.
        self._transport.set_write_buffer_limits(high=0)
        self._connections.add(self)
        self.task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._connections.discard(self)
        self._news.set()
        self._writable.set()
        if self._answering and self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def start(self, status: int, headers: Mapping[str, str], length: int | None = None) -> None:
        """Write status line and headers; without a length the body is chunked."""
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = "Overloaded" if status == 529 else "Unknown"
        framing = (
            ("transfer-encoding", "chunked") if length is None else ("content-length", f"{length}")
        )
        lines = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in (*headers.items(), framing)
        ]
        self._send(h11.Response(status_code=status, headers=lines, reason=reason.encode()))

    async def write(self, data: bytes) -> None:
        """Write a part of the body and wait until the kernel has it."""
        self._send(h11.Data(data=data))
        await self._writable.wait()
        # What was written separately shall also be readable separately.
        await asyncio.sleep(0)

    async def end(self, data: bytes = b"") -> None:
        """Write the last part of the body; from here on the client may leave."""
        self._send(h11.Data(data=data), h11.EndOfMessage())
        if not self._writable.is_set():
            await self._writable.wait()
        self._answering = False

    async def pause(self) -> None:
        """Give the client a moment to read what was written before the connection breaks."""
        await asyncio.sleep(_LINGER)

    def reset(self) -> None:
        """Break the connection so that the client gets ECONNRESET, not an end of file."""
        self._answering = False
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._transport.abort()

    def _send(self, *events: h11.Event) -> None:
        # In one write, so that they also arrive together.
        self._transport.write(b"".join(self._http.send(event) or b"" for event in events))

    async def _serve(self) -> None:
        try:
            while (incoming := await self._read()) is not None:
                self._answering = True
                await self._handler(self, incoming)
                self._answering = False
                if self._http.our_state is not h11.DONE:
                    break
                self._http.start_next_cycle()
        finally:
            self._transport.close()

    async def _read(self) -> Incoming | None:
        """The next request, or ``None`` when the client has left or does not speak HTTP."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                self.start(error.error_status_hint, {}, len(text := str(error).encode()))
                await self.end(text)
                return None
            if event is h11.NEED_DATA:
                if self.lost:
                    return None
                self._news.clear()
                await self._news.wait()
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
        if head is None:
            return None
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        return Incoming(head.method.decode(), head.target.decode(), headers, bytes(body))
