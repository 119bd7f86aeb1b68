"""What is true of Ollama."""

from __future__ import annotations

from bruno_llm._litellm import Quirks
from bruno_llm.errors.rules import ErrorRule
from bruno_llm.exceptions import (
    ContextLengthExceededError,
    InvalidRequestError,
    ModelNotFoundError,
    QuotaExceededError,
    RateLimitError,
    ServiceUnavailableError,
)
from bruno_llm.options.call import OllamaOptions, names_of
from bruno_llm.vendors.model_list import ModelList
from bruno_llm.vendors.ollama import wire
from bruno_llm.vendors.ollama.options import fit
from bruno_llm.vendors.ollama.schema import SCHEMAS
from bruno_llm.vendors.ollama.show import ask_show
from bruno_llm.vendors.ollama.tokens import TOKENS
from bruno_llm.vendors.ollama.vectors import VECTORS
from bruno_llm.vendors.vectors import VectorLimits
from bruno_llm.vendors.vendor import Vendor

__all__ = ["OLLAMA"]

OLLAMA = Vendor(
    name="ollama",
    # litellm's route "ollama" makes one prompt of the chat.
    routes=("ollama_chat", "ollama"),
    wire=wire.OLLAMA,
    schemas=SCHEMAS,
    models=ModelList(
        url="http://localhost:11434",
        path="/api/tags",
        key_header="Authorization",  # for one behind a gateway; Ollama itself wants no key
        key_prefix="Bearer ",
        items="models",
        id="name",
    ),
    # litellm asks /api/show about each model, on localhost (its issues 37041 and 21967).
    quirks=Quirks(
        rehearsed=True,
        looked_up=("ollama", "ollama_chat"),
        # litellm counts the answer with it, also where Ollama has.
        imports=("litellm.litellm_core_utils.default_encoding",),
        name_in_body=True,
    ),
    api_key_env=("OLLAMA_API_KEY",),
    base_url_env=("OLLAMA_API_BASE", "OLLAMA_HOST"),
    base_url="http://localhost:11434",
    port=11434,
    pasted=("/chat/completions", "/v1", "/chat", "/generate", "/tags", "/api"),
    fit=fit,
    # frequency_penalty would become a repeat_penalty below 1, which asks for repetition.
    lacks=frozenset(
        {
            "metadata",
            "prompt_cache_retention",
            "user",
            "frequency_penalty",
            "functions",
            "tool_choice=required",
            "tool_choice=function",
        }
    ),
    tokens=TOKENS,
    vectors=VECTORS,
    vector_limits=VectorLimits(
        max_batch_size=256,
        dimensions_of={"nomic-embed-text": 768, "mxbai-embed-large": 1024, "all-minilm": 384},
    ),
    counts_by_asking=True,
    describe=ask_show,
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
        ErrorRule(InvalidRequestError, r"does not support (tools|thinking|images|chat)", (400,)),
        ErrorRule(InvalidRequestError, r"option .{0,40}must be of type", (500,)),
        ErrorRule(ServiceUnavailableError, r"server busy|llama runner|unexpected EOF", ()),
    ),
    hints={
        "ModelNotFoundError": "get it with: ollama pull {model}",
        "ProviderConnectionError": "is Ollama running? start it with: ollama serve",
    },
    params=names_of(OllamaOptions),
)
