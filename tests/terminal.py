"""The command, run as a person runs it: in a pipe, or in a terminal of its own."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from tests.warm import Program

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


class Piped:
    """The command, or some ``code``, with a pipe on each side; it reads nothing by default.

    Attributes:
        stdout: To be read.
        stderr: To be read; what it holds must fit into a pipe.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        stdin: str | bytes = b"",
        *,
        code: str = "",
    ) -> None:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        (read, write), (out, their_out), (err, their_err) = os.pipe(), os.pipe(), os.pipe()
        self._process = Program(arguments, env, read, their_out, their_err, code=code)
        self.stdout, self.stderr = FileIO(out), FileIO(err)
        for theirs in (read, their_out, their_err):
            os.close(theirs)
        with contextlib.suppress(BrokenPipeError), open(write, "wb") as into:
            into.write(given)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._process.kill()
        self._process.wait(PATIENCE)
        self.stdout.close()
        self.stderr.close()

    def wait(self) -> int:
        """Its exit code."""
        return self._process.wait(PATIENCE)


def run(
    arguments: Sequence[str], env: Mapping[str, str], stdin: str | bytes = b""
) -> subprocess.CompletedProcess[str]:
    """Run the command with pipes and return what it said."""
    with Piped(arguments, env, stdin) as program:
        out, err = program.stdout.readall().decode(), program.stderr.readall().decode()
        return subprocess.CompletedProcess(["bruno-llm", *arguments], program.wait(), out, err)


def run_installed(
    arguments: Sequence[str], env: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """The same with the installed script in a fresh process, which costs seconds."""
    return subprocess.run(
        [PROGRAM, *arguments],
        env=dict(env),
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


class Terminal:
    """The command in a pseudo-terminal of 100 columns; ``stdout`` may go to a file instead."""

    def __init__(
        self, arguments: Sequence[str], env: Mapping[str, str], stdout: Path | None = None
    ) -> None:
        self.seen = ""
        self._read_to = 0
        self._main, side = pty.openpty()
        env = {**env, "COLUMNS": "100"}
        with stdout.open("wb") if stdout else open(os.dup(side), "wb") as target:
            self._process = Program(arguments, env, side, target.fileno(), side, terminal=True)
        os.close(side)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        os.close(self._main)

    def type(self, text: str) -> None:
        """Type a line and press Enter."""
        os.write(self._main, f"{text}\n".encode())

    def press(self, key: str) -> None:
        """Press Ctrl and a letter."""
        os.write(self._main, bytes([ord(key.upper()) - 64]))

    def insist(self, key: str, text: str) -> str:
        """Press Ctrl and a letter, and again each second, until ``text`` is there.

        Python heeds no Ctrl-C that comes between its prompt and its wait for a line.
        """
        for _ in range(int(PATIENCE)):
            self.press(key)
            while self._read(1.0):
                if self.seen.find(text, self._read_to) >= 0:
                    return self.until(text)
        raise AssertionError(f"{text!r} did not come; the terminal shows:\n{self.seen}")

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

    def _read(self, patience: float = PATIENCE) -> bool:
        ready, _, _ = select.select([self._main], [], [], patience)
        try:
            data = os.read(self._main, 65536) if ready else b""
        except OSError:  # Linux: the other side is closed
            data = b""
        self.seen += data.decode(errors="replace")
        return bool(data)
