"""The line before a number of places: fair, and nobody who leaves takes a place along."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bruno_llm._runtime.line import Line

STEPS = ["take", "cancel", "end", "turn"]


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_first_come_first_served() -> None:
    line, served = Line(1), []
    await line.take()

    async def wait(number: int) -> None:
        await line.take()
        served.append(number)

    tasks = [asyncio.ensure_future(wait(number)) for number in range(5)]
    await turn()
    assert line.waiting == 5
    tasks[2].cancel()
    for _ in range(4):
        assert not line.take_now()  # nobody comes before those who wait
        line.give_back()
        await turn()
    assert served == [0, 1, 3, 4]
    line.give_back()
    assert (line.free, line.waiting) == (1, 0)


@pytest.mark.parametrize("first", ["cancelled", "served"])
async def test_cancelled_in_the_turn_in_which_it_is_served(first: str) -> None:
    line = Line(1)
    await line.take()
    task = asyncio.ensure_future(line.take())
    await turn()
    for step in (
        (task.cancel, line.give_back)
        if first == "cancelled"
        else (
            line.give_back,
            task.cancel,
        )
    ):
        step()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (line.free, line.waiting) == (1, 0)


async def test_those_who_wait_are_refused() -> None:
    line = Line(1)
    await line.take()
    tasks = [asyncio.ensure_future(line.take()) for _ in range(3)]
    await turn()
    tasks[0].cancel()
    line.refuse(RuntimeError("closed"))
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in errors] == [asyncio.CancelledError, *[RuntimeError] * 2]
    line.give_back()
    assert (line.free, line.waiting) == (1, 0)


@settings(deadline=None)
@given(
    places=st.integers(1, 4),
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9))),
)
def test_no_place_is_lost_or_given_twice(places: int, steps: list[tuple[str, int]]) -> None:
    async def main() -> None:
        line, held = Line(places), 0
        tasks: list[asyncio.Task[None]] = []
        leave: list[asyncio.Event] = []

        async def hold(end: asyncio.Event) -> None:
            nonlocal held
            await line.take()
            held += 1
            assert held <= places
            try:
                await end.wait()
            finally:
                held -= 1
                line.give_back()

        for step, number in steps:
            if step == "take":
                leave.append(asyncio.Event())
                tasks.append(asyncio.ensure_future(hold(leave[-1])))
            elif step == "turn":
                await asyncio.sleep(0)
            elif tasks and step == "cancel":
                tasks[number % len(tasks)].cancel()
            elif tasks:
                leave[number % len(tasks)].set()
        for event in leave:
            event.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (line.free, line.waiting) == (places, 0)

    asyncio.run(main())
