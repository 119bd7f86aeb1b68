"""What an answer holds besides text and calls, and what a history may hold."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from bruno_core.models.message import Message
from pydantic import BaseModel

from bruno_llm import (
    ClaudeProvider,
    EmptyResponseError,
    GeminiProvider,
    InvalidRequestError,
    LiteLLMProvider,
    OllamaProvider,
    OpenAIProvider,
    StreamError,
    ToolCall,
    completion_message,
    tool_result,
)
from bruno_llm.messages.results import as_result
from bruno_llm.testing import FakeServer, Fault, Raw, Reply
from bruno_llm.testing.fake.parts import Media, ServerTool, Text, Thinking
from tests.contract.matrix import FACTS, KEY, USER, complete
from tests.contract.test_tools import TOOLS

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(8)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(strict=True) as running:
        yield running
        assert running.refusals == []


@pytest.fixture(params=FACTS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def at(
    server: FakeServer, cls: type[LiteLLMProvider], wire: str, model: str | None = None, **more: Any
) -> LiteLLMProvider:
    return cls(model, base_url=server.base_url(wire), api_key=KEY, retry=None, **more)


# --- media ---------------------------------------------------------------------------------------


async def test_speech_and_its_words(server: FakeServer, way: str, no_keys: None) -> None:
    provider = at(server, OpenAIProvider, "openai", "gpt-4o-audio-preview")
    server.script(Reply(parts=[Media(WAV, "audio/wav", "Good day.")]))
    completion = await complete(provider, way)
    (sound,) = completion.attachments
    assert (sound.media_type, sound.data, sound.transcript) == ("audio/wav", WAV, "Good day.")
    message = completion_message(completion)
    assert message.content == "Good day."
    await complete(provider, way, [message, {"role": "user", "content": "Again?"}])
    turn = server.requests[-1].json["messages"][1]
    assert turn["audio"] == {"id": sound.id}
    assert "Good day." not in str(turn)


async def test_an_image_of_gemini(server: FakeServer, way: str, no_keys: None) -> None:
    provider = at(server, GeminiProvider, "gemini", "gemini-3-pro-image-preview")
    server.script(Reply(parts=[Text("Here:"), Media(PNG, "image/png")]))
    completion = await complete(provider, way)
    (image,) = completion.attachments
    assert (image.media_type, image.data) == ("image/png", PNG)
    assert completion.text == "Here:"
    again = [completion_message(completion), {"role": "user", "content": "Make it blue."}]
    await complete(provider, way, again)
    assert completion.native is not None
    assert server.requests[-1].json["contents"][1]["parts"] == completion.native["items"]


async def test_an_image_of_the_responses_endpoint(
    server: FakeServer, way: str, no_keys: None
) -> None:
    provider = at(server, OpenAIProvider, "openai", api="responses")
    server.script(Reply(parts=[Media(PNG, "image/png")]))
    (image,) = (await complete(provider, way)).attachments
    assert (image.media_type, image.data) == ("image/png", PNG)


async def test_generate_says_that_there_is_no_text(server: FakeServer, no_keys: None) -> None:
    provider = at(server, GeminiProvider, "gemini")
    server.script(Reply(parts=[Media(PNG, "image/png")]))
    with pytest.raises(EmptyResponseError, match="give the attachments") as caught:
        await provider.generate(USER)
    assert caught.value.partial is not None
    assert caught.value.partial.attachments


# --- sources -------------------------------------------------------------------------------------


async def test_citations_of_claude(server: FakeServer, way: str, no_keys: None) -> None:
    source = {
        "type": "web_search_result_location",
        "url": "https://atlas.example/oslo",
        "title": "Oslo",
        "cited_text": "Oslo is the capital.",
        "encrypted_index": "ZW5jcnlwdGVk",
    }
    found = ServerTool("web_search", {"query": "capital"}, [])
    parts = [Thinking("Look."), found, Text("I looked: "), Text("it is Oslo.", [source])]
    server.script(Reply(parts=parts))
    provider = at(server, ClaudeProvider, "anthropic")
    completion = await complete(provider, way)
    (citation,) = completion.citations
    assert (citation.url, citation.quote) == (source["url"], "Oslo is the capital.")
    assert completion.text[citation.start : citation.end] == "it is Oslo."
    assert completion.tool_calls == ()
    await complete(provider, way, [completion_message(completion), *USER])
    assert completion.native is not None
    assert server.requests[-1].json["messages"][1]["content"] == completion.native["items"]


async def test_grounding_of_gemini(server: FakeServer, way: str, no_keys: None) -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://kart.example/", "title": "Kart"}}],
        "groundingSupports": [
            # Bytes of UTF-8: the letter before it takes two.
            {"segment": {"startIndex": 3, "endIndex": 9}, "groundingChunkIndices": [0]}
        ],
    }
    server.script(Reply("Å Tromsø", fields={"groundingMetadata": grounding}))
    completion = await complete(at(server, GeminiProvider, "gemini"), way)
    (citation,) = completion.citations
    assert (citation.url, citation.title) == ("https://kart.example/", "Kart")
    assert completion.text[citation.start : citation.end] == "Tromsø"[:5]
    assert completion.metadata["grounding"] == grounding


SEARCHED = [
    (
        ClaudeProvider,
        "anthropic",
        "claude-sonnet-4-5",
        {"usage": {"server_tool_use": {"web_search_requests": 2}}},
        0.02,
    ),
    (
        GeminiProvider,
        "gemini",
        "gemini-2.5-flash",
        {"groundingMetadata": {"webSearchQueries": ["a", "b"]}},
        0.035,  # by prompt, however many queries it took
    ),
]


@pytest.mark.parametrize(("cls", "wire", "model", "fields", "more"), SEARCHED)
async def test_searches_are_in_the_cost(
    server: FakeServer,
    way: str,
    cls: type[LiteLLMProvider],
    wire: str,
    model: str,
    fields: dict[str, Any],
    more: float,
    no_keys: None,
) -> None:
    if wire == "anthropic":
        fields = {"usage": {"input_tokens": 10, "output_tokens": 5, **fields["usage"]}}
    server.script(Reply(), Reply(fields=fields))
    provider = at(server, cls, wire, model)
    plain, searched = [(await complete(provider, way)).cost for _ in range(2)]
    assert plain is not None
    assert searched == pytest.approx(plain + more)


# --- how likely the words were -------------------------------------------------------------------

SCORES = [
    {"token": word, "logprob": score, "bytes": None, "top_logprobs": []}
    for word, score in (("It is ", -0.25), ("Oslo.", -0.5))
]
CHOSEN = [{"token": "It is ", "logProbability": -0.25}, {"token": "Oslo.", "logProbability": -0.5}]


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_logprobs_of_openai(server: FakeServer, way: str, api: str, no_keys: None) -> None:
    provider = at(server, OpenAIProvider, "openai", "gpt-4o-mini", api=api)
    server.script(*[Reply("It is Oslo.", logprobs={"content": SCORES})] * 2)
    completion = await complete(provider, way, logprobs=True, top_logprobs=2)
    assert completion.text == "It is Oslo."
    assert completion.metadata["logprobs"] == SCORES
    body = server.requests[-1].json
    assert body["top_logprobs"] == 2
    if api == "chat":
        assert body["logprobs"] is True
    else:
        assert "logprobs" not in body
        assert body["include"] == ["message.output_text.logprobs"]
        assert "logprobs" not in (await complete(provider, way)).metadata


async def test_logprobs_of_several_messages(server: FakeServer, way: str, no_keys: None) -> None:
    provider = at(server, OpenAIProvider, "openai", "gpt-4o-mini", api="responses")
    parts = [Text("It is "), Text("Oslo.")]
    server.script(Reply(parts=parts, logprobs={"content": SCORES[:1]}))
    completion = await complete(provider, way, logprobs=True)
    assert completion.metadata["logprobs"] == [SCORES[0]] * 2


async def test_logprobs_of_a_stream_that_breaks_off(server: FakeServer, no_keys: None) -> None:
    provider = at(server, OpenAIProvider, "openai", "gpt-4o-mini", api="responses")
    reply = Reply("It is Oslo.", logprobs={"content": SCORES[:1]})
    server.script(Fault.cut(after=2, reply=reply))
    with pytest.raises(StreamError) as caught:
        await complete(provider, "stream_events", logprobs=True)
    assert caught.value.partial is not None
    assert caught.value.partial.metadata["logprobs"] == SCORES[:1]


async def test_logprobs_of_gemini(server: FakeServer, way: str, no_keys: None) -> None:
    provider = at(server, GeminiProvider, "gemini", "gemini-2.5-flash")
    server.script(Reply("It is Oslo.", fields={"logprobsResult": {"chosenCandidates": CHOSEN}}))
    completion = await complete(provider, way, logprobs=True)
    assert completion.metadata["logprobs"] == CHOSEN
    assert server.requests[-1].json["generationConfig"]["responseLogprobs"] is True


# --- a turn that stops in its middle -------------------------------------------------------------


async def test_a_paused_turn_goes_on(server: FakeServer, way: str, no_keys: None) -> None:
    provider = at(server, ClaudeProvider, "anthropic")
    found = ServerTool("web_search", {"query": "x"}, [])
    server.script(Reply(parts=[Thinking("Much to read."), found], finish_reason="pause_turn"))
    paused = await complete(provider, way)
    assert paused.finish_reason == "other:pause_turn"
    done = await complete(provider, way, [*USER, completion_message(paused)])
    assert done.text == "Hello"
    assert paused.native is not None
    assert server.requests[-1].json["messages"][-1]["content"] == paused.native["items"]


async def test_nothing_before_a_stop_sequence(server: FakeServer, way: str, no_keys: None) -> None:
    provider = at(server, OpenAIProvider, "openai", "gpt-4o-mini")
    server.script(*[Reply("")] * 3)
    assert (await complete(provider, way, stop=["#"])).text == ""
    with pytest.raises(EmptyResponseError, match=r"said nothing .* stop sequence"):
        await provider.generate(USER, stop=["#"])
    with pytest.raises(EmptyResponseError):
        await complete(provider, way)


async def test_several_answers_are_refused(server: FakeServer, way: str, no_keys: None) -> None:
    provider = at(server, OpenAIProvider, "openai", "gpt-4o-mini")
    with pytest.raises(InvalidRequestError, match="n must be 1, not 2"):
        await complete(provider, way, n=2)
    assert server.requests == []
    assert (await complete(provider, way, n=1)).text == "Hello"


# --- what a history may hold ---------------------------------------------------------------------

PLACES = [
    (OpenAIProvider, "openai", "gpt-4o-mini"),
    (OpenAIProvider, "responses", "gpt-5.4-mini"),
    (ClaudeProvider, "anthropic", "claude-sonnet-4-5"),
    (GeminiProvider, "gemini", "gemini-2.5-flash"),
    (OllamaProvider, "ollama", "llama3.2"),
    (LiteLLMProvider, "groq", "groq/llama-3.3-70b-versatile"),
]
places = pytest.mark.parametrize(("cls", "wire", "model"), PLACES)


def put(server: FakeServer, cls: type[LiteLLMProvider], wire: str, model: str) -> LiteLLMProvider:
    return at(server, cls, wire, model, **({"api": "responses"} if wire == "responses" else {}))


def bare(text: str) -> str:
    return text.replace("\\", "").replace('"', "")


@pytest.mark.covering(1)
@places
@pytest.mark.parametrize("raw", ['{"city": "Os', "[1, 2]", "", '{"x": NaN}'])
async def test_broken_arguments_reach_every_vendor(
    server: FakeServer,
    way: str,
    cls: type[LiteLLMProvider],
    wire: str,
    model: str,
    raw: str,
    no_keys: None,
) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": raw}}
    history = [
        *USER,
        {"role": "assistant", "tool_calls": [call]},
        tool_result("call_1", ValueError("the arguments are no JSON"), name="get_time"),
    ]
    completion = await complete(put(server, cls, wire, model), way, history, tools=TOOLS)
    assert completion.text == "Hello"
    body = json.dumps(server.requests[-1].json)
    assert "ValueError: the arguments are no JSON" in body
    assert bare(raw) in bare(body)  # the model's own words, however often escaped
    assert ('"is_error": true' in body) is (wire == "anthropic")


@pytest.mark.covering(1)
@places
async def test_an_image_from_a_tool(
    server: FakeServer, way: str, cls: type[LiteLLMProvider], wire: str, model: str, no_keys: None
) -> None:
    calls = [ToolCall("call_1", "get_time", {}), ToolCall("call_2", "get_weather", {})]
    history = [
        *USER,
        Message(role="assistant", content="(calls)", metadata={"tool_calls": calls}),
        tool_result(calls[0], ["the clock", PNG]),
        tool_result(calls[1], "rain"),
    ]
    completion = await complete(put(server, cls, wire, model), way, history, tools=TOOLS)
    assert completion.text == "Hello"
    body = str(server.requests[-1].json)
    assert all(said in body for said in ("the clock", "rain", "iVBORw0KGgo"))


async def test_a_part_of_the_numbers_is_an_estimate(server: FakeServer, no_keys: None) -> None:
    body = {
        "model": "llama3.2",
        "message": {"role": "assistant", "content": "Oslo."},
        "done": True,
        "done_reason": "stop",
        "eval_count": 37,
    }
    server.script(Raw(headers={"content-type": "application/json"}, body=json.dumps(body).encode()))
    completion = await at(server, OllamaProvider, "ollama").complete(USER)
    assert completion.usage is not None
    assert completion.usage.estimated
    assert completion.usage.completion_tokens == 37
    assert completion.usage.prompt_tokens > 0


class Point(NamedTuple):
    x: int
    y: float


@dataclasses.dataclass
class Box:
    when: datetime.date


class City(BaseModel):
    name: str
    founded: datetime.date | None = None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (City(name="Tromsø"), '{"name": "Tromsø", "founded": null}'),
        (Box(datetime.date(2026, 5, 17)), '{"when": "2026-05-17"}'),
        ({"at": datetime.datetime(2026, 5, 17, 12, tzinfo=datetime.timezone.utc)}, None),
        ({"b", "a"}, '["a", "b"]'),
        (Point(1, math.nan), '{"x": 1, "y": null}'),
        ([math.inf, 1.5], "[null, 1.5]"),
        (b"\x00\x01", '"AAE="'),
        (None, "null"),
        ({1: "one"}, '{"1": "one"}'),
        ([], "[]"),
    ],
)
def test_results_as_text(value: Any, text: str | None) -> None:
    said = tool_result("call_1", value).content
    assert text is None or said == text
    if text != "as it is":
        json.loads(said)
    assert "NaN" not in said


def test_results_with_images_and_errors() -> None:
    assert as_result(PNG).text == "(an image)"
    assert as_result([PNG, PNG]).text == "(2 images)"
    assert as_result([PNG, {"a": 1}, 2]).text == '[{"a": 1}, 2]'
    failed = tool_result("call_1", KeyError("city"))
    assert failed.content == "KeyError: 'city'"
    assert failed.metadata["is_error"] is True
    assert tool_result("call_1", RuntimeError()).content == "RuntimeError"
    assert as_result(object).text.startswith('"')
