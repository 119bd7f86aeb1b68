"""RateLimit in one process: what may start when, who waits, and who is refused."""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from bruno_llm.exceptions import ConfigurationError, RateLimitError
from bruno_llm.rate_limit.limit import RateLimit, Ticket
from bruno_llm.testing import MovedClock


@pytest.fixture
def clock() -> Iterator[MovedClock]:
    with MovedClock() as moved:
        yield moved


@pytest.fixture
def still() -> Iterator[MovedClock]:
    with MovedClock(auto=False) as moved:
        yield moved


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def advance(clock: MovedClock, seconds: float) -> None:
    clock.advance(seconds)
    await turns()


async def starts(limit: RateLimit, clock: MovedClock, tokens: list[int]) -> list[float]:
    """When each of the callers, arriving together in this order, may start (seconds from now)."""
    began = clock.monotonic()
    times: list[tuple[int, float]] = []

    async def call(number: int, size: int) -> None:
        await limit.pace(size)
        times.append((number, clock.monotonic() - began))

    await asyncio.gather(*(call(number, size) for number, size in enumerate(tokens)))
    assert [number for number, _ in times] == list(
        range(len(tokens))
    ), "not first come first served"
    return [round(when, 3) for _, when in times]


def most_in_a_window(times: list[float], window: float = 60.0) -> int:
    return max(sum(1 for other in times if first <= other < first + window) for first in times)


class TestRequests:
    async def test_a_burst_then_an_even_pace(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=60, wait_timeout=None)
        times = await starts(limit, clock, [0] * 200)
        assert times[:60] == [0.0] * 60
        assert times[60:] == [float(second) for second in range(1, 141)]

    async def test_never_more_than_the_rate_and_one_burst_in_a_minute(
        self, clock: MovedClock
    ) -> None:
        limit = RateLimit(requests_per_minute=60, burst=5, wait_timeout=None)
        times = await starts(limit, clock, [0] * 300)
        await clock.sleep(1000.0)
        times += [1295.0 + when for when in await starts(limit, clock, [0] * 100)]
        assert times[300:305] == [1295.0] * 5
        # The 60th second after the burst already lies outside the window.
        assert most_in_a_window(times) == 60 + 5 - 1

    async def test_burst_of_one_spaces_everything(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=30, burst=1)
        assert await starts(limit, clock, [0] * 4) == [0.0, 2.0, 4.0, 6.0]

    async def test_less_than_one_a_minute(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=0.5, wait_timeout=None)
        assert await starts(limit, clock, [0] * 3) == [0.0, 120.0, 240.0]

    async def test_no_limit_never_waits(self, clock: MovedClock) -> None:
        limit = RateLimit()
        assert await starts(limit, clock, [10**9] * 50) == [0.0] * 50
        assert clock.sleeps == []


