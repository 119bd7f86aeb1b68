"""What a token costs has one answer: calls, budgets, health checks and the CLI agree."""

from __future__ import annotations

import pytest

from bruno_llm import ClaudeProvider, LiteLLMProvider, LLMFactory, OllamaProvider, OpenAIProvider
from bruno_llm.cli._token_counts import count
from bruno_llm.factory import health
from bruno_llm.testing import FakeServer
from tests.contract.matrix import USER

PROVIDERS = [
    (OpenAIProvider, "gpt-5-mini", "openai"),
    (ClaudeProvider, "claude-sonnet-4-5", "anthropic"),
    (OllamaProvider, "llama3.2", "ollama"),
    (LiteLLMProvider, "openai/gpt-4o-mini", "openai"),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("cls", "model", "vendor"), PROVIDERS)
async def test_a_call_is_booked_at_the_price_that_health_tells(
    cls: type[LiteLLMProvider], model: str, vendor: str, streamed: bool, server: FakeServer
) -> None:
    llm = cls(model, base_url=server.base_url(vendor), api_key="k" * 20, retry=None)
    if streamed:
        *_, end = [event async for event in llm.stream_events(USER)]
        completion = end.completion  # type: ignore[union-attr]
    else:
        completion = await llm.complete(USER)
    price, usage = llm.price, completion.usage
    assert price is not None and usage is not None
    by_hand = (usage.prompt_tokens * price.input + usage.completion_tokens * price.output) / 1e6
    assert completion.cost == pytest.approx(by_hand)
    found = await health.check("it", llm)
    assert found.price == pytest.approx(price.input + price.output)


def test_a_model_without_a_price_has_none_anywhere() -> None:
    assert LiteLLMProvider("openai/nobody-knows", base_url="http://127.0.0.1:9/v1").price is None


@pytest.mark.parametrize("name", ["openai/gpt-5-mini", "claude/claude-sonnet-4-5", "ollama/x"])
def test_the_command_line_counts_at_the_same_price(name: str) -> None:
    counted = count("What is the capital of Norway?", name)
    price = LLMFactory.create(name).price  # type: ignore[attr-defined]
    assert counted.cost_usd == pytest.approx(counted.tokens * price.input / 1e6)
