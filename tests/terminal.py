"""The installed command, run as a person runs it: in a pipe, or in a terminal of its own."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

PROGRAM = str(Path(sys.executable).with_name("bruno-llm"))
PATIENCE = 60.0
"""Seconds that a program may take to say something; only a failing test waits so long."""


def bare_environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a machine where nothing is set up, with ``more`` added."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        # Nothing listens on port 9 of the loopback interface.
        "OLLAMA_API_BASE": "http://127.0.0.1:9",
        **(more or {}),
    }


def run(
    arguments: Sequence[str], env: Mapping[str, str], stdin: str | bytes = b""
) -> subprocess.CompletedProcess[str]:
    """Run the command with pipes and return what it said."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [PROGRAM, *arguments],
        env=dict(env),
        input=given,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


# A session of its own with this terminal: Ctrl-C then reaches the program and nobody else. A test
# run in the background of a shell script is told to ignore it, and would pass that on.
_IN_THIS_TERMINAL = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """The command in a pseudo-terminal of 100 columns; ``stdout`` may go to a file instead."""

    def __init__(
        self, arguments: Sequence[str], env: Mapping[str, str], stdout: Path | None = None
    ) -> None:
        self.seen = ""
        self._read_to = 0
        target = stdout.open("wb") if stdout else None
        self._main, side = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _IN_THIS_TERMINAL, PROGRAM, *arguments],
            stdin=side,
            stdout=target or side,
            stderr=side,
            env={**env, "COLUMNS": "100"},
            start_new_session=True,
        )
        os.close(side)
        if target:
            target.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)
        os.close(self._main)

    def type(self, text: str) -> None:
        """Type a line and press Enter."""
        os.write(self._main, f"{text}\n".encode())

    def press(self, key: str) -> None:
        """Press Ctrl and a letter."""
        os.write(self._main, bytes([ord(key.upper()) - 64]))

    def until(self, text: str) -> str:
        """Wait until ``text`` is on the screen behind what was waited for before."""
        ends = time.monotonic() + PATIENCE
        while (found := self.seen.find(text, self._read_to)) < 0:
            if time.monotonic() > ends or not self._read():
                raise AssertionError(f"{text!r} did not come; the terminal shows:\n{self.seen}")
        part = self.seen[self._read_to : found + len(text)]
        self._read_to = found + len(text)
        return part

    def exit_code(self) -> int:
        """Wait for the end of the program."""
        while self._read():
            pass
        return self._process.wait(PATIENCE)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._main], [], [], PATIENCE)
        try:
            data = os.read(self._main, 65536) if ready else b""
        except OSError:  # Linux: the other side is closed
            data = b""
        self.seen += data.decode(errors="replace")
        return bool(data)
