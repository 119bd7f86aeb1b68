"""What a running Ollama says of its models, and what it leaves out of a prompt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from bruno_llm import (
    Completion,
    ContextWindow,
    ModelNotFoundError,
    OllamaProvider,
    OpenAIProvider,
    ProviderConnectionError,
    StreamEnd,
    Usage,
)
from bruno_llm.testing import FakeServer, Fault, Raw, Reply

ASK = [{"role": "user", "content": "Hi"}]
PROSE = "The ferry to Bodø leaves at noon, and the bakery by the harbour opens an hour before it. "


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def ollama(server: FakeServer, **options: Any) -> OllamaProvider:
    return OllamaProvider("llama3.2", base_url=server.base_url("ollama"), retry=None, **options)


def shown(**fields: Any) -> Raw:
    body = {"model_info": {"llama.context_length": 131_072}, **fields}
    return Raw(200, {"content-type": "application/json"}, json.dumps(body).encode())


async def streamed(llm: OllamaProvider, messages: Any) -> Completion:
    *_, last = [event async for event in llm.stream_events(messages)]
    assert isinstance(last, StreamEnd)
    return last.completion


class TestCapabilities:
    async def test_the_server_knows_better(self, server: FakeServer) -> None:
        can = ["completion", "tools", "vision", "thinking"]
        server.script(shown(capabilities=can), shown(), endpoint="show")
        llm = ollama(server)
        assert llm.capabilities().vision is None
        fetched = await llm.fetch_capabilities()
        assert fetched == llm.capabilities()
        assert (fetched.tools, fetched.vision, fetched.reasoning) == (True, True, True)
        assert (fetched.json_schema, fetched.embeddings) == (True, False)
        assert fetched.max_input_tokens == 131_072
        assert fetched.source == "Ollama's /api/show"
        assert llm.get_model_info()["vision"] is True
        older = await llm.fetch_capabilities()
        assert (older.tools, older.vision) == (None, None), "an old server does not say"

    async def test_a_model_that_cannot(self, server: FakeServer) -> None:
        fetched = await ollama(server).fetch_capabilities()
        assert (fetched.tools, fetched.vision, fetched.reasoning) == (True, False, False)

    async def test_it_is_not_there(self, server: FakeServer) -> None:
        llm = OllamaProvider("nope", base_url=server.base_url("ollama"))
        with pytest.raises(ModelNotFoundError, match="ollama pull nope"):
            await llm.fetch_capabilities()
        with pytest.raises(ProviderConnectionError, match="ollama serve"):
            await OllamaProvider("x", base_url="http://127.0.0.1:9").fetch_capabilities()
        server.script(Raw(200, {}, b"[]"), endpoint="show")
        with pytest.raises(Exception, match="not a JSON object"):
            await ollama(server).fetch_capabilities()

    async def test_elsewhere_nobody_is_asked(self, server: FakeServer) -> None:
        llm = OpenAIProvider("gpt-4o", base_url=server.base_url("openai"), api_key="k" * 20)
        assert await llm.fetch_capabilities() == llm.capabilities()
        assert server.requests == []


class TestWindow:
    def talk(self, turns: int) -> list[dict[str, Any]]:
        roles = ("user", "assistant")
        told = [{"role": roles[n % 2], "content": PROSE * 5} for n in range(turns * 2)]
        return [*told, *ASK]

    async def test_the_window_of_the_running_model(self, server: FakeServer) -> None:
        server.window = 32_768
        llm = ollama(server, window=ContextWindow(reserve=200))
        long = self.talk(30)  # some 6,600 tokens
        first = await llm.complete(long)
        assert first.trimmed is not None, "it does not run yet: 4,096 tokens are sure"
        assert (await llm.complete(long)).trimmed is None
        assert (await streamed(llm, long)).trimmed is None
        kinds = [request.endpoint for request in server.requests]
        assert kinds == ["show", "running", "chat", "show", "running", "chat", "chat"]

    async def test_a_small_window_is_kept_to(self, server: FakeServer) -> None:
        server.window = 2048
        llm = ollama(server, window=ContextWindow(reserve=200))
        await llm.generate(ASK)
        done = await llm.complete(self.talk(15))
        assert done.trimmed is not None
        sent = server.requests[-1].json["messages"]
        assert llm._counter.messages(sent) <= 2048 - 200

    async def test_the_models_own_file(self, server: FakeServer) -> None:
        file = 'num_ctx                        8192\nstop                           "<|end|>"'
        server.script(shown(parameters=file), endpoint="show")
        llm = ollama(server, window=ContextWindow(reserve=200))
        assert (await llm.complete(self.talk(25))).trimmed is None
        assert (await llm.complete(self.talk(60))).trimmed is not None
        kinds = [request.endpoint for request in server.requests]
        assert kinds == ["show", "chat", "chat"], "nothing else has to be asked"

    async def test_an_old_server_has_4096(self, server: FakeServer) -> None:
        llm = ollama(server, window=ContextWindow(reserve=200))
        for _ in range(3):
            assert (await llm.complete(self.talk(30))).trimmed is not None
        asked = [request for request in server.requests if request.endpoint == "running"]
        assert len(asked) == 2, "once it runs there is no more to know"

    async def test_num_ctx_needs_no_question(self, server: FakeServer) -> None:
        llm = ollama(server, window=ContextWindow(reserve=200), num_ctx=16_384)
        assert (await llm.complete(self.talk(30))).trimmed is None
        assert [request.endpoint for request in server.requests] == ["chat"]

    async def test_a_server_that_will_not_say(self, server: FakeServer) -> None:
        server.script(Fault.status(500), Fault.status(500), endpoint="show")
        llm = ollama(server, window=ContextWindow(reserve=200))
        assert (await llm.complete(self.talk(30))).trimmed is not None
        assert await llm.generate(ASK) == "Hello"


class TestCut:
    """``prompt_eval_count`` alone says that something was left out."""

    @pytest.mark.parametrize(
        ("read", "messages", "cut"),
        [
            (37, [{"role": "user", "content": PROSE * 60}, *ASK], True),
            (22, [{"role": "system", "content": PROSE * 60}, *ASK], True),
            (520, [{"role": "user", "content": PROSE * 60}, *ASK], True),
            (900, [{"role": "user", "content": PROSE * 60}, *ASK], False),
            (26, ASK, False),
            (12, [{"role": "user", "content": PROSE * 4}], False),
            (300, [{"role": "user", "content": "नमस्ते दुनिया, आज मौसम अच्छा है। " * 25}], False),
            (90, [{"role": "user", "content": "नमस्ते दुनिया, आज मौसम अच्छा है। " * 250}], True),
        ],
    )
    async def test_much_less_was_read_than_counted(
        self, server: FakeServer, read: int, messages: Any, cut: bool
    ) -> None:
        server.default = Reply("Hi", usage=Usage(read, 5, read + 5))
        llm = ollama(server, num_ctx=65_536)
        with capture_logs() as events:
            for done in (await llm.complete(messages), await streamed(llm, messages)):
                assert done.metadata.get("prompt_cut", False) is cut
        told = [event for event in events if event["event"] == "prompt_cut_by_server"]
        assert [event["prompt_tokens"] for event in told] == [read] * (2 * cut)

    async def test_an_image_may_count_anything(self, server: FakeServer) -> None:
        server.default = Reply("A cat", usage=Usage(40, 5, 45))
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
        parts = [{"type": "text", "text": "What is it?"}, image]
        done = await ollama(server).complete([{"role": "user", "content": parts}])
        assert "prompt_cut" not in done.metadata
