"""What is true of Mistral."""

from __future__ import annotations

from bruno_llm._litellm import Quirks
from bruno_llm.errors.rules import ErrorRule
from bruno_llm.exceptions import ContextLengthExceededError, ModelNotFoundError
from bruno_llm.options.call import MistralOptions, names_of
from bruno_llm.vendors.mistral import wire
from bruno_llm.vendors.mistral.prices import PRICES
from bruno_llm.vendors.mistral.schema import SCHEMAS
from bruno_llm.vendors.model_list import list_in_openais_format
from bruno_llm.vendors.vectors import VectorLimits
from bruno_llm.vendors.vendor import Vendor

__all__ = ["MISTRAL"]

MISTRAL = Vendor(
    name="mistral",
    routes=("mistral",),
    wire=wire.MISTRAL,
    schemas=SCHEMAS,
    models=list_in_openais_format("https://api.mistral.ai/v1"),
    quirks=Quirks(rehearsed=True, name_in_body=True),
    api_key_env=("MISTRAL_API_KEY",),
    base_url_env=("MISTRAL_API_BASE",),
    version="/v1",
    needs_key=True,
    error_rules=(
        ErrorRule(ModelNotFoundError, r"invalid_model|Invalid model:", (400,)),
        ErrorRule(ContextLengthExceededError, r"too large for model with", (400,)),
    ),
    # litellm leaves a single function out of the request without a word.
    lacks=frozenset({"tool_choice=function"}),
    params=names_of(MistralOptions),
    prices=PRICES,
    # More texts are "Too many inputs in request, split into more batches." (measured by rig-core:
    # 257), and a request of more than 16,384 tokens is refused as well.
    vector_limits=VectorLimits(
        max_batch_size=256, max_batch_tokens=16_000, dimensions_of={"mistral-embed": 1024}
    ),
)
