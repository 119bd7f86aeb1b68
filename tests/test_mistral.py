"""Mistral: what its format has besides OpenAI's, and its embeddings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from bruno_llm import (
    Completion,
    ContextLengthExceededError,
    InvalidRequestError,
    LLMFactory,
    MistralEmbedder,
    MistralProvider,
    ModelNotFoundError,
    RateLimitError,
    StreamEnd,
    StreamError,
    UnifiedProviderFactory,
    tool_result,
)
from bruno_llm.completion import ToolCall
from bruno_llm.testing import FakeServer, Fault, Raw, Reply

KEY = "k" * 20
ASK = [{"role": "user", "content": "What is 2 + 2?"}]
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def llm(server: FakeServer) -> MistralProvider:
    url = server.base_url("mistral")
    return MistralProvider("magistral-small-latest", base_url=url, api_key=KEY, retry=None)


def event(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": "0a6e1607",
        "object": "chat.completion.chunk",
        "model": "magistral-small-latest",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    if finish:
        body["usage"] = {"prompt_tokens": 10, "completion_tokens": 6, "total_tokens": 16}
    return body


def as_json(body: Any, status: int = 200) -> Raw:
    return Raw(status, {"content-type": "application/json"}, json.dumps(body).encode())


def as_events(bodies: list[Any]) -> Raw:
    lines = [f"data: {json.dumps(body)}\n\n".encode() for body in bodies]
    return Raw(200, {"content-type": "text/event-stream"}, [*lines, b"data: [DONE]\n\n"])


def thinking(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], "closed": True}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


async def streamed(llm: MistralProvider, **options: Any) -> Completion:
    *_, last = [one async for one in llm.stream_events(ASK, **options)]
    assert isinstance(last, StreamEnd)
    return last.completion


async def test_thoughts_are_a_part_of_the_content(llm: MistralProvider, server: FakeServer) -> None:
    parts = [thinking("Two and "), thinking("two."), text("It is"), text(" 4.")]
    plain = event({}, "stop") | {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": parts},
                "finish_reason": "stop",
            }
        ]
    }
    pieces = [
        event({"role": "assistant", "content": ""}),
        *(event({"content": [p]}) for p in parts),
    ]
    server.script(as_json(plain), as_events([*pieces, event({"content": ""}, "stop")]))
    for done in (await llm.complete(ASK), await streamed(llm)):
        assert (done.text, done.reasoning) == ("It is 4.", "Two and two.")
        assert done.finish_reason == "stop"
        assert done.usage is not None
        assert (done.usage.prompt_tokens, done.usage.estimated) == (10, False)


async def test_the_window_of_the_model_ended_the_answer(
    llm: MistralProvider, server: FakeServer
) -> None:
    server.default = Reply("It is", finish_reason="model_length")
    assert (await llm.complete(ASK)).finish_reason == "length"
    assert (await streamed(llm)).finish_reason == "length"


async def test_a_stream_without_its_end_is_cut(llm: MistralProvider, server: FakeServer) -> None:
    server.script(Fault.cut(after=2))
    with pytest.raises(StreamError) as caught:
        await streamed(llm)
    assert caught.value.partial is not None
    assert caught.value.partial.text


async def test_ids_from_elsewhere_become_ones_it_takes(
    llm: MistralProvider, server: FakeServer
) -> None:
    calls = [ToolCall("call_PTLP8xhu3uwZk4l3nlnrrJha", "add"), ToolCall("abcDEF123", "add")]
    asked = [
        {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": "{}"}}
        for c in calls
    ]
    history = [
        *ASK,
        {"role": "assistant", "content": "", "tool_calls": asked},
        *(tool_result(call, "4") for call in calls),
    ]
    await llm.complete(history, tools=[TOOL])
    assert [piece async for piece in llm.stream(history, tools=[TOOL])]
    for request in server.requests:
        _, turn, *results = request.json["messages"]
        ids = [call["id"] for call in turn["tool_calls"]]
        assert ids == [result["tool_call_id"] for result in results]
        assert all(re.fullmatch("[a-zA-Z0-9]{9}", one) for one in ids)
        assert ids[1] == "abcDEF123", "its own stay as they are"


async def test_options_of_its_own(llm: MistralProvider, server: FakeServer) -> None:
    await llm.generate(ASK, safe_prompt=True, seed=7)
    assert server.requests[-1].json["safe_prompt"] is True
    assert server.requests[-1].json["random_seed"] == 7
    with pytest.raises(InvalidRequestError, match="tool_choice"):
        one = {"type": "function", "function": {"name": "add"}}
        await llm.generate(ASK, tools=[TOOL], tool_choice=one)


ERRORS = [
    (400, "invalid_model", "1500", "Invalid model: nope", ModelNotFoundError),
    (
        400,
        "invalid_request_message",
        "3051",
        "Prompt contains 33232 tokens and 0 draft tokens, too large for model with 32768 maximum "
        "context length",
        ContextLengthExceededError,
    ),
    (
        429,
        "service_tier_capacity_exceeded",
        "3505",
        "Service tier capacity exceeded for this model.",
        RateLimitError,
    ),
    (
        400,
        "invalid_function_call",
        "3280",
        "Tool call id was a but must be a-z, A-Z, 0-9.",
        InvalidRequestError,
    ),
]


@pytest.mark.parametrize(("status", "kind", "code", "message", "error"), ERRORS)
async def test_errors(
    llm: MistralProvider,
    server: FakeServer,
    status: int,
    kind: str,
    code: str,
    message: str,
    error: type[Exception],
) -> None:
    body = {"object": "error", "message": message, "type": kind, "param": None, "code": code}
    server.script(*[as_json(body, status)] * 2)
    with pytest.raises(error) as plain:
        await llm.generate(ASK)
    with pytest.raises(error) as stream:
        await streamed(llm)
    assert type(plain.value) is type(stream.value) is error


async def test_embeddings(server: FakeServer) -> None:
    url = server.base_url("mistral")
    embedder = UnifiedProviderFactory.create_embedding("mistral", {"base_url": url, "api_key": KEY})
    assert isinstance(embedder, MistralEmbedder)
    assert embedder.get_dimension() == 1024
    vectors = await embedder.embed_texts(["word"] * 300)
    assert len(vectors) == 300
    # The two requests are on their way at once: either may arrive first.
    assert sorted(len(request.json["input"]) for request in server.requests) == [44, 256]
    assert {request.model for request in server.requests} == {"mistral-embed"}


def test_it_has_a_name() -> None:
    llm = LLMFactory.create("mistral", temperature=0.5)
    assert isinstance(llm, MistralProvider)
    assert (llm.model, llm.name) == ("mistral-small-latest", "mistral")
    assert "mistral" in LLMFactory.list_providers()
