"""The command, and other programs, in processes that need not import everything anew.

A fresh process spends four seconds of CPU on importing litellm. So one process imports it, once in
a run of the tests, and every program is a fork of that one, with files, a terminal, an environment
and signals of its own. It ends as any other Python does, except for what it imported: to take all
of litellm apart, a page after the other of memory that is shared until then, is a second of CPU.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import fcntl
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["Program", "Worker"]

ROOT = Path(__file__).parents[1]


class Program:
    """``bruno-llm`` in a process of its own, in the manner of ``subprocess.Popen``.

    Args:
        arguments: What follows the name of the command.
        env: The whole environment.
        stdin: A file descriptor, as the two others.
        terminal: Whether ``stdin`` becomes its terminal, in a session of its own: Ctrl-C then
            reaches it and nobody else.
        code: A Python program to be run in place of the command.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        stdin: int,
        stdout: int,
        stderr: int,
        *,
        terminal: bool = False,
        code: str = "",
    ) -> None:
        self.returncode: int | None = None
        self._status, theirs = os.pipe()
        order = {"arguments": list(arguments), "env": dict(env), "terminal": terminal, "code": code}
        try:
            socket.send_fds(_ours(), [json.dumps(order).encode()], [stdin, stdout, stderr, theirs])
        finally:
            os.close(theirs)
        self.pid = int(self._line())

    def poll(self) -> int | None:
        """The exit code, ``None`` while it runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            return self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code; negative after a signal, as in ``subprocess``."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("bruno-llm", timeout or 0)
            self.returncode = int(self._line())
            os.close(self._status)
        return self.returncode

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            read = os.read(self._status, 1)
            if not read:
                raise RuntimeError("the process from which programs are forked has ended")
            line += read
        return line


class Worker(Program):
    """Some code with a pipe on each side, which the test and it talk through.

    Args:
        code: A Python program.
        arguments: Its ``sys.argv`` from 1 on.

    Attributes:
        stdin: To be written.
        stdout: To be read.
        stderr: To be read. What it or ``stdout`` holds unread must fit into a pipe.
    """

    def __init__(self, code: str, *arguments: str) -> None:
        (read, write), (out, their_out), (err, their_err) = os.pipe(), os.pipe(), os.pipe()
        super().__init__(arguments, os.environ, read, their_out, their_err, code=code)
        for theirs in (read, their_out, their_err):
            os.close(theirs)
        self.stdin = os.fdopen(write, "w")
        self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)
        self._said: tuple[str, str] | None = None

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Close its ``stdin``, wait for its end, and return the rest of what it said."""
        if self._said is None:
            with contextlib.suppress(BrokenPipeError):
                self.stdin.close()
            self.wait(timeout)
            with self.stdout, self.stderr:
                self._said = self.stdout.read(), self.stderr.read()
        return self._said


@functools.lru_cache(maxsize=1)
def _ours() -> socket.socket:
    """Our end of the line to the process that forks; started when it is first needed."""
    ours, theirs = socket.socketpair()
    code = f"from tests.warm import serve; serve({theirs.fileno()})()"
    # As on a machine where nothing is set up; what a program gets is its own.
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours


# --- what follows runs in the other process ---------------------------------------------------


def serve(fd: int) -> Any:
    """Import everything, and return in each fork with the program that it shall run."""
    import warnings

    # What is registered first comes last, behind all that a program and its imports registered.
    atexit.register(_leave)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import openai.resources  # noqa: F401
        import rich.console  # noqa: F401

        from bruno_llm._litellm.loading import load_now
        from bruno_llm.cli import cli, main

        for name in (
            "sqlalchemy.ext.asyncio",
            "sqlalchemy.dialects.postgresql",
            "psycopg",
            "redis",
        ):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        load_now()
        asyncio.run(_get_ready())
        for name in cli.list_commands(None):  # type: ignore[arg-type]
            cli.get_command(None, name)  # type: ignore[arg-type]
    gc.collect()
    gc.freeze()
    line = socket.socket(fileno=fd)
    while True:
        data, files, _, _ = socket.recv_fds(line, 1 << 20, 4)
        if not data:
            os._exit(0)
        *streams, status = files
        if os.fork() == 0:
            if (pid := os.fork()) == 0:
                line.close()
                os.close(status)
                order = json.loads(data)
                _become(order, streams)
                code = order["code"]
                run = functools.partial(exec, code, {"__name__": "__main__"}) if code else main
                return functools.partial(_run, run)
            _tell_how_it_ends(pid, status, [*streams, line.fileno()])
        for file in files:
            os.close(file)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


async def _get_ready() -> None:
    """Import what a first call imports; nobody is asked."""
    from bruno_llm import ClaudeProvider, OllamaProvider, OpenAIProvider

    for cls in (OllamaProvider, OpenAIProvider, ClaudeProvider):
        async with cls(base_url="http://127.0.0.1:9", api_key="none") as llm:
            await llm.warm_up()


_exit_code: int | None = None


def _run(program: Callable[[], object]) -> None:
    global _exit_code
    try:
        program()
        _exit_code = 0
    except SystemExit as left:
        _exit_code = left.code if isinstance(left.code, int) else int(left.code is not None)
        raise
    except Exception:
        _exit_code = 1
        raise


def _leave() -> None:
    """End here, where the exit code is known: Ctrl-C that nobody caught becomes a signal later."""
    if _exit_code is None:
        return
    gc.collect()
    code = _exit_code
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = 120 if stream is sys.stdout else code
    os._exit(code & 0xFF)


def _tell_how_it_ends(pid: int, status: int, others: Sequence[int]) -> NoReturn:
    for file in others:
        os.close(file)
    os.write(status, b"%d\n" % pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(status, b"%d\n" % code)
    os._exit(0)


def _become(order: Mapping[str, Any], streams: Sequence[int]) -> None:
    """What a shell does before it starts a program, and Python before it runs it."""
    if order["terminal"]:
        os.setsid()
        fcntl.ioctl(streams[0], termios.TIOCSCTTY, 0)
    # Whoever runs the tests in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(order["env"])
    encoding = order["env"].get("PYTHONIOENCODING", "utf-8")
    sys.stdin = os.fdopen(0, encoding=encoding, errors="surrogateescape", closefd=False)
    for number, name, errors in ((1, "stdout", "strict"), (2, "stderr", "backslashreplace")):
        buffering = 1 if number == 2 or os.isatty(number) else -1
        stream = os.fdopen(number, "w", buffering, encoding=encoding, errors=errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = ["bruno-llm", *order["arguments"]]
