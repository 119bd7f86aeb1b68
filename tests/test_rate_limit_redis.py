"""One limit for several processes on a real Redis server.

Leases and the server's clock need real time, so every wait here is well below a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from bruno_llm import CostTracker, OpenAIProvider
from bruno_llm.exceptions import ConfigurationError, ProviderConnectionError, RateLimitError
from bruno_llm.rate_limit.limit import RateLimit, Ticket
from bruno_llm.testing import FakeServer, MovedClock, Reply
from tests.patience import machine_is_busy
from tests.warm import Worker

BINARY = shutil.which("redis-server")

pytestmark = [
    pytest.mark.redis,
    # Redis has a clock of its own. Where the machine is free, what fails has failed.
    pytest.mark.flaky(reruns=4, condition=machine_is_busy),
    pytest.mark.skipif(BINARY is None, reason="needs redis-server (Debian: redis-server)"),
]

ASK = [{"role": "user", "content": "Hi"}]
PASSWORD = "word-nobody-may-see"

Make = Callable[..., RateLimit]


class Server:
    """A Redis server that a test may stop and start again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self.name = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert BINARY is not None
        address = ["--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD]
        memory_only = ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            [BINARY, *address, *memory_only], stdout=subprocess.DEVNULL
        )
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def freeze(self) -> None:
        """Keep the connections, and answer nothing any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=5)
            self._process = None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("redis"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest_asyncio.fixture
async def make(server: Server) -> AsyncIterator[Make]:
    """Limits that share one key, each with connections of its own, as in separate processes."""
    made: list[RateLimit] = []
    key = uuid.uuid4().hex

    def build(**settings: Any) -> RateLimit:
        limit = RateLimit(**{"store": server.url, "key": key, **settings})
        made.append(limit)
        return limit

    yield build
    for limit in made:
        await limit.aclose()


async def seconds_of(awaitable: Any) -> float:
    began = time.monotonic()
    await awaitable
    return time.monotonic() - began


WORKER = """
import asyncio, sys, time
from bruno_llm.rate_limit.limit import RateLimit

