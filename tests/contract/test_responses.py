"""OpenAI's second endpoint, through the public API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from bruno_llm import (
    ConfigurationError,
    CostTracker,
    EmptyResponseError,
    InvalidRequestError,
    LiteLLMProvider,
    LLMError,
    OpenAIProvider,
    QuotaExceededError,
    RateLimitError,
    ReasoningDelta,
    StreamError,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    image_message,
)
from bruno_llm.testing import FakeServer, Fault, Reply
from bruno_llm.testing.fake.parts import ServerTool, Text, Thinking
from bruno_llm.vendors.openai.api import hidden_from_litellm, needs_responses
from tests.contract.matrix import FACTS, KEY, USER, collect, complete
from tests.contract.test_tools import TOOLS

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(strict=True) as running:
        yield running


@pytest.fixture(params=FACTS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def provider(server: FakeServer, model: str = "gpt-5.4-mini", **options: Any) -> OpenAIProvider:
    settings = {"base_url": server.base_url("openai"), "api_key": KEY, "retry": None}
    return OpenAIProvider(model, **{**settings, "api": "responses", **options})


async def test_an_answer_with_its_facts(server: FakeServer, way: str, no_keys: None) -> None:
    usage = Usage(100, 40, 140, cached_tokens=60, reasoning_tokens=24)
    server.script(Reply(parts=[Thinking("Hm."), Text("Oslo.")], usage=usage, id="resp_1"))
    completion = await complete(provider(server), way)
    assert (completion.text, completion.reasoning) == ("Oslo.", "Hm.")
    assert completion.usage == usage
    assert completion.finish_reason == "stop"
    assert completion.id == "resp_1"
    assert completion.model == "gpt-5.4-mini"
    assert completion.cost == pytest.approx((40 * 0.75 + 60 * 0.075 + 40 * 4.5) / 1e6)
    (request,) = server.requests
    assert request.path == "/v1/responses"
    assert request.key == KEY
    assert request.json["store"] is False
    assert request.json["include"] == ["reasoning.encrypted_content"]
    assert request.json["input"] == USER


async def test_the_pieces_of_a_stream(server: FakeServer, no_keys: None) -> None:
    call = ToolCall("call_1", "get_time", {"city": "Oslo"})
    server.script(Reply(parts=[Thinking("Let me see."), Text("I shall ask."), call]))
    events = await collect(provider(server), tools=TOOLS)
    assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)) == "Let me see."
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "I shall ask."
    pieces = [e for e in events if isinstance(e, ToolCallDelta)]
    assert (pieces[0].id, pieces[0].name) == ("call_1", "get_time")
    assert "".join(piece.arguments for piece in pieces) == '{"city": "Oslo"}'


async def test_how_options_are_called_there(server: FakeServer, no_keys: None) -> None:
    class City(BaseModel):
        name: str

    tool = {"type": "function", "function": {"name": "get_time"}}
    await provider(server).complete(
        [{"role": "system", "content": "Be brief."}, image_message("Where?", PNG)],
        max_tokens=64,
        tools=[*TOOLS, {"type": "web_search"}],
        tool_choice=tool,
        reasoning_effort="low",
        verbosity="low",
        response_format=City,
        service_tier="flex",
        include=["web_search_call.action.sources"],
        extra_body={"background": False},
    )
    body = server.requests[-1].json
    assert body["max_output_tokens"] == 64
    assert body["reasoning"] == {"effort": "low"}
    assert body["text"]["verbosity"] == "low"
    assert body["text"]["format"]["type"] == "json_schema"
    assert body["text"]["format"]["schema"]["required"] == ["name"]
    assert body["tool_choice"] == {"type": "function", "name": "get_time"}
    assert [tool.get("name", tool["type"]) for tool in body["tools"]] == [
        "get_weather",
        "get_time",
        "web_search",
    ]
    assert body["tools"][0]["strict"] is False
    assert body["include"] == ["reasoning.encrypted_content", "web_search_call.action.sources"]
    assert (body["service_tier"], body["background"]) == ("flex", False)
    assert [part["type"] for part in body["input"][1]["content"]] == ["input_text", "input_image"]


async def test_files_and_the_endpoints_own_words(
    server: FakeServer, way: str, no_keys: None
) -> None:
    files = [{"file_id": "https://files.test/a.pdf"}, {"file_data": "data:text/plain;base64,QQ=="}]
    parts = [{"type": "file", "file": file} for file in files]
    await complete(
        provider(server),
        way,
        [{"role": "user", "content": [{"type": "text", "text": "Which?"}, *parts]}],
        reasoning={"effort": "low"},
        text={"verbosity": "low"},
        tools=[{"type": "web_search"}],
        tool_choice="auto",
    )
    body = server.requests[-1].json
    assert body["input"][0]["content"] == [
        {"type": "input_text", "text": "Which?"},
        {"type": "input_file", "file_url": "https://files.test/a.pdf"},
        {"type": "input_file", "file_data": files[1]["file_data"], "filename": "file"},
    ]
    assert body["reasoning"]["effort"] == body["text"]["verbosity"] == "low"
    assert body["tool_choice"] == "auto"


async def test_what_it_has_no_field_for(server: FakeServer, no_keys: None) -> None:
    await provider(server).complete(USER, seed=3, stop=["x"])
    assert not {"seed", "stop"} & set(server.requests[-1].json)
    with pytest.raises(InvalidRequestError, match="audio"):
        await provider(server).complete(USER, audio={"voice": "alloy", "format": "wav"})
    with pytest.raises(ConfigurationError, match="api='other' is not allowed"):
        await provider(server, api="other").complete(USER)
    assert len(server.requests) == 1


async def test_a_model_that_does_not_think_has_nothing_to_encrypt(
    server: FakeServer, no_keys: None
) -> None:
    await provider(server, "gpt-4o-mini").complete(USER)
    assert "include" not in server.requests[-1].json


@pytest.mark.parametrize(
    ("reply", "finish"),
    [
        (Reply("Half an", finish_reason="length"), "length"),
        (Reply("Half an", finish_reason="content_filter"), "content_filter"),
        (Reply("", refusal="I cannot."), "stop"),
        (Reply("", tool_calls=[ToolCall("c", "get_time", {"city": "Oslo"})]), "tool_calls"),
    ],
    ids=["length", "filter", "refusal", "call"],
)
async def test_how_an_answer_ends(
    server: FakeServer, way: str, reply: Reply, finish: str, no_keys: None
) -> None:
    server.script(reply)
    completion = await complete(provider(server), way, tools=TOOLS)
    assert completion.finish_reason == finish
    assert completion.refusal == reply.refusal


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.status(429, retry_after=7), RateLimitError),
        (Fault.status(429, code="insufficient_quota"), QuotaExceededError),
        (Fault.status(400, code="invalid_request"), InvalidRequestError),
    ],
)
async def test_errors(
    server: FakeServer, way: str, fault: Fault, error: type[LLMError], no_keys: None
) -> None:
    server.script(fault)
    with pytest.raises(error) as caught:
        await complete(provider(server), way)
    assert caught.value.status_code == fault.http_status
    assert caught.value.request_id
    assert caught.value.retry_after == (7 if fault.retry_after else None)


@pytest.mark.parametrize("fault", [Fault.cut(after=3), Fault.error_event(after=3)])
async def test_a_stream_that_breaks(server: FakeServer, fault: Fault, no_keys: None) -> None:
    server.script(fault)
    with pytest.raises(StreamError) as caught:
        await collect(provider(server))
    partial = caught.value.partial
    assert partial is not None
    assert partial.text
    assert partial.native is None


async def test_a_failed_response(server: FakeServer, way: str, no_keys: None) -> None:
    server.script(Reply("", finish_reason="failed"))
    with pytest.raises(LLMError) as caught:
        await complete(provider(server), way)
    assert not isinstance(caught.value, EmptyResponseError)


async def test_the_vendors_own_tools(server: FakeServer, way: str, no_keys: None) -> None:
    source = {
        "type": "url_citation",
        "url": "https://weather.example/",
        "title": "Weather",
        "start_index": 0,
        "end_index": 5,
    }
    parts = [ServerTool("web_search", {"action": {"query": "x"}}), Text("Sunny.", [source])]
    server.script(Reply(parts=parts))
    completion = await complete(provider(server), way, tools=[{"type": "web_search"}])
    assert completion.tool_calls == ()
    assert completion.native is not None
    assert [item["type"] for item in completion.native["items"]] == ["web_search_call", "message"]
    (citation,) = completion.citations
    assert (citation.url, citation.title) == ("https://weather.example/", "Weather")
    assert completion.text[citation.start : citation.end] == "Sunny"


@pytest.mark.parametrize("model", ["openai/responses/gpt-5.4-mini", "azure/responses/my-gpt"])
async def test_litellms_strings(server: FakeServer, way: str, model: str, no_keys: None) -> None:
    azure = model.startswith("azure/")
    other = LiteLLMProvider(
        model,
        base_url=server.url if azure else server.base_url("openai"),
        api_key=KEY,
        retry=None,
        **({"api_version": "2025-04-01-preview"} if azure else {}),
    )
    completion = await complete(other, way)
    assert completion.text == "Hello"
    request = server.requests[-1]
    assert request.wire == "responses"
    assert request.json["model"] == model.rpartition("/")[2]
    assert other.model == model.replace("responses/", "")


@pytest.mark.covering(1)
@pytest.mark.parametrize("effort", [None, "low"])
@pytest.mark.parametrize("model", ["gpt-5.4-mini", "gpt-5-codex", "gpt-5-mini"])
async def test_ones_own_address_gets_chat_completions(
    server: FakeServer, way: str, model: str, effort: str | None, no_keys: None
) -> None:
    own = provider(server, model, api="auto")
    options = {"tools": TOOLS, "tool_choice": "required", "reasoning_effort": effort}
    completion = await complete(own, way, **options)
    assert completion.text == "Hello"
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.json["model"] == model
    assert request.json["tools"] == TOOLS
    assert request.json["tool_choice"] == "required"


HERE = "http://127.0.0.1:8000/v1"
FUNCTION = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize(
    ("model", "base_url", "options", "mode", "needed"),
    [
        ("gpt-5.4-mini", None, {"tools": FUNCTION}, "chat", True),
        ("gpt-5.4-mini", "https://eu.api.openai.com/v1", {"tools": FUNCTION}, "chat", True),
        ("gpt-6", None, {"tools": FUNCTION}, None, True),
        ("gpt-5.4-mini", None, {"tools": FUNCTION, "reasoning_effort": "none"}, "chat", False),
        ("gpt-5.4-mini", None, {}, "chat", False),
        ("gpt-5.4-mini", HERE, {"tools": FUNCTION}, "chat", False),
        ("gpt-5.2", None, {"tools": FUNCTION}, "chat", False),
        ("gpt-5.2", None, {"tools": [{"type": "web_search"}]}, "chat", True),
        ("gpt-5.2", None, {"tools": [{"type": "custom"}]}, "chat", False),
        ("gpt-5.2", None, {"previous_response_id": "resp_1"}, "chat", True),
        ("o3-pro", None, {}, "responses", True),
        ("o3-pro", HERE, {}, "responses", False),
        ("gpt-5.4-mini", "https://openai.com.example/v1", {"tools": FUNCTION}, "chat", False),
    ],
)
def test_what_auto_takes(
    model: str, base_url: str | None, options: dict[str, Any], mode: str | None, needed: bool
) -> None:
    assert needs_responses("auto", model, base_url, options, mode) is needed
    assert needs_responses("responses", model, base_url, options, mode)
    assert not needs_responses("chat", model, base_url, options, mode)


def test_what_litellm_must_not_see() -> None:
    assert hidden_from_litellm("o3-pro", "responses") == ("model", "tools", "tool_choice")
    assert hidden_from_litellm("gpt-5.4", "chat") == ("tools", "tool_choice")
    assert hidden_from_litellm("gpt-4o", "chat") == ()


def used(name: str, **fields: Any) -> ServerTool:
    return ServerTool(name, fields)


USES = [
    ("gpt-5.4-mini", [used("web_search", action={"type": "search"})] * 2, 0.02),
    ("gpt-5.4-mini", [used("web_search", action={"type": "open_page"})], 0.0),
    ("gpt-4o-mini", [used("web_search")], 0.025),
    ("gpt-5.4-mini", [used("file_search", queries=["a"])] * 3, 0.0075),
    ("gpt-5.4-mini", [used("code_interpreter", container_id="cntr_1")] * 2, 0.03),
    ("gpt-5.4-mini", [used("code_interpreter", container_id=f"cntr_{n}") for n in "12"], 0.06),
    ("gpt-5.4-mini", [used("computer")], 0.0),
]


@pytest.mark.covering(1)
@pytest.mark.parametrize(("model", "tools", "more"), USES)
async def test_built_in_tools_are_paid_by_use(
    server: FakeServer, way: str, model: str, tools: list[ServerTool], more: float, no_keys: None
) -> None:
    costs = CostTracker()
    own = provider(server, model, costs=costs)
    server.script(Reply("Oslo."), Reply(parts=[*tools, Text("Oslo.")]))
    before, after = [(await complete(own, way)).cost for _ in range(2)]
    assert before is not None
    assert after is not None
    assert after == pytest.approx(before + more)
    assert float(costs.total) == pytest.approx(before + after)


async def test_a_tool_without_a_price_adds_nothing(
    server: FakeServer, way: str, no_keys: None
) -> None:
    """litellm knows no price of a search with this model, but the price of its tokens."""
    server.script(Reply(parts=[used("web_search"), Text("Oslo.")]))
    completion = await complete(provider(server, "gpt-4.1-nano"), way)
    assert completion.cost == pytest.approx((10 * 0.1 + 5 * 0.4) / 1e6)
