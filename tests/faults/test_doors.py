"""Addresses that are none, and model names that lead a request elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from bruno_llm import (
    ClaudeProvider,
    ConfigurationError,
    GeminiEmbedder,
    GeminiProvider,
    InvalidRequestError,
    LiteLLMEmbedder,
    LiteLLMProvider,
    LLMFactory,
    OllamaProvider,
    OpenAIEmbedder,
    OpenAIProvider,
)
from bruno_llm._litellm import bundled_map, route_of
from bruno_llm.testing import FakeServer
from bruno_llm.vendors.names import what_is_wrong_with
from tests.contract.matrix import ask

pytestmark = pytest.mark.covering(1)

KEY = "k" * 20

NO_ADDRESSES = (
    "file:///etc/passwd",
    "FILE://localhost/etc/passwd",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock",
    "ftp://host/v1",
    "javascript:alert(1)",
    "javascript://host/%0aalert(1)",
    "data:text/plain,hello",
    "file:/etc/passwd",
    "://host/v1",
    "http://",
    "http:///v1",
    "http://:8080/v1",
    "http://user:hidden-word@/v1",
    "http://?x=1",
    "   ",
    "/v1",
    "http://host:port/v1",
    "http://host:99999/v1",
    "http://host:-1/v1",
    "http://[::1/v1",
    "http://ho st/v1",
    "http://host/v1\r\nX-Header: 1",
    "http://host\x00/v1",
)


@pytest.mark.parametrize("cls", [OpenAIProvider, OllamaProvider, OpenAIEmbedder])
@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_refused_by_the_constructor(cls: Any, address: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url=") as caught:
        cls(base_url=address)
    assert "hidden-word" not in str(caught.value)


def test_the_factory_refuses_it_too() -> None:
    with pytest.raises(ConfigurationError, match="base_url='file:///etc/passwd'"):
        LLMFactory.create("openai", base_url="file:///etc/passwd")
    with pytest.raises(ConfigurationError, match="names no host"):
        LLMFactory.create("groq/llama", base_url="https:///v1")


@pytest.mark.parametrize("way", ["complete", "stream_events"])
async def test_one_of_the_environment_is_named_by_its_variable(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "file:///etc/passwd")
    provider = OpenAIProvider(api_key=KEY)
    with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL='file:///etc/passwd'"):
        await ask(provider, way)
    assert await provider.check_connection() is False


@pytest.mark.parametrize(
    "address",
    [
        "http://h",
        "HTTPS://h/v1",
        "h:8080",
        "h:8080/v1",
        "localhost",
        ":8080",
        "[::1]:8080",
        "10.0.0.1",
        "https://user:word@h/v1",
        "user:word@h/v1",
        "http://h/v1/",
        " http://h/v1 ",
        "my_box.local:1/openai",
    ],
)
def test_every_form_of_an_address_still_passes(address: str) -> None:
    assert "://" in str(OpenAIProvider(base_url=address).base_url)


@pytest.mark.parametrize(
    ("argument", "told"),
    [({"api_key": 5}, "api_key must be a text"), ({"base_url": 5}, "base_url must be a text")],
)
def test_a_key_and_an_address_are_texts(argument: dict[str, Any], told: str) -> None:
    for cls in (OpenAIProvider, OpenAIEmbedder):
        with pytest.raises(ConfigurationError, match=told):
            cls(**argument)


LEADING_ELSEWHERE = (
    "../../../x",
    "..",
    "./x",
    "a/../b",
    "a//b",
    "/x",
    "x?key=1",
    "x#y",
    "x\\..\\y",
    "%2e%2e/x",
    "%2E%2E%2Fx",
    "a%3Fb",
    "a%0d%0ab",
    "x/",
)
UNSEEN = ("a\nb", "a\r\nX-Header: 1", "a\x00b", "a\x1b[2Jb", "a\x7fb", "a\u2028b", "a\u202eb")


@pytest.mark.parametrize("way", ["complete", "stream_events", "list_models"])
@pytest.mark.parametrize("name", LEADING_ELSEWHERE + UNSEEN)
async def test_a_name_in_a_url_leads_nowhere_else(name: str, way: str, server: FakeServer) -> None:
    address = server.base_url("gemini")
    for provider in (
        GeminiProvider(name, api_key=KEY, base_url=address),
        LiteLLMProvider(f"gemini/{name}", api_key=KEY, base_url=address),
    ):
        with pytest.raises(InvalidRequestError, match="the model's name") as caught:
            await (provider.list_models() if way == "list_models" else ask(provider, way))
        assert caught.value.retryable is False
    assert server.requests == []


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("name", UNSEEN)
@pytest.mark.parametrize(
    ("cls", "vendor"),
    [(OpenAIProvider, "openai"), (ClaudeProvider, "anthropic"), (OllamaProvider, "ollama")],
)
async def test_a_name_holds_no_character_that_cannot_be_seen(
    cls: Any, vendor: str, name: str, way: str, server: FakeServer
) -> None:
    provider = cls(name, api_key=KEY, base_url=server.base_url(vendor))
    with pytest.raises(InvalidRequestError, match="cannot be seen"):
        await ask(provider, way)
    assert server.requests == []


@pytest.mark.parametrize("name", ["../../x", "a?b", "a\nb"])
async def test_nor_does_the_name_of_a_model_for_embeddings(name: str, server: FakeServer) -> None:
    address = server.base_url("gemini")
    for embedder in (
        GeminiEmbedder(name, api_key=KEY, base_url=address),
        LiteLLMEmbedder(f"gemini/{name}", api_key=KEY, base_url=address),
    ):
        with pytest.raises(InvalidRequestError, match="the model's name"):
            await embedder.embed_text("hello")
    assert server.requests == []


@pytest.mark.parametrize("name", ["../x", "a?b", "a#b", "a%2fb"])
@pytest.mark.parametrize("route", ["azure", "bedrock", "vertex_ai", "huggingface", "cloudflare"])
def test_other_routes_that_put_it_into_a_url(route: str, name: str) -> None:
    assert what_is_wrong_with(f"{route}/{name}", route) is not None


@pytest.mark.parametrize("name", ["/data/models/llama-3", "../llama", "C:\\models\\x.gguf"])
async def test_a_path_names_a_model_where_the_body_holds_it(name: str, server: FakeServer) -> None:
    """Servers of one's own call a model by the file that they were started with."""
    provider = LiteLLMProvider(
        f"hosted_vllm/{name}", api_key=KEY, base_url=server.base_url("openai"), retry=None
    )
    assert await ask(provider, "complete") == "Hello"
    assert server.requests[-1].json["model"] == name


def test_every_model_that_litellm_knows_passes() -> None:
    refused = {
        name: wrong
        for name in bundled_map()
        if (wrong := what_is_wrong_with(name, route_of(name))) is not None
    }
    assert refused == {}


@pytest.mark.parametrize(
    "name",
    [
        "gemini/tunedModels/my-model-abc123",
        "bedrock/arn:aws:bedrock:us-east-1:123:application-inference-profile/abc",
        "bedrock/arn%3Aaws%3Abedrock%3Aus-east-1%3A123%3Ainference-profile/abc",
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "vertex_ai/claude-sonnet-4-5@20250929",
        "ollama_chat/hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M",
        "openai/ft:gpt-4o-mini-2024-07-18:my-org::abc",
        "openrouter/meta-llama/llama-3.3-70b-instruct:free",
        "cloudflare/@cf/meta/llama-2-7b-chat-int8",
    ],
)
def test_so_do_names_of_ones_own(name: str) -> None:
    assert what_is_wrong_with(name, route_of(name)) is None
