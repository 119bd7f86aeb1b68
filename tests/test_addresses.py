"""Wrong addresses and broken network settings: repaired where it is plain, else named."""

from __future__ import annotations

from typing import Any

import pytest

from bruno_llm import (
    ClaudeProvider,
    ConfigurationError,
    GeminiProvider,
    InvalidRequestError,
    LiteLLMEmbedder,
    LiteLLMProvider,
    ModelNotFoundError,
    OllamaProvider,
    OpenAIProvider,
    ProviderConnectionError,
)
from bruno_llm.testing import FakeServer
from bruno_llm.wire import client
from tests.canned import canned
from tests.contract.matrix import ask

KEY = "k" * 20
ASK = [{"role": "user", "content": "Hi"}]
WAYS = ("complete", "stream_events")


@pytest.mark.covering(1)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("cls", "written"),
    [
        (OpenAIProvider, "/v1/v1"),
        (OpenAIProvider, "/v1/chat/completions"),
        (OpenAIProvider, "/v1/responses"),
        (OpenAIProvider, "/v1/models/"),
        (OpenAIProvider, ""),
        (OpenAIProvider, "/"),
        (OpenAIProvider, "/v1/"),
        (ClaudeProvider, "/v1"),
        (ClaudeProvider, "/v1/"),
        (ClaudeProvider, "/v1/messages"),
        (OllamaProvider, "/v1"),
        (OllamaProvider, "/api"),
        (OllamaProvider, "/api/chat"),
        (OllamaProvider, "/v1/chat/completions"),
        (GeminiProvider, "/v1beta/v1beta"),
    ],
)
async def test_what_is_plainly_wrong_is_repaired(
    cls: type[LiteLLMProvider], written: str, way: str, server: FakeServer
) -> None:
    vendor = {"claude": "anthropic"}.get(cls.name, cls.name)
    right = cls(api_key=KEY, base_url=server.base_url(vendor), retry=None)
    wrong = cls(api_key=KEY, base_url=server.url + written, retry=None)
    assert await ask(right, way) == await ask(wrong, way) == "Hello"
    assert await wrong.list_models()
    first, second = (request.path for request in server.requests[:2])
    assert first == second


def test_what_may_be_meant_is_left_alone() -> None:
    for address in ("https://api.perplexity.ai", "http://localhost:8080/openai", "http://h:1/v2"):
        assert OpenAIProvider(base_url=address).base_url == address
    assert ClaudeProvider(base_url="http://h:1/claude").base_url == "http://h:1/claude"


NO_PAGE = [
    {"error": {"message": "File Not Found", "type": "not_found_error", "code": 404}},
    {"detail": "Not Found"},
    {"error": {"message": "Invalid URL (POST /v2/chat/completions)", "type": "invalid"}},
    {"type": "error", "error": {"type": "not_found_error", "message": "Not Found"}},
    b"404 page not found",
    b"<html><body>404</body></html>",
    b"",
]


@pytest.mark.covering(1)
@pytest.mark.parametrize("said", NO_PAGE, ids=str)
@pytest.mark.parametrize("cls", [OpenAIProvider, ClaudeProvider, OllamaProvider])
@pytest.mark.parametrize("way", WAYS)
async def test_a_page_that_is_not_there_is_no_missing_model(
    way: str, cls: type[LiteLLMProvider], said: Any
) -> None:
    with canned() as vendor:
        vendor.says(said, 404)
        url = vendor.url.replace("http://", "http://me:hidden-word@") + "/v7"
        provider = cls("some-model", api_key=KEY, base_url=url, retry=None)
        with pytest.raises(InvalidRequestError) as caught:
            await ask(provider, way)
    text = str(caught.value)
    assert f"{vendor.url}/v7/" in text, "the address that was asked"
    assert "check base_url" in text
    assert "hidden-word" not in text
    assert "ollama pull" not in text


async def test_a_model_that_is_not_there_still_is(server: FakeServer) -> None:
    with canned() as vendor:
        vendor.says({"error": {"message": "The model `x` was not found"}}, 404)
        provider = OpenAIProvider("x", api_key=KEY, base_url=f"{vendor.url}/v1", retry=None)
        with pytest.raises(ModelNotFoundError):
            await provider.generate(ASK)


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_that_fails_names_the_address(way: str) -> None:
    url = "http://me:hidden-word@127.0.0.1:9/v1"
    provider = OpenAIProvider(api_key=KEY, base_url=url, retry=None)
    with pytest.raises(ProviderConnectionError) as caught:
        await ask(provider, way)
    assert "at http://127.0.0.1:9/v1/chat/completions" in str(caught.value)
    assert "hidden-word" not in str(caught.value)


class TestSettingsOfTheNetwork:
    @pytest.mark.parametrize("asked", ["complete", "stream_events", "list_models"])
    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("SSL_CERT_FILE", "/nowhere/certificates.pem"),
            ("HTTPS_PROXY", "hppt://user:hidden-word@proxy:1"),
            ("ALL_PROXY", "socks5://user:hidden-word@proxy:1"),
        ],
    )
    async def test_one_that_cannot_be_used_is_named(
        self,
        variable: str,
        value: str,
        asked: str,
        server: FakeServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_DIR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(variable, value)
        client._tls.cache_clear()
        provider = OpenAIProvider(api_key=KEY, base_url=server.base_url("openai"), retry=None)
        with pytest.raises(ConfigurationError, match=f"^.{{0,60}}{variable} cannot be used") as e:
            await (provider.list_models() if asked == "list_models" else ask(provider, asked))
        assert "hidden-word" not in str(e.value)
        assert server.requests == []
        monkeypatch.undo()
        client._tls.cache_clear()

    @pytest.mark.parametrize("way", WAYS)
    async def test_a_proxy_that_wants_a_password(
        self, way: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with canned() as proxy:
            proxy.says(b"", 407)
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            provider = OpenAIProvider(api_key=KEY, base_url="https://h.invalid/v1", retry=None)
            with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
                await ask(provider, way)
        assert not caught.value.retryable


class TestOllamaByTheGenericClass:
    """litellm's route ``ollama`` makes one prompt of the chat; ``ollama_chat`` is meant."""

    @pytest.mark.parametrize("model", ["ollama/llama3.2", "ollama_chat/llama3.2"])
    @pytest.mark.parametrize("way", WAYS)
    async def test_it_is_a_chat(self, way: str, model: str, server: FakeServer) -> None:
        url = server.base_url("ollama")
        provider = LiteLLMProvider(model, base_url=url, retry=None, num_ctx=2048)
        assert await ask(provider, way, think=False) == "Hello"
        (request,) = server.requests
        assert request.path == "/api/chat"
        assert request.json is not None
        assert request.json["options"]["num_ctx"] == 2048
        assert request.json["think"] is False

    async def test_other_routes_do_not_take_its_options(self) -> None:
        with pytest.raises(ConfigurationError, match="num_ctx"):
            LiteLLMProvider("groq/x", num_ctx=2048)

    async def test_the_hint_names_the_model_as_ollama_knows_it(self) -> None:
        with canned() as vendor:
            vendor.says({"error": "model 'nope' not found"}, 404)
            provider = LiteLLMProvider("ollama/nope", base_url=vendor.url, retry=None)
            with pytest.raises(ModelNotFoundError) as caught:
                await provider.generate(ASK)
        assert caught.value.hint == "get it with: ollama pull nope"

    def test_embeddings_keep_their_route(self) -> None:
        assert LiteLLMEmbedder("ollama/nomic-embed-text").model == "ollama/nomic-embed-text"
