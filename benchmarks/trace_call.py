"""How far one call travels through the package: functions, files, and changes of file.

    python benchmarks/trace_call.py            # plain and streamed, policies off and on
    python benchmarks/trace_call.py --list     # each function, in the order of its first call

Counted with ``sys.setprofile`` on the second call of a provider, when everything is loaded. The
headline is the changes of file: one is counted between a function of the package and the next one
that starts or goes on after a wait, whatever ran in between. When a wait ends, every coroutine of
the chain goes on, from the first to the one that waited; how often a call waits is httpx's and
litellm's doing, so the changes are counted without those besides. Counts, not times; a test holds
them to a bound (``tests/test_call_work.py``).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import types
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import bruno_llm
from bruno_llm import ContextWindow, CostTracker, OpenAIProvider, RateLimit
from bruno_llm.testing import FakeServer, Reply

ROOT = str(Path(bruno_llm.__file__).parent)
ASIDE = (f"{ROOT}/testing",)
QUESTION = [{"role": "user", "content": "Why is the sky blue?"}]


class Trace:
    """What of the package was entered, in order."""

    def __init__(self) -> None:
        self.entered: list[tuple[str, str]] = []
        self.started: list[tuple[str, str]] = []
        self._frames: set[types.FrameType] = set()

    def __call__(self, frame: types.FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(ROOT):
            return
        if code.co_filename.startswith(ASIDE) or code.co_name.startswith("<"):
            return
        file = code.co_filename[len(ROOT) + 1 :]
        self.entered.append((file, getattr(code, "co_qualname", code.co_name)))
        if frame not in self._frames:
            self._frames.add(frame)  # kept, so that no other takes its place in memory
            self.started.append(self.entered[-1])

    @property
    def functions(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys(self.entered))

    def __str__(self) -> str:
        files = {file for file, _ in self.entered}
        return (
            f"{changes(self.entered):4} changes of file "
            f"({changes(self.started):3} without going on after a wait) "
            f"{len(self.functions):4} functions {len(files):3} files"
        )


def changes(entered: list[tuple[str, str]]) -> int:
    return sum(a != b for (a, _), (b, _) in itertools.pairwise(entered))


async def traced(call: Callable[[], Awaitable[object]]) -> Trace:
    await call()
    trace = Trace()
    sys.setprofile(trace)
    try:
        await call()
    finally:
        sys.setprofile(None)
    return trace


async def streamed(provider: OpenAIProvider) -> None:
    async for _ in provider.stream(QUESTION):
        pass


async def main(*, listed: bool) -> None:
    with FakeServer() as server:
        server.script(*[Reply("Because of Rayleigh scattering.")] * 8)
        plain = {"base_url": server.base_url("openai"), "api_key": "trace", "retry": None}
        policies: dict[str, Any] = {
            "costs": CostTracker(),
            "rate_limit": RateLimit(requests_per_minute=6000),
            "window": ContextWindow(),
        }
        off = OpenAIProvider("gpt-4o-mini", **plain)
        on = OpenAIProvider("gpt-4o-mini", **plain, **policies)
        for name, call in {
            "generate, policies off": lambda: off.generate(QUESTION),
            "generate, policies on": lambda: on.generate(QUESTION),
            "stream, policies off": lambda: streamed(off),
            "stream, policies on": lambda: streamed(on),
        }.items():
            trace = await traced(call)
            print(f"{name:24}{trace}")
            if listed:
                print(
                    *(f"    {file:28} {function}" for file, function in trace.functions), sep="\n"
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--list", action="store_true", dest="listed")
    asyncio.run(main(listed=parser.parse_args().listed))
