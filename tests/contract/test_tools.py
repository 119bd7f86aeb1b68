"""Tool calls: asked for, streamed, answered."""

from __future__ import annotations

import json

import pytest

from bruno_llm import (
    EmptyResponseError,
    StreamEnd,
    ToolCall,
    ToolCallDelta,
    completion_message,
    tool_result,
)
from bruno_llm.testing import FakeServer, Reply, Request
from tests.contract.matrix import (
    CLAUDE,
    GENERIC,
    OPENAI,
    USER,
    Case,
    Make,
    Turn,
    ask,
    collect,
    complete,
    only,
    seen,
)

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"{name} of a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
    for name in ("get_weather", "get_time")
]
PARALLEL = (
    ToolCall("call_1", "get_weather", {"city": "Tromsø"}),
    ToolCall("call_2", "get_time", {"city": "Oslo"}),
    ToolCall("call_3", "get_weather", {"city": "Bergen"}),
)


def asked(calls: tuple[ToolCall, ...]) -> list[tuple[str, dict[str, str]]]:
    return [(call.name, dict(call.arguments)) for call in calls]


@pytest.mark.covering(2)
@pytest.mark.parametrize("calls", [PARALLEL[:1], PARALLEL], ids=["one", "parallel"])
async def test_tool_calls_are_read(
    case: Case, make: Make, server: FakeServer, facts: str, calls: tuple[ToolCall, ...]
) -> None:
    server.script(Reply("", tool_calls=calls))
    completion = await complete(make(), facts, tools=TOOLS)
    assert asked(completion.tool_calls) == asked(calls)
    assert completion.finish_reason == "tool_calls"
    assert [json.loads(call.raw_arguments) for call in completion.tool_calls] == [
        dict(call.arguments) for call in calls
    ]
    ids = [call.id for call in completion.tool_calls]
    assert len(set(ids)) == len(calls)
    assert all(ids)
    if case.vendor != "gemini":  # its calls have no id, so one is made up
        assert ids == [call.id for call in calls]


async def test_text_and_calls_in_one_answer(make: Make, server: FakeServer, facts: str) -> None:
    server.script(Reply("Let me look.", tool_calls=PARALLEL[:1]))
    completion = await complete(make(), facts, tools=TOOLS)
    assert completion.text == "Let me look."
    assert asked(completion.tool_calls) == asked(PARALLEL[:1])
    assert completion.finish_reason == "tool_calls"


async def test_pieces_of_streamed_calls_add_up(make: Make, server: FakeServer) -> None:
    server.script(Reply("", tool_calls=PARALLEL))
    events = await collect(make(), tools=TOOLS)
    assert isinstance(events[-1], StreamEnd)
    pieces = [event for event in events if isinstance(event, ToolCallDelta)]
    assert {piece.index for piece in pieces} == {0, 1, 2}
    for index, call in enumerate(events[-1].completion.tool_calls):
        own = [piece for piece in pieces if piece.index == index]
        assert [piece.name for piece in own if piece.name] == [call.name]
        assert [piece.id for piece in own if piece.id] == [call.id]
        assert "".join(piece.arguments for piece in own) == call.raw_arguments


@pytest.mark.covering(1)
async def test_the_tools_are_sent(make: Make, server: FakeServer, way: str) -> None:
    await ask(make(), way, tools=TOOLS, tool_choice="auto")
    assert seen(server.requests[0]).tools == ["get_weather", "get_time"]


def said(request: Request) -> list[Turn]:
    """The turns of the conversation, without the one that Mistral wants behind results."""
    turns = seen(request).turns
    if request.vendor == "mistral":
        bridge = turns.pop(-2)
        assert (bridge.role, bridge.text) == ("assistant", "Noted.")
    return turns


async def test_a_round_trip(make: Make, server: FakeServer, facts: str) -> None:
    server.script(Reply("", tool_calls=PARALLEL), Reply("Snow in Tromsø."))
    provider = make()
    first = await complete(provider, facts, tools=TOOLS)
    history = [
        *USER,
        completion_message(first),
        tool_result(first.tool_calls[0], {"sky": "snow"}),
        tool_result(first.tool_calls[1], "12:00"),
        tool_result(first.tool_calls[2], "rain, as ever"),
        {"role": "user", "content": "So?"},
    ]
    second = await complete(provider, facts, history, tools=TOOLS)
    assert second.text == "Snow in Tromsø."
    user, called, *results, last = said(server.requests[1])
    assert (user.role, called.role, last.text) == ("user", "assistant", "So?")
    assert called.calls == asked(PARALLEL)
    assert called.text == ""
    got = [turn.results[0] for turn in results]
    assert [json.loads(r) if i == 0 and isinstance(r, str) else r for i, r in enumerate(got)] == [
        {"sky": "snow"},
        "12:00",
        "rain, as ever",
    ]


@only(OPENAI, CLAUDE, GENERIC)
async def test_results_carry_the_id_of_their_call(
    case: Case, make: Make, server: FakeServer, way: str
) -> None:
    call = PARALLEL[0]
    assistant = {
        "role": "assistant",
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
            }
        ],
    }
    await ask(make(), way, [*USER, assistant, tool_result(call.id, "snow")], tools=TOOLS)
    result = server.requests[0].json["messages"][-1]
    if case.vendor == "anthropic":
        assert result["content"][0]["tool_use_id"] == call.id
    else:
        assert result["tool_call_id"] == call.id


@pytest.mark.covering(1)
async def test_a_call_without_its_result_gets_one_that_says_so(
    make: Make, server: FakeServer, way: str
) -> None:
    first = {"role": "assistant", "tool_calls": list(PARALLEL[:2])}
    messages = [*USER, first, tool_result("call_1", "snow"), {"role": "user", "content": "Well?"}]
    await ask(make(), way, messages, tools=TOOLS)
    _, called, weather, clock, last = said(server.requests[0])
    assert called.calls == asked(PARALLEL[:2])
    assert weather.results == ["snow"]
    assert "no result" in str(clock.results[0])
    assert last.text == "Well?"


@only(OPENAI, CLAUDE, GENERIC)
async def test_broken_arguments_are_kept_as_text(
    make: Make, server: FakeServer, case: Case
) -> None:
    """A plain answer of Anthropic, and all of Gemini and Ollama, carry objects, not text."""
    broken = '{"city": "Trom'
    server.default = Reply("", tool_calls=[ToolCall("call_1", "get_weather", {}, broken)])
    ways = ["stream_events"] if case.vendor == "anthropic" else ["complete", "stream_events"]
    for way in ways:
        (call,) = (await complete(make(), way, tools=TOOLS)).tool_calls
        assert (call.name, dict(call.arguments), call.raw_arguments) == ("get_weather", {}, broken)


@pytest.mark.parametrize("way", ["generate", "stream"])
async def test_calls_where_only_text_can_be_returned_are_a_clear_error(
    make: Make, server: FakeServer, way: str
) -> None:
    server.script(Reply("", tool_calls=PARALLEL[:1]))
    with pytest.raises(EmptyResponseError, match=r"complete\(\)") as caught:
        await ask(make(), way, tools=TOOLS)
    assert caught.value.partial is not None
    assert asked(caught.value.partial.tool_calls) == asked(PARALLEL[:1])
