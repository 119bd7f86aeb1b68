"""The only door to litellm: imported late, configured once, called one way."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from bruno_llm._runtime.names import found_later

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
    ".clients": ("Clients",),
    ".calls": ("completion", "embedding", "stream"),
    ".rehearsal": ("load",),
}

if not TYPE_CHECKING:  # a checker would take every wrong name for one that this gives
    __getattr__ = found_later(__name__, _HOMES)
