"""What is true of OpenAI, and of any server in its format."""

from __future__ import annotations

from dataclasses import replace

from bruno_llm._litellm import Quirks
from bruno_llm.errors.rules import ErrorRule
from bruno_llm.exceptions import PermissionDeniedError
from bruno_llm.options.call import OpenAIOptions, names_of
from bruno_llm.vendors.model_list import list_in_openais_format
from bruno_llm.vendors.openai import wire
from bruno_llm.vendors.openai.prices import PRICES
from bruno_llm.vendors.openai.responses import RESPONSES
from bruno_llm.vendors.openai.schema import SCHEMAS
from bruno_llm.vendors.openai.tokens import TOKENS
from bruno_llm.vendors.vectors import VectorLimits
from bruno_llm.vendors.vendor import Vendor

__all__ = ["COMPATIBLE", "OPENAI", "PLAIN", "TEXTS"]

OPENAI = Vendor(
    name="openai",
    routes=("openai",),
    wire=wire.OPENAI,
    schemas=SCHEMAS,
    responses=RESPONSES,
    models=list_in_openais_format("https://api.openai.com/v1"),
    quirks=Quirks(
        rehearsed=True,
        # OpenAI's client imports it at its first request: a second of the event loop.
        imports=("openai.resources",),
        name_in_body=True,
    ),
    api_key_env=("OPENAI_API_KEY",),
    base_url_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    needs_key=True,
    pasted=("/chat/completions", "/responses", "/embeddings", "/completions", "/models"),
    local_version="/v1",
    error_rules=(ErrorRule(PermissionDeniedError, r"does not have access to model", (403,)),),
    params=names_of(OpenAIOptions),
    headers={"organization": "OpenAI-Organization"},
    prices=PRICES,
    # OpenAI API reference, "Create embeddings": at most 2048 texts and 300,000 tokens a request.
    vector_limits=VectorLimits(
        max_batch_size=2048,
        max_batch_tokens=300_000,
        dimensions_of={
            "text-embedding-3-small": 1536,
            "text-embedding-3-large": 3072,
            "text-embedding-ada-002": 1536,
        },
    ),
    tokens=TOKENS,
    named=r"^(ft:)?(chatgpt-|gpt-|o[1-9]|computer-use|text-embedding-)",
)

COMPATIBLE = Vendor(wire=wire.COMPATIBLE)
"""Any other server in OpenAI's format. Its key and address are known to litellm."""

PLAIN = replace(COMPATIBLE, quirks=Quirks(rehearsed=True, name_in_body=True))
"""Those of which nothing more is to be known: key, address, and the model in the body."""

_TEXT_ROUTES = ("azure_text", "text-completion-inception", "text-completion-openai")
TEXTS = tuple(Vendor(routes=(route,), wire=wire.TEXT) for route in _TEXT_ROUTES)
"""Servers that complete a text, which litellm makes of the messages."""