class TestTokens:
    async def test_tokens_flow_in_evenly(self, clock: MovedClock) -> None:
        limit = RateLimit(tokens_per_minute=6000, wait_timeout=None)
        assert await starts(limit, clock, [6000, 100, 300, 6000]) == [0.0, 1.0, 4.0, 64.0]

    async def test_a_large_request_is_not_overtaken_by_small_ones(self, clock: MovedClock) -> None:
        limit = RateLimit(tokens_per_minute=6000, wait_timeout=None)
        times = await starts(limit, clock, [6000, 6000, *[1] * 20])
        assert times[1] == 60.0
        assert all(when > 60.0 for when in times[2:])

    async def test_more_than_the_whole_budget_is_refused_at_once(self, clock: MovedClock) -> None:
        limit = RateLimit(tokens_per_minute=1000)
        with pytest.raises(RateLimitError, match=r"1001 tokens.*tokens_per_minute=1000") as caught:
            await limit.pace(1001)
        assert caught.value.retryable is False
        assert clock.sleeps == []
        assert pickle.loads(pickle.dumps(caught.value)).retryable is False

    async def test_settle_gives_back_what_was_not_used(self, clock: MovedClock) -> None:
        limit = RateLimit(tokens_per_minute=6000)
        ticket = await limit.pace(6000)
        await limit.settle(ticket, 1000)
        assert await starts(limit, clock, [5000, 100]) == [0.0, 1.0]

    async def test_settle_takes_what_was_used_beyond_the_estimate(self, clock: MovedClock) -> None:
        limit = RateLimit(tokens_per_minute=6000)
        ticket = await limit.pace(5000)
        await limit.settle(ticket, 9000)
        assert await starts(limit, clock, [1000]) == [40.0]

    async def test_settle_counts_once(self, clock: MovedClock) -> None:
        limit = RateLimit(tokens_per_minute=6000)
        ticket = await limit.pace(6000)
        assert ticket == Ticket(6000, shared=False)
        for _ in range(3):
            await limit.settle(ticket, 0)
        assert await starts(limit, clock, [6000, 100]) == [0.0, 1.0]

    async def test_settle_lets_the_waiting_start_sooner(self, still: MovedClock) -> None:
        limit = RateLimit(tokens_per_minute=6000)
        ticket = await limit.pace(6000)
        waiting = [asyncio.ensure_future(limit.pace(2000)) for _ in range(3)]
        await turns()
        await advance(still, 1.0)
        assert [task.done() for task in waiting] == [False] * 3
        await limit.settle(ticket, 2000)
        await turns()
        assert [task.done() for task in waiting] == [True, True, False]
        # 2000 used, 100 of them flowed back in the one second: 1900 are missing for the third.
        await advance(still, 18.0)
        assert not waiting[2].done()
        await advance(still, 1.1)
        assert waiting[2].done()

    async def test_both_limits_hold(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=60, tokens_per_minute=6000, burst=1)
        assert await starts(limit, clock, [3000, 3000, 1000, 1]) == [0.0, 1.0, 10.0, 11.0]


class TestWaiting:
    async def test_the_line_is_bounded(self, still: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=1, max_waiting=2, wait_timeout=None)
        await limit.pace(0)
        waiting = [asyncio.ensure_future(limit.pace(0)) for _ in range(2)]
        await turns()
        assert limit.waiting == 2
        with pytest.raises(RateLimitError, match=r"max_waiting=2") as caught:
            await limit.pace(0)
        assert caught.value.retryable is False
        assert caught.value.retry_after == pytest.approx(180.0)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        assert limit.waiting == 0

    async def test_max_waiting_zero_refuses_whoever_would_wait(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=1, max_waiting=0)
        await limit.pace(0)
        with pytest.raises(RateLimitError, match="max_waiting=0"):
            await limit.pace(0)

    async def test_a_place_too_far_away_is_refused_without_a_wait(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=1, wait_timeout=59.0)
        await limit.pace(0)
        with pytest.raises(RateLimitError, match=r"60\.0 s away.*wait_timeout=59") as caught:
            await limit.pace(0)
        assert caught.value.retryable is False
        assert clock.sleeps == []

    async def test_a_wait_that_grew_too_long_ends_at_the_timeout(self, still: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=6, burst=1, wait_timeout=25.0)
        await limit.pace(0)
        waiting = [asyncio.ensure_future(limit.pace(0)) for _ in range(2)]
        await turns()
        limit.observe({}, status=429, retry_after=24.0)
        await turns()
        await advance(still, 24.0)
        assert waiting[0].done()
        await advance(still, 1.0)
        with pytest.raises(RateLimitError, match="wait_timeout=25"):
            await waiting[1]
        assert limit.waiting == 0

    async def test_waiting_is_announced(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=60, burst=1, key="team")
        with capture_logs() as logs:
            await starts(limit, clock, [0] * 3)
        assert [
            (entry["event"], entry["limit"], entry["waiting"], entry["expected_wait_seconds"])
            for entry in logs
        ] == [("rate_limit_waiting", "team", 1, 1.0), ("rate_limit_waiting", "team", 2, 2.0)]

    async def test_a_cancelled_caller_gives_its_place_to_the_next(self, still: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=6, burst=1)
        await limit.pace(0)
        first, second, third = (asyncio.ensure_future(limit.pace(0)) for _ in range(3))
        await turns()
        first.cancel()
        await turns()
        assert first.cancelled()
        await advance(still, 10.0)
        assert second.done()
        assert not third.done()
        await advance(still, 10.0)
        assert third.done()
        assert still.waiting == 0

    async def test_cancelled_in_the_moment_of_its_turn(self, still: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=6, burst=1)
        await limit.pace(0)
        first = asyncio.ensure_future(limit.pace(0))
        second = asyncio.ensure_future(limit.pace(0))
        await turns()
        still.advance(10.0)
        limit.observe({})  # grants the place; the caller has not run yet
        first.cancel()
        await turns()
        assert first.cancelled()
        assert second.done()

    async def test_nothing_is_left_behind(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=60, burst=1)
        before = asyncio.all_tasks()
        await starts(limit, clock, [0] * 5)
        assert asyncio.all_tasks() == before
        assert (limit.waiting, clock.waiting) == (0, 0)


