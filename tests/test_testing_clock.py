"""MovedClock: time that only a test moves."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bruno_llm import _clock
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing import MovedClock


async def test_a_sleep_costs_no_time_but_moves_both_clocks() -> None:
    with MovedClock(start=50.0, epoch=1_000.0) as clock:
        await _clock.sleep(3600)
        await _clock.sleep(0.5)
        assert _clock.monotonic() == 3650.5
        assert _clock.now() == 4600.5
        assert clock.sleeps == [3600, 0.5]


async def test_the_former_clock_comes_back_also_after_an_error_and_when_nested() -> None:
    with MovedClock() as outer:
        with pytest.raises(RuntimeError), MovedClock():
            raise RuntimeError
        assert _clock.monotonic() == outer.monotonic()
    assert _clock.use(_clock.SYSTEM) is _clock.SYSTEM


async def test_sleepers_wake_in_the_order_of_their_deadlines_at_their_own_time() -> None:
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *seconds: float) -> None:
        for wait in seconds:
            await _clock.sleep(wait)
            woken.append((name, _clock.monotonic()))

    with MovedClock(start=0.0):
        await asyncio.gather(sleeper("c", 9), sleeper("a", 1, 2, 5), sleeper("b", 2))
    assert woken == [("a", 1), ("b", 2), ("a", 3), ("a", 8), ("c", 9)]


async def test_ready_tasks_run_before_time_moves() -> None:
    with MovedClock(start=0.0):
        seen: list[float] = []

        async def other() -> None:
            seen.append(_clock.monotonic())

        task = asyncio.create_task(other())
        await _clock.sleep(10)
        await task
    assert seen == [0.0]


async def test_by_hand_a_sleeper_waits_for_advance() -> None:
    with MovedClock(start=0.0, auto=False) as clock:
        short = asyncio.create_task(_clock.sleep(1))
        long = asyncio.create_task(_clock.sleep(10))
        await asyncio.sleep(0)
        assert clock.waiting == 2
        clock.advance(0.9)
        await asyncio.sleep(0)
        assert not short.done()
        clock.advance(0.1)
        await short
        assert not long.done()
        assert clock.monotonic() == 1.0
        clock.advance(60)
        await long
        assert clock.waiting == 0


async def test_a_sleep_of_nothing_yields_in_both_modes() -> None:
    for clock in (MovedClock(), MovedClock(auto=False)):
        with clock:
            before = clock.monotonic()
            await asyncio.wait_for(_clock.sleep(0), 1)
            await asyncio.wait_for(_clock.sleep(-1), 1)
            assert clock.monotonic() == before


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    with MovedClock(auto=False) as clock:
        task = asyncio.create_task(_clock.sleep(5))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert clock.waiting == 0
        clock.advance(10)


async def test_a_cancelled_sleeper_does_not_move_the_automatic_clock() -> None:
    with MovedClock(start=0.0) as clock:
        task = asyncio.create_task(_clock.sleep(5))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        assert clock.monotonic() == 0.0


async def test_a_sleeper_cancelled_after_its_turn_was_planned_is_skipped() -> None:
    with MovedClock(start=0.0) as clock:
        task = asyncio.create_task(_clock.sleep(5))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await clock.sleep(1)
        assert clock.sleeps == [5, 1]


def test_advance_refuses_to_go_back() -> None:
    with pytest.raises(ConfigurationError, match=r"seconds=-1.*at least 0"):
        MovedClock().advance(-1)


def test_sleepers_of_several_loops_share_one_clock() -> None:
    clock = MovedClock(start=0.0, auto=False)
    done: list[float] = []

    asleep = threading.Semaphore(0)

    async def tell() -> None:
        asleep.release()

    async def both(seconds: float) -> None:
        # Tasks start in this order: the sleeper is registered when the other one tells.
        await asyncio.gather(clock.sleep(seconds), tell())
        done.append(seconds)

    threads = [threading.Thread(target=asyncio.run, args=(both(n),)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert asleep.acquire(timeout=5)
    clock.advance(5)
    for thread in threads:
        thread.join(5)
    assert sorted(done) == [1, 2, 3]


def test_a_second_loop_can_use_a_clock_that_the_first_left_behind() -> None:
    clock = MovedClock(start=0.0)
    asyncio.run(clock.sleep(1))
    asyncio.run(clock.sleep(2))
    assert clock.monotonic() == 3.0
