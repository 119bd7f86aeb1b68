"""litellm as it is used: ``acompletion()``, over the transport it takes by itself (aiohttp)."""

from typing import Any

import litellm

MODELS = {
    "openai": ("openai/gpt-4o-mini", "/v1"),
    "responses": ("openai/gpt-5", "/v1"),
    "anthropic": ("anthropic/claude-sonnet-4-5", ""),
    "gemini": ("gemini/gemini-2.5-flash", "/v1beta/models/gemini-2.5-flash"),
    "ollama": ("ollama_chat/llama3.2", ""),
}


class Contender:
    def __init__(self, url: str) -> None:
        self._url = url

    def asked(self, wire: str) -> dict[str, Any]:
        model, version = MODELS[wire]
        return {
            "model": model,
            "api_base": self._url + version,
            "api_key": "benchmark-key",
            "max_retries": 0,
        }

    async def call(self, messages: Any, timeout: float | None = None) -> Any:
        answer = await litellm.acompletion(
            messages=messages, timeout=timeout or 600, **self.asked("openai")
        )
        return answer.choices[0].message.content

    async def opened(self, wire: str, messages: Any) -> Any:
        return await litellm.acompletion(
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
            **self.asked(wire),
        )

    async def stream(self, wire: str, messages: Any) -> Any:
        if wire == "responses":
            asked = self.asked(wire)
            async for event in await litellm.aresponses(input=messages, stream=True, **asked):
                if event.type == "response.output_text.delta":
                    yield event.delta
            return
        async for chunk in await self.opened(wire, messages):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    async def close(self) -> None:
        pass