async def main(url, key, what, count):
    if what == "pace":
        limit = RateLimit(requests_per_minute=6000, burst=5, store=url, key=key)
        print("ready", flush=True)
        sys.stdin.readline()
        async def call():
            await limit.pace(0)
            print("at", time.time(), flush=True)
        await asyncio.gather(*(call() for _ in range(count)))
    elif what == "slots":
        limit = RateLimit(concurrency=2, store=url, key=key)
        print("ready", flush=True)
        sys.stdin.readline()
        async def call():
            async with limit.slot():
                began = time.time()
                await asyncio.sleep(0.01)
                print("at", began, time.time(), flush=True)
        await asyncio.gather(*(call() for _ in range(count)))
    else:
        limit = RateLimit(concurrency=1, store=url, key=key, lease=0.6)
        print("ready", flush=True)
        sys.stdin.readline()
        async with limit.slot():
            print("held", flush=True)
            await asyncio.sleep(60)
    await limit.aclose()

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
"""


@contextlib.contextmanager
def workers(
    server: Server, number: int, what: str, count: int = 0, key: str | None = None
) -> Iterator[list[Worker]]:
    """Real processes that wait at the line; a line on stdin starts each."""
    arguments = (server.url, key or uuid.uuid4().hex, what, str(count))
    processes = [Worker(WORKER, *arguments) for _ in range(number)]
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate(timeout=5)


def go(process: Worker) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


def spans(processes: list[Worker]) -> list[list[float]]:
    """The times that all of them printed; their log lines lie in between."""
    for process in processes:
        go(process)
    found: list[list[float]] = []
    for process in processes:
        printed, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        for line in printed.splitlines():
            word, *numbers = line.split()
            if word == "at":
                found.append([float(number) for number in numbers])
    return found


class TestProcesses:
    def test_three_processes_keep_one_rate(self, server: Server) -> None:
        with workers(server, 3, "pace", 25) as processes:
            times = sorted(when for (when,) in spans(processes))
        assert len(times) == 75
        # Start k (from 0) may come (k + 1 - burst) intervals of 10 ms after the first one.
        late_first = 0.02
        for number, when in enumerate(times):
            assert when - times[0] >= (number + 1 - 5) * 0.01 - late_first
        assert times[-1] - times[0] < 3.0

    def test_three_processes_share_two_slots(self, server: Server) -> None:
        with workers(server, 3, "slots", 4) as processes:
            held = spans(processes)
        assert len(held) == 12
        for began, _ in held:
            assert sum(1 for other, end in held if other <= began < end) <= 2

    async def test_a_killed_process_leaks_no_slot(self, server: Server) -> None:
        key = uuid.uuid4().hex
        with workers(server, 1, "hold", key=key) as (process,):
            go(process)
            assert process.stdout.readline() == "held\n"
            limit = RateLimit(concurrency=1, store=server.url, key=key, lease=0.6)
            entering = asyncio.ensure_future(limit.slot().__aenter__())
            await asyncio.sleep(0.7)
            assert not entering.done(), "the lease is renewed while the process lives"
            process.send_signal(signal.SIGKILL)
            assert await seconds_of(entering) < 0.9
            await limit.aclose()

    async def test_a_killed_waiter_does_not_hold_up_the_line(self, server: Server) -> None:
        key = uuid.uuid4().hex
        limit = RateLimit(concurrency=1, store=server.url, key=key, lease=0.6)
        with workers(server, 1, "hold", key=key) as (process,):
            async with limit.slot():
                go(process)
                await asyncio.sleep(0.3)
                process.send_signal(signal.SIGKILL)
                process.wait()
            assert await seconds_of(limit.slot().__aenter__()) < 0.5
        await limit.aclose()


class TestPlaces:
    async def test_a_large_request_is_not_overtaken(self, make: Make) -> None:
        first, second, third = (make(tokens_per_minute=60_000) for _ in range(3))
        assert await first.pace(60_000) == Ticket(60_000, shared=True)
        large = asyncio.ensure_future(seconds_of(second.pace(300)))
        await asyncio.sleep(0.05)
        small = await seconds_of(third.pace(10))
        assert large.done()
        assert 0.25 < await large < 0.5
        assert small > 0.2

    async def test_settle_gives_back_to_all(self, make: Make) -> None:
        first, second = make(tokens_per_minute=60_000), make(tokens_per_minute=60_000)
        ticket = await first.pace(60_000)
        await first.settle(ticket, 10_000)
        await first.settle(ticket, 0)
        assert await seconds_of(second.pace(50_000)) < 0.1
        assert 0.15 < await seconds_of(second.pace(200)) < 0.5

    async def test_settle_takes_more_from_all(self, make: Make) -> None:
        first, second = make(tokens_per_minute=60_000), make(tokens_per_minute=60_000)
        ticket = await first.pace(59_900)
        await first.settle(ticket, 60_300)
        assert 0.25 < await seconds_of(second.pace(1)) < 0.6

    async def test_too_far_away_is_refused_and_takes_nothing(self, make: Make) -> None:
        limit = make(tokens_per_minute=60_000, wait_timeout=0.2)
        await limit.pace(60_000)
        with capture_logs() as logs:
            for _ in range(3):
                with pytest.raises(RateLimitError, match=r"wait_timeout=0\.2") as caught:
                    await limit.pace(30_000)
                assert caught.value.retryable is False
        assert logs == []
        assert await seconds_of(limit.pace(150)) < 0.3

    async def test_the_line_is_bounded(self, make: Make) -> None:
        limit = make(requests_per_minute=300, burst=1, max_waiting=1)
        began = time.monotonic()
        await limit.pace(0)
        with capture_logs() as logs:
            waiting = asyncio.ensure_future(seconds_of(limit.pace(0)))
            await asyncio.sleep(0.05)
            late = time.monotonic() - began
            assert limit.waiting == 1
            with pytest.raises(RateLimitError, match="max_waiting=1"):
                await limit.pace(0)
            assert await waiting < 0.3
        assert [entry["event"] for entry in logs] == ["rate_limit_waiting"]
        # Redis has a clock of its own, which went on meanwhile.
        assert 0.2 - late - 0.01 <= logs[0]["expected_wait_seconds"] <= 0.2
        # The refused one left no hole behind: the next place is one interval on, not two.
        assert await seconds_of(limit.pace(0)) < 0.3
        assert limit.waiting == 0

    async def test_a_cancelled_caller_gives_its_place_back(self, make: Make) -> None:
        limit = make(requests_per_minute=120, burst=1)
        await limit.pace(0)
        waiting = [asyncio.ensure_future(limit.pace(0)) for _ in range(5)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        assert await seconds_of(limit.pace(0)) < 0.55

    async def test_no_timeout_waits_as_long_as_it_takes(self, make: Make) -> None:
        limit = make(requests_per_minute=300, burst=1, wait_timeout=None)
        await limit.pace(0)
        assert 0.15 < await seconds_of(limit.pace(0)) < 0.4

    async def test_a_refusal_of_the_vendor_is_shared(self, make: Make) -> None:
        first, second = (make(requests_per_minute=300, burst=1) for _ in range(2))
        ticket = await first.pace(0)
        waiting = asyncio.ensure_future(seconds_of(second.pace(0)))
        await asyncio.sleep(0.05)
        first.observe({}, status=429, retry_after=0.4)
        await first.settle(ticket, 0)
        assert 0.35 < await waiting < 0.7

    async def test_an_absurd_hold_is_cut_and_ends_with_an_answer(self, make: Make) -> None:
        one, other = make(requests_per_minute=6000), make(requests_per_minute=6000)
        one.observe({"retry-after": "999999999"}, status=503)
        ticket = Ticket(0, shared=True)
        await one.settle(ticket, 5)  # tells Redis of the hold
        with pytest.raises(RateLimitError):
            await other.pace(0)
        one.observe({}, status=200)
        await one.settle(Ticket(0, shared=True), 5)
        assert await seconds_of(other.pace(0)) < 1

    async def test_a_hold_that_was_left_in_redis_is_cut(self, make: Make) -> None:
        endless, limit = make(requests_per_minute=6000, max_pause=None), make(
            requests_per_minute=6000, max_pause=0.3
        )
        endless.observe({}, status=429, retry_after=999_999_999.0)
        await endless.settle(Ticket(0, shared=True), 5)
        assert 0.2 < await seconds_of(limit.pace(0)) < 5

    async def test_what_is_left_at_the_vendor_is_heeded(self, make: Make) -> None:
        limit = make(requests_per_minute=6000)
        limit.observe(
            {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "300ms"},
            status=200,
        )
        assert await seconds_of(limit.pace(0)) < 0.2
        assert 0.05 < await seconds_of(limit.pace(0)) < 0.5

    async def test_only_slots_need_no_places(self, make: Make, server: Server) -> None:
        limit = make(concurrency=1)
        assert await limit.pace(10**6) == Ticket(10**6, shared=False)


class TestSlots:
    async def test_the_lease_is_renewed_while_held(self, make: Make) -> None:
        first, second = (make(concurrency=1, lease=0.3) for _ in range(2))
        async with first.slot():
            entering = asyncio.ensure_future(second.slot().__aenter__())
            await asyncio.sleep(0.7)
            assert not entering.done()
            assert second.waiting == 0, "the one that asks is not behind anybody here"
        assert await seconds_of(entering) < 0.2

    async def test_waiting_ends_at_the_timeout(self, make: Make) -> None:
        first, second = (make(concurrency=1, wait_timeout=0.2) for _ in range(2))
        async with first.slot():
            with (
                capture_logs() as logs,
                pytest.raises(RateLimitError, match=r"wait_timeout=0\.2") as caught,
            ):
                await second.slot().__aenter__()
            assert caught.value.retryable is False
            assert [entry["event"] for entry in logs] == ["rate_limit_waiting"]
        async with second.slot():
            pass

    async def test_a_cancelled_waiter_leaves_the_line(self, make: Make) -> None:
        first, second, third = (make(concurrency=1) for _ in range(3))
        async with first.slot():
            given_up = asyncio.ensure_future(second.slot().__aenter__())
            await asyncio.sleep(0.1)
            given_up.cancel()
            await asyncio.wait([given_up])
            behind = asyncio.ensure_future(third.slot().__aenter__())
            await asyncio.sleep(0.05)
        assert await seconds_of(behind) < 0.2

    async def test_one_limit_in_several_loops(self, make: Make) -> None:
        limit = make(concurrency=1, requests_per_minute=60_000)

        async def use() -> None:
            for _ in range(3):
                async with limit.slot():
                    await limit.pace(0)
            await limit.aclose()

        await asyncio.gather(*(asyncio.to_thread(asyncio.run, use()) for _ in range(3)))
        async with limit.slot():
            pass


class TestOutage:
    async def test_a_clear_error(self, own_server: Server) -> None:
        limit = RateLimit(60, concurrency=1, store=own_server.url)
        await limit.pace(1)
        own_server.stop()
        for attempt in (limit.pace(1), limit.slot().__aenter__()):
            with pytest.raises(ProviderConnectionError) as caught:
                await attempt
            assert caught.value.retryable is True
            text = f"{caught.value} {caught.value!r} {limit!r} {caught.value.original_error}"
            assert own_server.name in text
            assert "on_store_failure='local'" in text
            assert PASSWORD not in text
        await limit.aclose()

    async def test_redis_back_again_needs_nothing(self, own_server: Server) -> None:
        limit = RateLimit(60, concurrency=1, store=own_server.url)
        assert (await limit.pace(1)).shared
        own_server.stop()
        own_server.start()
        assert (await limit.pace(1)).shared
        async with limit.slot():
            pass
        await limit.aclose()

    async def test_a_running_call_is_not_hurt(self, own_server: Server) -> None:
        limit = RateLimit(tokens_per_minute=1000, concurrency=1, store=own_server.url, lease=0.15)
        ticket = await limit.pace(100)
        with capture_logs() as logs:
            async with limit.slot():
                own_server.stop()
                await asyncio.sleep(0.3)
            await limit.settle(ticket, 10)
        assert [entry["event"] for entry in logs] == [
            "rate_limit_lease_not_renewed",
            "rate_limit_settle_failed",
        ]
        assert PASSWORD not in str(logs)
        await limit.aclose()

    async def test_a_place_that_cannot_be_confirmed(self, own_server: Server) -> None:
        limit = RateLimit(300, burst=1, store=own_server.url)
        await limit.pace(0)
        waiting = asyncio.ensure_future(limit.pace(0))
        await asyncio.sleep(0.05)
        own_server.stop()
        with pytest.raises(ProviderConnectionError):
            await waiting
        assert limit.waiting == 0
        await limit.aclose()

    async def test_an_announced_fallback_and_the_way_back(self, own_server: Server) -> None:
        limit = RateLimit(
            60, 6000, concurrency=1, store=own_server.url, on_store_failure="local", burst=1
        )
        with MovedClock(auto=False) as clock, capture_logs() as logs:
            shared = await limit.pace(1)
            assert shared.shared
            own_server.stop()
            async with limit.slot():
                assert not (await limit.pace(1)).shared
                waiting = asyncio.ensure_future(limit.pace(1))
                for _ in range(5):
                    await asyncio.sleep(0)
                assert not waiting.done(), "the limit goes on in this process"
                clock.advance(1.0)
                local = await waiting
            await limit.settle(local, 0)
            await limit.settle(shared, 0)
            own_server.start()
            clock.advance(3.0)
            assert not (await limit.pace(1)).shared
            clock.advance(5.0)
            assert (await limit.pace(1)).shared
        events = [entry["event"] for entry in logs]
        assert events == ["rate_limit_store_lost", "rate_limit_waiting", "rate_limit_store_back"]
        assert own_server.name in logs[0]["error"]
        assert PASSWORD not in str(logs)
        await limit.aclose()


class TestBooking:
    @pytest.mark.parametrize("streamed", [False, True])
    async def test_cancelled_while_redis_corrects_the_tokens_an_answer_is_booked(
        self, own_server: Server, streamed: bool
    ) -> None:
        """It was booked at 0: the correction was awaited first."""
        costs = CostTracker()
        limit = RateLimit(tokens_per_minute=1e6, store=own_server.url)
        with FakeServer() as vendor:
            gate = vendor.gate()
            vendor.script(Reply("Hello", gate=gate))
            provider = OpenAIProvider(
                "gpt-4o-mini",
                api_key="k" * 20,
                base_url=vendor.base_url("openai"),
                rate_limit=limit,
                costs=costs,
                retry=None,
            )

            async def ask() -> str:
                if streamed:
                    return "".join([piece async for piece in provider.stream(ASK)])
                return await provider.generate(ASK)

            await provider.warm_up()
            call = asyncio.ensure_future(ask())
            await vendor.wait_for(lambda: vendor.requests)
            own_server.freeze()
            gate.set()
            await vendor.wait_for(costs.recent)
            call.cancel()
            await asyncio.wait([call])
            assert call.cancelled()
            (booking,) = costs.recent()
            assert booking.cost is not None and booking.cost > 0
            own_server.stop()
            await provider.aclose()
            await limit.aclose()


class TestSettings:
    @pytest.mark.parametrize(
        "url",
        [
            f"http://:{PASSWORD}@localhost",
            f"redis://:{PASSWORD}@host:port/0",
            "redis://",
            PASSWORD,
            f"redis://:{PASSWORD}@[::1",
        ],
    )
    def test_a_wrong_url_is_refused_without_being_shown(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match=r"store.*redis://host:port/db") as caught:
            RateLimit(60, store=url)
        assert PASSWORD not in str(caught.value)

    def test_the_password_is_not_in_the_repr(self, server: Server) -> None:
        assert repr(RateLimit(60, store=server.url)) == (
            "RateLimit(requests_per_minute=60, tokens_per_minute=None, concurrency=None, "
            f"store={server.name!r})"
        )

    def test_a_missing_extra_is_named(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delitem(sys.modules, "bruno_llm.rate_limit.shared", raising=False)
        monkeypatch.setitem(sys.modules, "redis", None)
        with pytest.raises(ConfigurationError, match=r"bruno-llm\[redis\]"):
            RateLimit(60, store=server.url)

    def test_importing_the_limit_does_not_import_redis(self) -> None:
        code = (
            "import sys, bruno_llm.rate_limit.limit, bruno_llm.policies.retry; "
            "print([name for name in ('redis', 'litellm')"
            " if name in sys.modules])"
        )
        printed = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert printed.stdout.strip() == "[]"
