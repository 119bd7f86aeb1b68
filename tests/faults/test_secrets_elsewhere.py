"""Secrets in the address, in headers and in options; and keys that no header takes."""

from __future__ import annotations

import base64
import json
import logging
import pickle
from typing import Any

import pytest

from bruno_llm import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    LiteLLMProvider,
    LLMError,
    LLMFactory,
    OpenAIProvider,
    ProviderConfig,
)
from bruno_llm.embeddings import OllamaEmbedder, OpenAIEmbedder
from bruno_llm.redaction import Hidden, Redactor, hidden, mask
from bruno_llm.testing import FakeServer, Fault, Raw, Reply, Request
from tests.contract.matrix import CASES, GEMINI, USER, Case, ask
from tests.contract.matrix import KEY as contract_key
from tests.planted import KEY, held, printed

pytestmark = [pytest.mark.usefixtures("no_keys"), pytest.mark.covering(1)]

USER_NAME, WORD, TOKEN = "planted-user", "planted-Word-77", "planted-token-99"
HEADER = "planted-header-55"
PLANTED = (WORD, TOKEN, HEADER)


def address(server: FakeServer, vendor: str) -> str:
    scheme, _, rest = server.base_url(vendor).partition("://")
    return f"{scheme}://{USER_NAME}:{WORD}@{rest}?token={TOKEN}"


def echoed(request: Request) -> Raw:
    """The whole request, as a proxy in its way may send it back."""
    said = {"headers": dict(request.headers), "path": request.path, "query": str(request.query)}
    body = json.dumps({"error": {"message": f"no: {said}, {WORD}, {TOKEN}"}})
    return Raw(400, {"content-type": "application/json"}, body.encode())


def assert_clean(error: BaseException) -> None:
    for where, text in held(error):
        for secret in PLANTED:
            assert secret not in text, where


