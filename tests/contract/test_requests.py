"""What the vendor gets: the system prompt, roles, images, options, and not one request more."""

from __future__ import annotations

import base64
from collections.abc import MutableMapping
from typing import Any

import pytest
from bruno_core.models.message import Message, MessageRole
from pydantic import BaseModel
from structlog.testing import capture_logs

from bruno_llm import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    LLMError,
    OpenAIProvider,
    image_message,
)
from bruno_llm.testing import FakeServer, Fault
from tests.contract.matrix import (
    CASES,
    GENERIC,
    KEY,
    OLLAMA,
    USER,
    WAYS,
    Case,
    Make,
    all_but,
    ask,
    seen,
)

pytestmark = pytest.mark.covering(1)

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJg"
    "gg=="
)


class Capital(BaseModel):
    """What is asked for as structured output."""

    city: str


async def test_the_key_and_the_model_are_sent(
    case: Case, make: Make, server: FakeServer, way: str
) -> None:
    await ask(make(), way)
    (request,) = server.requests
    assert request.key == KEY
    assert request.model == case.bare
    assert request.stream == (way in ("stream", "stream_events"))


async def test_the_system_prompt_is_sent_first_on_every_call(
    make: Make, server: FakeServer, way: str
) -> None:
    provider = make(system_prompt="You are Bruno.")
    await ask(provider, way)
    await ask(provider, way, [*USER, {"role": "assistant", "content": "Oslo."}, *USER])
    for request in server.requests:
        assert seen(request).system == "You are Bruno."


async def test_the_system_prompt_can_be_set_and_read(
    make: Make, server: FakeServer, way: str
) -> None:
    provider = make()
    assert provider.get_system_prompt() is None
    provider.set_system_prompt("You are Bruno.")
    assert provider.get_system_prompt() == "You are Bruno."
    await ask(provider, way)
    assert seen(server.requests[0]).system == "You are Bruno."


async def test_all_system_messages_are_hoisted(make: Make, server: FakeServer, way: str) -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        Message(role=MessageRole.SYSTEM, content="Answer in French."),
        {"role": "assistant", "content": "Bonjour"},
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Again"},
    ]
    await ask(make(system_prompt="You are Bruno."), way, messages)
    request = seen(server.requests[0])
    assert request.system == "You are Bruno.\n\nAnswer in French.\n\nBe brief."
    assert [turn.role for turn in request.turns] == ["user", "assistant", "user"]


async def test_roles_and_texts_arrive_as_they_are(make: Make, server: FakeServer, way: str) -> None:
    messages = [
        Message(role=MessageRole.USER, content="Première question: où est l'“Opéra”?"),
        Message(role=MessageRole.ASSISTANT, content="À Oslo 🙂"),
        {"role": "user", "content": [{"type": "text", "text": "Danke.\nUnd jetzt?"}]},
    ]
    await ask(make(), way, messages)
    turns = seen(server.requests[0]).turns
    assert [(turn.role, turn.text) for turn in turns] == [
        ("user", "Première question: où est l'“Opéra”?"),
        ("assistant", "À Oslo 🙂"),
        ("user", "Danke.\nUnd jetzt?"),
    ]


async def test_what_a_rolling_window_leaves_behind_is_repaired_without_losing_text(
    make: Make, server: FakeServer, way: str
) -> None:
    messages = [
        Message(role=MessageRole.ASSISTANT, content="the end of an earlier answer"),
        Message(role=MessageRole.TOOL, content="22 degrees", metadata={"tool_call_id": "gone"}),
        Message(role=MessageRole.USER, content="first try"),
        Message(role=MessageRole.USER, content="second try"),
    ]
    await ask(make(), way, messages)
    request = seen(server.requests[0])
    assert [turn.role for turn in request.turns] == ["user", "assistant", "user"]
    for text in ("the end of an earlier answer", "22 degrees", "first try", "second try"):
        assert text in request.text


async def test_the_callers_messages_are_not_changed(
    make: Make, server: FakeServer, way: str
) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": "there"},
    ]
    before = repr(messages)
    await ask(make(system_prompt="You are Bruno."), way, messages)
    assert repr(messages) == before


async def test_images_are_sent_in_the_vendors_format(
    make: Make, server: FakeServer, way: str
) -> None:
    await ask(make(), way, [image_message("What is this?", PIXEL)])
    (turn,) = seen(server.requests[0]).turns
    assert turn.text == "What is this?"
    (image,) = turn.images
    assert image.removeprefix("data:image/png;base64,") == base64.b64encode(PIXEL).decode()


