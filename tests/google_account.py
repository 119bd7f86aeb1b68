"""A service account of Google's whose sign-in is on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "loopback-token"


@contextmanager
def google_account() -> Iterator[dict[str, Any]]:
    """The options of a provider that signs in there."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"]))
            granted = b"jwt-bearer" in asked and b"assertion=" in asked
            answer = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
            body = json.dumps(answer if granted else {"error": "invalid_grant"}).encode()
            self.send_response(200 if granted else 400)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    account = {
        "type": "service_account",
        "project_id": "some-project",
        "private_key_id": "1",
        "private_key": _private_key(),
        "client_email": "somebody@some-project.example",
        "client_id": "1",
        "token_uri": f"http://127.0.0.1:{server.server_port}/token",
    }
    try:
        yield {
            "vertex_credentials": json.dumps(account),
            "vertex_project": "some-project",
            "vertex_location": "us-central1",
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@lru_cache(maxsize=1)
def _private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
