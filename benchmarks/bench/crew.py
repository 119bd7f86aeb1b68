"""The processes: the server's, and one for each contender, each told what to do in JSON lines."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
LIMIT = 400.0  # seconds for one sample
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT", "LD_LIBRARY_PATH")


def environment() -> dict[str, str]:
    """No keys, no proxies; and litellm takes the model map it came with, as it does offline."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": str(HERE), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


class Gone(Exception):
    """A process ended, or did not answer in time."""


class Talker:
    """A process that answers each line with a line of JSON."""

    def __init__(self, process: asyncio.subprocess.Process, errors: Any) -> None:
        self._process = process
        self._errors = errors

    @classmethod
    async def start(cls, python: str, *command: str) -> Talker:
        errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by stop()
        process = await asyncio.create_subprocess_exec(
            python,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment(),
            cwd=HERE,  # it is on the import path, and must not be where this package lies
            limit=1 << 24,
        )
        return cls(process, errors)

    async def heard(self) -> Any:
        """The next line that it says."""
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), LIMIT)
        except asyncio.TimeoutError:
            raise Gone(f"no answer within {LIMIT:.0f} s") from None
        if not line:
            self._errors.seek(0)
            last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
            raise Gone(*last)
        return json.loads(line)

    async def ask(self, question: Any = None) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        return await self.heard()

    async def stop(self) -> None:
        """End it, whatever it is at; what it would do at leaving is of no interest."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._errors.close()


class Crew:
    """The server and the workers of the contenders that are there."""

    def __init__(self, pythons: Mapping[str, str], *, stay: bool = False) -> None:
        self.pythons = pythons
        self.born: dict[str, dict[str, Any]] = {}
        self._stay = stay
        self._workers: dict[str, Talker] = {}

    async def __aenter__(self) -> Crew:
        self._server = await Talker.start(sys.executable, "-m", "bench.server")
        self._url = f"http://127.0.0.1:{await self._server.heard()}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for talker in (*self._workers.values(), self._server):
            await talker.stop()

    async def counts(self) -> dict[str, int]:
        """What the server has counted so far."""
        counted: dict[str, int] = await self._server.ask()
        return counted

    async def _new(self, name: str) -> Talker:
        worker = await Talker.start(self.pythons[name], "-m", "bench.worker", name, self._url)
        try:
            self.born[name] = await worker.heard()
        except Gone:
            await worker.stop()
            raise
        return worker

    async def worker(self, name: str) -> Talker:
        if name not in self._workers:
            self._workers[name] = await self._new(name)
        return self._workers[name]

    async def sample(
        self, name: str, subject: str, setting: Mapping[str, Any], *, fresh: bool
    ) -> dict[str, Any]:
        """What one contender found, with what the server counted meanwhile.

        ``fresh`` asks a process that has done nothing yet.
        """
        alone = fresh and not self._stay
        before = await self.counts()
        worker = None
        try:
            worker = await (self._new(name) if alone else self.worker(name))
            found: dict[str, Any] = await worker.ask({"subject": subject, "setting": setting})
        except Gone as gone:
            self._workers.pop(name, None)
            if worker is not None:
                await worker.stop()
            return {"error": str(gone)}
        after = await self.counts()
        for count in ("accepted", "requests"):
            found[count] = after[count] - before[count]
        found["hanging"] = after["hanging"]
        # Those of the others, which stay open meanwhile, are not this one's.
        found["peak"] = after["peak"] - before["open"]
        if subject == "start":
            found |= self.born[name]
        if alone:
            await worker.stop()
        return found
