"""What litellm knows of models: routes, prices, windows, and the options they take."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from bruno_llm._litellm import loading, routes
from bruno_llm._litellm.probe import FILE_SEARCH, has
from bruno_llm.completion import Usage

__all__ = [
    "address_of",
    "bundled_map",
    "cost",
    "has_key_of_its_own",
    "know_model",
    "model_facts",
    "more_routes",
    "route_of",
    "tool_price",
    "unsupported",
    "where_to",
]

# Names that we put into litellm's map: they are no facts about the models.
_written: set[str] = set()


def route_of(model: str) -> str:
    """litellm's provider name of a model string: ``"groq"`` of ``"groq/llama-3.3-70b"``."""
    if not model:
        return ""
    if "/" in model:
        return model.split("/", 1)[0]
    litellm = loading.module
    if litellm is None:
        facts = model_facts(model)
        return str(facts.get("litellm_provider", routes.DEFAULT))
    try:
        return str(litellm.get_llm_provider(model=model)[1])
    except Exception:  # litellm raises its BadRequestError for a name it does not know
        return routes.DEFAULT


def address_of(model: str) -> tuple[str | None, str | None]:
    """Where litellm would send calls of a route in OpenAI's format, and with which key.

    Both are what its own variables say, or its own default.
    """
    litellm = loading.module
    try:
        _, _, key, address = litellm.get_llm_provider(model=model)
    except Exception:  # litellm raises its BadRequestError for a name it does not know
        return None, None
    return (str(address) if address else None), (str(key) if key else None)


def where_to(
    model: str, api_key: str | None, base_url: str | None
) -> tuple[str, str | None, str | None]:
    """Route, key and address of a call as litellm sees them.

    ``azure_ai/gpt-4o`` is served by its Azure route, and an OpenAI-compatible vendor has its key
    and address from litellm.
    """
    try:
        _, route, key, address = loading.module.get_llm_provider(
            model=model, api_base=base_url, api_key=api_key
        )
    except Exception:  # litellm's own call says better what is wrong with the name
        return route_of(model), api_key, base_url
    return route, api_key or key, base_url or address


def has_key_of_its_own(route: str) -> bool:
    """Whether somebody gave litellm a key in code (``litellm.api_key``, ``litellm.groq_key``)."""
    litellm = sys.modules.get("litellm")
    return any(getattr(litellm, name, None) for name in ("api_key", f"{route}_key"))


def more_routes() -> frozenset[str]:
    """Routes that litellm knows now, those that somebody registered in it included."""
    litellm = sys.modules.get("litellm")
    listed = getattr(litellm, "provider_list", ())
    own = getattr(litellm, "custom_provider_map", ())
    return frozenset(str(getattr(one, "value", one)) for one in listed) | frozenset(
        str(one.get("provider")) for one in own
    )


def unsupported(model: str, params: Mapping[str, Any], looked_up: tuple[str, ...] = ()) -> set[str]:
    """The names in ``params`` that litellm says this model cannot take.

    Each is tried alone, because litellm names only one of several, and knows rules (a model that
    takes no temperature but 1) that stand in no list. ``looked_up`` is that of the vendor's quirks.
    """
    if not has("utils.get_optional_params", "UnsupportedParamsError"):
        return set()  # the vendor will say so
    route = route_of(model)
    if looked_up:
        know_model(model, looked_up)
    bare = model.split("/", 1)[1] if model.startswith(f"{route}/") else model
    return {name for name, value in params.items() if not _takes(route, bare, name, value)}


def _takes(route: str, model: str, name: str, value: Any) -> bool:
    litellm = loading.module
    try:
        litellm.utils.get_optional_params(
            model=model, custom_llm_provider=route, drop_params=False, **{name: value}
        )
    except litellm.UnsupportedParamsError:
        return False
    except Exception:  # a value it cannot read: the call itself gives the clear error
        return True
    return True


def cost(
    facts: Mapping[str, Any],
    model: str,
    route: str,
    usage: Usage,
    raw: Any,
    service_tier: str | None = None,
) -> float | None:
    """US dollars of that usage by litellm's price map, ``None`` for a model without a price.

    ``facts`` is litellm's entry of the model. ``raw`` is the usage object litellm read, with
    details that ours leaves out (long-lived cache writes, server tools); ``None`` prices the plain
    numbers. A ``service_tier`` without prices of its own costs what the usual one does.
    """
    paid, got = facts.get("input_cost_per_token"), facts.get("output_cost_per_token") or 0.0
    if paid is None:
        return None
    short = service_tier is None and usage.prompt_tokens < _LONG and _VARY.isdisjoint(facts)
    if short and not _has_more(usage, raw) and _is_arithmetic(model, route, paid, got):
        return float(usage.prompt_tokens * paid + usage.completion_tokens * got)
    return _by_litellm(model, route, usage, raw, service_tier)


