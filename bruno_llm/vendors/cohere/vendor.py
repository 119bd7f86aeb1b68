"""What is true of Cohere's API."""

from __future__ import annotations

from bruno_llm._litellm import Quirks
from bruno_llm.errors.rules import ErrorRule
from bruno_llm.exceptions import ContextLengthExceededError
from bruno_llm.vendors.cohere import wire
from bruno_llm.vendors.vendor import Vendor

__all__ = ["COHERE"]

COHERE = Vendor(
    name="cohere",
    routes=("cohere_chat", "cohere"),
    wire=wire.COHERE,
    quirks=Quirks(name_in_body=True),
    lacks=frozenset({"metadata", "prompt_cache_retention"}),
    # Cohere API reference, "Errors": "too many tokens: total number of tokens ... cannot exceed".
    error_rules=(ErrorRule(ContextLengthExceededError, r"too many tokens", (400, 422)),),
)
