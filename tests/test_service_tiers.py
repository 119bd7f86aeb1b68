"""Service tiers: reserved at the price of the one asked for, booked at that of the one served."""

from __future__ import annotations

from typing import Any

import pytest

from bruno_llm import (
    BudgetExceededError,
    CostTracker,
    GeminiProvider,
    LiteLLMProvider,
    ModelPrice,
    OpenAIProvider,
    Usage,
)
from bruno_llm.testing import FakeServer, Reply

ASK = [{"role": "user", "content": "What is the capital of France?"}]
USAGE = Usage(prompt_tokens=1000, completion_tokens=100, total_tokens=1100)
# gpt-5.1, of litellm's map: USD for 1000 prompt and 100 completion tokens.
PRICES = {"default": 0.00225, "flex": 0.001125, "priority": 0.0045}


def openai(server: FakeServer, api: str = "chat", **kwargs: Any) -> LiteLLMProvider:
    url = server.base_url("openai")
    options = {"api_key": "k" * 20, "retry": None, "max_tokens": 200, "api": api, **kwargs}
    return OpenAIProvider("gpt-5.1", base_url=url, **options)


async def ask(provider: LiteLLMProvider, streamed: bool, **kwargs: Any) -> str:
    if streamed:
        return "".join([piece async for piece in provider.stream(ASK, **kwargs)])
    return await provider.generate(ASK, **kwargs)


@pytest.mark.covering(2)
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize(
    ("asked", "served", "billed"),
    [
        (None, None, "default"),
        ("priority", None, "priority"),
        ("flex", None, "flex"),
        ("priority", "default", "default"),  # the vendor's ramp limit
        ("auto", "priority", "priority"),  # a project's own setting
        (None, "priority", "priority"),
    ],
)
async def test_the_tier_that_served_sets_the_price(
    asked: str | None, served: str | None, billed: str, api: str, streamed: bool, server: FakeServer
) -> None:
    """Every tier was booked at the usual price."""
    server.default = Reply("Paris.", usage=USAGE, service_tier=served)
    costs = CostTracker()
    await ask(openai(server, api, costs=costs), streamed, service_tier=asked)
    assert float(costs.total) == pytest.approx(PRICES[billed])
    assert server.requests[0].json.get("service_tier") == asked


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("where", ["option", "body"])
async def test_the_tier_that_is_asked_is_reserved(
    where: str, api: str, streamed: bool, server: FakeServer
) -> None:
    """200 tokens of answer cost $0.002, with priority $0.004."""
    tier = {"service_tier": "priority"}
    options: dict[str, Any] = tier if where == "option" else {"extra_body": tier}
    costs = CostTracker(budget=0.003)
    with pytest.raises(BudgetExceededError):
        await ask(openai(server, api, costs=costs), streamed, **options)
    assert not server.requests
    await ask(openai(server, api, costs=costs), streamed)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_price_of_ones_own_has_the_tiers_of_the_map(
    streamed: bool, server: FakeServer
) -> None:
    class Dear(OpenAIProvider):
        prices = {"gpt-5.1": ModelPrice(10.0, 100.0)}  # noqa: RUF012

    server.default = Reply("Paris.", usage=USAGE)
    costs = CostTracker()
    url = server.base_url("openai")
    dear = Dear("gpt-5.1", api_key="k" * 20, base_url=url, costs=costs, retry=None)
    await ask(dear, streamed, service_tier="priority")
    assert float(costs.total) == pytest.approx(0.04)


@pytest.mark.parametrize("streamed", [False, True])
async def test_gemini_says_its_tier_in_a_header(streamed: bool, server: FakeServer) -> None:
    costs = CostTracker()
    url = server.base_url("gemini")
    gemini = GeminiProvider(
        "gemini-2.5-flash", api_key="k" * 20, base_url=url, costs=costs, retry=None
    )
    tiers = {"x-gemini-service-tier": "priority"}
    server.script(Reply("Paris.", usage=USAGE), Reply("Paris.", usage=USAGE, headers=tiers))
    await ask(gemini, streamed)
    usual = costs.total
    await ask(gemini, streamed, service_tier="priority")
    assert costs.total - usual > usual
