"""One answer to "does it work?", on every route: check_connection, health, the factory's choice."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

import pytest
from bruno_core.base.assistant import BaseAssistant

from bruno_llm import (
    AuthenticationError,
    ConfigurationError,
    LiteLLMEmbedder,
    LiteLLMProvider,
    LLMError,
    LLMFactory,
    OpenAIProvider,
)
from bruno_llm._litellm import load_now
from bruno_llm.demo.memory import InMemory
from bruno_llm.keys import variable_part
from bruno_llm.testing import FakeServer, Fault, Raw
from bruno_llm.vendors.routes import KEY_VARIABLES, LIST_MODELS, ROUTES, mistyped

pytestmark = pytest.mark.usefixtures("no_keys", "no_collector")

ASK = [{"role": "user", "content": "Hi"}]
KEY = "sk-planted-1234567890-WXYZ"
NOT_ASKED = [
    "bedrock/anthropic.claude-sonnet-5",
    "vertex_ai/gemini-3.8-flash",
    "azure/my-deployment",
    "cohere_chat/command-a",
    "cloudflare/@cf/meta/llama-3-8b",
    "huggingface/meta-llama/Llama-3-8B",
    "nobody_knows_this_one/x",
]


def models(*names: str) -> Raw:
    body = {"object": "list", "data": [{"id": name} for name in names]}
    return Raw(200, {"content-type": "application/json"}, json.dumps(body).encode())


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a request left")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def litellm() -> Any:
    return load_now()


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in {name for names in KEY_VARIABLES.values() for name in names}:
        monkeypatch.delenv(variable, raising=False)


# --- who can be asked -----------------------------------------------------------------------


@pytest.mark.parametrize("route", sorted(LIST_MODELS - {"mistral"}))
async def test_a_server_of_ones_own_is_asked_on_every_route(route: str, server: FakeServer) -> None:
    address = server.base_url("openai")
    server.script(*[models("tiny", "other")] * 3, Fault.status(401), endpoint="models")
    llm = LiteLLMProvider(f"{route}/tiny", api_key=KEY, base_url=address)
    assert await llm.list_models() == ["tiny", "other"]
    assert await llm.check_connection()
    assert server.requests[0].path.endswith("/models")
    absent = LiteLLMProvider(f"{route}/nope", api_key=KEY, base_url=address)
    found = (await LLMFactory.health_check([absent])).popitem()[1]
    assert found.problem == "it has no model 'nope'" and found.model_present is False
    refused = await llm.diagnose()
    assert isinstance(refused.error, AuthenticationError) and refused.key_accepted is False


@pytest.mark.parametrize("answer", [Fault.status(404), Fault.status(405), Raw(200, {}, b"<html>")])
async def test_a_server_without_a_list_is_not_down(answer: Any, server: FakeServer) -> None:
    server.script(*[answer] * 2, endpoint="models")
    llm = LiteLLMProvider("hosted_vllm/tiny", base_url=server.base_url("openai"))
    assert await llm.check_connection()
    found = (await LLMFactory.health_check([llm])).popitem()[1]
    assert (found.ok, found.reachable, found.model_present) == (True, True, None)


@pytest.mark.parametrize("route", ["groq", "deepseek", "together_ai", "lm_studio", "llamafile"])
async def test_the_address_that_litellm_knows_is_asked(
    route: str, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = variable_part(route)
    monkeypatch.setenv(f"{part}_API_BASE", server.base_url("openai"))
    monkeypatch.setenv(KEY_VARIABLES.get(route, (f"{part}_API_KEY",))[0], KEY)
    server.script(models("tiny"), endpoint="models")
    assert await LiteLLMProvider(f"{route}/tiny").check_connection()
    assert [request.key for request in server.requests] == [KEY]


@pytest.mark.parametrize("model", NOT_ASKED)
async def test_who_cannot_be_asked_is_given_the_benefit_of_the_doubt(
    model: str, no_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if model.partition("/")[0] in KEY_VARIABLES:
        monkeypatch.setenv(KEY_VARIABLES[model.partition("/")[0]][0], KEY)
    llm = LiteLLMProvider(model)
    assert await llm.check_connection()
    with pytest.raises(ConfigurationError, match="no list of models that can be asked"):
        await llm.list_models()
    found = (await LLMFactory.health_check([llm])).popitem()[1]
    assert (found.ok, found.reachable, found.model_present) == (True, None, None)
    assistant = BaseAssistant(llm=llm, memory=InMemory())
    await assistant.initialize()


async def test_nobody_there_is_a_no(server: FakeServer) -> None:
    llm = LiteLLMProvider("hosted_vllm/tiny", base_url="http://127.0.0.1:9/v1")
    assert not await llm.check_connection()
    assert (await LLMFactory.health_check([llm])).popitem()[1].reachable is False


# --- one answer -----------------------------------------------------------------------------


async def test_a_refused_key_is_a_no_whatever_its_status(server: FakeServer) -> None:
    """LiteLLM's proxy without a database answers 400."""
    refused = Fault.status(400, message="No connected db.")
    server.script(refused, refused, endpoint="models")
    llm = LiteLLMProvider("litellm_proxy/small", api_key=KEY, base_url=server.base_url("openai"))
    with pytest.raises(AuthenticationError):
        await llm.list_models()
    assert not await llm.check_connection()


