"""Policies in a constructor: as themselves, in the short forms of the factory, or refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bruno_llm import (
    Cache,
    ConfigurationError,
    ContextWindow,
    CostTracker,
    FallbackProvider,
    LiteLLMEmbedder,
    LiteLLMProvider,
    LLMFactory,
    OllamaProvider,
    OpenAIEmbedder,
    OpenAIProvider,
    RateLimit,
    Retry,
    Timeout,
)
from bruno_llm.compat.cost_tracker import CostTracker as FormerTracker
from bruno_llm.testing import FakeServer, Fault, MockProvider, Reply

KEY = "k" * 20
KINDS = {
    "retry": Retry,
    "rate_limit": RateLimit,
    "costs": CostTracker,
    "cache": Cache,
    "window": ContextWindow,
    "timeout": Timeout,
}
SHORT: tuple[tuple[str, Any, Any], ...] = (
    ("retry", 3, {"attempts": 3}),
    ("retry", True, {"attempts": 3}),
    ("retry", {"attempts": 5, "wait_max": 1.0}, {"attempts": 5, "wait_max": 1.0}),
    ("rate_limit", 60, {"requests_per_minute": 60}),
    ("rate_limit", {"concurrency": 2}, {"concurrency": 2, "requests_per_minute": None}),
    ("cache", True, {}),
    ("cache", 3600, {"ttl": 3600}),
    ("window", True, {"max_input_tokens": None}),
    ("window", 8000, {"max_input_tokens": 8000}),
    ("window", {"reserve": 500}, {"reserve": 500}),
    ("timeout", 5, {"read": 5, "first_token": 5}),
    ("timeout", {"total": 9}, {"total": 9, "read": 60.0}),
    ("timeout", False, {"read": None, "total": None}),
)
WRONG: tuple[tuple[str, Any], ...] = (
    *((name, value) for name in KINDS for value in (object(), [1], b"x", 1j, print)),
    ("retry", 0),
    ("retry", -1),
    ("retry", "often"),
    ("retry", {"atempts": 3}),
    ("retry", Timeout()),
    ("rate_limit", True),
    ("rate_limit", 0),
    ("rate_limit", "fast"),
    ("rate_limit", {}),
    ("costs", -1),
    ("costs", "much"),
    ("costs", {"buget": 3}),
    ("costs", FormerTracker),
    ("cache", -1),
    ("cache", {"tll": 3}),
    ("window", 0),
    ("window", 1.5),
    ("window", {"strategy": "drop"}),
    ("timeout", True),
    ("timeout", -1),
    ("timeout", "soon"),
    ("timeout", {"reed": 3}),
    ("timeout", {"read": -3}),
)
OF_EMBEDDERS = ("retry", "rate_limit", "costs", "timeout")


def fields(name: str, policy: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    return {field: getattr(policy, f"_{field}", getattr(policy, field, ...)) for field in wanted}


@pytest.mark.parametrize(("name", "short", "wanted"), SHORT)
def test_a_short_form_means_what_it_means_in_the_factory(
    name: str, short: Any, wanted: dict[str, Any]
) -> None:
    made = [
        OpenAIProvider(**{name: short}),
        LiteLLMProvider("groq/x", **{name: short}),
        LLMFactory.create("openai", **{name: short}),
    ]
    if name in OF_EMBEDDERS:
        made += [OpenAIEmbedder(**{name: short}), LiteLLMEmbedder("openai/x", **{name: short})]
    for one in made:
        policy = getattr(one, name)
        assert type(policy) is KINDS[name]
        assert fields(name, policy, wanted) == wanted


@pytest.mark.parametrize("budget", [10, 2.5, Decimal("2.5"), "2.5", {"budget": 2.5}])
@pytest.mark.parametrize("cls", [OpenAIProvider, OpenAIEmbedder])
def test_costs_alone_are_a_budget(cls: Any, budget: Any) -> None:
    limit = Decimal(str(budget["budget"] if isinstance(budget, dict) else budget))
    assert [state.limit for state in cls(costs=budget).costs.report().budgets] == [limit]
    assert not cls(costs=True).costs.report().budgets


@pytest.mark.parametrize("off", [None, False])
@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"timeout"}))
def test_off_is_off(name: str, off: Any) -> None:
    assert getattr(OpenAIProvider(**{name: off}), name) is None


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_anything_else_is_refused_by_the_constructor(name: str, wrong: Any) -> None:
    makers: list[Any] = [OpenAIProvider, OllamaProvider]
    makers += [OpenAIEmbedder] if name in OF_EMBEDDERS else []
    for make in makers:
        with pytest.raises(ConfigurationError, match=f"(?i){name}") as caught:
            make(**{name: wrong})
        assert caught.value.retryable is False


def test_a_policy_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        OpenAIProvider(retry=Cache())  # type: ignore[arg-type]
    assert "OpenAIProvider(): retry must be a Retry of bruno_llm" in str(caught.value)
    assert str(caught.value).endswith("not Cache")


async def test_a_policy_given_short_is_at_work_in_both_ways_of_a_call(server: FakeServer) -> None:
    address = server.base_url("openai")
    short = {"wait_initial": 0.001, "wait_max": 0.001, "attempts": 2}
    llm = OpenAIProvider(
        api_key=KEY, base_url=address, retry=short, costs=5, cache=True, window=900
    )
    server.script(Fault.status(503), Reply("Hello"), Fault.status(503), Reply("There"))
    assert await llm.generate("Hi") == "Hello"
    assert await llm.generate("Hi") == "Hello"
    assert len(server.requests) == 2
    assert [piece async for piece in llm.stream("Ho")] == ["There"]
    assert len(server.requests) == 4
    assert llm.costs is not None and llm.costs.total > 0


async def test_a_timeout_of_a_call_may_be_settings_too(server: FakeServer) -> None:
    llm = OpenAIProvider(api_key=KEY, base_url=server.base_url("openai"))
    assert await llm.generate("Hi", timeout={"total": 30}) == "Hello"
    with pytest.raises(ConfigurationError, match="Timeout has no limit 'totl'; did you mean"):
        await llm.generate("Hi", timeout={"totl": 30})


@pytest.mark.parametrize("providers", [5, (), None, MockProvider(), {MockProvider()}, "openai"])
def test_a_fallback_wants_a_list_of_providers(providers: Any) -> None:
    with pytest.raises(ConfigurationError, match="FallbackProvider"):
        FallbackProvider(providers)


@pytest.mark.parametrize(
    "wrong", [{"cooldown": "x"}, {"cooldown": -1}, {"on": 5}, {"on": (5,)}, {"resume": 5}]
)
def test_a_fallback_checks_its_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        FallbackProvider([MockProvider()], **wrong)
