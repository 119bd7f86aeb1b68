"""What is true of Google's Gemini API."""

from __future__ import annotations

from bruno_llm._litellm import Quirks
from bruno_llm.errors.rules import ErrorRule
from bruno_llm.exceptions import QuotaExceededError
from bruno_llm.options.call import GeminiOptions, names_of
from bruno_llm.vendors.gemini import wire
from bruno_llm.vendors.gemini.counting import COUNT
from bruno_llm.vendors.gemini.prices import PRICES
from bruno_llm.vendors.gemini.schema import SCHEMAS
from bruno_llm.vendors.gemini.tokens import TOKENS
from bruno_llm.vendors.gemini.vectors import VECTORS
from bruno_llm.vendors.model_list import ModelList
from bruno_llm.vendors.vectors import VectorLimits
from bruno_llm.vendors.vendor import Vendor

__all__ = ["GEMINI"]

GEMINI = Vendor(
    name="gemini",
    routes=("gemini",),
    wire=wire.GEMINI,
    schemas=SCHEMAS,
    models=ModelList(
        url="https://generativelanguage.googleapis.com/v1beta",
        path="/models",
        key_header="x-goog-api-key",
        items="models",
        id="name",
        strip="models/",
        query={"pageSize": "1000"},
        next_page=("nextPageToken", "pageToken"),
    ),
    quirks=Quirks(
        rehearsed=True,
        imports=("litellm.llms.vertex_ai.context_caching.vertex_ai_context_caching",),
    ),
    telemetry="gcp.gemini",
    api_key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    base_url_env=("GEMINI_API_BASE",),
    version="/v1beta",
    needs_key=True,
    # Gemini API, "Troubleshooting": RESOURCE_EXHAUSTED names the quota that is used up.
    error_rules=(ErrorRule(QuotaExceededError, r"quotaId\W+\w*PerDay", (429,)),),
    lacks=frozenset({"metadata", "prompt_cache_retention", "user"}),
    vectors=VECTORS,
    vector_limits=VectorLimits(
        max_batch_size=100,  # Gemini API reference, "batchEmbedContents"
        dimensions_of={"gemini-embedding-001": 3072},
    ),
    count=COUNT,
    params=names_of(GeminiOptions),
    prices=PRICES,
    tokens=TOKENS,
    named="gemini",
)
