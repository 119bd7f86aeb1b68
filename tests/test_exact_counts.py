"""Counting at the vendor: the request of a call, sent to the endpoint that counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bruno_llm import (
    AuthenticationError,
    ClaudeProvider,
    ConfigurationError,
    GeminiProvider,
    LiteLLMProvider,
    OllamaProvider,
    OpenAIProvider,
    ProviderConnectionError,
    ServiceUnavailableError,
    Usage,
)
from bruno_llm.testing import FakeServer, Fault, Raw, Reply

ASK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How long is this?"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def claude(server: FakeServer) -> ClaudeProvider:
    url = server.base_url("claude")
    return ClaudeProvider(
        "claude-haiku-4-5",
        api_key="k" * 20,
        base_url=url,
        retry=None,
        system_prompt="You are Bruno.",
    )


def gemini(server: FakeServer) -> GeminiProvider:
    url = server.base_url("gemini")
    return GeminiProvider("gemini-2.5-flash", api_key="k" * 20, base_url=url, retry=None)


async def test_claude_counts_what_would_be_sent(server: FakeServer) -> None:
    server.script(
        Raw(200, {"content-type": "application/json"}, b'{"input_tokens": 77}'), endpoint="count"
    )
    provider = claude(server)
    assert await provider.count_message_tokens(ASK, tools=[TOOL], exact=True) == 77
    (request,) = server.requests
    assert request.path == "/v1/messages/count_tokens"
    assert request.key == "k" * 20
    assert "You are Bruno." in str(request.json["system"])
    assert "Be brief." in str(request.json["system"])
    assert request.json["tools"][0]["name"] == "get_time"
    assert set(request.json) <= {"model", "messages", "system", "tools", "tool_choice", "thinking"}

    assert await provider.count_message_tokens(ASK, tools=[TOOL], exact=True) == 77
    assert len(server.requests) == 1, "the answer is remembered"


async def test_gemini_counts_what_would_be_sent(server: FakeServer) -> None:
    server.script(
        Raw(200, {"content-type": "application/json"}, b'{"totalTokens": 55}'), endpoint="count"
    )
    assert await gemini(server).count_message_tokens(ASK, exact=True) == 55
    (request,) = server.requests
    assert request.path.endswith("/gemini-2.5-flash:countTokens")
    question = request.json["generateContentRequest"]
    assert question["model"] == "models/gemini-2.5-flash"
    assert "How long is this?" in str(question["contents"])


async def test_ollama_reads_the_prompt(server: FakeServer) -> None:
    server.default = Reply("", reasoning="Hm", finish_reason="length", usage=Usage(31, 1, 32))
    provider = OllamaProvider(base_url=server.base_url("ollama"), retry=None)
    assert await provider.count_message_tokens(ASK, exact=True) == 31
    assert server.requests[0].json["options"]["num_predict"] == 1


async def test_openai_needs_no_request(server: FakeServer) -> None:
    provider = OpenAIProvider("gpt-4o", base_url=server.base_url("openai"))
    exact = await provider.count_message_tokens(ASK, exact=True)
    assert exact == await provider.count_message_tokens(ASK) > 0
    assert not server.requests


async def test_a_vendor_that_cannot_count(server: FakeServer) -> None:
    provider = LiteLLMProvider("groq/llama-3.3-70b-versatile", api_key="k" * 20)
    assert await provider.count_message_tokens(ASK) > 0
    with pytest.raises(ConfigurationError, match="exact=False"):
        await provider.count_message_tokens(ASK, exact=True)


@pytest.mark.parametrize("make", [claude, gemini])
async def test_failures_are_the_calls_own(server: FakeServer, make: Any) -> None:
    provider = make(server)
    server.script(
        Fault.status(401), Fault.status(503), Fault.reset(), Fault.html(), endpoint="count"
    )
    for error in (AuthenticationError, ServiceUnavailableError, ProviderConnectionError):
        with pytest.raises(error):
            await provider.count_message_tokens(ASK, exact=True)
    with pytest.raises(ServiceUnavailableError):
        await provider.count_message_tokens(ASK, exact=True)
    assert len(server.requests) == 4
