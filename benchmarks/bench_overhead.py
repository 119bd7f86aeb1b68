"""CPU of one plain call: litellm alone, and with bruno_llm around it.

python benchmarks/bench_overhead.py
"""

from __future__ import annotations

import asyncio

from measuring import interleaved, loopback_server, quiet, table

from bruno_llm import ContextWindow, CostTracker, OpenAIProvider, RateLimit, Retry
from bruno_llm._litellm import load_now

MODEL = "gpt-4o-mini"
KEY = "benchmark-key"
MESSAGES = [
    {"role": "system", "content": "You are brief."},
    {"role": "user", "content": "What is the capital of Norway?"},
]


async def measure(url: str) -> None:
    litellm = load_now()
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0)
    bare = OpenAIProvider(MODEL, api_key=KEY, base_url=url, retry=None)
    full = OpenAIProvider(
        MODEL,
        api_key=KEY,
        base_url=url,
        temperature=0.5,
        max_tokens=100,
        retry=Retry(),
        rate_limit=RateLimit(requests_per_minute=10**7, tokens_per_minute=10**9, concurrency=10),
        costs=CostTracker(budget=1000),
        window=ContextWindow(),
    )

    async def sdk() -> object:
        return await client.chat.completions.create(model=MODEL, messages=MESSAGES)

    async def raw() -> object:
        return await litellm.acompletion(
            model=f"openai/{MODEL}", messages=MESSAGES, client=client, max_retries=0
        )

    ways = {
        "litellm.acompletion": raw,
        "OpenAIProvider, no policies": lambda: bare.complete(MESSAGES),
        "OpenAIProvider, all policies": lambda: full.complete(MESSAGES),
        "the OpenAI SDK alone": sdk,
    }
    table("CPU of one plain call", await interleaved(ways, rounds=15, each=20))
    for provider in (bare, full):
        await provider.aclose()
    await client.close()


if __name__ == "__main__":
    quiet()
    with loopback_server(words=5) as address:
        asyncio.run(measure(f"{address}/v1"))
