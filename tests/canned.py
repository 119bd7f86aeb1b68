"""A loopback server that gives written answers at any path, whatever the vendor."""

from __future__ import annotations

import json
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Canned:
    """What the server says, and what it was asked: (path, headers in lower case, the body read)."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def says(self, body: Any, status: int = 200, **headers: str) -> None:
        """The next answers: bytes as they are, anything else as JSON."""
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()


@contextmanager
def canned() -> Iterator[Canned]:
    """Run one, on a port of its own."""
    state = Canned()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            named = {name.lower(): value for name, value in self.headers.items()}
            body: Any = sent
            with suppress(ValueError):
                body = json.loads(sent or b"null")
            state.requests.append((self.path, named, body))
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        do_CONNECT = do_POST  # asked as a proxy

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sse(*events: Any) -> bytes:
    """Server-sent events; a text stands as it is."""
    lines = (event if isinstance(event, str) else json.dumps(event) for event in events)
    return b"".join(b"data: %b\n\n" % line.encode() for line in lines)


def aws_events(events: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
    """Amazon's binary event stream (AWS, "Event stream encoding")."""
    return b"".join(_aws_event(name, payload) for name, payload in events)


def _aws_event(name: str, payload: Mapping[str, Any]) -> bytes:
    pairs = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack("!B", len(key))
        + key.encode()
        + struct.pack("!BH", 7, len(value))
        + value.encode()
        for key, value in pairs.items()
    )
    body = json.dumps(payload).encode()
    start = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    start += struct.pack("!I", zlib.crc32(start))
    whole = start + headers + body
    return whole + struct.pack("!I", zlib.crc32(whole))
