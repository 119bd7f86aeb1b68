"""Event loops, threads, cancellation, timeouts, load, and what is left behind afterwards."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import tracemalloc
import warnings
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from bruno_llm import (
    ClaudeProvider,
    CostTracker,
    LiteLLMProvider,
    OpenAIProvider,
    RateLimit,
    RequestTimeoutError,
    StreamError,
    Timeout,
)
from bruno_llm.demo.engine import Engine
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import CASES, USER, Case, ask
from tests.size import sized

pytestmark = [pytest.mark.usefixtures("no_keys"), pytest.mark.covering(1)]

WAYS = ("complete", "stream_events")


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """litellm, SDKs and tokenizers are loaded once a process: not what is measured here."""
    with FakeServer() as server:
        for case in CASES:
            for way in WAYS:
                asyncio.run(ask(case.provider(server), way))
    gc.collect()


@pytest.fixture(params=CASES[:4], ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    """The four wire formats."""
    chosen: Case = request.param
    return chosen


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """``asyncio.run`` with every warning an error, and everything collected in it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        result = asyncio.run(main)
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
    return result


class TestLoopsAndThreads:
    @pytest.mark.parametrize("way", WAYS)
    def test_event_loops_one_after_the_other(
        self, case: Case, server: FakeServer, way: str
    ) -> None:
        provider = case.provider(server)
        for _ in range(3):
            assert run(ask(provider, way)) == "Hello"
        assert len(server.requests) == 3

    @pytest.mark.parametrize("way", WAYS)
    def test_four_threads_at_once(self, case: Case, server: FakeServer, way: str) -> None:
        gate = server.gate()
        server.default = Reply("Hello there", gate=gate)
        provider = case.provider(server)

        async def two() -> list[str]:
            return await asyncio.gather(ask(provider, way), ask(provider, way))

        with ThreadPoolExecutor(4) as threads:
            answers = [threads.submit(asyncio.run, two()) for _ in range(4)]
            asyncio.run(server.wait_for(lambda: len(server.requests) == 8))
            gate.set()
            assert [answer.result(10) for answer in answers] == [["Hello there"] * 2] * 4

    async def test_a_stream_may_be_closed_by_another_task(
        self, case: Case, server: FakeServer
    ) -> None:
        server.script(Reply("a b c", gate=server.gate()))
        stream = case.provider(server).stream(USER)
        assert await anext(stream) == "a"
        await asyncio.create_task(stream.aclose())
        await server.wait_for(lambda: server.disconnects == 1)

    def test_a_stream_left_open_is_closed_with_its_loop(
        self, case: Case, server: FakeServer
    ) -> None:
        server.script(Reply("a b c", gate=server.gate()))
        provider = case.provider(server)
        kept: list[Any] = []

        async def leave() -> None:
            stream = provider.stream(USER)
            kept.append(stream)
            await anext(stream)

        run(leave())
        asyncio.run(server.wait_for(lambda: server.disconnects == 1))


