"""An address as it was written, made whole."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

__all__ = ["mended", "whole_address"]

# Where a server listens, as OLLAMA_HOST says it, is not where it is.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  nothing listens here


@lru_cache(maxsize=256)
def whole_address(written: str, port: int | None = None) -> str:
    """The address with a scheme and a host, without a slash at the end.

    ``:8080`` is a port of this machine. ``port`` is added to an address that names neither a
    scheme nor a port, as Ollama itself reads ``OLLAMA_HOST`` (its ``envconfig``).
    """
    address = written.strip().rstrip("/")
    if "://" not in address:
        host, slash, path = address.partition("/")
        host = f"localhost{host}" if host.startswith(":") else host
        if port is not None and not _has_port(host):
            host = f"{host}:{port}"
        address = f"http://{host}{slash}{path}"
    scheme, _, rest = address.partition("://")
    for listening, there in _EVERYWHERE.items():
        if rest.startswith(listening):
            rest = there + rest.removeprefix(listening)
    return f"{scheme}://{rest}"


_LOCAL = ("localhost", "127.0.0.1", "::1")
_TWICE = re.compile(r"(/v\d+\w*)\1$")


@lru_cache(maxsize=256)
def mended(address: str, pasted: tuple[str, ...] = (), local_version: str = "") -> str:
    """The address without what is plainly wrong with it.

    Args:
        address: A whole one.
        pasted: Ends that do not belong to it, such as ``/chat/completions``.
        local_version: The end of an address of this machine that was given without any path.
    """
    for end in pasted:
        address = address.removesuffix(end).rstrip("/")
    address = _TWICE.sub(r"\1", address)
    try:
        parts = urlsplit(address)
    except ValueError:  # it is none; the connection says so better
        return address
    if parts.hostname in _LOCAL and not (parts.path or parts.query):
        address += local_version
    return address


def _has_port(host: str) -> bool:
    try:
        return urlsplit(f"http://{host}").port is not None
    except ValueError:  # not a number; the connection says so better
        return True
