"""CPU of one chunk of a stream on each wire, side by side: httpx alone, bruno_llm, litellm.

python benchmarks/bench_stream.py [wire ...]

The server is a process of its own and writes one event at a time. httpx alone is the floor: the
lines of the body, each event parsed by ``json.loads``, its text taken out.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from measuring import interleaved, loopback_server, quiet, table

from bruno_llm import (
    ClaudeProvider,
    GeminiProvider,
    OllamaProvider,
    OpenAIProvider,
    StreamEnd,
    TextDelta,
)
from bruno_llm._litellm import load_now

KEY = "benchmark-key"
MESSAGES = [{"role": "user", "content": "Tell me a long story."}]
WORDS = 1000
ROUNDS = 9

BODY: dict[str, Any] = {"messages": MESSAGES, "stream": True}
INPUT = {"model": "gpt-5", "input": "Tell me", "stream": True}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Tell me"}]}]}

Event = dict[str, Any]


def _openai(event: Event) -> str | None:
    choices = event["choices"]
    return choices[0]["delta"].get("content") if choices else None


def _responses(event: Event) -> str | None:
    return event["delta"] if event["type"] == "response.output_text.delta" else None


def _claude(event: Event) -> str | None:
    return event["delta"].get("text") if event["type"] == "content_block_delta" else None


def _gemini(event: Event) -> str | None:
    return event["candidates"][0]["content"]["parts"][0].get("text")


def _ollama(event: Event) -> str | None:
    return event["message"]["content"]


# Our provider, litellm's model, the path and the body of the request, the text of an event.
WIRES: dict[str, tuple[Any, str, str, Any, Callable[[Event], str | None]]] = {
    "openai": (
        lambda url: OpenAIProvider("gpt-4o-mini", api_key=KEY, base_url=f"{url}/v1"),
        "openai/gpt-4o-mini",
        "/v1/chat/completions",
        {**BODY, "model": "gpt-4o-mini", "stream_options": {"include_usage": True}},
        _openai,
    ),
    "responses": (
        lambda url: OpenAIProvider("gpt-5", api="responses", api_key=KEY, base_url=f"{url}/v1"),
        "",
        "/v1/responses",
        INPUT,
        _responses,
    ),
    "anthropic": (
        lambda url: ClaudeProvider("claude-sonnet-4-5", api_key=KEY, base_url=url),
        "anthropic/claude-sonnet-4-5",
        "/v1/messages",
        {**BODY, "model": "claude-sonnet-4-5", "max_tokens": 100},
        _claude,
    ),
    "gemini": (
        lambda url: GeminiProvider("gemini-2.5-flash", api_key=KEY, base_url=url),
        "gemini/gemini-2.5-flash",
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        CONTENTS,
        _gemini,
    ),
    "ollama": (
        lambda url: OllamaProvider("llama3.2", base_url=url),
        "ollama_chat/llama3.2",
        "/api/chat",
        {**BODY, "model": "llama3.2"},
        _ollama,
    ),
}


def _ways(
    wire: str, url: str, client: httpx.AsyncClient
) -> tuple[dict[str, Callable[[], Awaitable[object]]], Any]:
    make, model, path, body, text_of = WIRES[wire]
    provider = make(url)

    async def floor() -> None:
        headers = {"authorization": f"Bearer {KEY}", "x-api-key": KEY}
        found = []
        async with client.stream("POST", url + path, json=body, headers=headers) as response:
            async for line in response.aiter_lines():
                data = line.removeprefix("data: ")
                if data.startswith("{") and (text := text_of(json.loads(data))):
                    found.append(text)
        assert len(found) == WORDS

    async def ours() -> None:
        found = [piece async for piece in provider.stream(MESSAGES)]
        assert len(found) == WORDS

    async def raw() -> None:
        address = f"{url}/v1" if wire == "openai" else url
        if wire == "gemini":
            address = f"{url}/v1beta"
        stream = await load_now().acompletion(
            model=model,
            messages=MESSAGES,
            api_key=KEY,
            api_base=address,
            max_retries=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        async for _ in stream:
            pass

    ways: dict[str, Callable[[], Awaitable[object]]] = {"httpx alone": floor, "stream()": ours}
    if model:
        ways["litellm.acompletion(stream=True)"] = raw
    return ways, provider


async def _last_text_to_end(provider: Any) -> list[float]:
    """Seconds of CPU between the last text and the end, the request's own costs included."""
    spent = []
    for _ in range(ROUNDS):
        last = 0.0
        async for event in provider.stream_events(MESSAGES):
            if isinstance(event, TextDelta):
                last = time.process_time()
            elif isinstance(event, StreamEnd):
                spent.append(time.process_time() - last)
    return spent


async def measure(url: str, wires: list[str]) -> None:
    load_now()
    async with httpx.AsyncClient(timeout=60) as client:
        for wire in wires:
            ways, provider = _ways(wire, url, client)
            seconds = await interleaved(ways, rounds=ROUNDS, each=1)
            table(
                f"{wire}: CPU of one of {WORDS} chunks, its share of the call", seconds, per=WORDS
            )
            end = 1000 * statistics.median(await _last_text_to_end(provider))
            print(f"  {'from the last text to the end':<44} {end:8.2f} ms")
            await provider.aclose()


if __name__ == "__main__":
    quiet()
    with loopback_server(WORDS) as address:
        asyncio.run(measure(address, sys.argv[1:] or list(WIRES)))
