"""Typed answers over the wire, for every provider, and from the real server's grammar."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel

from bruno_llm import (
    CostTracker,
    InvalidRequestError,
    OpenAIProvider,
    StructuredOutputError,
    ToolCall,
)
from bruno_llm.demo.engine import Engine
from bruno_llm.structured import complete_as, stream_as
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import CASES, CLAUDE, OLLAMA, OPENAI, USER, Make, only


class City(BaseModel):
    name: str
    people: int | None = None


class Height(BaseModel):
    height: int


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_class_goes_in_and_a_value_comes_out(
    make: Make, server: FakeServer, streamed: bool
) -> None:
    llm = make()
    server.script(Reply('{"name": "Oslo", "people": 700000}'))
    if streamed:
        *_, found = [one async for one in stream_as(llm, USER, City)]
    else:
        found = await complete_as(llm, USER, City)
    assert found.value == City(name="Oslo", people=700000)
    assert found.usage.total_tokens == 15
    assert "people" in str(server.requests[-1].json)


async def test_a_wrong_answer_is_corrected_over_the_wire(make: Make, server: FakeServer) -> None:
    llm = make()
    server.script(Reply('{"people": 5}'), Reply('{"name": "Oslo"}'))
    found = await complete_as(llm, USER, City)
    assert (found.value.name, found.attempts, found.usage.total_tokens) == ("Oslo", 2, 30)
    assert "Field required" in str(server.requests[-1].json)


@pytest.mark.covering(1)
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("case", "reply", "words"),
    [
        (case, reply, words)
        for case in CASES
        for reply, words in (
            (Reply('{"name": "Os', finish_reason="length"), "max_tokens cut the answer"),
            (Reply("", refusal="I will not."), "refused to answer|filter blocked"),
            (Reply("", finish_reason="content_filter"), "filter blocked"),
        )
        if case is not OLLAMA or "cut" in words  # it has no word for the others
    ],
    indirect=["case"],
    ids=lambda value: value.finish_reason if isinstance(value, Reply) else str(value)[:8],
)
async def test_what_no_further_try_would_mend_costs_none(
    make: Make, server: FakeServer, streamed: bool, reply: Reply, words: str
) -> None:
    costs = CostTracker()
    llm = make(costs=costs)
    server.script(reply)
    with pytest.raises(StructuredOutputError, match=words) as caught:
        if streamed:
            _ = [one async for one in stream_as(llm, USER, City)]
        else:
            await complete_as(llm, USER, City)
    error = caught.value
    assert (error.attempts, len(server.requests)) == (1, 1)
    assert error.partial is not None and error.usage is not None
    assert error.cost == pytest.approx(float(costs.total))


async def test_after_the_last_try_the_error_has_the_sums(make: Make, server: FakeServer) -> None:
    costs = CostTracker()
    server.script(*[Reply('{"people": "many"}')] * 3)
    with pytest.raises(StructuredOutputError, match="name: Field required") as caught:
        await complete_as(make(costs=costs), USER, City)
    error = caught.value
    assert (error.attempts, error.usage.total_tokens) == (3, 45)
    assert error.cost == pytest.approx(float(costs.total))
    assert error.partial is not None and error.partial.text == '{"people": "many"}'
    assert {one["loc"] for one in error.errors} == {("name",), ("people",)}


@only(OPENAI, CLAUDE)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_mode_that_the_model_refuses_is_not_asked_for_again(
    make: Make, server: FakeServer, streamed: bool
) -> None:
    llm = make()
    no = Fault.status(400, message="this model takes no schema")
    call = Reply("", tool_calls=[ToolCall("call_1", "answer", {"name": "Oslo"})])
    other = Reply("", tool_calls=[ToolCall("call_1", "answer", {"height": 5})])
    server.script(no, call, call, other)
    for type_ in (City, City, Height):
        if streamed:
            _ = [one async for one in stream_as(llm, USER, type_)]
        else:
            await complete_as(llm, USER, type_)
    assert len(server.requests) == 4
    assert ["Give the answer." in str(request.json) for request in server.requests] == [
        False,
        True,
        True,
        True,
    ]


@only(OPENAI)
async def test_a_request_that_is_refused_for_another_reason_forgets_no_mode(
    make: Make, server: FakeServer
) -> None:
    llm = make()
    server.script(*[Fault.status(400, message="no such thing")] * 3, Reply('{"name": "Oslo"}'))
    with pytest.raises(InvalidRequestError, match="no such thing"):
        await complete_as(llm, USER, City)
    assert (await complete_as(llm, USER, City)).value.name == "Oslo"
    assert "response_format" in server.requests[-1].json


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_real_server_keeps_to_the_schema(engine: Engine, streamed: bool) -> None:
    class Part(BaseModel):
        size: Literal["small", "large"]

    class Answer(BaseModel):
        ok: bool
        main: Part
        parts: list[Part]

    llm = OpenAIProvider("tiny", base_url=engine.openai_base_url, api_key="any")
    if streamed:
        *_, found = [
            one async for one in stream_as(llm, USER, Answer, mode="native", max_tokens=400)
        ]
    else:
        found = await complete_as(llm, USER, Answer, mode="native", max_tokens=400)
    assert isinstance(found.value, Answer)
