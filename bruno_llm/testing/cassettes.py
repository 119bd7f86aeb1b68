"""Cassettes: recorded HTTP traffic that a test replays without a key and without a network.

With pytest, ask for the fixture ``cassette``; anywhere else use ``use_cassette``. A cassette is
strict: a request that was not recorded fails with a diff of its JSON, and so does a recorded
request that is never sent. Keys never reach the file.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bruno_llm.exceptions import ConfigurationError

__all__ = [
    "CassetteError",
    "Tape",
    "UnrecordedRequestError",
    "find_orphans",
    "find_secrets",
    "use_cassette",
]

HOW_TO_RECORD = "record it with: pytest --record-cassettes"


class CassetteError(AssertionError):
    """A cassette is missing, broken, only partly played, or would hold a secret."""


class UnrecordedRequestError(BaseException):
    """A request that the cassette does not hold, or another use of the network during replay.

    Not an ``Exception``: the code under test catches those, translates them and tries again,
    which would bury the diff.
    """


class Tape:
    """A cassette in use.

    Attributes:
        path: Its file.
        recording: Whether requests go to a real server and are recorded. Start that server only
            then.
        recorded_from: The server the answers come from, with its version. While recording, set it
            before the end.
    """

    def __init__(self, path: Path, recording: bool, recorded_from: str | None = None) -> None:
        self.path = path
        self.recording = recording
        self.recorded_from = recorded_from
        self.abandoned = False
        self.unrecorded: list[str] = []

    def __repr__(self) -> str:
        return f"Tape({str(self.path)!r}, recording={self.recording})"

    def abandon(self) -> None:
        """The test has failed: save nothing, and do not complain of what was not played."""
        self.abandoned = True

    def refuse(self, what: str) -> UnrecordedRequestError:
        """The error to raise for a request, noted here in case the code under test catches it."""
        text = f"not in {self.path} (recorded from {self.recorded_from}): {what}\n{HOW_TO_RECORD}"
        self.unrecorded.append(text)
        return UnrecordedRequestError(text)


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
        from bruno_llm.testing import _vcr
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


_START = r"(?<![A-Za-z0-9])"
_SECRETS = {
    "a key of OpenAI's or Anthropic's form": rf"{_START}sk-[A-Za-z0-9_-]{{20,}}",
    "a Google key": rf"{_START}AIza[A-Za-z0-9_-]{{35}}",
    "a vendor's token": rf"{_START}(?:gsk_|hf_|xai-|pplx-|r8_|ghp_|github_pat_)\w{{20,}}",
    "an AWS key": rf"{_START}AKIA[A-Z0-9]{{16}}(?![A-Z0-9])",
    "a JSON web token": rf"{_START}eyJ[\w-]{{10,}}\.eyJ[\w-]{{10,}}\.",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a bearer token": r"(?i)\bbearer\s+(?!\[redacted\])[\w.~+/-]{12,}",
    "a header that names an account": (
        r"(?im)^[ \t]*['\"]?(?:authorization|x-api-key|x-goog-api-key|api-key|cookie|set-cookie"
        r"|openai-organization|openai-project|anthropic-organization-id)['\"]?:"
    ),
    "a key in a query": r"[?&](?:key|api_key|access_token)=(?!\[redacted\])[^&\s'\"]{8,}",
    "an OpenAI organization": rf"{_START}org-[A-Za-z0-9]{{20,}}",
}
_SECRET_VARIABLE = re.compile(r"(?:_API_KEY|_TOKEN|_SECRET|_PASSWORD)$")


def find_secrets(text: str) -> list[str]:
    """What in a text should not be published, such as ``["line 12: a Google key"]``.

    Looks for the forms of vendors' keys and account names, for the values of this process's
    ``*_API_KEY``, ``*_TOKEN``, ``*_SECRET`` and ``*_PASSWORD`` variables, and for paths in the
    home directory. The secret itself is not in the answer.
    """
    patterns = dict(_SECRETS)
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name) and len(value) >= 12:
            patterns[f"the value of ${name}"] = re.escape(value)
    home = str(Path.home())
    if len(home) > 1:
        patterns["a path in the home directory"] = rf"(?<![\w.-]){re.escape(home)}/\w"
    found = [
        (text.count("\n", 0, match.start()) + 1, what)
        for what, pattern in patterns.items()
        for match in re.finditer(pattern, text)
    ]
    return [f"line {line}: {what}" for line, what in sorted(found)]


def find_orphans(cassettes: Path, *tests: Path) -> list[Path]:
    """Cassettes whose test is gone: ``<module>/<test>.yaml`` without that test in that module.

    Args:
        cassettes: The directory of the cassettes.
        tests: The directories of the tests; modules are looked for at any depth.
    """
    modules = {path.stem: path for directory in tests for path in directory.rglob("test_*.py")}
    orphans = []
    for directory in sorted({path.parent for path in cassettes.rglob("*.yaml")}):
        module = modules.get(directory.name)
        names = _test_names(module) if module else ()
        orphans += [
            path
            for path in sorted(directory.glob("*.yaml"))
            if path.stem.partition("[")[0] not in names
        ]
    return orphans


def _test_names(module: Path) -> set[str]:
    """``test_x`` and ``TestClass.test_y`` of a module."""
    function = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = set()
    for node in ast.parse(module.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, function)}
        elif isinstance(node, function):
            names.add(node.name)
    return names