FAULTS: dict[str, Any] = {
    "404": Raw(404, {}, b"Not Found"),
    "401": Fault.status(401),
    "500": Fault.status(500),
    "echo": echoed,
    "reset": Fault.reset(),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("way", ["complete", "stream_events", "list_models"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_an_error_holds_of_the_address_and_the_headers(
    case: Case, server: FakeServer, way: str, name: str
) -> None:
    server.default = FAULTS[name]
    server.script(*[FAULTS[name]] * 2, endpoint="models")
    provider = case.provider(
        server, base_url=address(server, case.vendor), extra_headers={"x-tenant": HEADER}
    )
    with pytest.raises(LLMError) as caught:
        await (provider.list_models() if way == "list_models" else ask(provider, way))
    assert_clean(caught.value)


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_they_reach_the_server(case: Case, server: FakeServer, way: str) -> None:
    server.default = Reply("Oslo")
    server.models = {case.vendor: [case.bare]}
    provider = case.provider(
        server, base_url=address(server, case.vendor), extra_headers={"x-tenant": HEADER}
    )
    assert await ask(provider, way) == "Oslo"
    assert await provider.list_models() == [case.bare]
    basic = base64.b64encode(f"{USER_NAME}:{WORD}".encode()).decode()
    for request in server.requests:
        assert request.headers["authorization"] == f"Basic {basic}"
        assert request.query["token"] == TOKEN
    assert server.requests[0].headers["x-tenant"] == HEADER


async def test_what_httpx_logs(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    server.default = Reply("Oslo")
    where = {"base_url": address(server, "gemini"), "extra_headers": {"x-tenant": HEADER}}
    provider = GEMINI.provider(server, **where)
    await provider.complete(USER)  # litellm quietens httpx when it is loaded
    with caplog.at_level(logging.DEBUG):
        for name in ("httpx", "httpcore"):
            caplog.set_level(logging.DEBUG, name)
        await provider.complete(USER)
    assert "HTTP Request: POST" in caplog.text
    for secret in (*PLANTED, contract_key):
        assert secret not in caplog.text


async def test_an_embedder(server: FakeServer) -> None:
    for vendor, cls in (("openai", OpenAIEmbedder), ("ollama", OllamaEmbedder)):
        server.script(echoed, endpoint="embed")
        where = {"base_url": address(server, vendor), "extra_headers": {"x-tenant": HEADER}}
        embedder = cls(api_key=KEY, retry=None, **where)
        with pytest.raises(InvalidRequestError) as caught:
            await embedder.embed_text("Hi")
        assert_clean(caught.value)
        assert len(await embedder.embed_text("Hi")) > 1


async def test_everybody_who_prints_it(server: FakeServer) -> None:
    server.default = echoed
    where = {"base_url": address(server, "openai"), "extra_headers": {"x-tenant": HEADER}}
    provider = OpenAIProvider(api_key=KEY, retry=None, **where)
    with pytest.raises(LLMError) as caught:
        await provider.complete(USER)
    assert_clean(caught.value)
    for who, text in printed(caught.value):
        for secret in PLANTED:
            assert secret not in text, who


def test_what_is_printed_of_a_provider() -> None:
    where = f"http://{USER_NAME}:{WORD}@h/v1?token={TOKEN}"
    more = {"extra_headers": {"x-tenant": HEADER}, "retry": None}
    settings = ProviderConfig(
        provider="openai", base_url=where, api_key=KEY, extra_headers=more["extra_headers"]
    )
    assert settings.written()["base_url"] == where
    one = OpenAIProvider(base_url=where, api_key=KEY, **more)
    for thing in (
        one,
        OpenAIEmbedder(base_url=where, api_key=KEY, **more),
        LiteLLMProvider("bedrock/some", aws_secret_access_key=HEADER, aws_session_token=TOKEN),
        LLMFactory.create("openai", base_url=where, api_key=KEY, **more),
        LLMFactory.create("openai", base_url=where, api_key=KEY, fallback=["ollama"], **more),
    ):
        shown = f"{thing!r} {thing} {vars(thing)!r} {getattr(thing, 'base_url', '')!r}"
        for secret in (*PLANTED, KEY):
            assert secret not in shown
    for secret in (*PLANTED, KEY):
        assert secret not in f"{settings!r} {settings} {settings.model_dump()}"
        assert secret not in settings.model_dump_json()
    assert one.base_url == where


def test_a_masked_address_is_refused() -> None:
    shown = ProviderConfig(provider="openai", base_url=f"http://u:{WORD}@h/v1").model_dump()
    with pytest.raises(ConfigurationError, match="is not shown"):
        LLMFactory.create("openai", base_url=shown["base_url"])


def test_a_provider_is_not_pickled() -> None:
    provider = OpenAIProvider(api_key=KEY, extra_headers={"x-tenant": HEADER})
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)) as caught:
        pickle.dumps(provider)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("way", ["complete", "stream_events", "list_models"])
@pytest.mark.parametrize(
    "key", ["planted\nbehind-the-break", "planted-ключ-behind", "pl\x00behind"]
)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_key_that_no_header_takes(
    case: Case, server: FakeServer, way: str, key: str
) -> None:
    provider = case.provider(server, api_key=key)
    with pytest.raises(AuthenticationError, match="no HTTP header takes") as caught:
        await (provider.list_models() if way == "list_models" else ask(provider, way))
    assert not caught.value.retryable
    assert "given as api_key" in str(caught.value)
    for _, text in held(caught.value):
        assert "behind" not in text
        assert "planted" not in text
    assert server.requests == []


async def test_such_a_key_of_the_environment(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "planted\nbehind")
    provider = OpenAIProvider(base_url=server.base_url("openai"), retry=None)
    with pytest.raises(AuthenticationError, match=r"the key is \*\*\*\*, from OPENAI_API_KEY"):
        await provider.complete(USER)
    embedder = OpenAIEmbedder(base_url=server.base_url("openai"), retry=None)
    with pytest.raises(AuthenticationError, match="no HTTP header takes"):
        await embedder.embed_text("Hi")


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_blanks_around_a_key_are_no_part_of_it(case: Case, server: FakeServer) -> None:
    server.default = Reply("Oslo")
    server.require_key(KEY)
    assert await ask(case.provider(server, api_key=f" {KEY}\n"), "complete") == "Oslo"


@pytest.mark.parametrize(
    "spell",
    [str, repr, json.dumps, lambda text: repr(text.encode()), lambda t: " ".join(t.split())],
)
def test_a_secret_with_a_line_break_is_found_however_it_is_quoted(spell: Any) -> None:
    secret = "planted\nbehind é"
    assert "behind" not in Redactor([secret])(f"no: {spell(secret)}!")


def test_a_hidden_text_is_a_text() -> None:
    text = Hidden("planted")
    assert (text, f"{text}", text + "!", json.dumps(text)) == (
        "planted",
        "planted",
        "planted!",
        '"planted"',
    )
    assert "plan" not in f"{text!r}{text[:4]!r}{[text]}"
    assert hidden({"top_p": 1, "aws_secret_access_key": "planted"})["top_p"] == 1
    assert repr(hidden({"extra_headers": {"x-a": "b", "Accept": "c"}})) == (
        "{'extra_headers': {'x-a': '****', 'Accept': 'c'}}"
    )
    assert mask("planted-0123456\n") == "****"
