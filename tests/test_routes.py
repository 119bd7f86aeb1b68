"""The generic provider on litellm's other routes: our client is under every one of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bruno_llm import (
    ClaudeProvider,
    GeminiEmbedder,
    GeminiProvider,
    LiteLLMProvider,
    OpenAIProvider,
    ServiceUnavailableError,
    StreamError,
)
from bruno_llm.testing import FakeServer, Fault, Reply

pytestmark = pytest.mark.usefixtures("no_collector")

ASK = [{"role": "user", "content": "Hi"}]
# The first four go through litellm's httpx handler, the others through its OpenAI SDK code.
ROUTES = ["groq", "deepseek", "mistral", "openrouter", "perplexity", "deepinfra", "litellm_proxy"]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def provider(route: str, server: FakeServer) -> LiteLLMProvider:
    url = server.base_url("openai")
    return LiteLLMProvider(f"{route}/some-model", api_key="k" * 20, base_url=url, retry=None)


@pytest.mark.parametrize("route", ROUTES)
async def test_answers(route: str, server: FakeServer) -> None:
    server.default = Reply("Hello there")
    llm = provider(route, server)
    completion = await llm.complete(ASK)
    assert completion.text == "Hello there"
    assert completion.usage is not None
    assert not completion.usage.estimated
    assert "".join([piece async for piece in llm.stream(ASK)]) == "Hello there"
    assert [request.key for request in server.requests] == ["k" * 20] * 2
    assert [request.model for request in server.requests] == ["some-model"] * 2


@pytest.mark.parametrize("route", ROUTES)
async def test_failures(route: str, server: FakeServer) -> None:
    llm = provider(route, server)
    server.script(Fault.status(503), Fault.reset(), Fault.cut(after=2))
    with pytest.raises(ServiceUnavailableError) as caught:
        await llm.generate(ASK)
    assert caught.value.status_code == 503
    with pytest.raises(Exception, match="could not talk"):
        await llm.generate(ASK)
    with pytest.raises(StreamError) as cut:
        async for _ in llm.stream(ASK):
            pass
    assert cut.value.partial is not None
    assert len(server.requests) == 3, "one request a try, whatever failed"


async def test_the_key_of_the_route_goes_to_its_own_address(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERPLEXITYAI_API_KEY", "key-of-perplexity")
    monkeypatch.setenv("PERPLEXITY_API_BASE", server.base_url("openai"))
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-openai-not-here")
    assert await LiteLLMProvider("perplexity/sonar", retry=None).generate(ASK)
    assert [request.key for request in server.requests] == ["key-of-perplexity"]


@pytest.mark.parametrize("cls", [OpenAIProvider, ClaudeProvider, GeminiProvider])
async def test_a_server_of_ones_own_needs_no_key(
    cls: type[LiteLLMProvider], server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in cls.api_key_env:
        monkeypatch.delenv(variable, raising=False)
    vendor = {"claude": "anthropic"}.get(cls.name, cls.name)
    assert await cls(base_url=server.base_url(vendor), retry=None).generate(ASK) == "Hello"


@pytest.mark.parametrize("version", ["", "/v1beta", "/v1"])
async def test_geminis_address_with_and_without_its_version(
    version: str, server: FakeServer
) -> None:
    url = server.base_url("gemini") + version
    provider = GeminiProvider("gemini-2.5-flash", api_key="k" * 20, base_url=url + "/")
    await provider.generate(ASK)
    assert [piece async for piece in provider.stream(ASK)]
    await provider.list_models()
    await provider.count_message_tokens(ASK, exact=True)
    await GeminiEmbedder(api_key="k" * 20, base_url=url).embed_text("word")
    assert {request.path.split("/models")[0] for request in server.requests} == {
        version or "/v1beta"
    }
