"""What is true of a vendor, whichever provider class talks to it. Data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bruno_llm.errors.translate import ErrorRule
from bruno_llm.exceptions import (
    ContextLengthExceededError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServiceUnavailableError,
)
from bruno_llm.vendors.anthropic import ANTHROPIC as ANTHROPIC_WIRE
from bruno_llm.vendors.counting import ANTHROPIC_COUNT, GEMINI_COUNT, CountEndpoint
from bruno_llm.vendors.gemini import GEMINI as GEMINI_WIRE
from bruno_llm.vendors.model_list import ModelList
from bruno_llm.vendors.ollama import OLLAMA as OLLAMA_WIRE
from bruno_llm.vendors.openai import COMPATIBLE as COMPATIBLE_WIRE
from bruno_llm.vendors.openai import OPENAI as OPENAI_WIRE
from bruno_llm.wire.facts import Format

__all__ = ["ANTHROPIC", "COMPATIBLE", "GEMINI", "OLLAMA", "OPENAI", "Vendor", "vendor_of"]


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor's wire, its ways to name things, and its words for errors.

    Attributes:
        wire: The format of its answers, ``None`` when it is not read.
        models: Where it lists its models for free.
        api_key_env: Variables that may hold the key; the first is the one to name to a user.
        base_url_env: Variables that may hold the address.
        needs_key: It never answers without a key (on its own address).
        base_url: Where it is when nobody says otherwise, for servers of one's own.
        version: What its addresses end in; added to a base_url that ends in no version.
        error_rules: What it says in words.
        hints: By error class name, what the user can do.
        params: Options of its own that litellm passes on.
        headers: Options that travel as a header; litellm loses them once it has our client.
        lacks: Options, or ``option=value``, that litellm drops or garbles here without a word.
        count: Its endpoint that counts a prompt, ``None`` when it has none.
        free: It costs nothing, whatever the model.
        silent_window: Tokens to which it cuts a prompt without a word, unless ``num_ctx`` says
            otherwise.
    """

    wire: Format | None = None
    models: ModelList | None = None
    api_key_env: tuple[str, ...] = ()
    base_url_env: tuple[str, ...] = ()
    needs_key: bool = False
    base_url: str | None = None
    version: str = ""
    error_rules: Sequence[ErrorRule] = ()
    hints: Mapping[str, str] = field(default_factory=dict)
    params: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    count: CountEndpoint | None = None
    free: bool = False
    silent_window: int | None = None


OPENAI = Vendor(
    wire=OPENAI_WIRE,
    models=ModelList(
        url="https://api.openai.com/v1",
        path="/models",
        key_header="Authorization",
        key_prefix="Bearer ",
    ),
    api_key_env=("OPENAI_API_KEY",),
    base_url_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    needs_key=True,
    error_rules=(ErrorRule(PermissionDeniedError, r"does not have access to model", (403,)),),
    params=frozenset({"organization", "top_k", "min_p", "repetition_penalty"}),
    headers={"organization": "OpenAI-Organization"},
)

# Anthropic API reference, "Errors": 413 request_too_large, 529 overloaded_error.
ANTHROPIC = Vendor(
    wire=ANTHROPIC_WIRE,
    models=ModelList(
        url="https://api.anthropic.com",
        path="/v1/models",
        key_header="x-api-key",
        headers={"anthropic-version": "2023-06-01"},
        query={"limit": "1000"},
        next_page=("last_id", "after_id"),
    ),
    api_key_env=("ANTHROPIC_API_KEY",),
    base_url_env=("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
    needs_key=True,
    lacks=frozenset({"response_format=json_object"}),
    count=ANTHROPIC_COUNT,
    params=frozenset({"top_k", "cache_control", "context_management", "container", "mcp_servers"}),
)

# Gemini API, "Troubleshooting": RESOURCE_EXHAUSTED names the quota that is used up.
GEMINI = Vendor(
    wire=GEMINI_WIRE,
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
    api_key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    base_url_env=("GEMINI_API_BASE",),
    version="/v1beta",
    needs_key=True,
    error_rules=(ErrorRule(QuotaExceededError, r"quotaId\W+\w*PerDay", (429,)),),
    lacks=frozenset({"user"}),
    count=GEMINI_COUNT,
    params=frozenset({"top_k", "safety_settings", "cached_content"}),
)

OLLAMA = Vendor(
    wire=OLLAMA_WIRE,
    models=ModelList(
        url="http://localhost:11434",
        path="/api/tags",
        key_header="Authorization",  # for one behind a gateway; Ollama itself wants no key
        key_prefix="Bearer ",
        items="models",
        id="name",
    ),
    api_key_env=("OLLAMA_API_KEY",),
    base_url_env=("OLLAMA_API_BASE", "OLLAMA_HOST"),
    base_url="http://localhost:11434",
    # frequency_penalty would become a repeat_penalty below 1, which asks for repetition.
    lacks=frozenset(
        {"user", "frequency_penalty", "functions", "tool_choice=required", "tool_choice=function"}
    ),
    free=True,
    silent_window=4096,  # Ollama FAQ, "How can I specify the context window size?"
    error_rules=(
        ErrorRule(ModelNotFoundError, r"model .{0,200}not found", (404,)),
        ErrorRule(
            ContextLengthExceededError,
            r"input length exceeds",
            (400, 500),
            hint="shorten the conversation, raise num_ctx, or give window=ContextWindow()",
        ),
        ErrorRule(QuotaExceededError, r"usage limit", (429,)),
        ErrorRule(RateLimitError, r"too many concurrent", (429,)),
        ErrorRule(InvalidRequestError, r"does not support (tools|thinking|images)", (400,)),
        ErrorRule(ServiceUnavailableError, r"server busy|llama runner|unexpected EOF", ()),
    ),
    hints={
        "ModelNotFoundError": "get it with: ollama pull {model}",
        "ProviderConnectionError": "is Ollama running? start it with: ollama serve",
    },
    params=frozenset(
        {
            "num_ctx",
            "num_predict",
            "num_gpu",
            "num_thread",
            "keep_alive",
            "think",
            "top_k",
            "min_p",
            "repeat_penalty",
            "repeat_last_n",
            "mirostat",
            "mirostat_eta",
            "mirostat_tau",
            "tfs_z",
        }
    ),
)

COMPATIBLE = Vendor(wire=COMPATIBLE_WIRE)
"""Any other server in OpenAI's format. Its key and address are known to litellm."""

_BY_ROUTE = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "ollama": OLLAMA,
    "ollama_chat": OLLAMA,
}


def vendor_of(route: str) -> Vendor:
    """The vendor behind a litellm route; an OpenAI-compatible one when it is none of ours."""
    return _BY_ROUTE.get(route, COMPATIBLE)
