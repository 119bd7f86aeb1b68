"""Cache: keys, lifetimes, room."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from bruno_llm import Cache, Completion, ConfigurationError, OpenAIProvider, StreamEnd, ToolCall
from bruno_llm.testing import FakeServer, MovedClock, Reply

WHOLE = Completion(text="Oslo", finish_reason="stop", cost=0.5, latency=2.0)


@pytest.mark.parametrize(
    ("options", "named"),
    [({"store": "disk"}, "store"), ({"ttl": 0}, "ttl"), ({"max_entries": 0}, "max_entries")],
)
def test_a_setting_that_cannot_be_right(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Cache(**options)


def test_a_hit_is_marked_and_free() -> None:
    cache = Cache()
    cache.put("k", WHOLE)
    hit = cache.get("k")
    assert hit is not None
    assert (hit.text, hit.cached, hit.cost, hit.latency) == ("Oslo", True, 0.0, 0.0)
    assert not WHOLE.cached


def test_an_answer_grows_old() -> None:
    with MovedClock() as clock:
        cache = Cache(ttl=60)
        cache.put("k", WHOLE)
        clock.advance(59.9)
        assert cache.get("k") is not None
        clock.advance(0.1)
        assert cache.get("k") is None


def test_the_one_unused_for_longest_goes_first() -> None:
    cache = Cache(max_entries=2)
    cache.put("a", WHOLE)
    cache.put("b", WHOLE)
    cache.get("a")
    cache.put("c", WHOLE)
    assert [name for name in "abc" if cache.get(name)] == ["a", "c"]
    cache.clear()
    assert cache.get("a") is None


@pytest.mark.parametrize("reason", ["length", "content_filter", "other:BORED", None])
def test_only_natural_ends_are_kept(reason: str | None) -> None:
    cache = Cache()
    cache.put("k", Completion(text="Os", finish_reason=reason))
    assert cache.get("k") is None


def test_the_order_of_options_does_not_matter_and_everything_else_does() -> None:
    class One(BaseModel):
        a: int

    class Two(BaseModel):
        b: int

    same = Cache.key({"model": "m", "temperature": 0.1}), Cache.key(
        {"temperature": 0.1, "model": "m"}
    )
    assert same[0] == same[1]
    schemas = {Cache.key({"response_format": schema}) for schema in (One, Two, None)}
    assert len(schemas) == 3


# --- in the path of a call ----------------------------------------------------------------------

USER = [{"role": "user", "content": "Which weather?"}]
CALL = ToolCall(id="call_1", name="weather", arguments={"place": {"city": "Oslo"}})


async def answers(llm: OpenAIProvider, plain: bool) -> Completion:
    if plain:
        return await llm.complete(USER)
    events = [event async for event in llm.stream_events(USER)]
    assert isinstance(events[-1], StreamEnd)
    return events[-1].completion


@pytest.mark.parametrize("plain", [True, False], ids=["complete", "stream_events"])
@pytest.mark.parametrize("first_plain", [True, False], ids=["kept-plain", "kept-streamed"])
async def test_what_one_caller_changes_no_other_sees(plain: bool, first_plain: bool) -> None:
    with FakeServer() as server:
        server.script(Reply("", tool_calls=[CALL], headers={"x-request-id": "req-1"}))
        llm = OpenAIProvider(base_url=server.base_url("openai"), api_key="key", cache=Cache())
        for turn in range(3):
            answer = await answers(llm, first_plain if turn == 0 else plain)
            assert answer.cached == (turn > 0)
            assert answer.metadata == {"request_id": "req-1"}
            assert answer.tool_calls[0].arguments == {"place": {"city": "Oslo"}}
            answer.metadata["request_id"] = "changed"
            answer.tool_calls[0].arguments["place"]["city"] = "changed"
        assert len(server.requests) == 1
        await llm.aclose()