# No price of a longer prompt begins below it ("above_100k_tokens", "above_128k_tokens").
_LONG = 100_000
_VARY = frozenset({"off_peak_pricing", "tiered_pricing"})
_USUAL = ("service_tier", "standard")  # Anthropic's word of an answer at its usual price
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def _has_more(usage: Usage, raw: Any) -> bool:
    """Whether there is more to price than so many tokens in and so many out."""
    if usage.cached_tokens or usage.cache_creation_tokens or usage.reasoning_tokens:
        return True
    counts = {
        "prompt_tokens_details": usage.prompt_tokens,
        "completion_tokens_details": usage.completion_tokens,
    }
    said = raw if isinstance(raw, Mapping) else getattr(raw, "__dict__", {})
    more = getattr(raw, "__pydantic_extra__", None) or {}
    for name, value in (*said.items(), *more.items()):
        if value and name not in _COUNTS and (name, value) != _USUAL:
            details = getattr(value, "__dict__", value)
            all_text = ("text_tokens", counts.get(name, 0))
            if not isinstance(details, dict):
                return True
            if any(count and (kind, count) != all_text for kind, count in details.items()):
                return True
    return False


@lru_cache(maxsize=1024)
def _is_arithmetic(model: str, route: str, paid: float, got: float) -> bool:
    """Whether litellm's price of a short prompt is just that, as of most models: asked once.

    Its own calculation takes 0.2 ms, and a call wants it twice.
    """
    usage = Usage(_LONG - 1, 1_000, _LONG + 999)
    theirs = _by_litellm(model, route, usage, None)
    ours = usage.prompt_tokens * paid + usage.completion_tokens * got
    return theirs is not None and math.isclose(theirs, ours, rel_tol=1e-12)


def _by_litellm(
    model: str, route: str, usage: Usage, raw: Any, service_tier: str | None = None
) -> float | None:
    details = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    if raw is not None:
        details = {**(raw if isinstance(raw, dict) else raw.model_dump()), **details}
    litellm = loading.module
    try:
        response = litellm.ModelResponse(model=model, usage=litellm.Usage(**details))
        return float(
            litellm.completion_cost(
                completion_response=response,
                model=model,
                custom_llm_provider=route,
                service_tier=service_tier,
            )
        )
    except Exception:  # completion_cost raises plain Exception for what it cannot price
        return None


def tool_price(tool: str, model: str, route: str) -> float | None:
    """US dollars of one use of a vendor's own tool, ``None`` where litellm knows no price.

    ``web_search``: a search with that model. ``file_search``: a search in OpenAI's vector stores.
    ``code_interpreter``: a container. Source: litellm's map, and its constant for file searches,
    which is the price of one call although its name says a thousand
    (``litellm_core_utils/llm_cost_calc/tool_call_cost_tracking.py``).
    """
    price: Any = None
    if tool == "web_search":
        sizes = model_facts(model, route).get("search_context_cost_per_query") or {}
        price = sizes.get("search_context_size_medium")
    elif tool == "code_interpreter":
        price = model_facts("container", route).get("code_interpreter_cost_per_session")
    elif tool == "file_search" and route in routes.FILE_SEARCH and has(FILE_SEARCH):
        price = loading.module.constants.OPENAI_FILE_SEARCH_COST_PER_1K_CALLS
    return float(price) if isinstance(price, int | float) else None


def model_facts(model: str, route: str | None = None) -> Mapping[str, Any]:
    """litellm's entry of a model: window, prices, abilities. Empty when it has none.

    Read from the map that comes with litellm's package, so that asking does not import litellm.
    """
    litellm = loading.module
    prices = litellm.model_cost if litellm is not None else bundled_map()
    names = [model, f"{route}/{model}"] if route else [model]
    if "/" in model:
        names.append(model.split("/", 1)[1])
    for name in names:
        if name in prices and name not in _written:
            facts: Mapping[str, Any] = prices[name]
            return facts
    return {}


@lru_cache(maxsize=1)
def bundled_map() -> dict[str, Any]:
    """litellm's map of models as it comes with the package, read without importing litellm."""
    spec = importlib.util.find_spec("litellm")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).with_name("model_prices_and_context_window_backup.json")
    entries: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return entries


def know_model(model: str, looked_up: tuple[str, ...]) -> None:
    """Spare litellm its requests to the server about a model: its map has the name then."""
    bare = model.split("/", 1)[-1]
    prices = loading.module.model_cost
    for route in looked_up:
        name = f"{route}/{bare}"
        if name in prices:
            continue
        _written.add(name)
        prices[name] = {
            "litellm_provider": route,
            "mode": "chat",
            "input_cost_per_token": 0.0,
            "output_cost_per_token": 0.0,
            "supports_function_calling": True,
        }
