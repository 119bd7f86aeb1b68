"""Hundreds of calls and streams at once through one provider, against every failure at random.

``BRUNO_LLM_TEST_SIZE=10 pytest tests/faults/test_soak.py -rP`` asks ten times as often as at full
size and prints the figures; ``BRUNO_LLM_SOAK_SEED`` chooses other failures.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from bruno_llm import (
    Completion,
    CostTracker,
    LiteLLMProvider,
    LLMError,
    RateLimit,
    Retry,
    StreamEnd,
    TextDelta,
    Timeout,
)
from tests.contract.matrix import CLAUDE, GEMINI, KEY, OLLAMA, OPENAI, Case
from tests.faults.soak import FaultyServer, Log, faulty_server
from tests.size import FULL, sized

SEED = int(os.environ.get("BRUNO_LLM_SOAK_SEED", "4"))
SLOTS = 200
ATTEMPTS = 4
# Seconds; long enough that a busy machine is not mistaken for a silent server.
SILENCE = 6.0
SHORT_SILENCE = 3.0
BOOKED = ("answer", "StreamError", "EmptyResponseError")

pytestmark = [
    pytest.mark.usefixtures("no_events"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts its sockets in /proc"),
]


@pytest.fixture(scope="module")
def faulty() -> Iterator[FaultyServer]:
    with faulty_server(SEED) as server:
        yield server


@dataclass
class Run:
    """What came of one round."""

    outcomes: dict[int, Any] = field(default_factory=dict)
    spent: float = 0.0
    seconds: float = 0.0
    cpu: float = 0.0
    lags: list[float] = field(default_factory=list)

    def counted(self) -> Counter[str]:
        return Counter(
            "answer" if isinstance(what, str) else type(what).__name__
            for what in self.outcomes.values()
        )


class Soaked:
    """One provider with every policy on, and the calls that are made through it."""

    def __init__(self, case: Case, server: FaultyServer, silence: float) -> None:
        self.limit = RateLimit(concurrency=SLOTS, wait_timeout=None, max_waiting=100_000)
        self.costs = CostTracker(budget=1_000)
        self.provider: LiteLLMProvider = case.cls(
            case.model,
            api_key=KEY,
            base_url=server.base_url(case.vendor),
            timeout=Timeout(read=silence, connect=None),
            retry=Retry(attempts=ATTEMPTS, timeout=None, wait_initial=0.02, wait_max=0.1),
            rate_limit=self.limit,
            costs=self.costs,
        )

    async def run(self, calls: int, streams: int) -> Run:
        """All of them at once."""
        run = Run()
        began, worked = time.monotonic(), time.process_time()
        async with _lag(run.lags):
            await asyncio.gather(
                *(self._plain(run, number) for number in range(calls)),
                *(self._streamed(run, calls + number) for number in range(streams)),
            )
        run.seconds, run.cpu = time.monotonic() - began, time.process_time() - worked
        return run

    async def _plain(self, run: Run, number: int) -> None:
        try:
            completion = await self.provider.complete(_ask(number))
        except LLMError as error:
            self._failed(run, number, error, "", [])
        else:
            self._ended(run, number, completion.text, completion.cost)

    async def _streamed(self, run: Run, number: int) -> None:
        pieces: list[str] = []
        ends: list[Completion] = []
        try:
            async for event in self.provider.stream_events(_ask(number)):
                if isinstance(event, TextDelta):
                    pieces.append(event.text)
                elif isinstance(event, StreamEnd):
                    ends.append(event.completion)
        except LLMError as error:
            self._failed(run, number, error, "".join(pieces), ends)
        else:
            (completion,) = ends
            assert "".join(pieces) == completion.text
            self._ended(run, number, completion.text, completion.cost)

    def _failed(
        self, run: Run, number: int, error: LLMError, told: str, ends: list[Completion]
    ) -> None:
        assert KEY not in repr(error)
        assert not ends
        assert told == (error.partial.text if error.partial else "")
        self._ended(run, number, error, error.partial.cost if error.partial else 0.0)

    def _ended(self, run: Run, number: int, outcome: Any, cost: float | None) -> None:
        assert number not in run.outcomes
        assert cost is not None
        run.outcomes[number] = outcome
        run.spent += cost


def _ask(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Answer call-{number}, please."}]


@asynccontextmanager
async def _lag(lags: list[float]) -> AsyncIterator[None]:
    """Note how late the event loop is, fifty times a second."""

    async def watch() -> None:
        while True:
            due = time.monotonic() + 0.02
            await asyncio.sleep(0.02)
            lags.append(time.monotonic() - due)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()


def sockets() -> int:
    """Sockets that this process has open."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except FileNotFoundError:  # the directory's own
            continue
    return found


