"""PerLoop: one for each event loop, closed when the loop ends."""

from __future__ import annotations

import asyncio
import gc
import threading

from bruno_llm._runtime.loops import PerLoop


class Thing:
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.closed_on: asyncio.AbstractEventLoop | None = None

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed_on = asyncio.get_running_loop()


def test_each_loop_has_its_own_and_closes_it() -> None:
    things = PerLoop(Thing, Thing.close)
    got: list[Thing] = []

    async def use() -> None:
        one = await things.get()
        assert await things.get() is one
        assert one.loop is asyncio.get_running_loop()
        assert one.closed_on is None
        got.append(one)

    asyncio.run(use())
    asyncio.run(use())
    threads = [threading.Thread(target=lambda: asyncio.run(use())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(set(map(id, got))) == 6
    assert all(thing.closed_on is thing.loop for thing in got)


async def test_closing_by_hand_makes_room_for_another() -> None:
    things = PerLoop(Thing, Thing.close)
    one = await things.get()
    await things.aclose()
    await things.aclose()
    assert one.closed_on is one.loop
    assert await things.get() is not one


async def test_what_nobody_holds_is_closed_too() -> None:
    things = PerLoop(Thing, Thing.close)
    one = await things.get()
    del things
    gc.collect()
    for _ in range(10):
        await asyncio.sleep(0)
    assert one.closed_on is one.loop


def test_an_owner_that_goes_just_before_its_loop() -> None:
    got: list[Thing] = []

    async def use() -> None:
        got.append(await PerLoop(Thing, Thing.close).get())
        gc.collect()

    asyncio.run(use())
    assert got[0].closed_on is got[0].loop
