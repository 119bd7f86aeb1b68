"""CPU of one chunk of a stream: the OpenAI SDK, bruno_llm, and litellm's own wrapper.

python benchmarks/bench_stream.py
"""

from __future__ import annotations

import asyncio

from measuring import interleaved, loopback_server, quiet, table

from bruno_llm import OpenAIProvider
from bruno_llm._litellm import load_now

MODEL = "gpt-4o-mini"
KEY = "benchmark-key"
MESSAGES = [{"role": "user", "content": "Tell me a long story."}]
WORDS = 300


async def measure(url: str) -> None:
    litellm = load_now()
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0)
    provider = OpenAIProvider(MODEL, api_key=KEY, base_url=url)

    async def sdk() -> None:
        options = {"include_usage": True}
        stream = await client.chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options=options
        )
        async for _ in stream:
            pass

    async def raw() -> None:
        stream = await litellm.acompletion(
            model=f"openai/{MODEL}",
            messages=MESSAGES,
            client=client,
            max_retries=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        async for _ in stream:
            pass

    async def events() -> None:
        async for _ in provider.stream_events(MESSAGES):
            pass

    async def text() -> None:
        async for _ in provider.stream(MESSAGES):
            pass

    ways = {
        "the OpenAI SDK alone": sdk,
        "OpenAIProvider.stream_events": events,
        "OpenAIProvider.stream": text,
        "litellm.acompletion(stream=True)": raw,
    }
    seconds = await interleaved(ways, rounds=9, each=2)
    table(f"CPU of one of {WORDS} chunks, its share of the call included", seconds, per=WORDS)
    await provider.aclose()
    await client.close()


if __name__ == "__main__":
    quiet()
    with loopback_server(WORDS) as address:
        asyncio.run(measure(f"{address}/v1"))
