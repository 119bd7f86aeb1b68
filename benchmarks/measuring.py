"""What the benchmarks share: a server in a process of its own, and interleaved rounds."""

from __future__ import annotations

import multiprocessing
import statistics
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection

import structlog

from bruno_llm.testing import FakeServer, Reply


def _serve(pipe: Connection, words: int) -> None:
    pieces = [f"word{number} " for number in range(words)]
    with FakeServer() as server:
        server.default = Reply("".join(pieces), pieces=pieces)
        pipe.send(server.url)
        while pipe.recv() != "stop":
            pipe.send(server.accepted)


class Served(str):
    """The address of a server in another process."""

    __slots__ = ("pipe",)
    pipe: Connection

    def accepted(self) -> int:
        """How many connections it has accepted so far."""
        self.pipe.send("accepted")
        return int(self.pipe.recv())


@contextmanager
def loopback_server(words: int) -> Iterator[Served]:
    """The address of a server that answers everything with that many words."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, words), daemon=True)
    process.start()
    try:
        served = Served(ours.recv())
        served.pipe = ours
        yield served
        ours.send("stop")
    finally:
        process.join(10)
        process.terminate()


def quiet() -> None:
    """Neither our events nor pydantic's warnings about litellm's models are measured."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    warnings.simplefilter("ignore")


async def interleaved(
    ways: Mapping[str, Callable[[], Awaitable[object]]], *, rounds: int, each: int
) -> dict[str, float]:
    """CPU seconds of one run of each way: the median over the rounds.

    The ways take turns, so that what slows the machine down slows all of them; the time of every
    thread of this process counts.
    """
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            began = time.process_time()
            for _ in range(each):
                await way()
            if turn:  # the first one imports and connects
                spent[name].append((time.process_time() - began) / each)
    return {name: statistics.median(times) for name, times in spent.items()}


def table(title: str, seconds: Mapping[str, float], per: int = 1) -> None:
    """Print microseconds of CPU, and each as a multiple of the first."""
    print(title)
    first = next(iter(seconds.values()))
    for name, value in seconds.items():
        print(f"  {name:<44} {value / per * 1e6:8.0f} us   x {value / first:.2f}")