class TestSlots:
    async def test_at_most_that_many_at_a_time_in_order(self, still: MovedClock) -> None:
        limit = RateLimit(concurrency=2)
        inside: list[int] = []
        order: list[int] = []
        most = 0

        async def call(number: int) -> None:
            nonlocal most
            async with limit.slot():
                inside.append(number)
                order.append(number)
                most = max(most, len(inside))
                await turns(3)
                inside.remove(number)

        await asyncio.gather(*(call(number) for number in range(20)))
        assert most == 2
        assert order == list(range(20))
        assert still.waiting == 0

    async def test_without_a_limit_everyone_enters(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=1)
        async with limit.slot(), limit.slot(), limit.slot():
            assert limit.waiting == 0

    async def test_an_error_or_a_cancelled_holder_frees_the_slot(self, still: MovedClock) -> None:
        limit = RateLimit(concurrency=1)
        with pytest.raises(ValueError, match="broken"):
            async with limit.slot():
                raise ValueError("broken")

        async def hold() -> None:
            async with limit.slot():
                await asyncio.Event().wait()

        holder = asyncio.ensure_future(hold())
        await turns()
        following = asyncio.ensure_future(hold())
        given_up = asyncio.ensure_future(hold())
        await turns()
        assert limit.waiting == 2
        given_up.cancel()
        holder.cancel()
        await turns()
        assert limit.waiting == 0
        following.cancel()
        await asyncio.wait([holder, following, given_up])
        async with limit.slot():
            assert limit.waiting == 0

    async def test_cancelled_in_the_moment_it_gets_the_slot(self, still: MovedClock) -> None:
        limit = RateLimit(concurrency=1)
        slot = limit.slot()
        await slot.__aenter__()
        entering = asyncio.ensure_future(limit.slot().__aenter__())
        await turns()
        await slot.__aexit__(None, None, None)  # hands over; the next one has not run yet
        entering.cancel()
        await turns()
        assert entering.cancelled()
        async with limit.slot():
            pass

    async def test_waiting_for_a_slot_ends_at_the_timeout(self, still: MovedClock) -> None:
        limit = RateLimit(concurrency=1, wait_timeout=30.0)
        async with limit.slot():
            with capture_logs() as logs:
                entering = asyncio.ensure_future(limit.slot().__aenter__())
                await turns()
            assert logs[0]["event"] == "rate_limit_waiting"
            assert logs[0]["expected_wait_seconds"] is None
            await advance(still, 29.9)
            assert not entering.done()
            await advance(still, 0.2)
            with pytest.raises(RateLimitError, match=r"concurrency slot.*wait_timeout=30"):
                await entering
        async with limit.slot():
            pass

    async def test_no_timeout_needs_no_timer(self, still: MovedClock) -> None:
        limit = RateLimit(concurrency=1, wait_timeout=None)
        async with limit.slot():
            entering = asyncio.ensure_future(limit.slot().__aenter__())
            await turns()
            assert still.waiting == 0
        await turns()
        assert entering.done()


