"""What a token costs has one answer: calls, budgets, health checks and the CLI agree."""

from __future__ import annotations

import sys
import types
from collections import Counter
from typing import Any

import pytest

from bruno_llm import (
    ClaudeProvider,
    GeminiProvider,
    LiteLLMProvider,
    LLMFactory,
    OllamaProvider,
    OpenAIProvider,
)
from bruno_llm._litellm import bundled_map, facts, load_now
from bruno_llm.cli._token_counts import count_of
from bruno_llm.completion import Usage
from bruno_llm.factory import health
from bruno_llm.testing import FakeServer
from tests.contract.matrix import USER
from tests.size import FULL

PROVIDERS = [
    (OpenAIProvider, "gpt-5-mini", "openai"),
    (ClaudeProvider, "claude-sonnet-4-5", "anthropic"),
    (OllamaProvider, "llama3.2", "ollama"),
    (LiteLLMProvider, "openai/gpt-4o-mini", "openai"),
]
GEMINI = (GeminiProvider, "gemini-2.5-flash", "gemini")


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
    found = await health.check_one("it", llm)
    assert found.price == pytest.approx(price.input + price.output)


def test_a_model_without_a_price_has_none_anywhere() -> None:
    assert LiteLLMProvider("openai/nobody-knows", base_url="http://127.0.0.1:9/v1").price is None


@pytest.mark.parametrize("name", ["openai/gpt-5-mini", "claude/claude-sonnet-4-5", "ollama/x"])
def test_the_command_line_counts_at_the_same_price(name: str) -> None:
    counted = count_of("What is the capital of Norway?", name)
    price = LLMFactory.create(name).price  # type: ignore[attr-defined]
    assert counted.cost_usd == pytest.approx(counted.tokens * price.input / 1e6)


@pytest.mark.sized
def test_short_prompts_are_priced_without_litellm_and_to_the_same_figure() -> None:
    """Of each model of its map, whatever else stands in its entry; a small run asks each tenth."""
    load_now()
    priced = arithmetic = 0
    for model, entry in sorted(bundled_map().items())[:: 1 if FULL else 10]:
        if not isinstance(entry.get("input_cost_per_token"), int | float):
            continue
        route, usage = str(entry.get("litellm_provider")), Usage(1_000, 300, 1_300)
        theirs = facts._by_litellm(model, route, usage, None)
        priced += 1
        arithmetic += theirs == pytest.approx(
            1_000 * entry["input_cost_per_token"] + 300 * (entry.get("output_cost_per_token") or 0),
            rel=1e-12,
        )
        assert facts.cost(entry, model, route, usage, None) == pytest.approx(
            theirs, rel=1e-12
        ), model
    assert arithmetic > 0.9 * priced > (1_000 if FULL else 100)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("cls", "model", "vendor"), [*PROVIDERS[:2], GEMINI])
async def test_text_alone_is_priced_without_litellm(
    cls: type[LiteLLMProvider], model: str, vendor: str, streamed: bool, server: FakeServer
) -> None:
    """Also where the vendor names it as one kind of tokens among others: it took 0.5 ms."""
    llm = cls(model, base_url=server.base_url(vendor), api_key="k" * 20, retry=None)
    asked: Counter[str] = Counter()

    def count(frame: types.FrameType, event: str, _: Any) -> None:
        asked[frame.f_code.co_name] += event == "call"

    for _ in range(2):
        asked.clear()
        sys.setprofile(count)
        try:
            if streamed:
                assert [event async for event in llm.stream_events(USER)]
            else:
                assert (await llm.complete(USER)).cost
        finally:
            sys.setprofile(None)
    assert asked[facts.cost.__name__] > 0
    assert asked[facts._by_litellm.__name__] == 0


@pytest.mark.parametrize(
    ("usage", "raw"),
    [
        (Usage(99_999, 10, 100_009), None),
        (Usage(250_000, 10, 250_010), None),
        (
            Usage(1_000, 10, 1_010, cached_tokens=900),
            {"prompt_tokens_details": {"cached_tokens": 900}},
        ),
        (Usage(1_000, 10, 1_010), {"prompt_tokens_details": {"audio_tokens": 500}}),
        (Usage(1_000, 10, 1_010), {"completion_tokens_details": {"audio_tokens": 5}}),
        (Usage(1_000, 10, 1_010), {"server_tool_use": {"web_search_requests": 3}}),
        (Usage(1_000, 10, 1_010), {"prompt_tokens_details": None, "completion_tokens_details": {}}),
        (Usage(1_000, 10, 1_010), {"prompt_tokens_details": {"text_tokens": 1_000}}),
        (Usage(1_000, 10, 1_010), {"prompt_tokens_details": {"text_tokens": 10}}),
        (Usage(1_000, 10, 1_010), {"completion_tokens_details": {"text_tokens": 10}}),
        (
            Usage(1_000, 10, 1_010),
            {"prompt_tokens_details": {"text_tokens": 1_000, "image_tokens": 400}},
        ),
    ],
)
@pytest.mark.parametrize("model", ["gemini/gemini-2.5-pro", "openai/gpt-audio"])
def test_whatever_has_a_price_of_its_own_is_priced_by_litellm(
    model: str, usage: Usage, raw: dict[str, Any] | None
) -> None:
    load_now()
    route, _, bare = model.partition("/")
    theirs = facts._by_litellm(bare, route, usage, raw)
    entry = facts.model_facts(bare, route)
    assert theirs is not None
    assert facts.cost(entry, bare, route, usage, raw) == pytest.approx(theirs, rel=1e-12)
