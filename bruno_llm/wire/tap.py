"""The body of a stream on its way through our client: to litellm, or past it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING, Any

import httpx

from bruno_llm import _clock
from bruno_llm._runtime.spread import STEPS
from bruno_llm.policies.timeouts import LimitReached, within
from bruno_llm.redaction import bare
from bruno_llm.wire.frames import FrameReader

if TYPE_CHECKING:
    from bruno_llm.wire.exchange import Exchange

__all__ = ["HUNGRY", "Tap", "tapped"]

HUNGRY: Any = object()
"""What a step of litellm's parser waits for when it has read all that it was given."""


class _Hunger:
    def __await__(self) -> Generator[Any, None, None]:
        yield HUNGRY


def tapped(response: httpx.Response, exchange: Exchange) -> tuple[httpx.Response, Tap]:
    """The response with its body read on its way, and the body."""
    tap = Tap(response, exchange)
    read = httpx.Response(
        response.status_code,
        headers=response.headers,
        stream=tap,
        request=response.request,
        extensions=response.extensions,
    )
    return read, tap


class Tap(httpx.AsyncByteStream):
    """The response's bytes; of a format that is read, those of the events that are right.

    litellm reads them by iterating. One who reads a text straight from the wire takes its place:
    it calls ``split()``, takes item after item with ``next()``, and what is no text it hands to
    litellm with ``give()`` before it has litellm take a step with ``asked`` set. That step ends
    with a chunk, or it waits for ``HUNGRY``, which is no future and never reaches the event loop.

    ``Timeout.read`` limits the silence between two pieces of the answer: after the first one, signs
    of life (comments, pings, empty pieces) do not count as one.
    """

    def __init__(self, response: httpx.Response, exchange: Exchange) -> None:
        self.asked = False
        self._response = response
        self._exchange = exchange
        self._frames = FrameReader(exchange.wire, exchange.facts) if exchange.wire else None
        self._packets: AsyncIterator[bytes] | None = None
        self._items: deque[bytes | str] = deque()
        self._given: bytes | None = b""
        self._over = False
        self._limit = exchange.timeouts.get("read")
        self._since: float | None = None

    def split(self) -> bool:
        """From now on parts the texts from what litellm has to read; false where it cannot."""
        wire = self._exchange.wire
        if self._frames is None or wire is None or not wire.tells:
            return False
        self._frames.direct = True
        return True

    def give(self, item: bytes | None) -> None:
        """Let litellm have these bytes next; ``None`` is the end."""
        self._given = item

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            if self.asked:
                while self._given == b"":
                    await _Hunger()
                item, self._given = self._given, b""
            else:
                item = await self.next()  # type: ignore[assignment]  # nothing is split
            if item is None:
                self._given = None
                return
            yield item

    async def next(self) -> bytes | str | None:
        """What comes next: a text, or the bytes of something else; ``None`` is the end.

        Raises:
            httpx.TransportError: The connection broke, or a limit ended the wait.
            httpx.DecodingError: The body cannot be decompressed, or holds too much.
        """
        items = self._items
        if items:
            return items.popleft()
        try:
            while not (items or self._over):
                await self._read()
        except (httpx.TransportError, httpx.DecodingError) as exc:
            self._exchange.failure = bare(exc)
            raise exc from None
        if items:
            return items.popleft()
        await STEPS.go_on()  # the end of a call is work, too
        return None

    async def _read(self) -> None:
        """The next packet."""
        frames = self._frames
        if self._packets is None:
            assert isinstance(self._response.stream, httpx.AsyncByteStream)
            self._packets = aiter(self._response.stream)
        if frames is None:
            packet = await _next_of(self._packets)
            self._over = packet is None
            if packet:
                self._items.append(packet)
            return
        before = frames.pieces
        if self._since is None or not before:
            self._since = _clock.monotonic()
            packet = await _next_of(self._packets)
        else:
            packet = await self._soon(self._packets, self._since)
        if packet is not None:
            self._items.extend(frames.feed(packet))
        elif last := frames.close():
            self._items.append(last)
        self._over = packet is None or frames.broken
        if frames.pieces != before:
            self._since = None

    async def _soon(self, packets: AsyncIterator[bytes], since: float) -> bytes | None:
        """The next packet, where the last ones were signs of life alone."""
        limit = self._limit
        left = None if limit is None else since + limit - _clock.monotonic()
        try:
            async with within("read", limit, left):
                return await _next_of(packets)
        except LimitReached as exc:
            raise httpx.ReadTimeout(str(exc), request=self._response.request) from exc

    async def aclose(self) -> None:
        await self._response.aclose()


async def _next_of(packets: AsyncIterator[bytes]) -> bytes | None:
    try:
        return await packets.__anext__()
    except StopAsyncIteration:
        return None
