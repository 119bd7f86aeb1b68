"""The only door to litellm: imported late, configured once, called one way."""

from __future__ import annotations

from bruno_llm._litellm.calls import completion, embedding, stream
from bruno_llm._litellm.clients import Clients
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
from bruno_llm._litellm.rehearsal import load

__all__ = [
    "Clients",
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
