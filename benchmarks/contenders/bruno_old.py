"""bruno-llm 0.2.0, the release before litellm."""

from typing import Any

from bruno_core.models import Message, MessageRole

from bruno_llm.providers.openai import OpenAIProvider


class Contender:
    def __init__(self, url: str) -> None:
        self._provider = OpenAIProvider(
            api_key="sk-benchmark", model="gpt-4o-mini", base_url=f"{url}/v1", timeout=600
        )

    def _said(self, messages: Any) -> Any:
        return [
            Message(role=MessageRole(message["role"]), content=message["content"])
            for message in messages
        ]

    async def call(self, messages: Any, timeout: float | None = None) -> Any:
        return await self._provider.generate(self._said(messages))

    def stream(self, wire: str, messages: Any) -> Any:
        return self._provider.stream(self._said(messages))

    async def close(self) -> None:
        pass
