"""FakeServer's Responses format, judged by the openai library: its types and its client."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from bruno_llm.completion import ToolCall, Usage
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing import FakeServer, Fault, Media, Reply, ServerTool, Text, Thinking

# No proxy of the environment, and no reading of certificates for every test.
PLAIN: dict[str, Any] = {"trust_env": False, "verify": False}
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
ENCRYPTED = {"include": ["reasoning.encrypted_content"], "store": False}
SOURCE = {
    "type": "url_citation",
    "url": "https://example.org/oslo",
    "title": "Oslo",
    "start_index": 0,
    "end_index": 4,
}
RICH = Reply(
    parts=[
        Thinking("First a search."),
        Thinking(redacted=True),
        ServerTool("web_search", {"action": {"type": "search", "query": "Oslo"}}),
        Text("Oslo it is.", citations=[SOURCE]),
        ToolCall("call_1", "get_weather", {"city": "Tromsø"}),
        ToolCall("call_2", "get_time", {}),
    ],
    usage=Usage(100, 40, 140, cached_tokens=30, reasoning_tokens=15),
    id="resp_1",
)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def vendor(server: FakeServer) -> Iterator[openai.OpenAI]:
    with (
        httpx.Client(**PLAIN, timeout=5) as http,
        openai.OpenAI(
            api_key="k", base_url=server.base_url("responses"), http_client=http, max_retries=0
        ) as client,
    ):
        yield client


def events(server: FakeServer, **fields: Any) -> list[dict[str, Any]]:
    """The events of a streamed answer, each with the name that its first line says."""
    body = {"model": "gpt-5-mini", "input": "hi", "stream": True, **fields}
    answer = httpx.post(**PLAIN, url=f"{server.url}/v1/responses", json=body)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def test_a_plain_answer(server: FakeServer, vendor: openai.OpenAI) -> None:
    server.script(RICH)
    got = vendor.responses.create(model="gpt-5-mini", input="hi", **ENCRYPTED)
    assert got.id == "resp_1"
    assert got.status == "completed"
    assert got.output_text == "Oslo it is."
    assert [item.type for item in got.output] == [
        "reasoning",
        "reasoning",
        "web_search_call",
        "message",
        "function_call",
        "function_call",
    ]
    seen, unseen, search, message, weather, _ = got.output
    assert seen.summary[0].text == "First a search."
    assert unseen.summary == []
    assert seen.encrypted_content != unseen.encrypted_content
    assert base64.b64decode(seen.encrypted_content)
    assert search.action.query == "Oslo"
    assert message.content[0].annotations[0].url == SOURCE["url"]
    assert (weather.call_id, json.loads(weather.arguments)) == ("call_1", {"city": "Tromsø"})
    usage = got.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (100, 40, 140)
    assert usage.input_tokens_details.cached_tokens == 30
    assert usage.output_tokens_details.reasoning_tokens == 15
    request = server.requests[0]
    assert (request.vendor, request.wire, request.endpoint) == ("openai", "responses", "chat")


def test_what_is_encrypted_comes_to_those_who_ask(server: FakeServer) -> None:
    server.default = Reply("x", reasoning="Hm.")
    url, body = f"{server.url}/v1/responses", {"model": "m", "input": "hi"}
    without = httpx.post(**PLAIN, url=url, json=body).json()["output"][0]
    assert "encrypted_content" not in without
    asked = httpx.post(**PLAIN, url=url, json=body | ENCRYPTED).json()
    assert asked["store"] is False
    again = httpx.post(**PLAIN, url=url, json=body | ENCRYPTED).json()
    first, second = (answer["output"][0]["encrypted_content"] for answer in (asked, again))
    assert first != second


def test_every_event_is_documented_and_in_order(server: FakeServer) -> None:
    server.script(RICH)
    got = events(server, **ENCRYPTED)
    for event in got:
        EVENT.validate_python(event)
    assert [event["sequence_number"] for event in got] == list(range(len(got)))
    kinds = [event["type"].removeprefix("response.") for event in got]
    assert kinds[:2] == ["created", "in_progress"]
    assert kinds[-1] == "completed"
    for kind in (
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "web_search_call.in_progress",
        "web_search_call.searching",
        "web_search_call.completed",
        "content_part.added",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "function_call_arguments.delta",
        "function_call_arguments.done",
    ):
        assert kind in kinds
    assert kinds.count("output_item.added") == kinds.count("output_item.done") == 6
    # An item opens before it grows and is done before the next one opens.
    open_item: str | None = None
    for event in got:
        if event["type"] == "response.output_item.added":
            assert open_item is None
            open_item = event["item"]["id"]
        elif event["type"] == "response.output_item.done":
            assert event["item"]["id"] == open_item
            open_item = None
        elif "item_id" in event:
            assert event["item_id"] == open_item
    done = [e["item"] for e in got if e["type"] == "response.output_item.done"]
    assert done == got[-1]["response"]["output"]
    early = next(e["item"] for e in got if e["type"] == "response.output_item.added")
    assert early["encrypted_content"] != done[0]["encrypted_content"]


def test_the_client_of_openai_reads_the_stream(server: FakeServer, vendor: openai.OpenAI) -> None:
    server.script(RICH)
    with vendor.responses.stream(model="gpt-5-mini", input="hi") as stream:
        text = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == final.output_text == "Oslo it is."
    assert [item.name for item in final.output if item.type == "function_call"] == [
        "get_weather",
        "get_time",
    ]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("failed", "failed", None),
        ("stop", "completed", None),
    ],
)
def test_how_an_answer_ends(
    server: FakeServer, stream: bool, finish: str, status: str, reason: str | None
) -> None:
    server.script(Reply("Oslo", finish_reason=finish))
    if stream:
        last = events(server)[-1]
        assert last["type"] == f"response.{status}"
        body = last["response"]
    else:
        body = httpx.post(
            **PLAIN, url=f"{server.url}/v1/responses", json={"model": "m", "input": "x"}
        ).json()
    Response.model_validate(body)
    assert body["status"] == status
    assert (body["incomplete_details"] or {}).get("reason") == reason
    assert (body["error"] is not None) == (status == "failed")


def test_refusals(server: FakeServer, vendor: openai.OpenAI) -> None:
    server.default = Reply("", refusal="I will not.")
    plain = vendor.responses.create(model="m", input="hi")
    assert plain.output[0].content[0].refusal == "I will not."
    got = events(server)
    for event in got:
        EVENT.validate_python(event)
    deltas = [e["delta"] for e in got if e["type"] == "response.refusal.delta"]
    assert "".join(deltas) == "I will not."
    assert "response.refusal.done" in [e["type"] for e in got]


def test_pictures_and_items_of_ones_own(server: FakeServer, vendor: openai.OpenAI) -> None:
    compaction = {"id": "cmp_1", "type": "compaction", "encrypted_content": "x"}
    server.default = Reply(parts=[Media(b"\x89PNG", "image/png"), compaction])
    picture, item = vendor.responses.create(model="m", input="hi").output
    assert base64.b64decode(picture.result) == b"\x89PNG"
    assert item.to_dict() == compaction
    got = events(server)
    assert "response.image_generation_call.generating" in [e["type"] for e in got]


def test_a_sound_is_told_to_be_impossible() -> None:
    with pytest.raises(ConfigurationError, match="no Media"), FakeServer() as server:
        server.script(Reply(parts=[Media(b"RIFF", "audio/wav")]))
        with pytest.raises(httpx.HTTPError):
            httpx.post(**PLAIN, url=f"{server.url}/v1/responses", json={"model": "m"})


def test_an_error_in_the_middle(server: FakeServer) -> None:
    fault = Fault.error_event(2, status=429, code="insufficient_quota", reply=Reply("a b c"))
    server.script(fault, Fault.error_event(0))
    got = events(server)
    assert [event["sequence_number"] for event in got] == list(range(len(got)))
    error, failed = got[-2:]
    assert error["error"]["code"] == "insufficient_quota"
    assert failed["response"]["id"] == got[0]["response"]["id"]
    assert failed["response"]["error"]["code"] == "insufficient_quota"
    assert [e["delta"] for e in got if e["type"] == "response.output_text.delta"] == ["a", " b"]
    assert [event["type"] for event in events(server)] == ["error", "response.failed"]


def test_error_statuses(server: FakeServer, vendor: openai.OpenAI) -> None:
    server.script(Fault.status(429, 7.0), Fault.status(400, code="context_length_exceeded"))
    with pytest.raises(openai.RateLimitError) as limit:
        vendor.responses.create(model="m", input="hi")
    assert limit.value.response.headers["retry-after"] == "7"
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        vendor.responses.create(model="m", input="hi")


def test_a_cut_stream_has_nothing_of_what_comes_later(server: FakeServer) -> None:
    server.script(Fault.cut(1, reply=Reply(parts=[Thinking("Hm."), Text("one two")])))
    got = events(server)
    assert [event["type"] for event in got][-1] == "response.reasoning_summary_text.delta"


def test_other_vendors_have_the_address_too(server: FakeServer) -> None:
    server.default = Reply("x")
    body = {"model": "m", "input": "hi"}
    assert httpx.post(**PLAIN, url=f"{server.base_url('xai')}/responses", json=body).json()[
        "output"
    ]
    assert server.requests[-1].vendor == "xai"
    assert server.requests[-1].wire == "responses"
