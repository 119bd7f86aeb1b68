"""A loop that ends with open streams closes them, and nobody hears of it."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from bruno_llm import (
    CostTracker,
    FallbackProvider,
    LiteLLMProvider,
    RateLimit,
    ToolProvider,
    stream_as,
    stream_tools,
    tool,
)
from bruno_llm.testing import FakeServer, Reply
from tests.contract.matrix import CLAUDE, GEMINI, OLLAMA, OPENAI, USER, Case, ask

pytestmark = pytest.mark.usefixtures("no_keys")


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


Open = Callable[[LiteLLMProvider], AsyncGenerator[Any, None]]
WAYS: dict[str, Open] = {
    "stream": lambda provider: provider.stream(USER),
    "stream_events": lambda provider: provider.stream_events(USER),
    "fallback": lambda provider: FallbackProvider([provider]).stream(USER),
    "tools": lambda provider: ToolProvider(provider, [add]).stream(USER),
    "stream_tools": lambda provider: stream_tools(provider, USER, [add]),
}


async def leave_open(stream: AsyncGenerator[Any, None], how: str) -> object:
    """End the loop while the stream is held, or while a task waits for its next piece."""
    await anext(stream)
    if how == "held":
        return stream
    waits = asyncio.ensure_future(anext(stream))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waits.done()
    return stream, waits


def ended(work: Callable[[], Any]) -> list[str]:
    """What ``asyncio.run`` and the garbage collection after it complain of."""
    told: list[str] = []

    async def main() -> object:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(str(context)))
        return await work()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kept = asyncio.run(main())
        del kept
        gc.collect()
    # pydantic's, about litellm's own models
    told += [str(one.message) for one in caught if "ydantic" not in str(one.message)]
    return told


@pytest.mark.covering(1)
@pytest.mark.parametrize("how", ["held", "awaited"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", [OPENAI, CLAUDE, GEMINI, OLLAMA], ids=str)
def test_nothing_is_told_and_nothing_kept(
    case: Case, server: FakeServer, way: str, how: str
) -> None:
    gate = server.gate()
    server.default = Reply("one two three", gate=gate)
    limit, costs = RateLimit(concurrency=1), CostTracker(budget=100)
    provider = case.provider(server, rate_limit=limit, costs=costs)
    assert ended(lambda: leave_open(WAYS[way](provider), how)) == []
    asyncio.run(server.wait_for(lambda: server.disconnects == 1))
    asyncio.run(server.wait_for(lambda: server.connections == 0))
    (entry,) = costs.recent()
    assert entry.estimated
    assert costs.report().budgets[0].reserved == 0
    gate.set()
    server.default = Reply("Hello")
    assert asyncio.run(provider.generate(USER)) == "Hello"


def test_values_that_were_left_open(server: FakeServer) -> None:
    gate = server.gate()
    server.default = Reply('{"city": "Oslo"}', pieces=['{"city": ', '"Oslo"}'], gate=gate)
    provider = OPENAI.provider(server)

    async def left() -> object:
        values = stream_as(provider, USER, dict[str, str])
        waits = asyncio.ensure_future(anext(values))
        await server.wait_for(lambda: server.requests)
        return values, waits

    assert ended(left) == []


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("way", ["complete", "stream"])
def test_a_loop_that_ends_while_connections_are_closed(
    server: FakeServer, way: str, turns: int
) -> None:
    """The runner cancels all tasks, also one that closes a connection and has not begun."""

    async def work() -> None:
        # The provider goes with this task, and its connections are closed beside what follows.
        await asyncio.ensure_future(ask(OPENAI.provider(server), way))
        for _ in range(turns):
            await asyncio.sleep(0)

    assert ended(work) == []
