"""What a model's tokens cost: the one answer for calls, budgets, health checks and the CLI."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from bruno_llm import _litellm
from bruno_llm.call.worst import Bound
from bruno_llm.completion import Usage
from bruno_llm.costs.prices import ModelPrice, price_of
from bruno_llm.vendors.registry import maker_of

__all__ = ["Pricing", "billed_tier"]

_MILLION = 1_000_000
_CACHED = "cache_creation_input_token_cost"
_FIGURES = ("input_cost_per_token", "output_cost_per_token")
_USUAL_TIERS = ("", "auto", "default", "standard")


class Pricing:
    """The prices of one route.

    A vendor's own table wins where litellm's map says something else. Where both agree litellm
    computes, because its map also knows tiers, batch and regional factors.

    Args:
        route: litellm's name of the route.
        prices: The vendor's own table, by model.
        free: Nothing costs anything here (a model server of one's own).
    """

    def __init__(self, route: str, prices: Mapping[str, ModelPrice], free: bool = False) -> None:
        self.route = route
        self.prices = prices
        self.free = free
        self._pinned = lru_cache(maxsize=256)(self._compared)  # with each call, the same figures

    def cost(
        self,
        usage: Usage,
        *models: str,
        raw: Any = None,
        service_tier: str | None = None,
        paid_uses: Mapping[str, int] = MappingProxyType({}),
    ) -> float | None:
        """US dollars of that usage, ``None`` when no price is known.

        Args:
            usage: Tokens used.
            models: The model that answered, then the one that was asked: the first with a price
                counts, because an alias may stand for a dearer one.
            raw: The usage object litellm read, with details that ours leaves out.
            service_tier: Such as ``flex`` or ``priority``; litellm's map has their prices.
            paid_uses: Uses of the vendor's own tools, by tool; one whose price litellm does not
                know adds nothing.
        """
        if self.free and not self.prices:
            return 0.0
        for model in filter(None, models):
            facts = _litellm.model_facts(model, self.route)
            own = self._pinned(model, *map(facts.get, _FIGURES))
            if own is not None:
                cost: float | None = own.cost(usage) * self._factor(model, usage, service_tier)
            else:
                cost = _litellm.cost(facts, model, self.route, usage, raw, service_tier)
            if cost is not None:
                return cost + self._tools(model, paid_uses) if paid_uses else cost
        return None

    def _compared(self, model: str, paid: Any, got: Any) -> ModelPrice | None:
        """The vendor's own price, where litellm's figures (US dollars per token) are others."""
        own = price_of(self.prices, model)
        theirs = dict(zip(_FIGURES, (paid, got), strict=True))
        return None if own is None or own.agrees_with(theirs) else own

    def most(self, model: str, bound: Bound) -> float | None:
        """US dollars that a request within this bound can cost, ``None`` when no price is known.

        The tokens of a kind (written into a cache, heard, spoken, thought) have prices of their
        own; the dearest that is possible counts.
        """
        prompt, answer = bound.prompt, bound.answer
        plain = Usage(prompt, answer, prompt + answer)
        facts = _litellm.model_facts(model, self.route)
        kinds: list[tuple[Usage, Mapping[str, Any]]] = [(plain, {})]
        maker = maker_of(model)
        unasked = maker is None or maker.caches_unasked
        writes = bound.cache_writes or (unasked and _CACHED in facts)
        if writes and (_CACHED in facts or price_of(self.prices, model) is not None):
            written = replace(plain, cache_creation_tokens=prompt)
            hour = {"ephemeral_1h_input_tokens": prompt, "ephemeral_5m_input_tokens": 0}
            details: dict[str, Any] = {"cache_creation_tokens": prompt}
            if bound.cache_writes > 1:
                details["cache_creation_token_details"] = hour
            raw = {"cache_creation_input_tokens": prompt, "prompt_tokens_details": details}
            kinds.append((written, raw))
        if bound.sounds and "input_cost_per_audio_token" in facts:
            kinds.append((plain, {"prompt_tokens_details": {"audio_tokens": prompt}}))
        said: list[Mapping[str, Any]] = [{}]
        for kind, always in (("reasoning", True), ("audio", bound.sounds), ("image", bound.sounds)):
            own = facts.get(f"output_cost_per_{kind}_token")
            if always and own and own != facts.get("output_cost_per_token"):
                said.append({"completion_tokens_details": {f"{kind}_tokens": answer}})
        tier = billed_tier(bound.service_tier, None)
        costs = [
            self.cost(usage, model, raw={**heard, **spoken} or None, service_tier=tier)
            for usage, heard in kinds
            for spoken in said
        ]
        known = [cost for cost in costs if cost is not None]
        if not known:
            return None
        entry = facts.get("provider_specific_entry") or {}
        factors = [entry[word] for word in bound.routed if isinstance(entry.get(word), int | float)]
        return float(max(known) * math.prod(factors)) + self._tools(model, dict(bound.uses))

    def _factor(self, model: str, usage: Usage, service_tier: str | None) -> float:
        """How much dearer a tier is than the usual one; a table of one's own has no tiers."""
        if service_tier is None:
            return 1.0
        facts = _litellm.model_facts(model, self.route)
        usual = _litellm.cost(facts, model, self.route, usage, None)
        tiered = _litellm.cost(facts, model, self.route, usage, None, service_tier)
        return tiered / usual if usual and tiered else 1.0

    def _tools(self, model: str, paid_uses: Mapping[str, int]) -> float:
        return sum(
            count * (_litellm.tool_price(tool, model, self.route) or 0.0)
            for tool, count in paid_uses.items()
        )

    def of(self, model: str) -> ModelPrice | None:
        """The base price of a model in US dollars per million tokens, ``None`` when unknown."""
        if self.free and not self.prices:
            return ModelPrice(0.0, 0.0, source="free")
        pinned = price_of(self.prices, model)
        if pinned is not None:
            return pinned
        facts = _litellm.model_facts(model, self.route)
        paid, got = (facts.get(f"{way}_cost_per_token") for way in ("input", "output"))
        if not isinstance(paid, int | float):
            return None
        return ModelPrice(paid * _MILLION, float(got or 0.0) * _MILLION, source="litellm")


def billed_tier(asked: str | None, served: str | None) -> str | None:
    """The tier that sets the price, ``None`` for the usual one.

    Args:
        asked: The tier that the request asked for.
        served: The one that the answer names, which is billed: a vendor may serve another.
    """
    tier = (served if served and served != "auto" else asked or "").lower()
    return None if tier in _USUAL_TIERS else tier
