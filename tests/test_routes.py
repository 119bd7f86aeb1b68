"""The generic provider on litellm's other routes: our client is under every one of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bruno_llm import LiteLLMProvider, ServiceUnavailableError, StreamError
from bruno_llm.testing import FakeServer, Fault, Reply

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
