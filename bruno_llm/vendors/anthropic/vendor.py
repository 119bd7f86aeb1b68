"""What is true of Anthropic."""

from __future__ import annotations

from bruno_llm._litellm import Quirks
from bruno_llm.options.call import ClaudeOptions, names_of
from bruno_llm.vendors.anthropic import wire
from bruno_llm.vendors.anthropic.counting import COUNT
from bruno_llm.vendors.anthropic.options import fit
from bruno_llm.vendors.anthropic.prices import PRICES
from bruno_llm.vendors.anthropic.schema import SCHEMAS
from bruno_llm.vendors.anthropic.tokens import TOKENS
from bruno_llm.vendors.model_list import ModelList
from bruno_llm.vendors.vendor import Vendor

__all__ = ["ANTHROPIC"]

ANTHROPIC = Vendor(
    name="anthropic",
    routes=("anthropic",),
    wire=wire.ANTHROPIC,
    schemas=SCHEMAS,
    models=ModelList(
        url="https://api.anthropic.com",
        path="/v1/models",
        key_header="x-api-key",
        headers={"anthropic-version": "2023-06-01"},
        query={"limit": "1000"},
        next_page=("last_id", "after_id"),
    ),
    # litellm would send a field named extra_body.
    quirks=Quirks(rehearsed=True, flat_extras=True, name_in_body=True),
    telemetry="anthropic",
    api_key_env=("ANTHROPIC_API_KEY",),
    base_url_env=("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
    needs_key=True,
    pasted=("/messages", "/v1"),
    lacks=frozenset({"metadata", "prompt_cache_retention", "response_format=json_object"}),
    fit=fit,
    count=COUNT,
    params=names_of(ClaudeOptions),
    # Anthropic asks for max_tokens with every call; litellm would ask for up to 128,000, which a
    # budget then has to reserve.
    defaults={"max_tokens": 4096},
    prices=PRICES,
    tokens=TOKENS,
    named="claude",
    caches_unasked=False,  # where the request says so
)
