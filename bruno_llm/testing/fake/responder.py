"""How one scripted item becomes the answer to one request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from bruno_llm.testing.fake.http import ServedConnection
from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.script import Fault, Raw
from bruno_llm.testing.fake.strict.refusal import VendorRefusal
from bruno_llm.testing.fake.wire import RenderedTurn, Wire

_HTML = "<!DOCTYPE html>\n<html><head><title>Gateway</title></head><body>Gateway</body></html>\n"


class Responder:
    """One request on its connection, and the ways to answer it."""

    def __init__(
        self,
        connection: ServedConnection,
        wire: Wire,
        request: Request,
        serial: int,
        turn: Callable[[Reply], RenderedTurn],
        plain_body: Callable[[Reply], Any],
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._request = request
        self._serial = serial
        self._turn = turn
        self._plain_body = plain_body

    async def send(self, item: Reply | Fault | Raw) -> None:
        """Answer as the script says."""
        if isinstance(item, Raw):
            await self._send_raw(item)
        elif isinstance(item, Fault):
            await self._send_fault(item)
        elif self._request.stream:
            await self._send_stream(item)
        else:
            if item.gate is not None:
                await item.gate.passed(1)
            body = self._plain_body(item)
            if body is None:
                await self.send_error(Fault.status(404))
            else:
                await self._send_plain(200, json_bytes(body), item.headers)

    async def send_error(self, fault: Fault) -> None:
        """Answer with an error status in the vendor's shape."""
        wait = fault.retry_after
        headers: dict[str, str] = {}
        seconds: float | None = None
        if isinstance(wait, str):
            headers["retry-after"] = wait
        elif wait is not None:
            seconds = wait
            headers |= self._wire.retry_headers(wait)
        error = self._wire.error_text(fault, self._request)
        body = self._wire.error_body(fault.http_status, error, seconds)
        await self._send_plain(fault.http_status, json_bytes(body), headers | dict(fault.headers))

    async def refuse(self, refusal: VendorRefusal) -> None:
        """Answer with what the vendor says to such a request."""
        await self._send_plain(refusal.status, json_bytes(refusal.body), {})

    async def _send_plain(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._connection.start(status, self._headers(self._wire.json_type, headers), len(body))
        await self._connection.end(body)

    def _headers(self, content_type: str, more: Mapping[str, str]) -> dict[str, str]:
        return {"content-type": content_type} | self._wire.headers(self._serial) | dict(more)

    async def _send_raw(self, raw: Raw) -> None:
        whole = isinstance(raw.body, bytes)
        parts: list[bytes] = [raw.body] if isinstance(raw.body, bytes) else list(raw.body)
        # A dropped body announces more than it has, or the client would take it for the whole.
        length = len(parts[0]) + raw.drop if whole else None
        self._connection.start(raw.status, raw.headers, length)
        for part in parts:
            await self._connection.write(part)
        if raw.drop:
            await self._connection.pause()
            self._connection.reset()
        else:
            await self._connection.end()

    async def _send_fault(self, fault: Fault) -> None:
        if fault.kind == "status":
            await self.send_error(fault)
        elif fault.kind == "reset":
            self._connection.reset()
        elif fault.kind == "hang":
            await _for_ever()
        elif fault.kind == "html":
            body = _HTML.encode()
            headers = {"content-type": "text/html; charset=utf-8"}
            self._connection.start(fault.http_status, headers, len(body))
            await self._connection.end(body)
        elif fault.kind == "empty":
            await self.send(fault.reply)
        elif self._request.stream:
            await self._send_stream(fault.reply, fault)
        elif fault.kind == "error_event":
            await self.send_error(fault)
        else:
            await self._send_broken(fault)

    async def _send_broken(self, fault: Fault) -> None:
        """Half of a plain answer."""
        whole = json_bytes(self._plain_body(fault.reply))
        half = whole[: len(whole) // 2]
        if fault.kind in ("cut", "malformed"):
            await self._send_plain(200, half, {})
            return
        self._connection.start(200, self._headers(self._wire.json_type, {}), len(whole))
        await self._connection.write(half)
        await self._break_off(fault)

    async def _send_stream(self, reply: Reply, fault: Fault | None = None) -> None:
        turn = self._turn(reply)
        stream = self._wire.stream(turn)
        self._connection.start(200, self._headers(self._wire.stream_type, reply.headers))
        events = [*stream.pieces, *stream.tail]
        last = len(stream.pieces)
        if fault is not None:
            last = min(last, fault.after)
            if fault.kind == "malformed":
                events[last] = _broken(events[last])
                fault, last = None, len(stream.pieces)
        if stream.head and (last or fault is None):
            await self._connection.write(stream.head)
        for index, piece in enumerate(events[:last]):
            if index:
                await self._hold(reply, index)
            await self._connection.write(piece)
        if fault is not None:
            sent = b"".join([stream.head if last else b"", *events[:last]])
            if fault.kind == "error_event":
                error = self._wire.error_event(fault, turn, sent.count(b"\n\n"))
                await self._connection.end(error)
            else:
                await self._break_off(fault)
            return
        if last:
            await self._hold(reply, last)
        for event in events[last:-1]:
            await self._connection.write(event)
        await self._connection.end(events[-1])

    async def _hold(self, reply: Reply, pieces: int) -> None:
        if reply.gate is not None:
            await reply.gate.passed(pieces)
        if reply.delay:
            await asyncio.sleep(reply.delay)

    async def _break_off(self, fault: Fault) -> None:
        if fault.kind == "stall":
            await _for_ever()
        elif fault.kind == "reset_stream":
            if fault.gate is not None:
                await fault.gate.passed(max(1, fault.after))
            await self._connection.pause()
            self._connection.reset()
        else:
            await self._connection.end()


def json_bytes(body: Any) -> bytes:
    """``body`` as a plain answer holds it."""
    return json.dumps(body, ensure_ascii=False).encode()


def _broken(event: bytes) -> bytes:
    """``event`` with its last line of JSON cut in the middle."""
    content = event.rstrip(b"\r\n")
    start = content.rfind(b"\n") + 1
    return content[: start + (len(content) - start) // 2] + event[len(content) :]


async def _for_ever() -> None:
    await asyncio.Event().wait()
