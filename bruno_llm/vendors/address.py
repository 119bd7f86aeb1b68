"""Base URLs: what a user wrote, checked, and completed with scheme, port and version."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.checks import no_text
from bruno_llm.redaction import Hidden, hide_url_secrets

__all__ = ["checked", "from_environment", "mended", "parted", "whole_address", "with_secrets"]

_LONGEST_SHOWN = 100
# Where a server listens, as OLLAMA_HOST says it, is not where it is.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  nothing listens here


# "host:8080" is an address without a scheme, "javascript:alert(1)" is a scheme.
_OTHER_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?![0-9]+(/|$))")


@lru_cache(maxsize=256)
def whole_address(written: str, port: int | None = None, name: str = "base_url") -> str:
    """The address with a scheme and a host, without a slash at the end.

    ``:8080`` is a port of this machine. ``port`` is added to an address that names neither a
    scheme nor a port, as Ollama itself reads ``OLLAMA_HOST`` (its ``envconfig``). ``name`` is the
    setting that holds it, for the error.

    Raises:
        ConfigurationError: It is no address of an HTTP server.
    """
    address = written.strip().rstrip("/")
    if "://" not in address and "@" not in address and _OTHER_SCHEME.match(address):
        raise _refused(name, address, "is not an address with http:// or https://")
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
    whole = f"{scheme}://{rest}"
    problem = _what_is_wrong(scheme, whole)
    if problem:
        raise _refused(name, written, problem)
    return whole


def _what_is_wrong(scheme: str, whole: str) -> str | None:
    if scheme.lower() not in ("http", "https"):
        return "is not an address with http:// or https://"
    if "****" in whole:
        return "was taken from where its password or its query is not shown"
    if " " in whole or not whole.isprintable():
        return "holds a space or a character that cannot be seen"
    try:
        parts = urlsplit(whole)
        wrong_port = parts.port == 0
    except ValueError:
        wrong_port = True
    if wrong_port:
        return "has a host or a port that cannot be right"
    return None if parts.hostname else "names no host"


def _refused(name: str, written: str, problem: str) -> ConfigurationError:
    shown = hide_url_secrets(written.strip())
    return ConfigurationError(
        f"{name}={shown[:_LONGEST_SHOWN]!r} {problem}", hint="such as http://localhost:8080/v1"
    )


def checked(base_url: str | None) -> str | None:
    """The address that a constructor was given, as it was written.

    Raises:
        ConfigurationError: It is no address of an HTTP server.
    """
    if base_url is not None and not isinstance(base_url, str):
        raise no_text("base_url", base_url)
    if not base_url:
        return base_url
    return Hidden(base_url) if parted(whole_address(base_url))[1] else base_url


def parted(address: str) -> tuple[str, SecretStr | None]:
    """The address without its user, password and query; and all of it, if it has one of these.

    Our client adds them when a request goes out: OpenAI's client would put the path of a call
    behind the query, and frames and errors would show them.
    """
    parts = urlsplit(address)
    if "@" not in parts.netloc and not parts.query:
        return address, None
    host = parts.netloc.rpartition("@")[2]
    path = parts.path.rstrip("/")
    return urlunsplit((parts.scheme, host, path, "", "")), SecretStr(address)


def with_secrets(address: str, secret: SecretStr) -> str:
    """The address with the user, the password and the query of the other one; it is not printed."""
    whole, parts = urlsplit(secret.get_secret_value()), urlsplit(address)
    user, at, _ = whole.netloc.rpartition("@")
    netloc = f"{user}{at}{parts.netloc}"
    return Hidden(urlunsplit((parts.scheme, netloc, parts.path, whole.query, "")))


def from_environment(variables: Iterable[str]) -> tuple[str, str] | None:
    """The address in the first of these variables that is set, and the variable."""
    found = ((os.environ.get(name, "").strip(), name) for name in variables)
    return next((pair for pair in found if pair[0]), None)


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
    parts = urlsplit(address)
    if parts.hostname in _LOCAL and not (parts.path or parts.query):
        address += local_version
    return address


def _has_port(host: str) -> bool:
    try:
        return urlsplit(f"http://{host}").port is not None
    except ValueError:  # not a number, which is refused later
        return True
