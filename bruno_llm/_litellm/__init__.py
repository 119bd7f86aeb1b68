"""The only door to litellm: imported late, configured once, called one way."""

from __future__ import annotations

from bruno_llm._litellm.door import (
    Clients,
    bundled_map,
    completion,
    cost,
    embedding,
    is_loaded,
    load,
    load_now,
    model_facts,
    off_loop,
    route_of,
    stream,
    unsupported,
)

__all__ = [
    "Clients",
    "bundled_map",
    "completion",
    "cost",
    "embedding",
    "is_loaded",
    "load",
    "load_now",
    "model_facts",
    "off_loop",
    "route_of",
    "stream",
    "unsupported",
]