class TestThreads:
    def test_one_limit_serves_many_threads_and_loops(self) -> None:
        limit = RateLimit(concurrency=3)
        guard = threading.Lock()
        inside = most = done = 0

        async def call() -> None:
            nonlocal inside, most, done
            async with limit.slot():
                with guard:
                    inside += 1
                    most = max(most, inside)
                await turns(2)
                with guard:
                    inside -= 1
                    done += 1

        async def many() -> None:
            await asyncio.gather(*(call() for _ in range(50)))

        threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
        assert (inside, done, limit.waiting) == (0, 200, 0)
        assert most == 3

    def test_pace_across_threads_keeps_the_rate(self) -> None:
        limit = RateLimit(requests_per_minute=60_000, burst=1)

        async def many() -> None:
            await asyncio.gather(*(limit.pace(0) for _ in range(40)))

        async def measure() -> float:
            began = asyncio.get_running_loop().time()
            await asyncio.gather(*(asyncio.to_thread(asyncio.run, many()) for _ in range(3)))
            return asyncio.get_running_loop().time() - began

        # 120 starts, one per millisecond.
        assert asyncio.run(measure()) >= 0.118
        assert limit.waiting == 0

    def test_a_loop_that_ends_while_it_waits_frees_its_place(self) -> None:
        limit = RateLimit(concurrency=1)

        async def leave_waiting() -> None:
            task = asyncio.ensure_future(limit.slot().__aenter__())
            await turns(2)
            assert not task.done()

        async def check() -> None:
            async with limit.slot():
                await asyncio.to_thread(asyncio.run, leave_waiting())
                assert limit.waiting == 0
            async with limit.slot():
                pass

        asyncio.run(check())

    # What such a loop leaves behind is named when it is collected, by each Python in its own words.
    @pytest.mark.filterwarnings("ignore:coroutine 'RateLimit:RuntimeWarning")
    @pytest.mark.filterwarnings("ignore:coroutine method 'aclose' of 'RateLimit:RuntimeWarning")
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_a_loop_that_was_closed_without_cancelling_blocks_nobody(self) -> None:
        limit = RateLimit(concurrency=1, wait_timeout=None)
        holder = asyncio.new_event_loop()
        gone = asyncio.new_event_loop()
        slot = limit.slot()
        holder.run_until_complete(slot.__aenter__())
        gone.set_exception_handler(lambda loop, context: None)
        lost = gone.create_task(limit.slot().__aenter__())
        gone.run_until_complete(turns(2))
        behind = holder.create_task(limit.slot().__aenter__())
        holder.run_until_complete(turns(2))
        assert limit.waiting == 2
        gone.close()
        holder.run_until_complete(slot.__aexit__(None, None, None))
        holder.run_until_complete(behind)
        assert limit.waiting == 0
        del lost
        gc.collect()
        holder.close()


