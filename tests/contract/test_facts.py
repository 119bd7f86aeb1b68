"""What a provider tells of itself and of the vendor: models, connection, limits, tokens."""

from __future__ import annotations

import asyncio
import socket

import pytest
from bruno_core.interfaces.llm import LLMInterface

from bruno_llm import (
    AuthenticationError,
    LiteLLMProvider,
    ProviderConnectionError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from bruno_llm.testing import FakeServer, Fault, Raw
from bruno_llm.vendors import asking as vendor_api_module
from tests.contract.matrix import GENERIC, KEY, OLLAMA, USER, Case, Make, ask


async def test_models_are_listed(case: Case, make: Make, server: FakeServer) -> None:
    assert await make().list_models() == server.models[case.vendor]
    assert [request.endpoint for request in server.requests] == ["models"]
    assert server.requests[0].method == "GET"


async def test_a_connection_that_works(case: Case, make: Make, server: FakeServer) -> None:
    server.require_key(KEY)
    assert await make().check_connection() is True
    assert {request.endpoint for request in server.requests} == {"models"}  # free of charge


async def test_a_rejected_key(case: Case, make: Make, server: FakeServer) -> None:
    server.require_key("another key")
    provider = make()
    assert await provider.check_connection() is False
    with pytest.raises(AuthenticationError) as caught:
        await provider.list_models()
    assert caught.value.provider == case.named
    assert KEY not in str(caught.value)


async def test_a_missing_model(case: Case, server: FakeServer) -> None:
    provider = case.cls(
        case.model.replace(case.bare, "no-such-model"),
        base_url=server.base_url(case.vendor),
        api_key=KEY,
    )
    assert await provider.check_connection() is False
    assert await provider.list_models() == server.models[case.vendor]


async def test_a_server_that_is_down(case: Case, no_keys: None) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        provider = case.cls(case.model, base_url=address, api_key=KEY)
        assert await provider.check_connection() is False
        with pytest.raises(ProviderConnectionError) as caught:
            await provider.list_models()
    if case is OLLAMA:
        assert "ollama serve" in str(caught.value)


async def test_a_server_that_hangs(
    make: Make, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vendor_api_module.TIMEOUT == 5.0
    monkeypatch.setattr(vendor_api_module, "TIMEOUT", 0.1)
    server.script(Fault.hang(), Fault.hang(), endpoint="models")
    provider = make()
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await provider.check_connection() is False
    with pytest.raises(RequestTimeoutError):
        await provider.list_models()
    assert loop.time() - began < 2


@pytest.mark.covering(1)
@pytest.mark.parametrize(
    "item",
    [Fault.status(500), Fault.html(), Raw(200, {}, b'["a list"]'), Raw(200, {}, b"{")],
    ids=["500", "html", "list", "broken"],
)
async def test_an_answer_that_is_no_list(make: Make, server: FakeServer, item: Fault) -> None:
    server.script(item, item, endpoint="models")
    provider = make()
    assert await provider.check_connection() is False
    with pytest.raises(ServiceUnavailableError):
        await provider.list_models()


async def test_a_missing_key_is_no_connection(case: Case, no_keys: None) -> None:
    if case is OLLAMA:
        return  # needs none
    provider = case.cls(case.model)
    assert await provider.check_connection() is False
    with pytest.raises(AuthenticationError, match=case.variable):
        await provider.list_models()


def test_it_is_an_llm_interface_that_needs_no_arguments(case: Case) -> None:
    assert issubclass(case.cls, LLMInterface)
    if case is not GENERIC:  # it cannot guess a model
        assert case.cls().model == case.cls.default_model


def test_model_info(case: Case, make: Make, server: FakeServer) -> None:
    info = make(temperature=0.3, max_tokens=99).get_model_info()
    assert info["provider"] == case.named
    assert info["model"] in (case.model, case.bare)
    assert info["base_url"].startswith(server.base_url(case.vendor))
    assert (info["temperature"], info["max_tokens"]) == (0.3, 99)
    assert KEY not in str(info)
    assert server.requests == []


def test_capabilities_are_hints_with_their_source(
    case: Case, make: Make, server: FakeServer
) -> None:
    known = make().capabilities()
    assert known.streaming
    assert not known.embeddings
    if case is not OLLAMA:  # whose models nobody has listed
        assert known.tools
        assert known.vision
        assert known.max_input_tokens is not None
        assert known.max_input_tokens > 100_000
        assert "litellm" in known.source
    unknown = case.cls(case.model.replace(case.bare, "no-such-model")).capabilities()
    assert (unknown.tools, unknown.vision, unknown.source) == (None, None, "unknown")
    assert server.requests == []


async def test_capabilities_are_the_same_before_and_after_a_call(make: Make) -> None:
    provider = make()
    before = provider.capabilities()
    await ask(provider, "complete")
    assert provider.capabilities() == before


async def test_tokens_are_counted_without_a_request(make: Make, server: FakeServer) -> None:
    provider = make()
    assert provider.get_token_count("") == 0
    assert 3 <= provider.get_token_count("Hello, how are you?") <= 10
    bare = await provider.count_message_tokens(USER)
    assert bare > provider.get_token_count(USER[0]["content"])
    provider.set_system_prompt("Answer in one word, in Norwegian.")
    assert await provider.count_message_tokens(USER) >= bare + 6
    assert server.requests == []


async def test_closing_is_a_courtesy(make: Make, server: FakeServer) -> None:
    async with make() as provider:
        await ask(provider, "complete")
    await ask(provider, "stream")  # opens new connections
    await provider.close()
    await provider.aclose()
    await provider.aclose()
    assert len(server.requests) == 2


def test_repr_shows_the_model_but_no_key(case: Case, make: Make) -> None:
    provider = make()
    assert case.bare in repr(provider)
    assert isinstance(provider, LiteLLMProvider)
    assert KEY not in repr(provider)
    assert KEY not in str(vars(provider))
