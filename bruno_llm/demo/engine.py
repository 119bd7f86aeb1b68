"""A real llama.cpp server on loopback, without a key and without a download."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import IO

from typing_extensions import Self

from bruno_llm.demo import tiny_model
from bruno_llm.exceptions import ConfigurationError

__all__ = ["Engine"]

START_SECONDS = 60.0  # measured: 0.3 s on an idle machine; this is for one that is busy
STOP_SECONDS = 5.0


class Engine:
    """The llama.cpp server with the computed model of ``tiny_model``, as a context manager.

        with Engine() as engine:
            provider = OpenAIProvider("tiny", base_url=engine.openai_base_url, api_key="any")

    It runs in a process of its own on a free loopback port and ends with the block, and also when
    this process is killed. It speaks OpenAI's chat, embedding and model endpoints, and Anthropic's
    messages.

    Args:
        key: Refuse requests that do not carry this key. ``None`` accepts every request.
        embed: Serve embeddings (``/v1/embeddings``) instead of chat. Takes one slot.
        ctx: Tokens of context, shared by the slots.
        slots: Requests served at the same time.

    Raises:
        ConfigurationError: The extra ``demo`` is not installed, a number is not positive, or the
            server does not start.
    """

    def __init__(
        self, key: str | None = None, embed: bool = False, ctx: int = 8192, slots: int = 2
    ) -> None:
        for name, value in (("ctx", ctx), ("slots", slots)):
            if value < 1:
                raise ConfigurationError(f"Engine: {name}={value!r} must be a positive integer")
        self._key = key
        self._embed = embed
        self._ctx = ctx
        self._slots = 1 if embed else slots
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[str] | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """Address of the server, such as ``http://127.0.0.1:40123``."""
        if self._url is None:
            raise ConfigurationError("Engine: not running; use it as `with Engine() as engine:`")
        return self._url

    @property
    def openai_base_url(self) -> str:
        """What an OpenAI client takes as its base URL: with ``/v1``."""
        return f"{self.url}/v1"

    @property
    def anthropic_base_url(self) -> str:
        """What an Anthropic client takes as its base URL: without ``/v1``."""
        return self.url

    @property
    def description(self) -> str:
        """What answers here, with its version; for a cassette's ``recorded_from``."""
        return f"llama.cpp server (xllamacpp {version('xllamacpp')}), computed model"

    @property
    def pid(self) -> int | None:
        """Process id of the server, ``None`` when it is not running."""
        return self._process.pid if self._process else None

    def __repr__(self) -> str:
        return f"Engine(url={self._url!r}, embed={self._embed})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and return when it listens. A second start does nothing."""
        if self._process is not None:
            return
        for package in ("xllamacpp", "gguf"):
            if not _installed(package):
                raise ConfigurationError(
                    f"Engine: the package {package!r} is not installed",
                    hint="pip install 'bruno-llm[demo]'",
                )
        settings = {
            "model": str(_model_file(self._ctx // self._slots, self._embed)),
            "key": self._key,
            "embed": self._embed,
            "ctx": self._ctx,
            "slots": self._slots,
        }
        # llama.cpp logs each request. A file takes any amount of it; a pipe would fill up and
        # block the server.
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bruno_llm.demo._serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(),
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it died at once: the wait below says why
            self._process.stdin.write(json.dumps(settings) + "\n")
            self._process.stdin.flush()
        address = _first_line(self._process.stdout, START_SECONDS)
        if not address.startswith("http"):
            log = self._last_words()
            self.stop()
            raise ConfigurationError(f"Engine: llama.cpp did not start: {log}")
        self._url = address

    def stop(self) -> None:
        """End the server and wait until it is gone. Stopping twice is fine."""
        process, self._process, self._url = self._process, None, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _last_words(self) -> str:
        assert self._process is not None
        assert self._log is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)  # its traceback is complete only when it is gone
        self._log.seek(0)
        lines = self._log.read().strip().splitlines()
        return lines[-1] if lines else f"no sign of life within {START_SECONDS:g} s"


def _installed(package: str) -> bool:
    if package in sys.modules:
        return sys.modules[package] is not None
    return importlib.util.find_spec(package) is not None


def _environment() -> dict[str, str]:
    """This process's environment, with the import path it really has (a checkout, a zip ...)."""
    root = str(Path(tiny_model.__file__).parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _first_line(stream: IO[str], seconds: float) -> str:
    """The first line of a pipe, ``""`` when it ends or stays silent for so long."""
    lines: queue.Queue[str] = queue.Queue()
    # A thread, because a pipe cannot be polled on every platform.
    threading.Thread(target=lambda: lines.put(stream.readline()), daemon=True).start()
    try:
        return lines.get(timeout=seconds).strip()
    except queue.Empty:
        return ""


def _model_file(context: int, embed: bool) -> Path:
    """The model on disk, computed at the first use.

    The name carries a hash of the code that computes it, so a changed model is never mistaken for
    the old one.
    """
    code = hashlib.sha256(Path(tiny_model.__file__).read_bytes()).hexdigest()[:12]
    path = _cache_dir() / f"tiny-{'embed' if embed else 'chat'}-{context}-{code}.gguf"
    if not path.exists():
        # Written aside and moved: another process sees a whole file or none.
        handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        os.close(handle)
        try:
            tiny_model.write_model(partial, context=context, pooling="mean" if embed else None)
            os.replace(partial, path)
        finally:
            Path(partial).unlink(missing_ok=True)
    return path


def _cache_dir() -> Path:
    """``$XDG_CACHE_HOME/bruno-llm`` or ``~/.cache/bruno-llm``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(base) / "bruno-llm"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _private_dir()
    return path if os.access(path, os.W_OK) else _private_dir()


@functools.cache
def _private_dir() -> Path:
    """A directory for this process alone, for a home that cannot be written to.

    A fixed name in the shared temporary directory would let another user provide the model.
    """
    directory = tempfile.TemporaryDirectory(prefix="bruno-llm-")
    _private_dirs.append(directory)
    return Path(directory.name)


_private_dirs: list[tempfile.TemporaryDirectory[str]] = []