def own_tasks() -> set[asyncio.Task[Any]]:
    """Unfinished tasks but litellm's worker, of which there is one for each event loop."""
    tasks = asyncio.all_tasks()
    return {task for task in tasks if "LoggingWorker._worker_loop" not in repr(task)}


def resident() -> float:
    """Megabytes of memory in use."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def every_call_is_explained(run: Run, log: Log) -> None:
    wrong = {}
    for number, outcome in run.outcomes.items():
        *before, last = log.tries[number]
        by_the_rules = (
            len(before) < ATTEMPTS
            and all(one.may_be_followed for one in before)
            and last.explains(outcome)
            # Nothing that may be tried again is given up early.
            and (not getattr(outcome, "retryable", False) or len(before) == ATTEMPTS - 1)
        )
        if not by_the_rules:
            wrong[number] = (log.tries[number], outcome)
    assert not wrong


@pytest.mark.slow
@pytest.mark.sized
@pytest.mark.covering(0)
@pytest.mark.parametrize(
    ("case", "calls", "streams"),
    [
        pytest.param(OPENAI, 1000, 200, id="openai"),
        pytest.param(CLAUDE, 1000, 200, id="claude"),
        pytest.param(GEMINI, 100, 50, id="gemini"),
        pytest.param(OLLAMA, 100, 50, id="ollama"),
    ],
)
async def test_every_call_ends_rightly(
    case: Case, calls: int, streams: int, faulty: FaultyServer
) -> None:
    calls, streams = (sized(calls), sized(streams)) if FULL else (30, 10)
    soaked = Soaked(case, faulty, SILENCE if calls > 500 else SHORT_SILENCE)
    sockets_before, tasks_before = sockets(), own_tasks()

    run = await soaked.run(calls, streams)
    log = faulty.log()

    # Nothing is lost and nothing is done twice.
    assert sorted(run.outcomes) == sorted(log.tries) == list(range(calls + streams))
    every_call_is_explained(run, log)
    tries = sum(map(len, log.tries.values()))
    assert log.requests == tries
    assert log.errors == 0

    # What was billed is booked, once.
    ended = run.counted()
    report = soaked.costs.report()
    total = report.total
    assert total.calls - total.uncertain_calls == sum(ended[name] for name in BOOKED)
    assert float(total.cost - total.uncertain_cost) == pytest.approx(run.spent, abs=1e-9)
    every_try = [one for tries in log.tries.values() for one in tries]
    lost = sum(one.is_lost for one in every_try)
    # The kernel may throw away what was sent just before a reset, its headers too.
    unclear = sum(one.kind == "reset_stream" and not one.is_lost for one in every_try)
    assert lost <= total.uncertain_calls <= lost + unclear
    assert report.total.unknown_price_calls == 0
    assert [budget.reserved for budget in report.budgets] == [0]

    # Everything is given back.
    assert soaked.limit.waiting == 0
    async with AsyncExitStack() as all_slots:
        for _ in range(SLOTS):
            await asyncio.wait_for(all_slots.enter_async_context(soaked.limit.slot()), 5)
    await soaked.provider.aclose()
    await asyncio.sleep(0.05)
    assert sockets() <= sockets_before
    assert own_tasks() <= tasks_before
    assert faulty.log().open_streams == 0

    median, worst = statistics.median(run.lags) * 1e3, max(run.lags) * 1e3
    print(
        f"\n{case}: {calls} calls and {streams} streams, {tries} requests in {run.seconds:.1f} s "
        f"({run.cpu:.1f} s of CPU), at most {log.peak} at once; event loop late by {median:.0f} ms "
        f"(median), {worst:.0f} ms (worst); {resident():.0f} MB; {dict(ended)}"
    )


@pytest.mark.slow
@pytest.mark.full
async def test_memory_is_flat(faulty: FaultyServer) -> None:
    """Round after round through the same provider leaves nothing behind."""
    calls, streams, rounds = 60, 20, sized(3)
    soaked = Soaked(OPENAI, faulty, silence=1.0)
    # Its last thousand bookings are kept on purpose.
    soaked.provider.costs = None
    objects, memory = [], []
    for _ in range(rounds + 1):
        await soaked.run(calls, streams)
        faulty.log()
        gc.collect()
        objects.append(len(gc.get_objects()))
        memory.append(resident())
    await soaked.provider.aclose()
    # What a cache keeps from one round is no leak: a leak grows in each of them.
    grown = min(after - before for before, after in itertools.pairwise(objects))
    print(f"\n{rounds} rounds: {grown} more objects in each, {memory[-1] - memory[0]:+.1f} MB")
    # One object kept for each call would be far more than this.
    assert grown < (calls + streams) / 4
    assert memory[-1] - memory[0] < 20
