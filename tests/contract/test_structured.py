"""Typed answers over the wire, for every provider, and from the real server's grammar."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel

from bruno_llm import OpenAIProvider
from bruno_llm.demo.engine import Engine
from bruno_llm.structured import complete_as, stream_as
from bruno_llm.testing import FakeServer, Reply
from tests.contract.matrix import USER, Make


class City(BaseModel):
    name: str
    people: int | None = None


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