async def test_values_of_the_provider_and_of_the_call(
    make: Make, server: FakeServer, way: str
) -> None:
    provider = make(temperature=0.2, max_tokens=100, top_p=0.9)
    await ask(provider, way)
    await ask(provider, way, temperature=0.7, max_tokens=50, top_p=0.5)
    usual, other = map(seen, server.requests)
    assert (usual.temperature, usual.max_tokens, usual.top_p) == (0.2, 100, 0.9)
    assert (other.temperature, other.max_tokens, other.top_p) == (0.7, 50, 0.5)


async def test_a_temperature_of_zero_is_sent(make: Make, server: FakeServer, way: str) -> None:
    await ask(make(temperature=0.0), way)
    assert seen(server.requests[0]).temperature == 0


async def test_nothing_is_sent_that_nobody_asked_for(
    case: Case, make: Make, server: FakeServer, way: str
) -> None:
    await ask(make(), way)
    request = seen(server.requests[0])
    assert (request.temperature, request.top_p, request.tools, request.schema) == (
        None,
        None,
        [],
        None,
    )
    assert request.max_tokens == (4096 if case.vendor == "anthropic" else None)


async def test_extra_body_goes_to_the_vendor_as_it_is(
    case: Case, make: Make, server: FakeServer, way: str
) -> None:
    await ask(make(), way, extra_body={"vendor_field": {"a": 1}})
    assert server.requests[0].json["vendor_field"] == {"a": 1}


async def test_extra_headers_are_sent(make: Make, server: FakeServer, way: str) -> None:
    await ask(make(), way, extra_headers={"x-team": "blue"})
    assert server.requests[0].headers["x-team"] == "blue"
    assert server.requests[0].key == KEY


@pytest.mark.parametrize("schema", [Capital, "json_schema"], ids=["pydantic", "json_schema"])
async def test_a_schema_reaches_the_vendor(
    make: Make, server: FakeServer, way: str, schema: Any
) -> None:
    if schema == "json_schema":
        body = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
        schema = {"type": "json_schema", "json_schema": {"name": "capital", "schema": body}}
    await ask(make(), way, response_format=schema)
    sent = seen(server.requests[0]).schema
    assert sent is not None
    assert sent["properties"]["city"]["type"].lower() == "string"


async def test_an_unknown_option_is_refused_with_the_nearest_name(
    make: Make, server: FakeServer, way: str
) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'top_p'"):
        await ask(make(), way, topp=0.5)
    with pytest.raises(ConfigurationError, match="did you mean 'frequency_penalty'"):
        make(frequency_penality=1)
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", -1), ("temperature", "hot"), ("max_tokens", 0), ("max_tokens", True)],
)
async def test_a_value_that_cannot_be_right_is_refused(
    make: Make, server: FakeServer, way: str, name: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError, match=name):
        await ask(make(), way, **{name: value})
    with pytest.raises(ConfigurationError, match=name):
        make(**{name: value})
    assert server.requests == []


async def test_a_knob_the_model_lacks_is_dropped_with_one_warning(
    case: Case,
    make: Make,
    server: FakeServer,
    events: list[MutableMapping[str, Any]],
    way: str,
) -> None:
    option: str
    value: Any
    if case.vendor == "openai":  # its first reasoning models take neither
        model = case.model.replace("gpt-4o-mini", "o3-mini")
        provider = case.cls(model, base_url=server.base_url("openai"), api_key=KEY)
        option, value = "temperature", 0.5
    else:
        provider = make()
        option, value = "logit_bias", {"50256": -100}
    for _ in range(2):
        await ask(provider, way, **{option: value})
    assert all(option not in str(request.json) for request in server.requests)
    dropped = [event for event in events if event["event"] == "llm_option_dropped"]
    assert [event["option"] for event in dropped] == [option]


async def test_a_feature_the_model_lacks_is_refused(
    case: Case, make: Make, server: FakeServer, way: str
) -> None:
    feature: tuple[str, Any] = ("audio", {"voice": "alloy", "format": "wav"})
    if case.vendor == "openai":
        feature = ("thinking", {"type": "enabled", "budget_tokens": 1024})
    with pytest.raises(InvalidRequestError, match=feature[0]) as caught:
        await ask(make(), way, **dict([feature]))
    assert (caught.value.provider, server.requests) == (case.named, [])


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": "Be brief."}],
        [{"role": "robot", "content": "beep"}],
        [{"role": "user", "content": "  "}],
        [{"content": "no role"}],
        ["just text"],
        "  ",
        {"role": "user", "content": "not in a list"},
    ],
    ids=["none", "system-only", "unknown-role", "blank", "no-role", "text", "blank-text", "one"],
)
async def test_messages_that_cannot_be_sent_are_refused_before_any_request(
    make: Make, server: FakeServer, way: str, messages: Any
) -> None:
    with pytest.raises(InvalidRequestError):
        await ask(make(system_prompt="You are Bruno."), way, messages)
    assert server.requests == []


