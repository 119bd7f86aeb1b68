"""Replay or record a cassette while a ``with`` block lasts."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing.cassettes.tape import (
    HOW_TO_RECORD,
    CassetteError,
    Tape,
)


@contextlib.contextmanager
def use_cassette(
    path: str | os.PathLike[str], *, record: bool = False, recorded_from: str | None = None
) -> Iterator[Tape]:
    """Replay the cassette at ``path``, or record it anew.

    While it replays, nothing else can reach a network, loopback included. Unix sockets still work.

    Args:
        path: The YAML file.
        record: Send the requests to their real server and write the file. It is written at the
            end, and only when no exception passes.
        recorded_from: The server's name and version; ``Tape.recorded_from`` may be set instead.

    Raises:
        CassetteError: The file is missing or broken; requests in it were never sent; nothing was
            recorded; the server was not named; a secret would have been written.
        UnrecordedRequestError: A request is not in the cassette. The text has a diff.
        ConfigurationError: vcrpy is not installed (extra ``testing``).
    """
    try:
        from bruno_llm.testing.cassettes import _vcr
    except ImportError as error:
        raise ConfigurationError(
            f"cassettes need vcrpy: {error}", hint="pip install 'bruno-llm[testing]'"
        ) from error
    tape = Tape(Path(path), record, recorded_from)
    if not record and not tape.path.is_file():
        raise CassetteError(f"there is no cassette {path}; {HOW_TO_RECORD}")
    guard = contextlib.nullcontext() if record else _no_network(tape)
    with guard, _vcr.open_cassette(tape):
        yield tape


@contextlib.contextmanager
def _no_network(tape: Tape) -> Iterator[None]:
    """Refuse what does not go through a client that vcrpy knows."""
    real_connect, real_connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(real: Any) -> Any:
        @functools.wraps(real)
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                raise tape.refuse(f"a connection to {address[0]}:{address[1]}")
            return real(self, address)

        return connect

    def getaddrinfo(host: Any, *_: Any, **__: Any) -> Any:
        raise tape.refuse(f"a lookup of the name {host}")

    real_getaddrinfo = socket.getaddrinfo
    socket.socket.connect = guarded(real_connect)  # type: ignore[method-assign]
    socket.socket.connect_ex = guarded(real_connect_ex)  # type: ignore[method-assign]
    socket.getaddrinfo = getaddrinfo
    try:
        yield
    finally:
        socket.socket.connect = real_connect  # type: ignore[method-assign]
        socket.socket.connect_ex = real_connect_ex  # type: ignore[method-assign]
        socket.getaddrinfo = real_getaddrinfo
