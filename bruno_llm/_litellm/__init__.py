"""The only door to litellm: imported late, configured once, called one way."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bruno_llm._litellm.facts import (
    address_of,
    bundled_map,
    cost,
    has_key_of_its_own,
    model_facts,
    more_routes,
    route_of,
    tool_price,
    unsupported,
)
from bruno_llm._litellm.loading import begin, is_busy, is_loaded, load_now, off_loop
from bruno_llm._litellm.quirks import Quirks

if TYPE_CHECKING:
    from bruno_llm._litellm.calls import completion, embedding, stream
    from bruno_llm._litellm.clients import Clients
    from bruno_llm._litellm.rehearsal import load

__all__ = [
    "Clients",
    "Quirks",
    "address_of",
    "begin",
    "bundled_map",
    "completion",
    "cost",
    "embedding",
    "has_key_of_its_own",
    "is_busy",
    "is_loaded",
    "load",
    "load_now",
    "model_facts",
    "more_routes",
    "off_loop",
    "route_of",
    "stream",
    "tool_price",
    "unsupported",
]

# What a provider's class can do without, and its first call cannot.
_HOMES = {
    "Clients": "clients",
    "completion": "calls",
    "embedding": "calls",
    "load": "rehearsal",
    "stream": "calls",
}

if not TYPE_CHECKING:  # a checker would take every wrong name for one that this gives

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value
