"""OpenAI's own client."""

from typing import Any

from openai import AsyncOpenAI


class Contender:
    def __init__(self, url: str) -> None:
        self._client = AsyncOpenAI(api_key="benchmark-key", base_url=f"{url}/v1", max_retries=0)

    async def call(self, messages: Any, timeout: float | None = None) -> Any:
        answer = await self._client.chat.completions.create(
            model="gpt-4o-mini", messages=messages, timeout=timeout or 600
        )
        return answer.choices[0].message.content

    async def stream(self, wire: str, messages: Any) -> Any:
        if wire == "responses":
            async for event in await self._client.responses.create(
                model="gpt-5", input=messages, stream=True
            ):
                if event.type == "response.output_text.delta":
                    yield event.delta
            return
        async for chunk in await self._client.chat.completions.create(
            model="gpt-4o-mini",
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
        ):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    async def close(self) -> None:
        await self._client.close()
