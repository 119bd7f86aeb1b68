"""Attacks and callers that leave, all at once and round after round, and the books afterwards.

``BRUNO_LLM_TEST_SIZE=1 pytest tests/faults/test_soak_attacks.py -rP`` lasts about ten minutes and
prints the figures; ``BRUNO_LLM_SOAK_ROUNDS`` names another number of rounds.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from bruno_llm import (
    Completion,
    CostTracker,
    LiteLLMProvider,
    LLMError,
    RateLimit,
    StreamEnd,
    Timeout,
)
from tests.contract.matrix import CLAUDE, GEMINI, KEY, OLLAMA, OPENAI, Case
from tests.faults.attacks import MOST, explains, is_billed, may_be_billed, plan, play
from tests.faults.soak import FaultyServer, Log, faulty_server
from tests.faults.test_leaks import TURNS, cancelled_after
from tests.faults.test_soak import own_tasks, resident, sockets
from tests.faults.unawaited import UNAWAITED
from tests.size import FULL

SEED = int(os.environ.get("BRUNO_LLM_SOAK_SEED", "4"))
CASES = (OPENAI, CLAUDE, GEMINI, OLLAMA)
ROUNDS = int(os.environ.get("BRUNO_LLM_SOAK_ROUNDS", "0")) or (200 if FULL else 4)
CALLS = 150 if FULL else 50
SLOTS = 40
LEFT = "left"

pytestmark = [
    *UNAWAITED,
    pytest.mark.slow,
    pytest.mark.sized,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts its sockets in /proc"),
]


@pytest.fixture(scope="module")
def attacker() -> Iterator[FaultyServer]:
    with faulty_server(SEED, plan, play) as server:
        yield server


@dataclass
class Round:
    """One provider, its policies, and what came of its calls: an answer, an error or ``LEFT``."""

    case: Case
    server: FaultyServer
    number: int
    outcomes: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.limit = RateLimit(
            concurrency=SLOTS, wait_timeout=None, max_waiting=CALLS, max_pause=0.05
        )
        self.costs = CostTracker(budget=1_000)
        self.provider: LiteLLMProvider = self.case.cls(
            self.case.model,
            api_key=KEY,
            base_url=self.server.base_url(self.case.vendor),
            timeout=Timeout(read=60, connect=None),
            retry=None,
            rate_limit=self.limit,
            costs=self.costs,
            max_response_bytes=MOST,
        )

    async def call(self, number: int) -> None:
        dice = random.Random(f"{SEED}/{self.number}/{number}")
        work = (self._plain, self._streamed)[dice.randrange(2)](number, dice)
        if dice.random() < 0.75:
            await work
        elif await cancelled_after(dice.randrange(3 * TURNS), work):
            self.outcomes[number] = LEFT

    async def _plain(self, number: int, dice: random.Random) -> None:
        try:
            answer = await self.provider.complete(self._ask(number), tag=_tag(number))
        except LLMError as error:
            self.outcomes[number] = error
        else:
            self.outcomes[number] = answer

    async def _streamed(self, number: int, dice: random.Random) -> None:
        patience = dice.randrange(1, 40)
        events = self.provider.stream_events(self._ask(number), tag=_tag(number))
        try:
            async with aclosing(events):
                async for event in events:
                    patience -= 1
                    if isinstance(event, StreamEnd):
                        self.outcomes[number] = event.completion
                    elif not patience:
                        self.outcomes[number] = LEFT
                        break
        except LLMError as error:
            self.outcomes[number] = error

    def _ask(self, number: int) -> list[dict[str, str]]:
        return [{"role": "user", "content": f"Answer call-{self._named(number)}, please."}]

    def _named(self, number: int) -> int:
        """Of no other round: the request of a caller who has left may still arrive in the next."""
        return self.number * 1_000 + number

    def the_books_are_right(self, log: Log) -> None:
        report = self.costs.report(by="tag")
        booked = {line.key: line for line in report.lines}
        assert [budget.reserved for budget in report.budgets] == [0]
        for number, outcome in self.outcomes.items():
            line = booked.pop(_tag(number), None)
            tries = log.tries.get(self._named(number), [])
            where = (number, tries, outcome, line)
            assert len(tries) <= 1, where
            if outcome is not LEFT:
                self._is_right(tries[0], outcome, line, where)
            elif tries and is_billed(tries[0]):
                assert line is not None and line.calls == 1, where
            elif line is not None:  # it left with the request under way, so it is not sure
                assert line.calls == line.estimated_calls == 1, where
        assert not booked

    def _is_right(self, it: Any, outcome: Any, line: Any, where: Any) -> None:
        if isinstance(outcome, Completion):
            assert explains(it, outcome.text), where
            assert line is not None and line.calls == 1 and not line.uncertain_calls, where
            assert float(line.cost) == pytest.approx(outcome.cost, abs=1e-12), where
            return
        assert explains(it, outcome), where
        assert KEY not in repr(outcome), where
        if may_be_billed(it, outcome):
            assert line is not None and line.calls == line.estimated_calls == 1, where
        else:
            assert line is None, where

    async def nothing_is_left(self) -> None:
        assert self.limit.waiting == 0
        async with AsyncExitStack() as all_slots:
            for _ in range(SLOTS):
                await asyncio.wait_for(all_slots.enter_async_context(self.limit.slot()), 60)
        places = (await self.provider._clients.get()).http.places
        for _ in range(1_000):  # a place is given back in a task of its own
            if not places.taken:
                break
            await asyncio.sleep(0.01)
        assert (places.taken, places.line.waiting) == (0, 0)
        await self.provider.aclose()


@contextmanager
def steps(taken: list[float]) -> Iterator[None]:
    """Note the seconds of CPU that each step of the event loop takes, without the collector's."""
    run, collecting = asyncio.Handle._run, [0.0]

    def collector(phase: str, _: dict[str, int]) -> None:
        if threading.current_thread() is threading.main_thread():
            collecting[0] += time.thread_time() * (-1 if phase == "start" else 1)

    def timed(handle: asyncio.Handle) -> None:
        began, collected = time.thread_time(), collecting[0]
        run(handle)
        taken.append(time.thread_time() - began - (collecting[0] - collected))

    gc.callbacks.append(collector)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.Handle, "_run", timed)
        yield
    gc.callbacks.remove(collector)


