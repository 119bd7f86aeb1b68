"""The way to a host that no proxy stands before: one connection, over asyncio itself."""

from __future__ import annotations

import ssl
from typing import Any, cast

import httpcore
import httpx

from bruno_llm.wire.sockets import Sockets

__all__ = ["Direct"]


class Direct(httpx.AsyncHTTPTransport):
    """httpx's own transport, with one connection of httpcore's where it has a pool of them.

    All that httpcore makes of HTTP and of its errors stays as it is, and whoever stands in for
    httpx's transport or for httpcore's connection (vcrpy, pytest-httpx, respx, OpenTelemetry)
    finds them here as well.

    Args:
        tls: What is trusted.
        kept: Seconds for which the connection is kept without a request.
    """

    def __init__(self, tls: ssl.SSLContext, kept: float) -> None:
        super().__init__(verify=tls)
        self._pool: Any = _One(self._pool, tls, kept)


class _One:
    """A connection that is used by one request at a time, and opened again when it has ended."""

    def __init__(self, pool: Any, tls: ssl.SSLContext, kept: float) -> None:
        self._pool = pool
        self._tls = tls
        self._kept = kept
        self._connection: httpcore.AsyncHTTPConnection | None = None

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        if request.url.scheme not in (b"http", b"https"):
            # It says what is wrong.
            return cast(httpcore.Response, await self._pool.handle_async_request(request))
        connection = self._connection
        if connection is None or not connection.is_available() or connection.has_expired():
            await self.aclose()
            connection = self._connection = httpcore.AsyncHTTPConnection(
                request.url.origin,
                ssl_context=self._tls,
                keepalive_expiry=self._kept,
                network_backend=Sockets(),
            )
        return await connection.handle_async_request(request)

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.aclose()
