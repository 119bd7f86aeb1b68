"""LangChain's model over litellm."""

from typing import Any

from langchain_litellm import ChatLiteLLM

MODELS = {
    "openai": ("openai/gpt-4o-mini", "/v1"),
    "anthropic": ("anthropic/claude-sonnet-4-5", ""),
    "gemini": ("gemini/gemini-2.5-flash", "/v1beta/models/gemini-2.5-flash"),
    "ollama": ("ollama_chat/llama3.2", ""),
}


class Contender:
    def __init__(self, url: str) -> None:
        self._models = {
            wire: ChatLiteLLM(
                model=model, api_base=url + version, api_key="benchmark-key", max_retries=0
            )
            for wire, (model, version) in MODELS.items()
        }

    async def call(self, messages: Any, timeout: float | None = None) -> Any:
        return (await self._models["openai"].ainvoke(messages)).content

    async def stream(self, wire: str, messages: Any) -> Any:
        async for chunk in self._models[wire].astream(messages):
            if chunk.content:
                yield chunk.content

    async def close(self) -> None:
        pass
