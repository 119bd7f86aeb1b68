"""An address as it was written, made whole."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["whole_address"]

# Where a server listens, as OLLAMA_HOST says it, is not where it is.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  nothing listens here


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


def _has_port(host: str) -> bool:
    try:
        return urlsplit(f"http://{host}").port is not None
    except ValueError:  # not a number; the connection says so better
        return True