class TestVendor:
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
            ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, 0.12),
            ({"X-RateLimit-Remaining-Requests": "0", "X-RateLimit-Reset-Requests": "59.5"}, 59.5),
            (
                {
                    "llm_provider-x-ratelimit-remaining-tokens": "0",
                    "llm_provider-x-ratelimit-reset-tokens": "1h2m3.5s",
                },
                3723.5,
            ),
            (
                {
                    "anthropic-ratelimit-requests-remaining": "0",
                    "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:30Z",
                },
                30.0,
            ),
            (
                {
                    "anthropic-ratelimit-input-tokens-remaining": "0",
                    "anthropic-ratelimit-input-tokens-reset": "2026-01-01T01:00:15+01:00",
                    "anthropic-ratelimit-tokens-remaining": "500",
                    "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:05Z",
                },
                15.0,
            ),
        ],
    )
    async def test_nothing_left_holds_until_the_reset(
        self, clock: MovedClock, headers: dict[str, str], seconds: float
    ) -> None:
        # The clock starts at 2026-01-01T00:00:00Z.
        limit = RateLimit(requests_per_minute=60_000, wait_timeout=None, max_pause=None)
        limit.observe(headers, status=200)
        times = await starts(limit, clock, [10, 10])
        assert times[0] == pytest.approx(seconds, abs=0.001)

    @pytest.mark.parametrize(
        "headers",
        [
            {"x-ratelimit-remaining-requests": "0"},
            {"x-ratelimit-remaining-requests": "none", "x-ratelimit-reset-requests": "6m0s"},
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"},
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": ""},
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1.2.3s"},
            {"x-ratelimit-remaining-requests": "nan", "x-ratelimit-reset-requests": "1s"},
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:30",
            },
            {"retry-after": "20"},
        ],
    )
    async def test_what_cannot_be_read_is_passed_over(
        self, clock: MovedClock, headers: dict[str, str]
    ) -> None:
        limit = RateLimit(requests_per_minute=60)
        limit.observe(headers, status=200)
        assert await starts(limit, clock, [10]) == [0.0]

    async def test_few_left_are_spread_over_the_time_to_the_reset(self, clock: MovedClock) -> None:
        limit = RateLimit()
        await limit.pace(0)
        limit.observe(
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "3",
                "x-ratelimit-reset-requests": "8s",
            },
            status=200,
        )
        # Three in 8 s, then a new window in which nothing is known.
        assert await starts(limit, clock, [0] * 5) == [2.0, 4.0, 6.0, 8.0, 8.0]

    async def test_a_daily_quota_slows_but_does_not_stop(self, clock: MovedClock) -> None:
        limit = RateLimit()
        await limit.pace(0)
        limit.observe(
            {
                "x-ratelimit-limit-requests": "1000",
                "x-ratelimit-remaining-requests": "50",
                "x-ratelimit-reset-requests": "6h0m0s",
            },
            status=200,
        )
        assert await starts(limit, clock, [0] * 3) == [5.0, 10.0, 15.0]

    async def test_tokens_that_do_not_fit_wait_for_the_reset(self, clock: MovedClock) -> None:
        limit = RateLimit()
        limit.observe(
            {"x-ratelimit-remaining-tokens": "1000", "x-ratelimit-reset-tokens": "20s"}, status=200
        )
        assert await starts(limit, clock, [600, 300, 200, 10]) == [0.0, 0.0, 20.0, 20.0]

    async def test_answers_that_overtake_each_other(self, clock: MovedClock) -> None:
        limit = RateLimit()
        for remaining in ("1", "40"):
            limit.observe(
                {
                    "x-ratelimit-remaining-requests": remaining,
                    "x-ratelimit-reset-requests": "20s",
                },
                status=200,
            )
        assert await starts(limit, clock, [0, 0]) == [0.0, 20.0]

    @pytest.mark.parametrize(
        ("headers", "status", "retry_after", "seconds"),
        [
            ({}, 429, 7.0, 7.0),
            ({"retry-after": "9"}, 429, 7.0, 7.0),
            ({"Retry-After": "9"}, 429, None, 9.0),
            ({"retry-after-ms": "250", "retry-after": "1"}, 429, None, 0.25),
            ({"retry-after": "Thu, 01 Jan 2026 00:00:12 GMT"}, 429, None, 12.0),
            ({"retry-after": "presently"}, 429, None, 1.0),
            ({}, 429, None, 1.0),
            ({}, 429, float("inf"), 1.0),
            ({"retry-after": "4"}, 503, None, 4.0),
            ({}, 529, None, 0.0),
            ({}, 500, 7.0, 0.0),
            ({}, None, None, 0.0),
        ],
    )
    async def test_a_refusal_holds_everyone(
        self,
        clock: MovedClock,
        headers: dict[str, str],
        status: int | None,
        retry_after: float | None,
        seconds: float,
    ) -> None:
        limit = RateLimit(requests_per_minute=60)
        with capture_logs() as logs:
            limit.observe(headers, status=status, retry_after=retry_after)
        assert await starts(limit, clock, [0, 0]) == [seconds, seconds]
        assert [entry["event"] for entry in logs] == ["rate_limit_hold"] * (seconds > 0)

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"retry-after": "999999999"}, 429),
            ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 503),
            ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1e9"}, 200),
            ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "999999h"}, 200),
        ],
    )
    async def test_an_absurd_header_holds_for_max_pause(
        self, clock: MovedClock, headers: dict[str, str], status: int
    ) -> None:
        for settings, seconds in (({}, 300.0), ({"max_pause": 20.0}, 20.0)):
            limit = RateLimit(wait_timeout=None, **settings)
            limit.observe(headers, status=status)
            assert await starts(limit, clock, [10]) == [seconds]

    async def test_an_answer_ends_a_long_hold_at_once(self, still: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=60, wait_timeout=None)
        limit.observe({"retry-after": "999999999"}, status=503)
        waiting = asyncio.ensure_future(limit.pace(0))
        await turns()
        assert not waiting.done()
        limit.observe({}, status=200)
        await turns()
        assert waiting.done()

    async def test_an_answer_does_not_end_a_hold_of_a_minute(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=60)
        limit.observe({}, status=429, retry_after=20.0)
        limit.observe({}, status=200)
        assert await starts(limit, clock, [0]) == [20.0]

    async def test_a_refusal_reaches_those_who_wait_already(self, still: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=60, burst=1)
        await limit.pace(0)
        waiting = asyncio.ensure_future(limit.pace(0))
        await turns()
        limit.observe({}, status=429, retry_after=20.0)
        await advance(still, 2.0)
        assert not waiting.done()
        await advance(still, 18.0)
        assert waiting.done()

    async def test_after_a_hold_the_pace_is_kept(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=60, burst=2)
        limit.observe({}, status=429, retry_after=30.0)
        assert await starts(limit, clock, [0] * 5) == [30.0, 30.0, 31.0, 32.0, 33.0]

    async def test_a_shorter_hold_does_not_end_a_longer_one(self, clock: MovedClock) -> None:
        limit = RateLimit()
        limit.observe({}, status=429, retry_after=30.0)
        limit.observe({}, status=429, retry_after=5.0)
        assert await starts(limit, clock, [0]) == [30.0]


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("requests_per_minute", 0),
            ("requests_per_minute", -1),
            ("requests_per_minute", True),
            ("requests_per_minute", float("nan")),
            ("requests_per_minute", float("inf")),
            ("requests_per_minute", "60"),
            ("tokens_per_minute", 0),
            ("tokens_per_minute", 0.5),
            ("concurrency", 0),
            ("concurrency", 1.5),
            ("concurrency", False),
            ("max_waiting", -1),
            ("max_waiting", None),
            ("wait_timeout", -1),
            ("burst", 0),
            ("lease", 0),
            ("on_store_failure", "ignore"),
            ("key", ""),
            ("key", 3),
        ],
    )
    def test_a_wrong_setting_is_named(self, setting: str, value: Any) -> None:
        with pytest.raises(ConfigurationError, match=f"{setting}=") as caught:
            RateLimit(**{setting: value})
        assert repr(value) in str(caught.value)

    async def test_closing_a_local_limit_is_free(self, clock: MovedClock) -> None:
        limit = RateLimit(requests_per_minute=5)
        await limit.aclose()
        assert repr(limit) == (
            "RateLimit(requests_per_minute=5, tokens_per_minute=None, concurrency=None)"
        )
        assert await limit.pace(1) == Ticket(1, shared=False)
