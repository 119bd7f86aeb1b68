"""Lists of models: pages, names, what is not a list."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bruno_llm import ClaudeProvider, GeminiProvider, LiteLLMProvider, OpenAIProvider
from bruno_llm.exceptions import ConfigurationError, LLMError, ServiceUnavailableError
from bruno_llm.testing import FakeServer, Raw
from bruno_llm.vendors.model_list import has_model
from tests import wire

pytestmark = pytest.mark.usefixtures("no_keys")


def page(**fields: Any) -> Raw:
    return Raw(200, {"content-type": "application/json"}, json.dumps(fields).encode())


async def test_claudes_pages_are_followed(server: FakeServer) -> None:
    server.script(
        page(data=[{"id": "a"}, {"id": "b"}], has_more=True, last_id="b"),
        page(data=[{"id": "c"}], has_more=False, last_id="c"),
        endpoint="models",
    )
    provider = ClaudeProvider(base_url=server.base_url("claude"), api_key="k" * 8)
    assert await provider.list_models() == ["a", "b", "c"]
    first, second = (request.query for request in server.requests)
    assert (first.get("after_id"), second.get("after_id")) == (None, "b")
    assert server.requests[0].headers["anthropic-version"]


async def test_geminis_pages_are_followed_and_names_are_bare(server: FakeServer) -> None:
    server.script(
        page(models=[{"name": "models/x"}], nextPageToken="t"),
        page(models=[{"name": "models/y"}]),
        endpoint="models",
    )
    provider = GeminiProvider(base_url=server.base_url("gemini"), api_key="k" * 8)
    assert await provider.list_models() == ["x", "y"]
    assert server.requests[1].query["pageToken"] == "t"


async def test_pages_without_end_are_left(server: FakeServer) -> None:
    server.script(*[page(data=[{"id": "a"}], has_more=True, last_id="a")] * 40, endpoint="models")
    provider = ClaudeProvider(base_url=server.base_url("claude"), api_key="k" * 8)
    assert len(await provider.list_models()) == 20


async def test_an_empty_list(server: FakeServer) -> None:
    server.script(*[page(object="list", data=[])] * 2, endpoint="models")
    provider = OpenAIProvider(base_url=server.base_url("openai"), api_key="k" * 8)
    assert await provider.list_models() == []
    assert await provider.check_connection() is False


@pytest.mark.parametrize("body", [b"{}x", b"[]", b'{"data": 5}'])
async def test_what_is_no_list(server: FakeServer, body: bytes) -> None:
    server.script(Raw(200, {}, body), endpoint="models")
    provider = OpenAIProvider(base_url=server.base_url("openai"), api_key="k" * 8)
    with pytest.raises(ServiceUnavailableError, match="makes no sense"):
        await provider.list_models()


async def test_an_address_that_is_none(no_keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://[not-an-address")
    provider = OpenAIProvider(api_key="k" * 8)
    with pytest.raises(LLMError):
        await provider.list_models()
    assert await provider.check_connection() is False


async def test_a_route_without_a_list() -> None:
    with pytest.raises(ConfigurationError, match="bedrock has no list"):
        await LiteLLMProvider("bedrock/anthropic.claude-sonnet-5").list_models()


@pytest.mark.parametrize("sample", list(wire.samples(endpoint="models")), ids=str)
async def test_the_lists_of_the_vendors_references(server: FakeServer, sample: wire.Sample) -> None:
    from tests.contract.matrix import CASES

    case = next(case for case in CASES if case.vendor == sample.vendor)
    server.script(sample.raw(), endpoint="models")
    assert await case.provider(server).list_models() == sample.expected["models"]


@pytest.mark.parametrize(
    ("models", "wanted", "base_url", "found"),
    [
        (["llama3.2:latest"], "llama3.2", None, True),
        (["llama3.2:1b"], "llama3.2", None, False),
        (["claude-sonnet-4-5-20250929"], "claude-sonnet-4-5", None, True),
        (["claude-3-5-haiku-20241022"], "claude-3-5-haiku-latest", None, True),
        (["gpt-4o-2024-08-06"], "gpt-4o", None, True),
        (["gpt-4o-mini"], "gpt-4o", None, False),
        (["whatever.gguf"], "gpt-4o", "http://127.0.0.1:8080/v1", True),
        (["whatever.gguf"], "gpt-4o", "https://models.example.org/v1", False),
        (["one", "two"], "gpt-4o", "http://localhost:8080", False),
        ([], "gpt-4o", "http://localhost:8080", False),
    ],
)
def test_a_model_is_found_under_the_vendors_names_for_it(
    models: list[str], wanted: str, base_url: str | None, found: bool
) -> None:
    assert has_model(models, wanted, base_url) is found
