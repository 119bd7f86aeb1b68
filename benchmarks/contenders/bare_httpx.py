"""httpx alone, the floor: the lines of the body, each event parsed once, its text taken out."""

import json
from typing import Any

import httpx

KEY = "benchmark-key"
HEADERS = {"authorization": f"Bearer {KEY}", "x-api-key": KEY}


def _openai(event: Any) -> Any:
    return event["choices"][0]["delta"].get("content") if event["choices"] else None


def _responses(event: Any) -> Any:
    return event["delta"] if event["type"] == "response.output_text.delta" else None


def _anthropic(event: Any) -> Any:
    return event["delta"].get("text") if event["type"] == "content_block_delta" else None


def _gemini(event: Any) -> Any:
    return event["candidates"][0]["content"]["parts"][0].get("text")


def _ollama(event: Any) -> Any:
    return event["message"]["content"]


CHAT = {"stream": True, "stream_options": {"include_usage": True}}
WIRES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "openai": ("/v1/chat/completions", {"model": "gpt-4o-mini", **CHAT}, _openai),
    "responses": ("/v1/responses", {"model": "gpt-5", "stream": True}, _responses),
    "anthropic": (
        "/v1/messages",
        {"model": "claude-sonnet-4-5", "max_tokens": 100, "stream": True},
        _anthropic,
    ),
    "gemini": ("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", {}, _gemini),
    "ollama": ("/api/chat", {"model": "llama3.2", "stream": True}, _ollama),
}


class Contender:
    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.AsyncClient(timeout=600, headers=HEADERS)

    async def call(self, messages: Any, timeout: float | None = None) -> Any:
        answer = await self._client.post(
            f"{self._url}/v1/chat/completions",
            json={"model": "gpt-4o-mini", "messages": messages},
            timeout=timeout or 600,
        )
        return answer.json()["choices"][0]["message"]["content"]

    async def stream(self, wire: str, messages: Any) -> Any:
        path, body, text_of = WIRES[wire]
        asked = {**body, "messages": messages}
        async with self._client.stream("POST", self._url + path, json=asked) as answer:
            async for line in answer.aiter_lines():
                data = line.removeprefix("data: ")
                if data.startswith("{") and (text := text_of(json.loads(data))):
                    yield text

    async def close(self) -> None:
        await self._client.aclose()