async def test_one_call_is_one_request(make: Make, server: FakeServer, way: str) -> None:
    """Ollama's model is not looked up, and no client below retries."""
    for item in (None, Fault.status(500), Fault.status(429), Fault.status(401), Fault.reset()):
        server.requests.clear()
        if item is None:
            await ask(make(), way)
        else:
            server.script(item)
            with pytest.raises(LLMError):
                await ask(make(), way)
        assert [request.endpoint for request in server.requests] == ["chat"], item


@all_but(OLLAMA)
async def test_a_missing_key_is_an_error_before_any_request(case: Case, way: str) -> None:
    provider = case.cls(case.model)  # on the vendor's own address
    with pytest.raises(AuthenticationError, match=case.variable) as caught:
        await ask(provider, way)
    assert caught.value.provider == case.named
    assert caught.value.status_code is None
    assert caught.value.__cause__ is None


@all_but(OLLAMA)
async def test_the_key_is_found_in_the_vendors_variable(
    case: Case, make: Make, server: FakeServer, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    provider = make(api_key=None)
    assert case.variable is not None
    monkeypatch.setenv(case.variable, "a-key-from-the-environment")
    await ask(provider, way)
    assert server.requests[0].key == "a-key-from-the-environment"


async def test_the_address_is_found_in_the_vendors_variable(
    case: Case, server: FakeServer, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    address = server.base_url(case.vendor)
    if case.vendor == "ollama":  # a server's address is written without a scheme there
        address = address.removeprefix("http://")
    monkeypatch.setenv(case.address, address + "/")
    await ask(case.cls(case.model, api_key=KEY), way)
    assert len(server.requests) == 1


async def test_a_prefixed_or_blank_model_is_understood(
    case: Case, server: FakeServer, way: str
) -> None:
    provider = case.cls(case.prefix + case.bare, base_url=server.base_url(case.vendor), api_key=KEY)
    await ask(provider, way)
    assert server.requests[0].model == case.bare
    if case is not GENERIC:
        assert case.cls(" ").model == case.cls().model == case.cls.default_model


async def test_openais_organization_travels_as_a_header(server: FakeServer) -> None:
    url = server.base_url("openai")
    provider = OpenAIProvider("gpt-4o", api_key=KEY, base_url=url, organization="org-1")
    await provider.generate(USER)
    assert server.requests[0].headers["openai-organization"] == "org-1"
    assert "organization" not in server.requests[0].json


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ollama", {"tool_choice": "required"}),
        ("ollama", {"functions": [{"name": "f", "parameters": {}}]}),
        ("claude", {"response_format": {"type": "json_object"}}),
    ],
)
async def test_a_feature_that_litellm_would_lose_is_refused(
    name: str, options: dict[str, Any], way: str, server: FakeServer
) -> None:
    (case,) = (case for case in CASES if case.id == name)
    with pytest.raises(InvalidRequestError, match="does not take"):
        await ask(case.provider(server), way, **options)
    assert not server.requests


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "option"), [("ollama", "user"), ("ollama", "frequency_penalty"), ("gemini", "user")]
)
async def test_a_knob_that_litellm_would_lose_is_announced(
    name: str, option: str, way: str, server: FakeServer
) -> None:
    (case,) = (case for case in CASES if case.id == name)
    with capture_logs() as events:
        await ask(case.provider(server), way, **{option: "ada" if option == "user" else 0.5})
    dropped = [event for event in events if event["event"] == "llm_option_dropped"]
    assert [event["option"] for event in dropped] == [option]


@pytest.mark.parametrize("tools", ["get_weather", [42], {"type": "function"}])
async def test_tools_that_are_none_are_refused(tools: Any, server: FakeServer) -> None:
    for case in CASES:
        with pytest.raises(InvalidRequestError, match="dict"):
            await ask(case.provider(server), "complete", tools=tools)
    assert not server.requests


@pytest.mark.parametrize("way", WAYS)
async def test_an_image_is_not_sent_to_a_blind_model(way: str, server: FakeServer) -> None:
    """litellm's map says of o3-mini that it cannot see; of an unknown model nobody says it."""
    address = {"base_url": server.base_url("openai"), "api_key": "k" * 20, "retry": None}
    picture = [image_message("What is this?", PIXEL)]
    with pytest.raises(InvalidRequestError, match="cannot see images"):
        await ask(OpenAIProvider("o3-mini", **address), way, messages=picture)
    assert not server.requests
    await ask(OpenAIProvider("my-own-model", **address), way, messages=picture)
    assert len(server.requests) == 1
