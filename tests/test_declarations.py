"""What a subclass declares is what it gets: keys, addresses and errors of its own vendor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bruno_llm import (
    AuthenticationError,
    ContentFilterError,
    LiteLLMProvider,
    ModelNotFoundError,
    OpenAIEmbedder,
    OpenAIProvider,
    QuotaExceededError,
)
from bruno_llm.errors.rules import ErrorRule
from bruno_llm.testing import FakeServer, Fault

ASK = [{"role": "user", "content": "Hi"}]
OPENAIS, GROQS = "key-of-openai-0123456789", "key-of-groq-0123456789"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setenv("OPENAI_API_KEY", OPENAIS)
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    with FakeServer() as running:
        yield running


class Groq(OpenAIProvider):
    name = "groq"
    api_key_env = ("GROQ_API_KEY",)
    base_url_env = ("GROQ_BASE_URL",)


class GroqAtWork(Groq):
    """Inherits what its base declares, not what the vendor says."""


class Mine(LiteLLMProvider):
    name = "mine"
    prefix = "openai/"
    api_key_env = ("MINE_API_KEY",)
    needs_key = True


async def said(llm: LiteLLMProvider) -> None:
    assert await llm.generate(ASK) == "Hello"
    assert "".join([piece async for piece in llm.stream(ASK)]) == "Hello"


@pytest.mark.parametrize("cls", [Groq, GroqAtWork])
async def test_a_key_goes_to_its_own_vendor(
    cls: type[Groq], server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/not-here")
    monkeypatch.setenv("GROQ_BASE_URL", server.base_url("openai"))
    monkeypatch.setenv("GROQ_API_KEY", GROQS)
    await said(cls("llama", retry=None))
    monkeypatch.delenv("GROQ_API_KEY")
    await said(cls("llama", retry=None))
    keys = [request.key for request in server.requests]
    assert keys[:2] == [GROQS] * 2
    assert OPENAIS not in str(keys)


async def test_without_its_key_nothing_is_sent(server: FakeServer) -> None:
    for cls, variable in ((Groq, "GROQ_API_KEY"), (GroqAtWork, "GROQ_API_KEY")):
        with pytest.raises(AuthenticationError, match=variable):
            await cls("llama").generate(ASK)
    with pytest.raises(AuthenticationError, match="MINE_API_KEY"):
        _ = [piece async for piece in Mine("anything").stream(ASK)]
    assert server.requests == []


async def test_a_key_of_a_class_without_a_vendor(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE_API_KEY", "key-of-mine-0123456789")
    await said(Mine("anything", base_url=server.base_url("openai"), retry=None))
    assert {request.key for request in server.requests} == {"key-of-mine-0123456789"}


async def test_no_key_where_none_is_needed(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Local(OpenAIProvider):
        api_key_env = ()
        needs_key = False

    await said(Local("tiny", base_url=server.base_url("openai"), retry=None))
    assert OPENAIS not in str([request.headers for request in server.requests])


def test_a_vendor_declared_anew_brings_its_own() -> None:
    class Again(Groq):
        vendor = OpenAIProvider.vendor

    assert Again.api_key_env == ("OPENAI_API_KEY",)
    assert (Groq.api_key_env, Groq.needs_key) == (("GROQ_API_KEY",), True)


async def test_errors_in_its_own_words(server: FakeServer) -> None:
    class Strict(OpenAIProvider):
        error_rules = (
            ErrorRule(QuotaExceededError, r"does not exist", (404,)),
            ErrorRule(ContentFilterError, r"bad thing", (400,)),
        )

    url = server.base_url("openai")
    fault = Fault.status(404, code="model_not_found", message="the model does not exist")
    server.script(fault, fault, Fault.status(400, message="a bad thing"))
    strict = Strict("gpt-4o-mini", base_url=url, api_key="k" * 20, retry=None)
    with pytest.raises(QuotaExceededError):
        await strict.generate(ASK)
    with pytest.raises(ModelNotFoundError):
        await OpenAIProvider("x", base_url=url, api_key="k" * 20, retry=None).generate(ASK)
    with pytest.raises(ContentFilterError):
        _ = [piece async for piece in strict.stream(ASK)]


async def test_an_embedder_declares_in_the_same_way(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class GroqEmbedder(OpenAIEmbedder):
        api_key_env = ("GROQ_API_KEY",)

    monkeypatch.setenv("GROQ_API_KEY", GROQS)
    await GroqEmbedder(base_url=server.base_url("openai")).embed_text("word")
    assert [request.key for request in server.requests] == [GROQS]
    monkeypatch.delenv("GROQ_API_KEY")
    with pytest.raises(AuthenticationError, match="GROQ_API_KEY"):
        await GroqEmbedder().embed_text("word")
