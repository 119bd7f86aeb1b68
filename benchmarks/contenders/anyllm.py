"""any-llm."""

from typing import Any

from any_llm import AnyLLM


class Contender:
    def __init__(self, url: str) -> None:
        self._llm = AnyLLM.create("openai", api_key="benchmark-key", api_base=f"{url}/v1")

    async def call(self, messages: Any, timeout: float | None = None) -> Any:
        answer = await self._llm.acompletion(
            model="gpt-4o-mini", messages=messages, timeout=timeout or 600
        )
        return answer.choices[0].message.content

    async def stream(self, wire: str, messages: Any) -> Any:
        async for chunk in await self._llm.acompletion(
            model="gpt-4o-mini",
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
        ):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    async def close(self) -> None:
        pass
