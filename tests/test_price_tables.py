"""The price tables of the named providers against litellm's map: what drifted is said by name."""

from __future__ import annotations

import datetime

import pytest

from bruno_llm import (
    ClaudeProvider,
    GeminiProvider,
    MistralProvider,
    OpenAIEmbedder,
    OpenAIProvider,
    _litellm,
)
from bruno_llm.call.endpoint import Endpoint

PRICED: list[type[Endpoint]] = [
    ClaudeProvider,
    GeminiProvider,
    MistralProvider,
    OpenAIProvider,
    OpenAIEmbedder,
]
# Where litellm's bundled map is known to differ from the vendor's page: (provider, model, field).
DRIFTED: set[tuple[str, str, str]] = set()
FIELDS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_creation": "cache_creation_input_token_cost",
}


@pytest.mark.parametrize("cls", PRICED)
def test_what_drifted_from_litellms_map(cls: type[Endpoint]) -> None:
    drifted = {}
    for model, price in cls.prices.items():
        facts = _litellm.model_facts(cls.prefix + model, cls.prefix.rstrip("/"))
        assert facts, f"litellm does not know {model}: is it still current?"
        for ours, theirs in FIELDS.items():
            pinned = getattr(price, ours)
            if pinned is not None and facts.get(theirs) is not None:
                mapped = facts[theirs] * 1e6
                if mapped != pytest.approx(pinned):
                    drifted[cls.name, model, ours] = f"pinned {pinned}, litellm {mapped:g}"
    unknown = {key: why for key, why in drifted.items() if key not in DRIFTED}
    assert not unknown, f"check the vendor's page, then the table or DRIFTED: {unknown}"


@pytest.mark.parametrize("cls", PRICED)
def test_every_price_says_where_and_when_it_was_read(cls: type[Endpoint]) -> None:
    for model, price in cls.prices.items():
        assert price.source, model
        assert datetime.date.fromisoformat(price.as_of), model
        assert price.input >= 0, model


@pytest.mark.parametrize("cls", [ClaudeProvider, GeminiProvider, MistralProvider, OpenAIProvider])
def test_the_default_model_is_current_and_priced(cls: type[Endpoint]) -> None:
    assert cls.default_model in cls.prices
    facts = _litellm.model_facts(cls.prefix + cls.default_model, cls.prefix.rstrip("/"))
    retired = facts.get("deprecation_date")
    assert retired is None or retired > "2026-11-21"