def _threads() -> list[str]:
    """The names of all threads but the workers of executors, whose number is bounded."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if not re.search(r"_\d+$", name)]


def _tag(number: int) -> str:
    return f"call {number}"


async def test_attacked_from_all_sides(attacker: FaultyServer) -> None:
    sockets_before, tasks_before = sockets(), own_tasks()
    taken: list[float] = []
    objects: list[int] = []
    threads: list[int] = []
    ended: Counter[str] = Counter()
    for number in range(ROUNDS):
        one = Round(CASES[number % len(CASES)], attacker, number)
        with steps(taken):
            await asyncio.gather(*(one.call(call) for call in range(CALLS)))
        log = attacker.log()
        assert sorted(one.outcomes) == list(range(CALLS))
        assert log.errors == 0
        one.the_books_are_right(log)
        await one.nothing_is_left()
        ended.update(
            what if what is LEFT else type(what).__name__ for what in one.outcomes.values()
        )
        if number % len(CASES) == len(CASES) - 1:
            del one, log
            gc.collect()
            objects.append(len(gc.get_objects()))
            threads.append(len(_threads()))
    await asyncio.sleep(0.05)
    assert sockets() <= sockets_before
    assert own_tasks() <= tasks_before
    assert attacker.log().open_streams == 0
    assert threads[-1] <= threads[0]
    if FULL:  # what grows in every round is a leak; a thousand objects are a call or two
        half = len(objects) // 2
        assert min(objects[half:]) - min(objects[:half]) < 1_000 * half
    print(
        f"\n{ROUNDS} rounds of {CALLS} calls: {dict(ended)}; steps of the event loop took at most "
        f"{max(taken) * 1e3:.0f} ms of CPU, {sum(one > 0.05 for one in taken)} of {len(taken):,} "
        "more than 50 ms, without the garbage collector; "
        f"{resident():.0f} MB, objects {objects[0]:,} to {objects[-1]:,}"
    )
