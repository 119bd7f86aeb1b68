"""What the subjects share in a contender's process: prompts for the server, and a watch."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

Messages = list[dict[str, str]]


def prompt(*marks: str, messages: int = 1) -> Messages:
    """A conversation of so many messages, whose last one tells the server what to do."""
    said = "".join(f"[{mark}]" for mark in marks)
    words = "Some words about the weather in the north. " * 5
    chat = [{"role": "system", "content": "You are brief."}] if messages % 2 == 0 else []
    while len(chat) < messages - 1:
        chat.append({"role": "user", "content": f"{len(chat)}: {words}"})
        chat.append({"role": "assistant", "content": words})
    return [*chat, {"role": "user", "content": f"Tell me a story. {said}"}]


async def read(contender: Any, wire: str, words: int) -> int:
    """Read one stream to its end; how many pieces there were."""
    pieces = 0
    async for _ in contender.stream(wire, prompt(f"words={words}")):
        pieces += 1
    return pieces


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[list[float]]:
    """The stops of the event loop during the block, in seconds: how late it came back each time."""
    late: list[float] = []

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.002)
            late.append(time.perf_counter() - began - 0.002)

    watching = asyncio.ensure_future(watch())
    await asyncio.sleep(0)
    try:
        yield late
    finally:
        await asyncio.sleep(0.003)
        watching.cancel()


async def crowd(one: Callable[[], Any], in_flight: int, calls: int) -> tuple[int, str]:
    """So many calls, so many of them at a time; how many failed, and how the first one did."""
    left = iter(range(calls))
    failed: list[str] = []

    async def one_after_the_other() -> None:
        for _ in left:
            try:
                await one()
            except Exception as error:
                failed.append(f"{type(error).__name__}: {error}"[:200])

    await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))
    return len(failed), failed[0] if failed else ""