class Gateway(OpenAIProvider):
    """A gateway without /models, whose own check says that it works."""

    name = "gateway"
    answer = True

    async def check_connection(self) -> bool:
        return self.answer


@pytest.mark.parametrize("answer", [True, False])
async def test_a_check_of_ones_own_decides_everywhere(answer: bool, server: FakeServer) -> None:
    server.script(*[Fault.status(404)] * 9, endpoint="models")
    llm = Gateway("x", api_key=KEY, base_url=server.base_url("openai"), retry=None)
    llm.answer = answer
    assert (await LLMFactory.health_check([llm]))["gateway"].ok is answer
    LLMFactory.register("gateway", lambda **_: llm)
    try:
        if answer:
            assert await LLMFactory.create_available([llm]) is llm
            both = await LLMFactory.create_with_fallback(["gateway"])
            assert await both.check_connection()
        else:
            with pytest.raises(LLMError, match="no provider can be used"):
                await LLMFactory.create_available([llm])
            with pytest.raises(LLMError, match="gateway"):
                await LLMFactory.create_with_fallback(["gateway"])
    finally:
        LLMFactory.unregister("gateway")


@pytest.mark.parametrize("model", ["openai/gpt-5-mini", "openai/nope"])
async def test_the_generic_provider_says_what_the_named_one_says(
    model: str, server: FakeServer
) -> None:
    server.script(*[models("gpt-5-mini", "gpt-5.5")] * 4, endpoint="models")
    options: dict[str, Any] = {"api_key": KEY, "base_url": server.base_url("openai")}
    answers = set()
    for llm in (LiteLLMProvider(model, **options), OpenAIProvider(model, **options)):
        answers.add(await llm.check_connection())
        answers.add((await LLMFactory.health_check([llm])).popitem()[1].ok)
    assert answers == {not model.endswith("nope")}


# --- a missing key --------------------------------------------------------------------------


@pytest.mark.parametrize("route", sorted(KEY_VARIABLES))
async def test_a_missing_key_names_its_variables_before_the_request(
    route: str, no_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = LiteLLMProvider(f"{route}/some-model", retry=None)
    with pytest.raises(AuthenticationError, match=f"set {KEY_VARIABLES[route][0]}") as caught:
        await llm.generate(ASK)
    assert caught.value.status_code is None
    with pytest.raises(AuthenticationError, match=f"set {KEY_VARIABLES[route][0]}"):
        _ = [piece async for piece in llm.stream(ASK)]
    assert not await llm.check_connection()
    found = (await LLMFactory.health_check([f"{route}/some-model"])).popitem()[1]
    assert not found.configured and KEY_VARIABLES[route][0] in str(found.hint)
    for variable in KEY_VARIABLES[route]:
        monkeypatch.setenv(variable, KEY)
        key = llm.found_key()
        assert key is not None and (key.source, key.value.get_secret_value()) == (variable, KEY)
        assert llm.missing_key() is None
        monkeypatch.delenv(variable)


def test_a_key_that_litellm_was_given_in_code_counts(
    litellm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = LiteLLMProvider("groq/x")
    assert llm.missing_key() is not None
    monkeypatch.setattr(litellm, "groq_key", KEY)
    assert llm.missing_key() is None


def test_the_keyring_and_our_own_variable_know_the_route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUNO_LLM_GROQ_API_KEY", KEY)
    assert LiteLLMProvider("groq/x").missing_key() is None


def test_a_declaration_of_ones_own_wins_over_the_table() -> None:
    class Open(LiteLLMProvider):
        needs_key = False

    class Other(LiteLLMProvider):
        api_key_env = ("OTHER_KEY",)
        needs_key = True

    assert Open("groq/x").missing_key() is None
    missing = Other("groq/x").missing_key()
    assert missing is not None and missing.hint == "set OTHER_KEY, or give api_key=..."


@pytest.mark.parametrize("route", sorted(KEY_VARIABLES))
def test_litellm_reads_the_same_variables(
    route: str, litellm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(variable)
    asked = litellm.validate_environment(f"{route}/some-model")["missing_keys"]
    assert set(asked) <= set(KEY_VARIABLES[route])


# --- a mistyped vendor ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("opanai/gpt-4o", "openai"),
        ("anthropc/claude-x", "anthropic"),
        ("openruoter/x/y", "openrouter"),
        ("mistralai/Mistral-7B", "mistral"),
    ],
)
def test_a_mistyped_vendor_names_the_nearest(model: str, meant: str) -> None:
    told = f"there is no vendor '{model.partition('/')[0]}'; did you mean '{meant}'?"
    for make in (LiteLLMProvider, LiteLLMEmbedder, LLMFactory.create):
        with pytest.raises(ConfigurationError) as caught:
            make(model)
        assert told in str(caught.value)


def test_what_litellm_knows_is_never_refused(litellm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {str(getattr(one, "value", one)) for one in litellm.provider_list}
    assert {name for name in known if mistyped(name)} == set()
    assert ROUTES - known <= {"aws", "custom", "meta"}
    LiteLLMProvider("meta-llama/Llama-3", custom_llm_provider="hosted_vllm")
    LiteLLMProvider("somebody/else")
    monkeypatch.setattr(litellm, "custom_provider_map", [{"provider": "opanai"}])
    LiteLLMProvider("opanai/x")
