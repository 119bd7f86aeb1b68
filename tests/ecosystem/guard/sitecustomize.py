"""Lets a process that runs other people's tests talk to this machine alone.

Python imports a module of this name by itself when its folder is on PYTHONPATH.
"""

from __future__ import annotations

import os
import socket
from typing import Any

# Where a stand-in for Ollama listens: what asks its usual port is answered there.
_OLLAMA = int(os.environ.get("GUARD_OLLAMA_PORT", "11434"))
_HERE = ("127.0.0.1", "::1", "localhost", "", None)
_connect = socket.socket.connect
_getaddrinfo = socket.getaddrinfo


def _connect_here(self: socket.socket, address: Any) -> Any:
    if isinstance(address, tuple) and address[0] not in _HERE:
        raise ConnectionRefusedError(f"the guard lets nobody out to {address[0]}")
    if isinstance(address, tuple) and address[1] == 11434:
        address = ("127.0.0.1", _OLLAMA)
    return _connect(self, address)


def _getaddrinfo_here(host: Any, *args: Any, **kwargs: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name not in _HERE:
        raise socket.gaierror(socket.EAI_NONAME, f"the guard does not look up {name}")
    return _getaddrinfo("127.0.0.1" if name == "localhost" else host, *args, **kwargs)


socket.socket.connect = _connect_here  # type: ignore[method-assign]
socket.getaddrinfo = _getaddrinfo_here

if "GUARD_ABSENT" in os.environ:
    import absent

    absent.install()