class TestLeaving:
    """Whoever stops listening ends the request: the vendor generates no more."""

    @pytest.mark.parametrize("way", WAYS)
    async def test_a_cancelled_task(self, case: Case, server: FakeServer, way: str) -> None:
        server.script(Fault.hang())
        task = asyncio.create_task(ask(case.provider(server), way))
        await server.wait_for(lambda: server.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.wait_for(lambda: server.disconnects == 1, 2)

    async def test_a_task_cancelled_in_the_middle_of_a_stream(
        self, case: Case, server: FakeServer
    ) -> None:
        server.script(Reply("one two three", gate=server.gate()))
        pieces: list[str] = []

        async def read() -> None:
            async for piece in case.provider(server).stream(USER):
                pieces.append(piece)

        task = asyncio.create_task(read())
        await server.wait_for(lambda: pieces)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.wait_for(lambda: server.disconnects == 1, 2)

    @pytest.mark.parametrize("name", ["stream", "stream_events"])
    async def test_aclosing(self, case: Case, server: FakeServer, name: str) -> None:
        server.script(Reply("one two three", gate=server.gate()))
        async with aclosing(getattr(case.provider(server), name)(USER)) as stream:
            async for _ in stream:
                break
        await server.wait_for(lambda: server.disconnects == 1, 2)
        assert server.open_streams == 0

    async def test_a_bare_break(self, case: Case, server: FakeServer) -> None:
        server.script(Reply("one two three", gate=server.gate()))
        provider = case.provider(server)
        async for _ in provider.stream(USER):
            break
        await server.wait_for(lambda: server.disconnects == 1, 2)

    async def test_an_exception_in_the_readers_loop(self, case: Case, server: FakeServer) -> None:
        server.script(Reply("one two three", gate=server.gate()))
        with pytest.raises(ZeroDivisionError):
            async with aclosing(case.provider(server).stream(USER)) as stream:
                async for _ in stream:
                    raise ZeroDivisionError
        await server.wait_for(lambda: server.disconnects == 1, 2)

    @pytest.mark.covering(0)
    async def test_the_connection_pool_works_on_after_many_have_left(
        self, case: Case, server: FakeServer
    ) -> None:
        server.default = Reply("one two three", gate=server.gate())
        provider = case.provider(server, rate_limit=RateLimit(concurrency=20))

        async def leave() -> None:
            async with aclosing(provider.stream(USER)) as stream:
                await anext(stream)

        await asyncio.gather(*(leave() for _ in range(120)))
        await server.wait_for(lambda: server.disconnects == 120)
        server.default = Reply("still here")
        assert await ask(provider, "complete") == "still here"


@pytest.mark.parametrize("cls", [OpenAIProvider, ClaudeProvider], ids=["openai", "claude"])
class TestLeavingARealServer:
    """llama.cpp frees its slot when the reader of a stream is gone.

    It works on after a plain call was cancelled, whichever client was cancelled, so those are
    tested on the other server alone.
    """

    def provider(self, cls: type[LiteLLMProvider], engine: Engine) -> LiteLLMProvider:
        url = engine.openai_base_url if cls is OpenAIProvider else engine.anthropic_base_url
        return cls("tiny", base_url=url, api_key="any-key", retry=None, max_tokens=3000)

    async def busy(self, engine: Engine) -> int:
        async with httpx.AsyncClient() as http:
            slots = (await http.get(f"{engine.url}/slots")).json()
        return sum(slot["is_processing"] for slot in slots)

    async def until(self, engine: Engine, count: int) -> None:
        for _ in range(200):
            if await self.busy(engine) == count:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"there are never {count} busy slots")

    async def test_a_stream_that_is_left(self, cls: type[LiteLLMProvider], engine: Engine) -> None:
        question = [{"role": "user", "content": "[[forever]]"}]
        async with aclosing(self.provider(cls, engine).stream(question)) as stream:
            await anext(stream)
            assert await self.busy(engine) == 1
        await self.until(engine, 0)


class TestTimeouts:
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize(
        "timeout",
        [0.15, Timeout(read=0.15), Timeout(first_token=0.15), Timeout(total=0.15)],
        ids=["number", "read", "first_token", "total"],
    )
    async def test_a_server_that_never_answers(
        self, case: Case, server: FakeServer, way: str, timeout: Any
    ) -> None:
        server.script(Fault.hang())
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(RequestTimeoutError, match=r"0\.15"):
            await ask(case.provider(server, timeout=timeout), way)
        assert loop.time() - began < 2
        await server.wait_for(lambda: server.disconnects == 1, 2)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "timeout",
        [0.3, Timeout(read=0.3), Timeout(total=0.3)],
        ids=["number", "read", "total"],
    )
    async def test_a_stream_that_falls_silent(
        self, case: Case, server: FakeServer, timeout: Any
    ) -> None:
        server.script(Fault.stall(2))
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(StreamError) as caught:
            await ask(case.provider(server, timeout=timeout), "stream")
        assert loop.time() - began < 2
        assert caught.value.partial is not None
        assert caught.value.partial.text
        assert "within" in str(caught.value) or "for 0" in str(caught.value)
        await server.wait_for(lambda: server.disconnects == 1, 2)

    async def test_a_stream_without_a_first_piece(self, case: Case, server: FakeServer) -> None:
        server.script(Fault.stall(0))
        provider = case.provider(server, timeout=Timeout(read=None, first_token=0.15))
        with pytest.raises(RequestTimeoutError):
            await ask(provider, "stream")
        await server.wait_for(lambda: server.disconnects == 1, 2)

    async def test_a_total_ends_a_stream_that_talks_on(
        self, case: Case, server: FakeServer
    ) -> None:
        server.script(Reply("word " * 200, delay=0.02))
        with pytest.raises(StreamError):
            await ask(case.provider(server, timeout=Timeout(total=0.3)), "stream")
        await server.wait_for(lambda: server.disconnects == 1, 2)

    async def test_a_number_does_not_end_a_stream_that_talks_on(
        self, case: Case, server: FakeServer
    ) -> None:
        server.script(Reply("word " * 15, delay=0.03))
        assert await ask(case.provider(server, timeout=0.25), "stream") == "word " * 15

    @pytest.mark.parametrize("way", ["generate", "complete", "stream", "stream_events"])
    async def test_a_call_may_have_its_own(self, case: Case, server: FakeServer, way: str) -> None:
        server.script(Fault.hang())
        with pytest.raises(RequestTimeoutError):
            await ask(case.provider(server), way, timeout=0.1)

    async def test_the_slot_and_the_money_come_back(self, case: Case, server: FakeServer) -> None:
        server.script(Fault.hang())
        costs = CostTracker(budget=100)
        provider = case.provider(server, rate_limit=RateLimit(concurrency=1), costs=costs)
        with pytest.raises(RequestTimeoutError):
            await ask(provider, "complete", timeout=Timeout(read=0.1))
        assert await ask(provider, "complete") == "Hello"
        assert [booking.uncertain for booking in costs.recent()] == [True, False]
        assert costs.report().budgets[0].reserved == 0


