"""With a ``base_url``, nobody else is asked: on every route that litellm lists, the rare ones too.

No host is looked up and nothing is connected to but the server on this machine. Routes that sign in
somewhere (Amazon, Google, IBM, Sber) have credentials that need nobody, or sign in here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bruno_llm import ConfigurationError, LiteLLMEmbedder, LiteLLMProvider, LLMError, _litellm
from tests.canned import Canned, canned, sse
from tests.contract.route_table import ASK, PAGE
from tests.contract.rows import AMAZON
from tests.elsewhere import only_loopback
from tests.google_account import google_account
from tests.size import FULL

pytestmark = pytest.mark.usefixtures("no_collector")

WATSONX = {"WATSONX_TOKEN": "t" * 20, "WATSONX_PROJECT_ID": "p"}
# Routes that want more than a name: the model, and options of the call.
NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "bedrock": ("converse/amazon.nova-lite-v1:0", AMAZON),
    "clarifai": ("owner.app.some-model", {}),
    "ragflow": ("chat/some-chat/some-model", {}),
    "sagemaker": ("some-endpoint", AMAZON),
    "sagemaker_chat": ("some-endpoint", AMAZON),
    "sagemaker_nova": ("some-endpoint", AMAZON),
}
ANSWER = {
    "choices": [{"message": {"role": "assistant", "content": "Oslo"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
}
STREAMED = {
    "choices": [{"index": 0, "delta": {"content": "Oslo"}, "finish_reason": "stop"}],
    "usage": ANSWER["usage"],
}
GOOGLE = ("vertex_ai", "vertex_ai_beta")
IGNORE_IT = {
    "bytez",
    "microsoft_365_copilot",
    "replicate",
    "sagemaker",
    "sagemaker_chat",
    "sagemaker_nova",
}
"""Where litellm has an address of its own, whatever it is told; so they are refused."""

LOGIN = {"chatgpt", "github_copilot"}
"""Where a person logs in with a browser: litellm 1.105 asks the vendor for the page at once."""

SYNCHRONOUS = {"amazon_nova", "maritalk"}
"""Where litellm opens a stream that nobody here can read or close."""


@pytest.fixture
def server() -> Iterator[Canned]:
    """One that keeps no connection: some of litellm's own clients would never close theirs."""
    with canned() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[list[str]]:
    with only_loopback() as asked:
        yield asked


async def asked(route: str, server: Canned, streamed: bool) -> LLMError | None:
    """What came of one call."""
    name, options = NAMED.get(route, ("some-model", {}))
    settings = {"api_key": "k" * 20, "base_url": server.url, "retry": None}
    if route in GOOGLE:
        pytest.importorskip("google.auth", reason="Vertex AI: pip install 'bruno-llm[dev]'")
        with google_account() as account:
            return await answered("gemini-2.5-flash", route, {**settings, **account}, streamed)
    return await answered(name, route, {**settings, **options}, streamed)


async def answered(
    name: str, route: str, settings: dict[str, Any], streamed: bool
) -> LLMError | None:
    async with LiteLLMProvider(f"{route}/{name}", **settings) as llm:
        try:
            if streamed:
                _ = [piece async for piece in llm.stream(ASK)]
            else:
                await llm.generate(ASK)
        except LLMError as error:
            return error
    return None


# A small run asks those that are refused, those that need more, and each sixteenth of the rest.
@pytest.mark.sized
@pytest.mark.parametrize(
    "streamed", [False, pytest.param(True, marks=pytest.mark.full)], ids=["plain", "streamed"]
)
async def test_nobody_else_is_asked(
    streamed: bool,
    server: Canned,
    elsewhere: list[str],
    no_keys: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in WATSONX.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIGACHAT_AUTH_URL", server.url)
    server.says(sse(STREAMED, "[DONE]") if streamed else ANSWER)
    litellm = await _litellm.load("openai/any")
    routes = {str(getattr(one, "value", one)) for one in litellm.provider_list}
    assert len(routes) > 100
    if not FULL:
        routes &= {*IGNORE_IT, *NAMED, *GOOGLE, *sorted(routes)[::16]}
    told: dict[str, list[str]] = {}
    refused = set()
    for route in routes - LOGIN - (SYNCHRONOUS if streamed else set()):
        error = await asked(route, server, streamed)
        if elsewhere:
            told[route] = elsewhere.copy()
            elsewhere.clear()
        if isinstance(error, ConfigurationError) and "whatever base_url says" in str(error):
            refused.add(route)
    assert told == {}
    assert refused == IGNORE_IT & routes


async def test_nor_for_vectors(server: Canned, elsewhere: list[str], no_keys: None) -> None:
    """litellm would ask a website what a model of Hugging Face is for."""
    server.says([[0.5, 0.25]])
    settings: dict[str, Any] = {"api_key": "k" * 20, "base_url": server.url, "retry": None}
    async with LiteLLMEmbedder("huggingface/owner/some-model", **settings) as llm:
        assert await llm.embed_text("Hello") == [0.5, 0.25]
    ((_, _, body),) = server.requests
    assert body["inputs"] == ["Hello"]
    assert elsewhere == []


def test_the_page_names_who_is_refused() -> None:
    text = " ".join(PAGE.read_text("utf-8").split())
    named = ", ".join(f"`{route}/`" for route in sorted(IGNORE_IT))
    assert f"These routes take no `base_url`: {named}." in text
