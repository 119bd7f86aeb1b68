"""The loop over tools, for every provider, over the wire."""

from __future__ import annotations

import json

import pytest

from bruno_llm import RunEnd, ToolCall, ToolProvider, run_tools, stream_tools, tool
from bruno_llm.testing import FakeServer, Reply
from tests.contract.matrix import USER, Make


@tool
def capital(country: str) -> str:
    """The capital of a country."""
    return {"Norway": "Oslo", "Sweden": "Stockholm"}[country]


def script(server: FakeServer) -> None:
    countries = ("Norway", "Sweden")
    asked = [ToolCall(f"call_{c}", "capital", {"country": c}) for c in countries]
    server.script(Reply("", tool_calls=asked), Reply("Oslo and Stockholm."))


@pytest.mark.parametrize("streamed", [False, True])
async def test_two_calls_of_one_round_and_the_answer(
    make: Make, server: FakeServer, streamed: bool
) -> None:
    llm = make()
    script(server)
    if streamed:
        events = [event async for event in stream_tools(llm, USER, [capital])]
        assert isinstance(events[-1], RunEnd)
        run = events[-1].run
    else:
        run = await run_tools(llm, USER, [capital])
    assert run.text == "Oslo and Stockholm."
    assert [call.arguments for call in run.calls] == [{"country": "Norway"}, {"country": "Sweden"}]
    assert run.usage.total_tokens == 30
    assert run.cost is not None
    assert [m.content for m in run.messages if m.role.value == "tool"] == ["Oslo", "Stockholm"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_inside_a_provider(make: Make, server: FakeServer, streamed: bool) -> None:
    llm = ToolProvider(make(), [capital])
    script(server)
    if streamed:
        text = "".join([piece async for piece in llm.stream(USER)])
    else:
        text = await llm.generate(USER)
    assert text == "Oslo and Stockholm."


@pytest.mark.covering(1)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_function_is_a_tool_for_the_provider_itself(
    make: Make, server: FakeServer, streamed: bool
) -> None:
    def plain(country: str) -> str:
        """The capital of a country."""
        return country

    llm = make()
    server.script(Reply("No need."))
    if streamed:
        pieces = [piece async for piece in llm.stream(USER, tools=[plain, capital])]
        assert "".join(pieces) == "No need."
    else:
        assert await llm.generate(USER, tools=[plain, capital]) == "No need."
    sent = str(server.requests[-1].json)
    assert "plain" in sent and "capital" in sent and "The capital of a country." in sent


@pytest.mark.covering(1)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_failed_call_is_marked_where_the_vendor_has_a_flag(
    make: Make, server: FakeServer, streamed: bool
) -> None:
    llm = make()
    unknown = ToolCall("call_1", "capital", {"country": "Atlantis"})
    server.script(Reply("", tool_calls=[unknown]), Reply("I do not know."))
    if streamed:
        *_, end = [event async for event in stream_tools(llm, USER, [capital])]
        assert isinstance(end, RunEnd)
        run = end.run
    else:
        run = await run_tools(llm, USER, [capital])
    assert run.text == "I do not know."
    sent = json.dumps(server.requests[-1].json)
    assert "Error: KeyError: 'Atlantis'" in sent
    assert ('"is_error": true' in sent) == (server.requests[-1].vendor == "anthropic")


async def test_a_tool_counts_as_what_is_sent_of_it(make: Make) -> None:
    llm = make()
    assert await llm.count_message_tokens(USER, tools=[capital]) == (
        await llm.count_message_tokens(USER, tools=[capital.to_dict()])
    )
    assert await llm.count_message_tokens(USER, tools=[capital]) > (
        await llm.count_message_tokens(USER)
    )
