"""What the vendors are really sent, where litellm's own request is not what they take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bruno_llm import (
    ClaudeProvider,
    GeminiProvider,
    InvalidRequestError,
    LiteLLMProvider,
    OllamaEmbedder,
    OllamaProvider,
)
from bruno_llm.schema import inlined
from bruno_llm.testing import FakeServer, Reply, Request

ASK = [{"role": "user", "content": "Where?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "default": "Oslo"}},
    "required": ["city"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}
KEY = "k" * 20


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


async def sent(llm: LiteLLMProvider, server: FakeServer, **options: Any) -> list[Request]:
    """The requests of a plain call and of a stream."""
    before = len(server.requests)
    assert await llm.generate(ASK, **options)
    assert [piece async for piece in llm.stream(ASK, **options)]
    both = server.requests[before:]
    assert len(both) == 2
    return both


async def test_anthropics_schemas_by_their_present_name(server: FakeServer) -> None:
    server.default = Reply('{"city": "Oslo"}')
    url = server.base_url("anthropic")
    llm = ClaudeProvider("claude-sonnet-4-5", base_url=url, api_key=KEY, retry=None)
    for request in await sent(llm, server, response_format=FORM):
        form = request.json["output_config"]["format"]
        assert (form["type"], form["schema"]["required"]) == ("json_schema", ["city"])
        assert "output_format" not in request.json


async def test_geminis_tools_as_the_schema_they_were_given_as(server: FakeServer) -> None:
    schema = {
        "$defs": {"Unit": {"enum": ["c", "f"], "description": "Of the scale"}},
        "type": "object",
        "properties": {
            "city": {"type": "string", "default": "Oslo"},
            "unit": {"$ref": "#/$defs/Unit"},
            "days": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
        "required": ["city"],
        "additionalProperties": False,
    }
    tools = [
        {"type": "function", "function": {"name": "weather", "parameters": schema}},
        {"type": "function", "function": {"name": "now", "description": "The time"}},
    ]
    url = server.base_url("gemini")
    llm = GeminiProvider("gemini-2.5-flash", base_url=url, api_key=KEY, retry=None)
    for request in await sent(llm, server, tools=tools):
        weather, now = request.json["tools"][0]["function_declarations"]
        assert weather["parametersJsonSchema"] == inlined(schema)
        assert "parameters" not in weather
        assert now["name"] == "now"
    for request in await sent(llm, server, response_format=FORM):
        assert request.json["generationConfig"]["response_json_schema"] == SCHEMA


TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


class TestOllama:
    @pytest.fixture
    def llm(self, server: FakeServer) -> OllamaProvider:
        return OllamaProvider("llama3.2", base_url=server.base_url("ollama"), retry=None)

    async def test_messages_without_an_image_have_no_images(
        self, llm: OllamaProvider, server: FakeServer
    ) -> None:
        for request in await sent(llm, server):
            assert request.json["messages"] == ASK

    async def test_it_is_told_not_to_cut_the_prompt(
        self, llm: OllamaProvider, server: FakeServer
    ) -> None:
        for request in await sent(llm, server):
            assert request.json["truncate"] is False
        for request in await sent(llm, server, extra_body={"truncate": True}):
            assert request.json["truncate"] is True, "unless somebody says otherwise"

    async def test_one_text_that_stops_is_a_list_of_one(
        self, llm: OllamaProvider, server: FakeServer
    ) -> None:
        for request in await sent(llm, server, stop="END"):
            assert request.json["options"]["stop"] == ["END"]

    async def test_presence_penalty_is_sent(self, llm: OllamaProvider, server: FakeServer) -> None:
        for request in await sent(llm, server, presence_penalty=0.5, extra_body={"raw": False}):
            assert request.json["options"]["presence_penalty"] == 0.5
            assert "presence_penalty" not in request.json
            assert request.json["raw"] is False

    async def test_no_tool_may_be_called(self, llm: OllamaProvider, server: FakeServer) -> None:
        for request in await sent(llm, server, tools=[TOOL], tool_choice="none"):
            assert "tools" not in request.json
        for request in await sent(llm, server, tools=[TOOL], tool_choice="auto"):
            assert len(request.json["tools"]) == 1

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("num_ctx", "much"),
            ("num_ctx", 2048.5),
            ("num_ctx", -1),
            ("num_ctx", 0),
            ("stop", 5),
            ("stop", [5]),
            ("seed", "seven"),
            ("top_p", "high"),
            ("think", "never"),
            ("num_gpu", True),
        ],
    )
    async def test_what_no_server_takes_is_refused_before_the_request(
        self, llm: OllamaProvider, server: FakeServer, option: str, value: Any
    ) -> None:
        with pytest.raises(InvalidRequestError, match=option):
            await llm.generate(ASK, **{option: value})
        with pytest.raises(InvalidRequestError, match=option):
            _ = [piece async for piece in llm.stream(ASK, **{option: value})]
        assert server.requests == []

    @pytest.mark.parametrize(
        ("written", "address"),
        [
            ("", "http://localhost:11434"),
            ("gpu-box", "http://gpu-box:11434"),
            (":21434", "http://localhost:21434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:80/", "http://127.0.0.1:80"),
            ("[::]:11435", "http://[::1]:11435"),
            ("[::1]", "http://[::1]:11434"),
            ("http://gpu-box", "http://gpu-box"),
            ("https://gpu-box/ollama/", "https://gpu-box/ollama"),
            ("gpu-box/ollama", "http://gpu-box:11434/ollama"),
        ],
    )
    def test_its_address_as_ollama_reads_it(
        self, monkeypatch: pytest.MonkeyPatch, written: str, address: str
    ) -> None:
        monkeypatch.delenv("OLLAMA_API_BASE", raising=False)
        monkeypatch.setenv("OLLAMA_HOST", written)
        assert OllamaProvider().base_url == address
        assert OllamaEmbedder().base_url == address
        if written:
            assert OllamaProvider(base_url=written).base_url == address
