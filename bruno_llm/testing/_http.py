"""HTTP/1.1 from below: a test server must do what well-behaved servers never do."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

_LINGER = 0.02


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request off the wire; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """One connection: reads requests one after the other and lets ``handler`` answer each.

    When the client leaves while an answer is under way, the handler is cancelled at once and
    ``lost`` is true. A stream reader would only see that at its next read or write.
    """

    def __init__(
        self,
        handler: Callable[[Connection, Incoming], Awaitable[None]],
        connections: set[Connection],
    ) -> None:
        self.lost = False
        self.task: asyncio.Task[None] | None = None
        self._handler = handler
        self._connections = connections
        self._buffer = bytearray()
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._answering = False
        self._chunked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # No high-water mark: drained means that the kernel has every byte.
        self._transport.set_write_buffer_limits(high=0)
        self._connections.add(self)
        self.task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
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
        self._chunked = length is None
        framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{k}: {v}" for k, v in headers.items()), framing]
        self._transport.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def write(self, data: bytes) -> None:
        """Write a part of the body and wait until the kernel has it."""
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._transport.write(data)
        await self._writable.wait()
        # What was written separately shall also be readable separately.
        await asyncio.sleep(0)

    async def end(self, data: bytes = b"") -> None:
        """Write the last part of the body; from here on the client may leave."""
        if self._chunked:
            data = (b"%x\r\n%b\r\n" % (len(data), data) if data else b"") + b"0\r\n\r\n"
        self._transport.write(data)
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

    async def _serve(self) -> None:
        try:
            while (incoming := await self._read()) is not None:
                self._answering = True
                await self._handler(self, incoming)
                self._answering = False
                if incoming.headers.get("connection", "").lower() == "close":
                    break
        finally:
            self._transport.close()

    async def _read(self) -> Incoming | None:
        head = await self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body: bytes | None
        if "chunked" in headers.get("transfer-encoding", ""):
            body = await self._read_chunks()
        else:
            body = await self._exactly(int(headers.get("content-length", "0")))
        return None if body is None else Incoming(method, target, headers, body)

    async def _read_chunks(self) -> bytes | None:
        body = b""
        while True:
            size = await self._until(b"\r\n")
            chunk = None if size is None else await self._exactly(int(size.split(b";")[0], 16) + 2)
            if chunk is None:
                return None
            if chunk == b"\r\n":
                return body
            body += chunk[:-2]

    async def _until(self, mark: bytes) -> bytes | None:
        while (at := self._buffer.find(mark)) < 0:
            if not await self._more():
                return None
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        return found

    async def _exactly(self, length: int) -> bytes | None:
        while len(self._buffer) < length:
            if not await self._more():
                return None
        found = bytes(self._buffer[:length])
        del self._buffer[:length]
        return found

    async def _more(self) -> bool:
        if self.lost:
            return False
        self._news.clear()
        await self._news.wait()
        return not self.lost
