"""Work spread over the turns of the event loop: so much in each, first come, first served."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from bruno_llm._runtime.spread import Spread


async def test_so_many_in_a_turn_and_in_order() -> None:
    spread, turn = Spread(3), 0
    done: list[tuple[int, int]] = []

    async def work(number: int) -> None:
        await spread.go_on()
        done.append((turn, number))

    tasks = [asyncio.ensure_future(work(number)) for number in range(10)]
    tasks[5].cancel()
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        turn += 1
    assert [number for _, number in done] == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    for now in range(turn):
        assert sum(at == now for at, _ in done) <= 3


async def test_only_who_waits_is_told_so() -> None:
    spread, told = Spread(2), 0

    @contextlib.contextmanager
    def waiting() -> Iterator[None]:
        nonlocal told
        told += 1
        yield

    for _ in range(2):
        await spread.go_on(waiting)
    assert not told
    await spread.go_on(waiting)
    assert told == 1


async def test_one_after_the_other_waits_for_nobody() -> None:
    spread = Spread(1)
    for _ in range(3):
        first = spread.go_on()
        with pytest.raises(StopIteration):
            first.send(None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def test_each_loop_has_its_own() -> None:
    spread = Spread(1)
    loops = [asyncio.new_event_loop() for _ in range(3)]
    for loop in loops:
        loop.run_until_complete(spread.go_on())
    for loop in loops:
        loop.close()
    asyncio.run(spread.go_on())
    assert not [loop for loop in loops if loop in spread._lines]
