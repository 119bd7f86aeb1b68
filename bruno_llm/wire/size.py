"""A bound on what an answer may hold, kept while it is decompressed.

httpx gives a packet to zlib whole, and what comes out of it may be a thousand times as large; with
``Content-Encoding: gzip, gzip`` it is a million times: 3.5 KB took 4.3 GB. So our client unpacks
the bodies itself, a piece at a time, and counts.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Iterator

import httpx

__all__ = ["ENCODINGS", "ResponseTooLarge", "bounded", "read"]

ENCODINGS = "gzip, deflate"
"""What our requests say they accept: what can be unpacked here a piece at a time."""

_PIECE = 1 << 16
# A header of 64 KiB names ten thousand of them, each with a window of 32 KiB.
_MOST_LAYERS = 4


class ResponseTooLarge(httpx.DecodingError):
    """An answer holds more bytes than it may."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the answer holds more than {most:,} bytes (max_response_bytes)")


async def read(response: httpx.Response, most: int | None) -> bytes:
    """The whole body, decompressed; after it the connection is free.

    Raises:
        httpx.DecodingError: As for ``bounded()``.
    """
    try:
        return b"".join([piece async for piece in _pieces(response, most)])
    finally:
        await response.aclose()


def bounded(response: httpx.Response, most: int | None) -> httpx.Response:
    """The response with its body decompressed; reading more of it than ``most`` bytes fails.

    Raises:
        httpx.DecodingError: While it is read: it is compressed in a way that was not asked for, or
            is not what it says. ``ResponseTooLarge``: it holds too much.
    """
    gone = ("content-encoding", "content-length")
    return httpx.Response(
        response.status_code,
        headers=[(k, v) for k, v in response.headers.multi_items() if k.lower() not in gone],
        stream=_Bounded(response, most),
        request=response.request,
        extensions=response.extensions,
    )


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, response: httpx.Response, most: int | None) -> None:
        self._response = response
        self._most = most

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _pieces(self._response, self._most)

    async def aclose(self) -> None:
        await self._response.aclose()


async def _pieces(response: httpx.Response, most: int | None) -> AsyncIterator[bytes]:
    coded = "content-encoding" in response.headers
    layers = _layers(response.headers, most) if coded else []
    left = most
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        async for raw in response.stream:
            if left is not None:
                left -= len(raw)
                if left < 0:
                    raise ResponseTooLarge(most or 0)
            if not layers:
                yield raw
                continue
            for piece in _through(layers, raw):
                yield piece
    except httpx.RequestError as exc:
        exc.request = response.request
        raise
    await response.aclose()


def _layers(headers: httpx.Headers, most: int | None) -> list[_Inflation]:
    """What the body has to go through, the outermost first."""
    named = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    layers = []
    for name in reversed(named):
        if name in ("", "identity"):
            continue
        if name not in _OPEN:
            raise httpx.DecodingError(f"the answer is compressed as {name}, which nobody asked for")
        layers.append(_Inflation(name, most))
    if len(layers) > _MOST_LAYERS:
        raise httpx.DecodingError(f"the answer is compressed {len(layers)} times")
    return layers


def _through(layers: list[_Inflation], data: bytes) -> Iterator[bytes]:
    if not layers:
        yield data
        return
    for piece in layers[0].feed(data):
        yield from _through(layers[1:], piece)


def _gzip(first: bytes) -> zlib._Decompress | None:
    # Several may stand one after another; what else follows the last one is padding.
    return zlib.decompressobj(zlib.MAX_WBITS | 16) if first[:1] == b"\x1f" else None


def _zlib_or_raw(first: bytes) -> zlib._Decompress | None:
    # "deflate" is zlib's format by the standard, and bare deflate by the habit of some servers.
    return zlib.decompressobj(zlib.MAX_WBITS if first[0] & 0x8F == 8 else -zlib.MAX_WBITS)


_OPEN: dict[str, Callable[[bytes], zlib._Decompress | None]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _zlib_or_raw,
}


class _Inflation:
    """One compression, undone in pieces of at most 64 KiB."""

    def __init__(self, name: str, most: int | None) -> None:
        self._open = _OPEN[name]
        self._zlib: zlib._Decompress | None = None
        self._done = False
        self._most = self._left = most

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes unpack to."""
        while not self._done:
            if self._zlib is None or self._zlib.eof:
                if not data:
                    return
                before, self._zlib = self._zlib, self._open(data)
                if self._zlib is None and before is None:
                    raise httpx.DecodingError("the answer is not compressed as it says")
                if self._zlib is None or (before is not None and self._open is _zlib_or_raw):
                    self._done = True
                    return
            try:
                piece = self._zlib.decompress(data, _PIECE)
            except zlib.error as exc:
                raise httpx.DecodingError(f"the answer cannot be decompressed: {exc}") from exc
            if piece:
                self._count(piece)
                yield piece
            ended = self._zlib.eof
            data = self._zlib.unused_data if ended else self._zlib.unconsumed_tail
            # A full piece may not be all that those bytes unpack to.
            if not (ended or data) and len(piece) < _PIECE:
                return

    def _count(self, piece: bytes) -> None:
        if self._left is not None and self._most is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise ResponseTooLarge(self._most)
