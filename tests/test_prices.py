"""Price tables: what a usage costs, and which entry is a model's."""

from __future__ import annotations

import re

import pytest

from bruno_llm import ClaudeProvider, GeminiProvider, ModelPrice, OpenAIProvider, Usage, _litellm
from bruno_llm.costs.prices import price_of

PRICE = ModelPrice(2.0, 10.0, cached=0.2, cache_creation=2.5)


def test_each_kind_of_token_has_its_price() -> None:
    usage = Usage(1000, 100, 1100, cached_tokens=300, cache_creation_tokens=200)
    expected = (500 * 2 + 300 * 0.2 + 200 * 2.5 + 100 * 10) / 1e6
    assert PRICE.cost(usage) == pytest.approx(expected)


def test_without_a_price_of_its_own_a_cached_token_is_an_input_token() -> None:
    usage = Usage(1000, 0, 1000, cached_tokens=300, cache_creation_tokens=200)
    assert ModelPrice(2.0, 10.0).cost(usage) == pytest.approx(0.002)


def test_more_cached_tokens_than_tokens_cost_no_negative_rest() -> None:
    assert PRICE.cost(Usage(10, 0, 10, cached_tokens=100)) == pytest.approx(100 * 0.2 / 1e6)


def test_a_dated_release_costs_what_its_model_costs() -> None:
    prices = {"gpt-4o": PRICE, "gpt-4o-2024-05-13": ModelPrice(5, 15)}
    assert price_of(prices, "gpt-4o-2024-08-06") is PRICE
    assert price_of(prices, "gpt-4o-2024-05-13") is not PRICE
    assert price_of({"claude-x": PRICE}, "claude-x-20250929") is PRICE
    assert price_of(prices, "gpt-4o-mini") is None


def test_agreement_with_litellms_entry() -> None:
    entry = {"input_cost_per_token": 2e-6, "output_cost_per_token": 1e-5}
    assert PRICE.agrees_with(entry)
    assert not PRICE.agrees_with({**entry, "output_cost_per_token": 1.1e-5})
    assert not PRICE.agrees_with({})


@pytest.mark.parametrize("cls", [OpenAIProvider, ClaudeProvider, GeminiProvider])
def test_the_tables_are_dated_sourced_and_hold_the_default_model(cls: type[OpenAIProvider]) -> None:
    assert cls.default_model in cls.prices
    for model, price in cls.prices.items():
        assert price.source, model
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", price.as_of), model
        assert 0 < (price.cached or price.input) <= price.input, model
        assert price.input < price.output or "embedding" in model, model


@pytest.mark.parametrize("cls", [OpenAIProvider, ClaudeProvider, GeminiProvider])
def test_a_difference_from_litellms_map_is_on_purpose(cls: type[OpenAIProvider]) -> None:
    """A price that both have is the same in both, in this release of litellm or a later one."""
    differing = [
        model
        for model, price in cls.prices.items()
        if (facts := _litellm.model_facts(model)) and not price.agrees_with(facts)
    ]
    assert differing == []
