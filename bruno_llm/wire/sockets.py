"""Connections that httpcore reads and writes, over asyncio itself.

httpcore's own go over anyio, which asks the system twice more for each packet (reading is resumed
for it and paused after it), and sets up a limit of time that can be cancelled from outside each
time. A third of the CPU of a piece of a stream went there.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, cast

from aiohappyeyeballs import start_connection
from aiohappyeyeballs.types import AddrInfoType
from httpcore import (
    SOCKET_OPTION,
    AsyncNetworkBackend,
    AsyncNetworkStream,
    ConnectError,
    ConnectTimeout,
    ReadError,
    ReadTimeout,
    WriteError,
    WriteTimeout,
)

from bruno_llm._runtime.spread import STEPS
from bruno_llm.policies.timeouts import LimitReached, within

__all__ = ["Sockets"]

_NEXT_ADDRESS = 0.25
"""Seconds after which another address of a host is tried beside the first (RFC 8305)."""
_MOST_UNREAD = 1 << 18
"""Bytes that may wait for a slow reader before the server has to."""
_MOST_HELD = 1 << 16
_MANY = 1 << 11
"""Bytes from which on what is done with them counts as a piece of work: eight pieces of a text."""


class Sockets(AsyncNetworkBackend):
    """Opens TCP connections on the running event loop."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the first of the host's addresses that answers.

        Raises:
            httpcore.ConnectTimeout: None did within ``timeout`` seconds.
            httpcore.ConnectError: The host is not known, or refuses.
        """
        async with _connecting(timeout):
            return await _opened(await _addresses(host, port))


@asynccontextmanager
async def _connecting(timeout: float | None) -> AsyncIterator[None]:
    """Limit the block, and say of what goes wrong in it that it was about connecting."""
    try:
        async with within(None, timeout):
            try:
                yield
            except OSError as exc:  # the system's own limit is a TimeoutError, too
                raise ConnectError(str(exc)) from exc
    except LimitReached as exc:
        raise ConnectTimeout from exc


async def _addresses(host: str, port: int) -> Sequence[AddrInfoType]:
    try:
        version = ip_address(host).version
    except ValueError:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
        return cast("Sequence[AddrInfoType]", found)
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]


async def _opened(addresses: Sequence[AddrInfoType]) -> _Socket:
    try:
        opened = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS)
    except (OSError, RuntimeError) as exc:  # the latter is uvloop's
        raise ConnectError("All connection attempts failed") from exc
    try:
        _, stream = await asyncio.get_running_loop().create_connection(_Socket, sock=opened)
    except BaseException:
        opened.close()
        raise
    return stream


class _Socket(asyncio.Protocol, AsyncNetworkStream):
    """One connection: what asyncio calls with what comes, and what httpcore reads and writes."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._came: list[bytes] = []
        self._unread = 0
        self._paused = False
        self._over = False  # nothing more will come
        self._closed = False  # from here
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._held: bytes | None = None
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._came.append(data)
        self._unread += len(data)
        if self._unread > _MOST_UNREAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self._over = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._error = exc
        for waiting in (self._reader, self._writer, self._gone):
            _wake(waiting)

    def pause_writing(self) -> None:
        self._writer = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._writer)
        self._writer = None

    # What httpcore calls.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at least a byte; nothing when the server has ended.

        Raises:
            httpcore.ReadTimeout: Nothing came for ``timeout`` seconds.
            httpcore.ReadError: The connection broke.
        """
        held, self._held = self._held, None
        if held and not self._over:
            self._transport.write(held)
        if not (self._came or self._over):
            await self._something(timeout)
        if self._came:
            came = self._came
            data = came[0] if len(came) == 1 else b"".join(came)
            came.clear()
            self._unread = 0
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            if len(data) > _MANY:
                await STEPS.go_on()
            return data
        if self._closed or self._error is not None:
            raise ReadError from self._error
        return b""

    async def _something(self, timeout: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._reader = reader = loop.create_future()
        late = None if timeout is None else loop.call_later(timeout, _is_late, reader)
        try:
            await reader
        finally:
            self._reader = None
            if late is not None:
                late.cancel()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes.

        The first ones of a request, its head, wait for the next ones or for the answer to be read:
        they then leave in one packet.

        Raises:
            httpcore.WriteTimeout: The server took none of them for ``timeout`` seconds.
            httpcore.WriteError: The connection broke.
        """
        if not buffer:
            return
        if self._closed or self._over:
            raise WriteError from self._error
        if self._held is None and len(buffer) < _MOST_HELD:
            self._held = bytes(buffer)
            return
        held, self._held = self._held, b""
        self._transport.write(held + buffer if held else buffer)
        if self._writer is not None:
            try:
                async with within(None, timeout):
                    await self._writer
            except LimitReached as exc:
                raise WriteTimeout from exc

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> AsyncNetworkStream:
        """Agree upon TLS.

        Raises:
            httpcore.ConnectTimeout: It took longer than ``timeout`` seconds.
            httpcore.ConnectError: The server's certificate will not do, or it hung up.
        """
        try:
            async with _connecting(timeout):
                transport = await asyncio.get_running_loop().start_tls(
                    self._transport, self, ssl_context, server_hostname=server_hostname
                )
        except BaseException:
            self._transport.abort()
            raise
        assert transport is not None
        self._transport = transport
        return self

    async def aclose(self) -> None:
        """Close at once, whatever has not been sent or read."""
        self._closed = True
        self._transport.abort()
        await asyncio.wait([self._gone], timeout=_CLOSING)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._over or bool(self._came) or _is_readable(self._transport)
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))


_CLOSING = 1.0
"""Seconds; it takes a turn of the event loop or two."""


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


def _is_late(reader: asyncio.Future[None]) -> None:
    if not reader.done():
        reader.set_exception(ReadTimeout())


def _is_readable(transport: asyncio.Transport) -> bool:
    """Whether something came that the event loop has not seen yet, such as the server's end."""
    number = transport.get_extra_info("socket").fileno()
    if number < 0:
        return True
    if not hasattr(select, "poll"):  # Windows, whose select() knows no greatest number
        return bool(select.select([number], [], [], 0)[0])
    polled = select.poll()
    polled.register(number, select.POLLIN)
    return bool(polled.poll(0))
