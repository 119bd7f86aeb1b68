"""What people bring along: the key as the first argument, a text for messages, bare tools."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from bruno_core.interfaces.llm import LLMInterface
from pydantic import SecretStr

from bruno_llm import (
    ClaudeProvider,
    ConfigurationError,
    FallbackProvider,
    InvalidRequestError,
    LiteLLMProvider,
    LLMError,
    LLMFactory,
    OllamaEmbedder,
    OllamaProvider,
    OpenAIEmbedder,
    OpenAIProvider,
    ToolProvider,
)
from bruno_llm.testing import FakeServer, MockProvider, Reply, embedding_of
from tests.contract.conftest import case  # noqa: F401  the fixture: every provider
from tests.contract.matrix import CASES, WAYS, Case, ask, seen

pytestmark = [pytest.mark.usefixtures("no_keys"), pytest.mark.covering(1)]

SECRET = "0123456789abcdefABCDEF"

# --- a key or an address where the model belongs ------------------------------------------------

KEYS = (
    f"sk-{SECRET}",
    "sk-1",
    f"sk-ant-api03-{SECRET}",
    f"openai/sk-proj-{SECRET}",
    f"AIza{SECRET}",
    f"gsk_{SECRET}",
    f"hf_{SECRET}",
    f"Bearer {SECRET}",
    f"  sk-{SECRET}\n",
    SECRET * 2,
)
ADDRESSES = (
    "http://gpu-box:11434",
    "https://user:password@gateway.test/v1",
    "HTTP://BOX",
    "gpu-box:11434",
    "127.0.0.1:8080/v1",
)


@pytest.mark.parametrize("cls", [OpenAIProvider, LiteLLMProvider, OpenAIEmbedder])
@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_no_model(cls: Any, key: str, events: list[MutableMapping[str, Any]]) -> None:
    with pytest.raises(ConfigurationError, match="looks like an API key") as caught:
        cls(key)
    assert caught.value.hint == "give it as api_key=..."
    told = f"{caught.value!s} {caught.value!r} {vars(caught.value)} {events}"
    assert key.strip() not in told
    assert SECRET not in told


@pytest.mark.parametrize("cls", [OllamaProvider, OllamaEmbedder, OpenAIProvider])
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_no_model(cls: Any, address: str) -> None:
    with pytest.raises(ConfigurationError, match="looks like an address") as caught:
        cls(address)
    assert caught.value.hint == "give it as base_url=..."
    assert address not in f"{caught.value!s} {caught.value!r} {vars(caught.value)}"


def test_a_secret_is_no_model() -> None:
    with pytest.raises(ConfigurationError, match="must be a text, not SecretStr") as caught:
        OpenAIProvider(SecretStr("x"))  # type: ignore[arg-type]
    assert "api_key=..." in str(caught.value)


def test_the_factory_repeats_no_key_either() -> None:
    for create in (
        lambda: LLMFactory.create("openai", model=f"sk-{SECRET}"),
        lambda: LLMFactory.create(f"openai/sk-{SECRET}"),
        lambda: LLMFactory.create("sk-abc123"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            create()
        assert SECRET not in repr(caught.value)
        assert "sk-abc" not in repr(caught.value)


@pytest.mark.parametrize(
    "model",
    [
        "gpt-5.4-mini",
        "llama3.2:3b",
        "phi4:14b",
        "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M",
        "ft:gpt-4o-mini-2024-07-18:org::AbCdEf12",
        "accounts/fireworks/models/llama-v3p1-405b-instruct",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123",
        "huggingface/https://abc.endpoints.huggingface.cloud",
        "DeepSeek-R1-Distill-Qwen-32B",
        "claude-sonnet-4-5@20250929",
        "sky-t1",
    ],
)
def test_a_model_is_a_model(model: str) -> None:
    assert OpenAIProvider(model).model == model
    assert LiteLLMProvider(model).model == model


# --- a text for messages ------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
async def test_a_text_is_one_user_message(
    case: Case,  # noqa: F811
    server: FakeServer,
    way: str,
) -> None:
    provider = case.provider(server, system_prompt="Be brief.")
    server.default = Reply("Oslo.")
    for given in ({"messages": "Norway?"}, {"prompt": "Norway?"}):
        assert await ask(provider, way, **({"messages": ()} | given)) == "Oslo."
        request = seen(server.requests[-1])
        assert [(turn.role, turn.text) for turn in request.turns] == [("user", "Norway?")]
        assert "prompt" not in server.requests[-1].json
        assert "Be brief." in str(server.requests[-1].json)
    with pytest.raises(InvalidRequestError, match="the prompt is empty"):
        await ask(provider, way, " ")
    with pytest.raises(InvalidRequestError, match="messages and a prompt: give one"):
        await ask(provider, way, "Norway?", prompt="Sweden?")
    with pytest.raises(InvalidRequestError, match="give at least one user message"):
        await ask(provider, way, ())


async def test_it_is_counted_too() -> None:
    llm = OpenAIProvider("gpt-4o-mini", api_key="k")
    listed = await llm.count_message_tokens([{"role": "user", "content": "Norway?"}])
    assert await llm.count_message_tokens("Norway?") == listed
    assert await llm.count_message_tokens(prompt="Norway?") == listed
    mock = MockProvider()
    assert await mock.count_message_tokens(prompt="Norway?") == 2


class Plain(MockProvider):
    """A provider that only knows bruno-core's interface."""

    complete = stream_events = None  # type: ignore[assignment]

    async def generate(self, messages: Any, *args: Any, **kwargs: Any) -> str:  # type: ignore[override]
        (message,) = messages
        given = {name: value for name, value in kwargs.items() if value is not None}
        return f"{message.role.value}: {message.content} {given}"

    async def stream(self, messages: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        yield await self.generate(messages, **kwargs)


@pytest.mark.parametrize("given", [{"messages": "Hello"}, {"prompt": "Hello"}])
async def test_a_fallback_and_a_mock_take_it(given: dict[str, Any]) -> None:
    foreign = FallbackProvider([Plain("unused")])
    assert await foreign.generate(**given, top_p=1) == "user: Hello {'top_p': 1}"
    assert [piece async for piece in foreign.stream(**given)] == ["user: Hello {}"]
    assert (await foreign.complete(**given)).text == "user: Hello {}"
    assert [event async for event in foreign.stream_events(**given)]
    mock = MockProvider(default="Hi")
    assert await ToolProvider(MockProvider("Yo"), []).generate(**given) == "Yo"
    assert await FallbackProvider([mock]).generate(**given) == "Hi"
    assert await mock.generate(**given) == "Hi"
    assert [call.text for call in mock.calls] == ["Hello", "Hello"]
    assert all("prompt" not in call.options for call in mock.calls)


async def test_embed_batch_is_embed_texts(server: FakeServer) -> None:
    embedder = OpenAIEmbedder(api_key="k", base_url=server.base_url("openai"))
    vectors = await embedder.embed_batch(["one", "two"])
    assert vectors == [pytest.approx(embedding_of(text, 8)) for text in ("one", "two")]
    assert len(server.requests) == 1


# --- tools in other forms -----------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "weather", "description": "The weather of a city", "parameters": SCHEMA}
FORMS = {
    "bare": FUNCTION,
    "without a type": {"function": FUNCTION},
    "flat": {"type": "function", **FUNCTION},
    "anthropic": {"name": "weather", "description": "...", "input_schema": SCHEMA},
    "whole": {"type": "function", "function": FUNCTION},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", ["complete", "stream_events"])
async def test_a_function_in_any_form(
    case: Case,  # noqa: F811
    server: FakeServer,
    way: str,
    form: str,
) -> None:
    provider, given = case.provider(server), json.loads(json.dumps(FORMS[form]))
    if way == "complete":
        await provider.complete("Oslo?", tools=[given])
    else:
        assert [event async for event in provider.stream_events("Oslo?", tools=[given])]
    assert seen(server.requests[-1]).tools == ["weather"]
    body = json.dumps(server.requests[-1].json)
    assert body.count('"city"') == 2
    assert given == FORMS[form]


@pytest.mark.parametrize(
    "tools", [[{"type": "function", "function": {}}], [{"type": "function"}], [{"name": 3}], ["x"]]
)
async def test_a_tool_without_a_name_is_refused_before_the_request(
    case: Case,  # noqa: F811
    server: FakeServer,
    tools: Any,
) -> None:
    spare = MockProvider(default="never asked")
    with pytest.raises(InvalidRequestError, match=r"\{'type': 'function', 'function': \{'name'"):
        await FallbackProvider([case.provider(server), spare]).complete("Oslo?", tools=tools)
    assert server.requests == []
    assert spare.calls == []


async def test_a_vendors_own_tool_stays_as_it_is(server: FakeServer) -> None:
    own = {"type": "web_search_20250305", "name": "web_search"}
    claude = ClaudeProvider(api_key="k", base_url=server.base_url("anthropic"), retry=None)
    await claude.complete(
        "Oslo?", tools=[own, {**FUNCTION, "cache_control": {"type": "ephemeral"}}]
    )
    first, second = server.requests[-1].json["tools"]
    assert first["type"] == own["type"]
    assert second["cache_control"] == {"type": "ephemeral"}
    assert second["input_schema"]["required"] == ["city"]


async def test_json_without_a_schema_says_what_to_use(server: FakeServer) -> None:
    claude = ClaudeProvider(api_key="k", base_url=server.base_url("anthropic"), retry=None)
    with pytest.raises(InvalidRequestError, match=r"give a schema: .*'json_schema'"):
        await claude.generate("Oslo?", response_format={"type": "json_object"})
    assert server.requests == []


# --- a list of models that is not awaited -------------------------------------------------------


class Guided(MockProvider):
    """As bruno-core's guide for providers writes it."""

    def list_models(self) -> list[str]:  # type: ignore[override]
        return ["guided"]


async def test_list_models_may_be_plain() -> None:
    assert await FallbackProvider([Guided(), MockProvider()]).list_models() == [
        "guided",
        "mock-model",
    ]
    LLMFactory.register("guided", Guided)
    try:
        checked = await LLMFactory.health_check([Guided(connected=False)])
        assert isinstance(LLMFactory.create("guided"), LLMInterface)
    finally:
        LLMFactory.unregister("guided")
    (found,) = checked.values()
    assert found.problem == "it has no model 'mock-model'"


def test_every_provider_is_tried_here() -> None:
    assert len(CASES) >= 5 and issubclass(InvalidRequestError, LLMError)
