"""What the vendors are really sent, where litellm's own request is not what they take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bruno_llm import ClaudeProvider, LiteLLMProvider, OllamaProvider
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
