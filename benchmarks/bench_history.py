"""CPU of one plain call with a long history, on each wire: litellm alone, and with bruno_llm.

python benchmarks/bench_history.py [messages]
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from measuring import interleaved, loopback_server, quiet, table

from bruno_llm import (
    ClaudeProvider,
    GeminiProvider,
    LiteLLMProvider,
    MistralProvider,
    OllamaProvider,
    OpenAIProvider,
)
from bruno_llm._litellm import load_now

KEY = "benchmark-key"
# litellm's model string, and whose class of ours it is.
WIRES: dict[str, tuple[str, type[LiteLLMProvider], str, dict[str, Any]]] = {
    "openai": ("openai/gpt-4o-mini", OpenAIProvider, "/v1", {}),
    "responses": ("openai/gpt-5-mini", OpenAIProvider, "/v1", {"api": "responses"}),
    "anthropic": ("anthropic/claude-haiku-4-5", ClaudeProvider, "", {}),
    "gemini": ("gemini/gemini-2.5-flash", GeminiProvider, "", {}),
    "ollama": ("ollama_chat/llama3.2", OllamaProvider, "", {}),
    "mistral": ("mistral/mistral-small-latest", MistralProvider, "/v1", {}),
}


def history(messages: int) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    words = "Some words about the weather in the north. "
    return [
        {"role": roles[place % 2], "content": f"{place}: {words * 5}"}
        for place in range(messages | 1)
    ]


async def measure(url: str, messages: int) -> None:
    litellm = load_now()
    chat = history(messages)
    for name, (model, provider_class, version, options) in WIRES.items():
        address, bare = url + version, model.partition("/")[2]
        provider = provider_class(bare, api_key=KEY, base_url=address, retry=None)
        theirs = {"model": model, "api_key": KEY, "api_base": address, "max_retries": 0}
        if name == "gemini":
            theirs["api_base"] = f"{url}/v1beta/models/{bare}"
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "litellm.acompletion": partial(litellm.acompletion, messages=chat, **theirs),
            provider_class.__name__: partial(provider.complete, chat, **options),
        }
        spent = await interleaved(ways, rounds=7, each=2)
        table(f"{len(chat)} messages, {name}", spent)
        await provider.aclose()


if __name__ == "__main__":
    quiet()
    with loopback_server(words=5) as address:
        asyncio.run(measure(address, int(sys.argv[1]) if sys.argv[1:] else 1000))
