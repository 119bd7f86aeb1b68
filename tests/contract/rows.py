"""The rows of the table of routes: a route of litellm, and how it is pointed at the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bruno_llm import LiteLLMProvider
from bruno_llm.testing import FakeServer
from tests.contract.dialects import dialect
from tests.google_account import google_account

__all__ = ["AMAZON", "ROWS", "Row", "each_row"]

AMAZON = {
    "api_key": None,
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
    "aws_region_name": "us-east-1",
}

FIREWORKS = "fireworks_ai/accounts/fireworks/models/code-llama-13b-instruct"
UNASKED = "mistral"
"""Of the shape that counts streams without being asked to; litellm does not ask these vendors."""


@dataclass(frozen=True)
class Row:
    """A route, and how it is pointed at the server."""

    model: str
    shape: str = "openai"
    bare: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    """In the table, where the route has several rows."""
    google: bool = False
    """Signs in at Google."""
    retold: str | None = None
    """Answered in a format of its own, at this path of the server that retells the answers."""
    priced: str = ""
    """A model with a price, where ``model`` has none."""
    headers: dict[str, str] = field(default_factory=dict)
    """What the vendor's own servers add to each answer."""
    counts: dict[str, Any] = field(default_factory=dict)
    """What they add to the counts of tokens."""

    def provider(self, server: FakeServer, **more: Any) -> LiteLLMProvider:
        url = server.url if self.bare else server.base_url(self.shape)
        settings = {"api_key": "k" * 20, "base_url": url, "retry": None, **self.options, **more}
        return LiteLLMProvider(self.model, **settings)

    @contextmanager
    def ready(self, server: FakeServer) -> Iterator[Row]:
        """The row with what it needs beside the server."""
        with ExitStack() as beside:
            more = beside.enter_context(google_account()) if self.google else {}
            if self.retold is not None:
                address = beside.enter_context(dialect(server.base_url("openai")))
                more = {**more, "base_url": address + self.retold}
            yield replace(self, options={**self.options, **more})

    def __str__(self) -> str:
        return self.name or self.model.partition("/")[0]


ROWS = (
    Row("openai/gpt-4o-mini"),
    Row("anthropic/claude-sonnet-4-5", "anthropic"),
    Row("gemini/gemini-2.5-flash", "gemini"),
    Row("ollama/llama3.2", "ollama"),
    Row(
        "azure/my-deployment",
        bare=True,
        options={"api_version": "2024-10-21"},
        priced="azure/gpt-4o-mini",
    ),
    Row("azure_ai/some-model", priced="azure_ai/Codestral-2501"),
    Row("bedrock/converse/amazon.nova-lite-v1:0", options=AMAZON, retold=""),
    Row("cloudflare/@cf/ibm-granite/granite-4.0-h-micro"),
    Row("cohere_chat/command-a-03-2025", retold="/v2/chat"),
    Row("deepinfra/some-model", UNASKED, priced="deepinfra/ByteDance/Seed-1.8"),
    Row("deepseek/deepseek-chat", "deepseek"),
    Row("fireworks_ai/some-model", priced=FIREWORKS),
    Row("github/gpt-4o-mini"),
    Row("groq/some-model", "groq", priced="groq/openai/gpt-oss-120b"),
    Row("hosted_vllm/some-model"),
    Row("huggingface/some-owner/some-model"),
    Row(
        "litellm_proxy/some-model",
        headers={"x-litellm-response-cost": "0.25", "x-litellm-call-id": "c1"},
    ),
    Row("llamafile/some-model"),
    Row("lm_studio/some-model"),
    Row("mistral/mistral-small-latest", "mistral"),
    Row("openrouter/some/model", "openrouter", counts={"cost": 0.25}),
    Row("perplexity/sonar", UNASKED),
    Row("together_ai/some-model", priced="together_ai/MiniMaxAI/MiniMax-M2.7"),
    Row(
        "vertex_ai/gemini-2.5-flash", "gemini", bare=True, name="vertex_ai/gemini-...", google=True
    ),
    Row(
        "vertex_ai/claude-sonnet-4-5",
        "anthropic",
        bare=True,
        name="vertex_ai/claude-...",
        google=True,
    ),
    Row(
        "vertex_ai_beta/gemini-2.5-flash",
        "gemini",
        bare=True,
        name="vertex_ai_beta/gemini-...",
        google=True,
    ),
    Row("xai/grok-4.20", "xai"),
)

# One of each kind: Azure's client, a client that litellm drops, its httpx and its SDK code, and one
# about which litellm would ask its vendor's website.
QUICK = ("azure", "cloudflare", "groq", "huggingface", "perplexity", "vertex_ai/gemini-...")


def each_row() -> list[Any]:
    """Parameters of a test: one row of each kind, and in a run of full size the others too."""
    return [
        pytest.param(row, id=str(row), marks=[] if str(row) in QUICK else [pytest.mark.full])
        for row in ROWS
    ]
