"""This package, without policies."""

from typing import Any

from bruno_llm import OpenAIProvider

KEY = "benchmark-key"


class Contender:
    policies: dict[str, Any] = {"retry": None}  # noqa: RUF012

    def __init__(self, url: str) -> None:
        self._url = url
        self._providers: dict[str, Any] = {}

    def _provider(self, wire: str) -> Any:
        if wire not in self._providers:
            import bruno_llm

            name, model, version, more = {
                "openai": ("OpenAIProvider", "gpt-4o-mini", "/v1", {}),
                "responses": ("OpenAIProvider", "gpt-5", "/v1", {"api": "responses"}),
                "anthropic": ("ClaudeProvider", "claude-sonnet-4-5", "", {}),
                "gemini": ("GeminiProvider", "gemini-2.5-flash", "", {}),
                "ollama": ("OllamaProvider", "llama3.2", "", {}),
            }[wire]
            given = {"api_key": KEY, "base_url": self._url + version, **more}
            self._providers[wire] = getattr(bruno_llm, name)(model, **given, **self.policies)
        return self._providers[wire]

    async def call(self, messages: Any, timeout: float | None = None) -> Any:
        limit = {} if timeout is None else {"timeout": timeout}
        return (await self._provider("openai").complete(messages, **limit)).text

    def stream(self, wire: str, messages: Any) -> Any:
        return self._provider(wire).stream(messages)

    async def close(self) -> None:
        for provider in self._providers.values():
            await provider.aclose()


assert OpenAIProvider
