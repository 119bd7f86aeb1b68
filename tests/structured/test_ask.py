"""Typed answers from a scripted provider: modes, corrections, sums, streams."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from bruno_llm import Completion, ConfigurationError, InvalidRequestError, ToolCall, Usage
from bruno_llm.capabilities import Capabilities
from bruno_llm.exceptions import StructuredOutputError
from bruno_llm.structured import complete_as, generate_as, stream_as
from bruno_llm.testing import MockProvider

ASK = [{"role": "user", "content": "Which city?"}]
OSLO = '{"name": "Oslo", "people": 700000}'


class City(BaseModel):
    name: str
    people: int


class Plain(MockProvider):
    """A model of which nobody knows anything."""

    def capabilities(self) -> Capabilities:
        return Capabilities()


class NoSchema(MockProvider):
    def capabilities(self) -> Capabilities:
        return Capabilities(tools=True, json_schema=False)


def said(text: str, **facts: Any) -> Completion:
    return Completion(text=text, usage=Usage(10, 5, 15), cost=0.5, **facts)


async def test_the_vendors_own_mode_comes_first() -> None:
    llm = MockProvider(OSLO)
    assert await generate_as(llm, ASK, City) == City(name="Oslo", people=700000)
    wanted = llm.calls[0].options["response_format"]["json_schema"]
    assert wanted["strict"] is True and wanted["schema"]["required"] == ["name", "people"]


async def test_a_forced_tool_where_there_is_no_such_mode() -> None:
    call = ToolCall("c1", "answer", {"name": "Oslo", "people": 1}, '{"name":"Oslo","people":1}')
    llm = NoSchema(Completion(tool_calls=(call,)))
    assert (await generate_as(llm, ASK, City)).people == 1
    assert llm.calls[0].options["tool_choice"]["function"]["name"] == "answer"


async def test_words_where_nobody_knows_what_the_model_can() -> None:
    llm = Plain(f"```json\n{OSLO}\n```")
    assert (await generate_as(llm, ASK, City, mode="prompt")).name == "Oslo"
    assert "JSON schema" in (llm.calls[0].system or "")
    assert '"people"' in (llm.calls[0].system or "")


async def test_what_a_model_refused_once_is_remembered() -> None:
    llm = MockProvider(InvalidRequestError("no response_format here"), OSLO, OSLO)
    llm.capabilities = lambda: Capabilities(json_schema=True)  # type: ignore[method-assign]
    assert (await generate_as(llm, ASK, City)).name == "Oslo"
    assert (await generate_as(llm, ASK, City)).name == "Oslo"
    kinds = ["native" if "response_format" in call.options else "prompt" for call in llm.calls]
    assert kinds == ["native", "prompt", "prompt"]


async def test_what_does_not_fit_goes_back_with_pydantics_words() -> None:
    llm = MockProvider(said('{"name": "Oslo"}'), said(OSLO))
    found = await complete_as(llm, ASK, City)
    assert found.value.people == 700000
    assert (found.attempts, found.cost, found.usage) == (2, 1.0, Usage(20, 10, 30))
    assert "people: Field required" in llm.calls[1].text
    assert [m["role"] for m in llm.calls[1].messages] == ["user", "assistant", "user"]


async def test_after_the_last_try_everything_is_told() -> None:
    llm = MockProvider(default=said('{"name": "secret city"}'))
    with pytest.raises(StructuredOutputError, match="people: Field required") as caught:
        await generate_as(llm, ASK, City, attempts=2)
    error = caught.value
    assert (error.attempts, error.cost, error.usage) == (2, 1.0, Usage(20, 10, 30))
    assert error.partial is not None and error.partial.text == '{"name": "secret city"}'
    assert error.errors[0]["loc"] == ("people",)
    assert "secret" not in str(error) and "secret" not in repr(error.errors)
    assert len(llm.calls) == 2


@pytest.mark.parametrize(
    ("completion", "words"),
    [
        (said('{"name": "Os', finish_reason="length"), "max_tokens cut"),
        (said("", refusal="I will not."), "refused to answer"),
        (said("", finish_reason="content_filter"), "filter blocked"),
        (said("", tool_calls=(ToolCall("c", "search"),)), "called tools"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_what_no_further_try_would_mend_costs_none(
    completion: Completion, words: str, streamed: bool
) -> None:
    llm = MockProvider(completion)
    with pytest.raises(StructuredOutputError, match=words) as caught:
        if streamed:
            _ = [found async for found in stream_as(llm, ASK, City)]
        else:
            await generate_as(llm, ASK, City)
    assert caught.value.attempts == 1 and caught.value.cost == 0.5


async def test_a_stream_shows_ever_fuller_values() -> None:
    llm = MockProvider('{"name": "Oslo", "people": 700000 }')
    seen = [found async for found in stream_as(llm, ASK, City)]
    assert [found.value for found in seen[:-1]] == [
        {},
        {"name": "Oslo"},
        {"name": "Oslo", "people": 700000},
    ]
    last = seen[-1]
    assert last.value == City(name="Oslo", people=700000)
    assert last.completion is not None


async def test_a_stream_in_the_mode_that_the_model_takes() -> None:
    call = ToolCall("c1", "answer", {"name": "Oslo", "people": 1}, '{"name": "Oslo", "people": 1}')
    llm = NoSchema(Completion(tool_calls=(call,)))
    seen = [found async for found in stream_as(llm, ASK, City)]
    assert seen[-1].value == City(name="Oslo", people=1)
    refusing = MockProvider(InvalidRequestError("no"), InvalidRequestError("no"), OSLO)
    seen = [found async for found in stream_as(refusing, ASK, City)]
    assert seen[-1].value.name == "Oslo"


async def test_bad_input_is_refused_before_a_request() -> None:
    llm = MockProvider()
    for error, options, words in (
        (ConfigurationError, {"mode": "magic"}, "there is no mode 'magic'"),
        (ConfigurationError, {"attempts": 0}, "attempts must be at least 1"),
        (ConfigurationError, {"response_format": {}}, "made from the type"),
        (InvalidRequestError, {"mode": "tool", "tools": [{"type": "function"}]}, "tools= cannot"),
    ):
        with pytest.raises(error, match=words):
            await generate_as(llm, ASK, City, **options)  # type: ignore[arg-type]
    assert llm.calls == []
