"""A machine that reaches nobody but itself, and notes whom somebody wanted to reach."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

__all__ = ["only_loopback"]


def _is_here(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@contextmanager
def only_loopback() -> Iterator[list[str]]:
    """While it lasts, names of hosts elsewhere are not looked up and nobody there is reached.

    The list that it gives has each host that was asked for.
    """
    elsewhere: list[str] = []

    def refused(host: Any) -> OSError:
        elsewhere.append(str(host))
        return socket.gaierror(socket.EAI_NONAME, "only this machine is reached")

    def named(ask: Callable[..., Any]) -> Callable[..., Any]:
        def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
            if _is_here(host):
                return ask(host, *args, **kwargs)
            raise refused(host)

        return look_up

    def connected(connect: Callable[..., Any]) -> Callable[..., Any]:
        def reach(self: socket.socket, address: Any) -> Any:
            if isinstance(address, tuple) and not _is_here(address[0]):
                raise refused(address[0])
            return connect(self, address)

        return reach

    with pytest.MonkeyPatch.context() as patch:
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            patch.setattr(socket, name, named(getattr(socket, name)))
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, connected(getattr(socket.socket, name)))
        yield elsewhere
