"""litellm is given a stand-in of the key, and the vendor gets the key."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bruno_llm import ClaudeProvider, LiteLLMProvider, LLMError, _litellm
from bruno_llm._litellm.clients import is_sealed
from bruno_llm._litellm.routes import CHAT, EMBEDDING
from bruno_llm.embeddings import LiteLLMEmbedder
from bruno_llm.testing import FakeServer, Reply
from bruno_llm.wire.exchange import Exchange
from bruno_llm.wire.sealed import stand_in, unsealed
from tests.contract.matrix import CASES, USER, Case, ask
from tests.planted import KEY

pytestmark = pytest.mark.usefixtures("no_keys", "no_collector")

# The kinds of litellm's code: its httpx handler, OpenAI's SDK, a client from its cache, Azure's.
QUICK = ("anthropic", "azure", "cohere_chat", "gemini", "groq", "mistral", "openai", "perplexity")


class Heads(list[bytes]):
    """The heads of all requests that came to :attr:`url`, each answered by a 400."""

    url = ""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.append(head)
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        writer.write(
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
        )
        await writer.drain()
        writer.close()


@pytest.fixture
async def heads() -> AsyncIterator[Heads]:
    heads = Heads()
    async with await asyncio.start_server(heads.take, "127.0.0.1", 0) as server:
        heads.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        yield heads


def routes(names: frozenset[str]) -> list[Any]:
    return [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.full])
        for name in sorted(names)
    ]


def assert_key_came(heads: Heads, requests: int) -> None:
    assert len(heads) == requests
    for head in heads:
        assert KEY.encode() in head
        assert b"put-in-on-the-wire" not in head


@pytest.mark.parametrize("route", routes(CHAT))
async def test_a_sealed_route_sends_the_key(heads: Heads, route: str) -> None:
    provider = LiteLLMProvider(f"{route}/a-model", api_key=KEY, base_url=heads.url, retry=None)
    for way in ("complete", "stream_events"):
        with pytest.raises(LLMError):
            await ask(provider, way)
    # Older releases of litellm lack some routes.
    assert_key_came(heads, 2 if route in _litellm.more_routes() else 0)


@pytest.mark.parametrize("route", routes(EMBEDDING))
async def test_a_sealed_embedder_sends_the_key(heads: Heads, route: str) -> None:
    embedder = LiteLLMEmbedder(f"{route}/a-model", api_key=KEY, base_url=heads.url, retry=None)
    with pytest.raises(LLMError):
        await embedder.embed_text("Hi")
    assert_key_came(heads, 1)


@pytest.mark.parametrize("model", ["github/gpt-5-codex", "nlp_cloud/a-model", "gemini/embedding"])
async def test_where_litellm_takes_a_client_of_its_own_it_has_the_key(
    heads: Heads, model: str
) -> None:
    with pytest.raises(LLMError):
        if "embedding" in model:
            embedder = LiteLLMEmbedder(model, api_key=KEY, base_url=heads.url, retry=None)
            await embedder.embed_text("Hi")
        else:
            provider = LiteLLMProvider(model, api_key=KEY, base_url=heads.url, retry=None)
            await provider.complete(USER)
    assert_key_came(heads, 1)


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_litellm_does_not_see_the_key(
    case: Case, server: FakeServer, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    litellm = pytest.importorskip("litellm")
    given: list[Any] = []
    provider = case.provider(server, api_key=KEY)
    await provider.warm_up()  # whose rehearsal would be seen too
    real = litellm.acompletion

    async def watched(**params: Any) -> Any:
        given.append({**params, "client": vars(params["client"])})
        return await real(**params)

    monkeypatch.setattr(litellm, "acompletion", watched)
    server.default = Reply("Oslo")
    server.require_key(KEY)
    assert await ask(provider, way) == "Oslo"
    assert len(given) == 1
    assert KEY not in repr(given)


async def test_a_key_that_litellm_knows_is_sealed_too(
    heads: Heads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CEREBRAS_API_KEY", KEY)
    provider = LiteLLMProvider("cerebras/a-model", base_url=heads.url, retry=None)
    with pytest.raises(LLMError):
        await provider.complete(USER)
    assert_key_came(heads, 1)


async def test_a_token_of_anthropic_goes_where_its_tokens_go(heads: Heads) -> None:
    """litellm chooses the header by the token's beginning, and must still see that."""
    token = f"sk-ant-oat01-{KEY}"
    provider = ClaudeProvider(api_key=token, base_url=heads.url.removesuffix("/v1"), retry=None)
    with pytest.raises(LLMError):
        await provider.complete(USER)
    assert f"authorization: Bearer {token}".encode() in heads[0].replace(
        b"Authorization", b"authorization"
    )


def test_wherever_it_stands() -> None:
    key, address = SecretStr(KEY), SecretStr("http://user:word@h/v1?token=abcdef&alt=json")
    mark = stand_in(key)
    names = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "x-other")
    request = httpx.Request(
        "POST",
        f"http://h/v1/chat?key={mark}&alt=sse",
        headers=dict.fromkeys(names, f"Bearer {mark}"),
        content=b"body",
    )
    sent = unsealed(request, Exchange(None, {}, key=key))
    assert {sent.headers[name] for name in names} == {f"Bearer {KEY}"}
    assert dict(sent.url.params) == {"key": KEY, "alt": "sse"}
    assert sent.read() == b"body"
    assert KEY not in f"{request.url} {request.headers.raw!r}"
    both = unsealed(request, Exchange(None, {}, key=key, address=address))
    assert dict(both.url.params) == {"key": KEY, "alt": "json", "token": "abcdef"}
    assert both.headers["authorization"] == "Basic dXNlcjp3b3Jk"
    assert both.headers["x-api-key"] == f"Bearer {KEY}"


def test_what_stands_in() -> None:
    assert KEY not in stand_in(SecretStr(KEY))
    assert stand_in(SecretStr("sk-ant-oat01-abcdefgh")).startswith("sk-ant-oat-")
    assert "abcdefgh" not in stand_in(SecretStr("sk-ant-oat01-abcdefgh"))
    assert not is_sealed("bedrock", "bedrock/amazon.nova-lite-v1:0")
    assert not is_sealed("groq", "groq/responses/a-model")
