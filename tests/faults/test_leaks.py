"""A task that is cancelled at any of its awaits gives back its slot, its money and its socket."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

import pytest

from bruno_llm import CostTracker, LiteLLMProvider, RateLimit, Retry
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import CASES, USER, Case, ask
from tests.faults.unawaited import UNAWAITED
from tests.size import FULL

pytestmark = [*UNAWAITED, pytest.mark.covering(1)]

# A call and a stream have fewer turns of the event loop than this when nothing makes them wait.
TURNS = 120


class Watched:
    """A provider with one slot and a budget, of which nothing may be missing afterwards."""

    def __init__(self, case: Case, server: FakeServer, **options: Any) -> None:
        self.server = server
        self.limit = RateLimit(concurrency=1, requests_per_minute=100_000, wait_timeout=1)
        self.costs = CostTracker(budget=100)
        self.provider: LiteLLMProvider = case.provider(
            server, rate_limit=self.limit, costs=self.costs, **options
        )

    async def __aenter__(self) -> Watched:
        self._tasks = asyncio.all_tasks()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.provider.aclose()
        if exc is None:
            await self.server.wait_for(lambda: not self._tasks_left())

    def _tasks_left(self) -> set[asyncio.Task[Any]]:
        left = asyncio.all_tasks() - self._tasks
        # litellm's, one for each event loop.
        return {task for task in left if "LoggingWorker._worker_loop" not in repr(task)}

    @property
    def reserved(self) -> int:
        (budget,) = self.costs.report().budgets
        return int(budget.reserved * 10**12)

    @property
    def calls(self) -> int:
        return self.costs.report().total.calls

    async def is_whole(self) -> None:
        assert self.reserved == 0
        assert self.limit.waiting == 0
        async with self.limit.slot():
            pass


async def cancelled_after(turns: int, work: Any) -> bool:
    """Cancel it after so many turns of the event loop; whether it was still at work."""
    task = asyncio.ensure_future(work)
    for _ in range(turns):
        await asyncio.sleep(0)
        if task.done():
            break
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


@pytest.mark.sized
async def test_cancelled_at_every_turn(case: Case, server: FakeServer, way: str) -> None:
    async with Watched(case, server) as watched:
        await ask(watched.provider, way)  # connects
        ended = 0
        # In a small run the eight tests share the turns among themselves.
        mine = 2 * CASES.index(case) + (way == "complete")
        tried = range(TURNS) if FULL else range(mine, TURNS, 8)
        for turns in tried:
            before = watched.calls
            if await cancelled_after(turns, ask(watched.provider, way)):
                # It is charged from where the request left.
                assert watched.calls - before in (0, 1)
            else:
                ended += 1
                assert watched.calls == before + 1
            await watched.is_whole()
        # The server answers in real time, so how many turns a call has differs from run to run.
        assert ended < len(tried)
        assert await ask(watched.provider, way) == "Hello"


async def test_cancelled_while_the_server_thinks(case: Case, server: FakeServer, way: str) -> None:
    async with Watched(case, server) as watched:
        server.script(Fault.hang())
        task = asyncio.ensure_future(ask(watched.provider, way))
        await server.wait_for(lambda: server.requests)
        # Ollama's tokens cost nothing, so nothing is reserved for them.
        assert (watched.reserved > 0) == (case.vendor != "ollama")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await watched.is_whole()
        assert watched.calls == 1
        assert watched.costs.recent()[0].uncertain
        await server.wait_for(lambda: server.disconnects == 1)
        assert await ask(watched.provider, way) == "Hello"


async def test_cancelled_in_the_middle_of_a_stream(case: Case, server: FakeServer) -> None:
    async with Watched(case, server) as watched:
        server.script(Reply("a b c", gate=server.gate()))
        pieces: list[str] = []

        async def read() -> None:
            async for piece in watched.provider.stream(USER):
                pieces.append(piece)

        task = asyncio.ensure_future(read())
        await server.wait_for(lambda: pieces)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await watched.is_whole()
        assert watched.calls == 1
        assert watched.costs.recent()[0].estimated
        await server.wait_for(lambda: server.disconnects == 1)


async def test_cancelled_in_the_line_for_a_slot(case: Case, server: FakeServer, way: str) -> None:
    async with Watched(case, server) as watched:
        async with watched.limit.slot():
            task = asyncio.ensure_future(ask(watched.provider, way))
            await server.wait_for(lambda: watched.limit.waiting == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await watched.is_whole()
        assert not server.requests


async def test_cancelled_between_two_tries(case: Case, server: FakeServer, way: str) -> None:
    async with Watched(case, server, retry=Retry(attempts=3)) as watched:
        server.script(Fault.status(503, retry_after=60))
        task = asyncio.ensure_future(ask(watched.provider, way))
        await server.wait_for(lambda: server.requests and not server.open_streams)
        for _ in range(200):
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The slot is free, but the 503 said when to come back, and that holds for the next one too.
        await watched.is_whole()
        assert watched.calls == 0
        assert len(server.requests) == 1


async def test_a_reader_that_leaves(case: Case, server: FakeServer) -> None:
    """``break`` without closing: the generator's end, whenever it comes, gives everything back."""
    async with Watched(case, server) as watched:
        server.script(Reply("a b c", gate=server.gate()))
        async for _ in watched.provider.stream_events(USER):
            break
        await server.wait_for(lambda: server.disconnects == 1)
        await watched.is_whole()
        assert watched.calls == 1