class TestLoad:
    @pytest.mark.sized
    @pytest.mark.covering(0)
    @pytest.mark.parametrize("way", WAYS)
    async def test_hundreds_of_calls_at_once(self, server: FakeServer, way: str) -> None:
        """Plain calls of one provider, and streams of another; each gets its own answer."""
        case, count = (CASES[1], sized(500, 150)) if way == "complete" else (CASES[0], 110)

        def echo(request: Any) -> Reply:
            content = request.json["messages"][-1]["content"]
            text = content if isinstance(content, str) else content[0]["text"]
            return Reply(f"you said {text}")

        server.default = echo
        # How long the last one waits for its turn is the machine's business.
        provider = case.provider(server, timeout=None)
        answers = await asyncio.gather(
            *(ask(provider, way, [{"role": "user", "content": f"n{i}"}]) for i in range(count))
        )
        assert answers == [f"you said n{i}" for i in range(count)]
        assert len(server.requests) == count
        assert server.peak <= 100


class TestNothingIsLeft:
    def test_no_task_and_no_socket(self, case: Case, server: FakeServer) -> None:
        async def everything() -> set[Any]:
            provider = case.provider(server)
            gate = server.gate()
            server.script(Fault.status(500), Fault.reset(), Fault.cut(1), Reply("a b", gate=gate))
            for way in ("complete", "complete", "stream"):
                with pytest.raises(Exception, match=r"."):
                    await ask(provider, way)
            async with aclosing(provider.stream(USER)) as stream:
                await anext(stream)
            for way in WAYS:
                await ask(provider, way)

            def left() -> set[Any]:
                others = asyncio.all_tasks() - {this}
                # litellm keeps one task a loop for its callbacks.
                return {task for task in others if "LoggingWorker" not in repr(task)}

            this = asyncio.current_task()
            # What was left a moment ago is closed in the next turns.
            await server.wait_for(lambda: not left())
            return left()

        sockets, threads = open_sockets(), set(threading.enumerate())
        assert run(everything()) == set()
        gc.collect()
        assert sockets_left(sockets) == set()
        assert set(threading.enumerate()) - threads == set()

    def test_a_provider_that_is_thrown_away_closes_its_connections(
        self, case: Case, server: FakeServer
    ) -> None:
        async def main() -> None:
            before = open_sockets()
            for _ in range(5):
                await ask(case.provider(server), "complete")
            gc.collect()
            for _ in range(200):
                if len(open_sockets() - before) == 0:
                    return
                await asyncio.sleep(0.005)
            raise AssertionError("connections of providers that are gone stay open")

        run(main())

    def test_connections_opened_at_the_same_time_are_closed_with_the_loop(
        self, case: Case, server: FakeServer
    ) -> None:
        before = open_sockets()

        async def main() -> None:
            provider = case.provider(server)
            await asyncio.gather(*(ask(provider, "complete") for _ in range(10)))

        run(main())
        gc.collect()
        assert sockets_left(before) == set()

    @pytest.mark.sized
    @pytest.mark.covering(0)
    async def test_memory_stays_flat(self, case: Case, server: FakeServer) -> None:
        provider = case.provider(server)

        async def calls(count: int) -> int:
            for _ in range(count):
                for way in WAYS:
                    await ask(provider, way)
            server.requests.clear()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        count = sized(10, 3)
        tracemalloc.start()
        try:
            first = await calls(count)
            assert await calls(count) - first < 60_000
        finally:
            tracemalloc.stop()


def open_sockets() -> set[str]:
    """The sockets of this process, by inode."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(entry)
        except OSError:  # it was the descriptor of this very listing
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def sockets_left(before: set[str]) -> set[str]:
    """Those that stay open; the server closes its ends in a thread of its own, soon after."""
    for _ in range(200):
        if not open_sockets() - before:
            break
        time.sleep(0.005)
    return open_sockets() - before


TestNothingIsLeft = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="counts sockets through /proc, which is Linux"
)(TestNothingIsLeft)
