"""Finds the vendor behind a litellm route."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from bruno_llm._litellm import Quirks
from bruno_llm.vendors.routes import IN_OPENAIS_FORMAT
from bruno_llm.vendors.vendor import Vendor

__all__ = ["Vendor", "maker_of", "vendor_name", "vendor_of", "vendors"]


@lru_cache(maxsize=1)
def vendors() -> tuple[Vendor, ...]:
    """The vendors that are known by more than their route.

    Imported when a route is looked up: a named provider's class brings its own vendor alone.
    """
    from bruno_llm.vendors.anthropic.vendor import ANTHROPIC
    from bruno_llm.vendors.azure.vendor import AZURE, FOUNDRY
    from bruno_llm.vendors.bedrock.vendor import BEDROCK
    from bruno_llm.vendors.cohere.vendor import COHERE
    from bruno_llm.vendors.gemini.vendor import GEMINI
    from bruno_llm.vendors.mistral.vendor import MISTRAL
    from bruno_llm.vendors.ollama.vendor import OLLAMA
    from bruno_llm.vendors.openai.vendor import OPENAI, TEXTS
    from bruno_llm.vendors.openrouter.vendor import OPENROUTER
    from bruno_llm.vendors.vertex.vendor import VERTEX, VERTEX_BETA

    return (
        OPENAI,
        ANTHROPIC,
        GEMINI,
        MISTRAL,
        OLLAMA,
        COHERE,
        AZURE,
        FOUNDRY,
        VERTEX,
        VERTEX_BETA,
        BEDROCK,
        OPENROUTER,
        *TEXTS,
    )


@lru_cache(maxsize=1)
def _by_route() -> dict[str, Vendor]:
    from bruno_llm.vendors.openai.vendor import PLAIN

    # litellm asks Lemonade's server for its models when it is asked what a model takes.
    not_rehearsed = {"lemonade": replace(PLAIN, quirks=Quirks(name_in_body=True))}
    return (
        dict.fromkeys(IN_OPENAIS_FORMAT, PLAIN)
        | not_rehearsed
        | {route: vendor for vendor in vendors() for route in vendor.routes}
    )


def vendor_of(route: str) -> Vendor:
    """The vendor behind a litellm route; an OpenAI-compatible one when it is none of ours."""
    from bruno_llm.vendors.openai.vendor import COMPATIBLE

    return _by_route().get(route, COMPATIBLE)


@lru_cache(maxsize=256)
def maker_of(model: str) -> Vendor | None:
    """Whose model this is by its name, whoever serves it; ``None`` when that does not tell."""
    found = (one for one in vendors() if one.named and re.search(one.named, model.lower()))
    return next(found, None)


def vendor_name(route: str) -> str:
    """litellm's name of the vendor behind a route: ``"ollama"`` of ``"ollama_chat"``."""
    return vendor_of(route).name or route
