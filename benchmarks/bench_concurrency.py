"""CPU of a call with 1 to 2,000 in flight, connections opened, and how late the event loop is.

python benchmarks/bench_concurrency.py [calls in flight ...]
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from measuring import Served, loopback_server, quiet

from bruno_llm import OpenAIProvider
from bruno_llm._litellm import load_now

MODEL = "gpt-4o-mini"
KEY = "benchmark-key"
MESSAGES = [{"role": "user", "content": "What is the capital of Norway?"}]
IN_FLIGHT = (1, 10, 100, 1000, 2000)
ROUNDS = 3
LEAST = 200

Way = Callable[[], Awaitable[object]]


async def lateness(found: list[float]) -> None:
    """Note how much later than asked for the event loop comes back, in seconds."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        found.append(time.perf_counter() - began - 0.005)


async def crowd(way: Way, in_flight: int, late: list[float]) -> float:
    """CPU seconds of one call, so many of them being in flight all the time."""
    calls = max(LEAST, in_flight)
    left = iter(range(calls))

    async def one_after_the_other() -> None:
        for _ in left:
            await way()

    watch = asyncio.ensure_future(lateness(late))
    began = time.process_time()
    await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))
    spent = time.process_time() - began
    watch.cancel()
    return spent / calls


async def measure(server: Served, sizes: tuple[int, ...]) -> None:
    litellm = load_now()
    from openai import AsyncOpenAI

    url = f"{server}/v1"
    client = AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0)
    provider = OpenAIProvider(MODEL, api_key=KEY, base_url=url, retry=None, timeout=None)
    asked = {"model": f"openai/{MODEL}", "messages": MESSAGES, "max_retries": 0}

    ways: dict[str, Way] = {
        "litellm over aiohttp": lambda: litellm.acompletion(api_key=KEY, api_base=url, **asked),
        "litellm over httpx": lambda: litellm.acompletion(client=client, **asked),
        "OpenAIProvider": lambda: provider.complete(MESSAGES),
    }
    for way in ways.values():
        for _ in range(3):
            await way()
    print("in flight, then for each way: ms of CPU a call, connections, loop late: median, worst")
    for size in sizes:
        spent: dict[str, list[float]] = {name: [] for name in ways}
        opened = dict.fromkeys(ways, 0)
        late: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                before = server.accepted()
                spent[name].append(await crowd(way, size, late[name]))
                opened[name] += server.accepted() - before
        cells = (
            f"{statistics.median(spent[name]) * 1e3:6.2f} {opened[name]:5d}"
            f" {statistics.median(late[name]) * 1e3:6.1f} {max(late[name]) * 1e3:7.0f}"
            for name in ways
        )
        print(f"{size:5d}  " + "   |".join(cells), flush=True)
    print("       " + "   |".join(f"{name:>27}" for name in ways))
    await provider.aclose()
    await client.close()


if __name__ == "__main__":
    quiet()
    chosen = tuple(map(int, sys.argv[1:])) or IN_FLIGHT
    with loopback_server(words=5) as address:
        asyncio.run(measure(address, chosen))
