"""A history whose tool calls have no ids, as Ollama's own format has them, on every wire.

Each call got the text "None" as its id: OpenAI and Mistral refused the history, Claude's route
broke in litellm, Gemini missed a result, and all lost which result was whose.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from bruno_llm.messages.chat import to_chat
from bruno_llm.testing import FakeServer
from tests.contract.matrix import CASES, Case, ask

pytestmark = pytest.mark.usefixtures("no_keys")


def call(city: str, **fields: Any) -> dict[str, Any]:
    function = {"name": "weather", "arguments": json.dumps({"city": city})}
    return {"type": "function", "function": function, **fields}


HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": "How is it in both?"},
    {"role": "assistant", "content": None, "tool_calls": [call("Oslo"), call("Rome", id=None)]},
    {"role": "tool", "content": "snow"},
    {"role": "tool", "content": "sun"},
    {"role": "assistant", "content": "Snow in Oslo, sun in Rome."},
    {"role": "user", "content": "And in Bonn?"},
    {"role": "assistant", "content": "", "tool_calls": [call("Bonn", id="")]},
    {"role": "tool", "name": "weather", "content": "rain"},
]
ANSWERS = [("Oslo", "snow"), ("Rome", "sun"), ("Bonn", "rain")]


def pairs(chat: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Which city's call each result answers."""
    cities = {
        one["id"]: json.loads(one["function"]["arguments"])["city"]
        for turn in chat
        for one in turn.get("tool_calls", ())
    }
    return [(cities[t["tool_call_id"]], t["content"]) for t in chat if t["role"] == "tool"]


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_every_vendor_takes_it(case: Case, way: str) -> None:
    with FakeServer(strict=True) as server:
        async with case.provider(server) as provider:
            assert await ask(provider, way, HISTORY) == "Hello"
        (request,) = server.requests
    sent = json.dumps(request.json)
    assert "None" not in sent
    places = [sent.index(word) for pair in ANSWERS for word in pair]
    assert places[0] < places[2] < places[1] < places[3] < places[4] < places[5]
    assert "no result was recorded" not in sent
    assert "Result of" not in sent


def test_results_come_in_the_calls_order() -> None:
    assert pairs(to_chat(HISTORY)) == ANSWERS


def test_the_ids_are_the_same_each_time() -> None:
    """Else no vendor's cache of prompts would know the history again."""
    again = [*to_chat(HISTORY), {"role": "user", "content": "Thanks"}]
    assert to_chat(again) == [*to_chat(HISTORY), again[-1]]
    assert "id" not in HISTORY[1]["tool_calls"][0]


def test_an_id_that_is_there_is_not_given_twice() -> None:
    calls = [call("Oslo", id="call_1"), call("Rome")]
    turns = [
        HISTORY[0],
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "content": "snow", "tool_call_id": "call_1"},
        {"role": "tool", "content": "sun"},
    ]
    assert pairs(to_chat(turns)) == ANSWERS[:2]


def test_a_result_by_name_takes_no_other_call() -> None:
    other = {"type": "function", "function": {"name": "time", "arguments": '{"city": "Lima"}'}}
    turns = [
        HISTORY[0],
        {"role": "assistant", "tool_calls": [call("Oslo"), other, call("Rome")]},
        {"role": "tool", "name": "time", "content": "noon"},
        {"role": "tool", "content": "snow"},
        {"role": "tool", "content": "sun"},
    ]
    assert pairs(to_chat(turns)) == [("Lima", "noon"), *ANSWERS[:2]]


def test_a_call_that_nobody_answered_has_a_result_that_says_so() -> None:
    assert pairs(to_chat(HISTORY[:3]))[1] == ("Rome", "(no result was recorded)")
