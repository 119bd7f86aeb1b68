"""Types of all kinds, in tools and as answers, over each vendor's wire."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from bruno_llm import (
    Cache,
    FallbackProvider,
    InvalidRequestError,
    OpenAIProvider,
    RunEnd,
    Tool,
    ToolCall,
    ToolProvider,
    ToolRun,
    generate_as,
    run_tools,
    stream_as,
    stream_tools,
    tool,
)
from bruno_llm.testing import FakeServer, Fault, Reply
from bruno_llm.testing.fake.strict.refusal import dicts
from tests.contract.matrix import (
    CLAUDE,
    GEMINI,
    MISTRAL,
    OLLAMA,
    OPENAI,
    USER,
    Case,
    Make,
    ask,
    collect,
    complete,
    only,
)

pytestmark = pytest.mark.covering(1)
STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])


class Mood(enum.Enum):
    good = "good"
    bad = "bad"


class Place(BaseModel):
    city: str
    country: str | None = None
    height: int = 0


class Node(BaseModel):
    value: int
    children: list[Node] = []


class Link(BaseModel):
    value: int
    before: Link | None


class Counts(BaseModel):
    by_city: dict[str, int]


class Trip(BaseModel):
    start: Place = Field(description="where it begins")
    stops: list[Place] = []
    mood: Mood = Mood.good
    day: datetime.date | None = None
    nights: Annotated[int, Field(ge=1, le=30)] = 3


class Either(BaseModel):
    what: int | Place


class Bill(BaseModel):
    price: Decimal
    id: uuid.UUID
    paid: Literal[True] = True
    tags: set[str] = set()
    link: str = Field("xb", pattern="x|b")


@tool
def plan(
    place: Place,
    day: datetime.date,
    days: Annotated[int, Field(ge=1, le=7)] = 3,
    mood: Mood = Mood.good,
    either: int | str = 1,
    kind: Literal["walk", "ride"] = "walk",
    others: list[Place] = [],  # noqa: B006  never changed
) -> str:
    """Plan a trip.

    Args:
        place: Where to.
    """
    said = (place.city, place.height, day.day, days, mood.value, either, kind, len(others))
    return " ".join(map(str, said))


@tool
def tally(counts: dict[str, int], tree: Node | None = None, pair: tuple[int, str] = (0, "")) -> str:
    """Add up."""
    return f"{sum(counts.values())} {tree.value if tree else 0} {pair[0]}"


async def run(make: Make, tools: list[Any], streamed: bool, **options: Any) -> ToolRun:
    if not streamed:
        return await run_tools(make(), USER, tools, **options)
    *_, end = [event async for event in stream_tools(make(), USER, tools, **options)]
    assert isinstance(end, RunEnd)
    return end.run


def results(run: ToolRun) -> list[str]:
    return [m.content for m in run.messages if m.role.value == "tool"]


def functions(server: FakeServer) -> dict[str, Any]:
    """The functions of the first request by name, as the vendor got them."""
    body = server.requests[0].json
    groups = dicts(body.get("tools"))
    found = [group.get("function") or group for group in groups]
    found += [one for group in groups for one in group.get("function_declarations", ())]
    return {one["name"]: one for one in found if "name" in one}


# --- tools ----------------------------------------------------------------------------------------


@STREAMED
async def test_a_tool_with_types_of_all_kinds(
    case: Case, make: Make, server: FakeServer, streamed: bool
) -> None:
    trip = {"place": {"city": "Oslo"}, "day": "2026-11-21", "others": [{"city": "Bergen"}]}
    if case.vendor == "openai":  # strict mode: null for what is left out
        nulls = ("days", "mood", "either", "kind")
        trip = {**trip, "place": {"city": "Oslo", "country": None, "height": None}}
        trip |= dict.fromkeys(nulls)
    counts = {"counts": {"a": 2, "b": 3}, "tree": {"value": 7}, "pair": [4, "x"]}
    asked = [ToolCall("call_1", "plan", trip), ToolCall("call_2", "tally", counts)]
    server.script(Reply("", tool_calls=asked), Reply("Done."))
    done = await run(make, [plan, tally], streamed)
    assert (done.text, results(done)) == ("Done.", ["Oslo 0 21 3 good 1 walk 1", "5 7 4"])
    sent = functions(server)
    assert bool(sent["plan"].get("strict")) == (case.vendor == "openai")
    assert not sent["tally"].get("strict")  # a dict cannot be said in strict mode


@STREAMED
async def test_arguments_come_without_the_nulls_of_strict_mode(
    server: FakeServer, no_keys: None, streamed: bool
) -> None:
    llm = OPENAI.provider(server)
    given = {"place": {"city": "Oslo", "country": None, "height": None}, "day": "2026-11-21"}
    server.script(Reply("", tool_calls=[ToolCall("call_1", "plan", {**given, "days": None})]))
    way = "stream_events" if streamed else "complete"
    (call,) = (await complete(llm, way, tools=[plan])).tool_calls
    assert call.arguments == {**given, "place": {"city": "Oslo", "country": None}}
    assert '"days": null' in call.raw_arguments


async def test_strict_mode_is_for_openais_own_models(
    server: FakeServer, no_keys: None, way: str
) -> None:
    """Other servers in OpenAI's format may refuse the word."""
    for model in ("gemini-2.5-flash", "tiny"):
        llm = OpenAIProvider(model, base_url=server.base_url("openai"), api_key="sk-t")
        await ask(llm, way, tools=[plan])
        (sent,) = server.requests[-1].json["tools"]
        assert "strict" not in sent["function"]
        assert sent["function"]["parameters"]["required"] == ["place", "day"]


async def test_the_cache_knows_whose_tools_they_are(
    make: Make, server: FakeServer, facts: str
) -> None:
    """Two names that look the same to the model are not the same question."""
    llm = make(cache=Cache())
    schema = {"type": "object", "properties": {}}
    call = Reply("Hm.", tool_calls=[ToolCall("call_1", "notes_read", {})])
    server.script(call, call)
    for name in ("notes.read", "notes/read", "notes.read"):
        found = await complete(llm, facts, tools=[Tool.from_schema(name, "R.", schema)])
        assert found.tool_calls[0].name == name
    assert len(server.requests) == 2


@STREAMED
async def test_strict_mode_on_the_responses_endpoint(
    server: FakeServer, no_keys: None, streamed: bool
) -> None:
    trip = {"place": {"city": "Oslo", "height": None}, "day": "2026-11-21", "days": None}
    server.script(Reply("", tool_calls=[ToolCall("call_1", "plan", trip)]), Reply("Done."))

    def make() -> OpenAIProvider:
        return OpenAIProvider(
            "gpt-5.4-mini", base_url=server.base_url("openai"), api_key="sk-t", api="responses"
        )

    done = await run(make, [plan, tally], streamed)
    assert results(done) == ["Oslo 0 21 3 good 1 walk 0"]
    sent = functions(server)
    assert sent["plan"]["strict"] and not sent["tally"]["strict"]


@STREAMED
async def test_a_result_that_is_a_schema(make: Make, server: FakeServer, streamed: bool) -> None:
    """Gemini takes a reference in a result for the name of a picture."""

    def describe() -> dict[str, Any]:
        """Describe."""
        return Node.model_json_schema()

    server.script(Reply("", tool_calls=[ToolCall("call_1", "describe", {})]), Reply("A tree."))
    assert (await run(make, [describe], streamed)).text == "A tree."
    assert "#/$defs/Node" in json.dumps(server.requests[-1].json)


@STREAMED
async def test_a_schema_from_elsewhere(make: Make, server: FakeServer, streamed: bool) -> None:
    """As MCP servers give them: a union at the top, a list of nothing, references, odd keys."""
    seen: dict[str, Any] = {}

    def note(**arguments: Any) -> str:
        seen.update(arguments)
        return "kept"

    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "filter[id]": {"type": "string"},
            "tags": {"type": "array"},
            "node": {"$ref": "#/definitions/Node", "description": "the first"},
        },
        "definitions": {
            "Node": {"type": "object", "properties": {"next": {"$ref": "#/definitions/Node"}}}
        },
        "anyOf": [{"required": ["tags"]}, {"required": ["node"]}],
        "required": ["filter[id]", "unknown"],
    }
    odd = Tool.from_schema("notes.find/all", "Find notes.", schema, note)
    plain = Tool.from_schema("notes_find_all", "The same.", schema, note)
    listed = [odd, plain]
    # The model knows the clean names alone.
    key = "filter_id_" if "filter_id_" in await sent_keys(make, server, listed) else "filter[id]"
    call = ToolCall("call_1", "notes_find_all_2", {key: "7", "tags": ["a"]})
    server.script(Reply("", tool_calls=[call]), Reply("Done."))
    done = await run(make, listed, streamed)
    assert (done.text, results(done)) == ("Done.", ["kept"])
    assert seen == {"filter[id]": "7", "tags": ["a"]}
    assert [call.name for call in done.calls] == ["notes.find/all"]
    assert set(functions(server)) == {"notes_find_all", "notes_find_all_2"}


async def sent_keys(make: Make, server: FakeServer, tools: list[Tool]) -> str:
    await make().complete(USER, tools=tools)
    return str(functions(server))


async def test_names_in_a_stream_a_choice_and_a_history(make: Make, server: FakeServer) -> None:
    odd = Tool.from_schema("notes.read", "Read.", {"type": "object", "properties": {}})
    server.script(Reply("", tool_calls=[ToolCall("call_1", "notes_read", {"a": 1})]), Reply("Hm."))
    *pieces, end = await collect(make(), tools=[odd])
    assert [piece.name for piece in pieces if getattr(piece, "name", None)] == ["notes.read"]
    assert end.completion.tool_calls[0].name == "notes.read"  # type: ignore[union-attr]
    # The history knows the caller's name; also of a tool that is gone.
    history = [
        *USER,
        {"role": "assistant", "tool_calls": [ToolCall("call_123a", "notes.read", {"a": 1})]},
        {"role": "tool", "tool_call_id": "call_123a", "name": "notes.read", "content": "nothing"},
    ]
    for tools in ({"tools": [odd]}, {}):
        assert await make().generate(history, **tools)
        sent = str(server.requests[-1].json)
        assert "notes_read" in sent and "notes.read" not in sent


@only(OPENAI, CLAUDE, GEMINI)
async def test_a_tool_is_chosen_by_its_own_name(make: Make, server: FakeServer) -> None:
    odd = Tool.from_schema("notes.read", "Read.", {"type": "object", "properties": {}})
    choice = {"type": "function", "function": {"name": "notes.read"}}
    await make().complete(USER, tools=[odd], tool_choice=choice)
    assert "notes_read" in str(server.requests[0].json)
    assert "notes.read" not in str(server.requests[0].json)


@only(OPENAI)
async def test_a_strict_dict_that_cannot_be_strict_is_refused(
    make: Make, server: FakeServer, way: str
) -> None:
    function = {**tally.to_dict()["function"], "strict": True}
    with pytest.raises(InvalidRequestError, match="tool 'tally': 'counts' is an object without"):
        await ask(make(), way, tools=[{"type": "function", "function": function}])
    assert not server.requests


# --- answers --------------------------------------------------------------------------------------

VALUES = [
    (Trip, '{"start": {"city": "Oslo"}, "stops": [{"city": "Bergen"}], "mood": "bad"}'),
    (Node, '{"value": 1, "children": [{"value": 2}]}'),
    (Counts, '{"by_city": {"Oslo": 3}}'),
    (Either, '{"what": {"city": "Oslo"}}'),
    (Bill, '{"price": "1.5", "id": "12345678-1234-5678-1234-567812345678"}'),
    (list[Place], '{"value": [{"city": "Oslo"}]}'),
    (Mood, '{"value": "bad"}'),
]


def reply_of(case: Case, type_: Any, text: str) -> Reply:
    """Anthropic has no words for these two: a forced tool takes the answer."""
    if case.vendor == "anthropic" and type_ in (Node, Counts):
        return Reply("", tool_calls=[ToolCall("call_1", "answer", json.loads(text))])
    return Reply(text)


@pytest.mark.covering(1)
@STREAMED
@pytest.mark.parametrize(("type_", "text"), VALUES, ids=[str(t.__name__) for t, _ in VALUES])
async def test_an_answer_of_each_kind(
    case: Case, make: Make, server: FakeServer, type_: Any, text: str, streamed: bool
) -> None:
    server.script(reply_of(case, type_, text))
    llm = make()
    if streamed:
        value = [found async for found in stream_as(llm, USER, type_)][-1].value
    else:
        value = await generate_as(llm, USER, type_)
    expected = {
        Trip: Trip(start=Place(city="Oslo"), stops=[Place(city="Bergen")], mood=Mood.bad),
        Node: Node(value=1, children=[Node(value=2)]),
        Counts: Counts(by_city={"Oslo": 3}),
        Either: Either(what=Place(city="Oslo")),
        Bill: Bill(price=Decimal("1.5"), id=uuid.UUID("12345678-1234-5678-1234-567812345678")),
        Mood: Mood.bad,
    }
    assert value == expected.get(type_, [Place(city="Oslo")])
    assert len(server.requests) == 1
    assert "JSON schema" not in str(server.requests[0].json)  # none of them is asked in words


@pytest.mark.parametrize(
    ("case", "type_", "words"),
    [
        (CLAUDE, Node, "'children[]' contains itself"),
        (CLAUDE, Counts, "'by_city' is an object without named fields"),
        (CLAUDE, list[Any], "'value[]' may be of any type"),
        (CLAUDE, tuple[int, str], "'value' is a list with a type for each place"),
        (GEMINI, Link, "'before' contains itself and is required"),
    ],
    ids=str,
    indirect=["case"],
)
@STREAMED
async def test_what_a_vendor_cannot_say_is_refused_with_the_fields_name(
    make: Make, server: FakeServer, type_: Any, words: str, streamed: bool
) -> None:
    llm = make()
    with pytest.raises(InvalidRequestError) as caught:
        if streamed:
            _ = [found async for found in stream_as(llm, USER, type_, mode="native")]
        else:
            await generate_as(llm, USER, type_, mode="native")
    assert words in str(caught.value)
    assert not server.requests


@only(CLAUDE)
@STREAMED
async def test_while_it_thinks_claude_is_asked_in_words(
    make: Make, server: FakeServer, streamed: bool
) -> None:
    """It has no words for the type, and takes no tool that is forced while it thinks."""
    llm = make(thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2048)
    server.script(Reply('{"value": 1, "children": [{"value": 2}]}', reasoning="Hm."))
    if streamed:
        tree = [found async for found in stream_as(llm, USER, Node)][-1].value
    else:
        tree = await generate_as(llm, USER, Node)
    assert tree == Node(value=1, children=[Node(value=2)])
    assert "JSON schema" in str(server.requests[0].json)


@only(OPENAI)
async def test_a_strict_form_that_cannot_be_strict_is_refused(
    make: Make, server: FakeServer, way: str
) -> None:
    form = {"name": "counts", "schema": Counts.model_json_schema(), "strict": True}
    with pytest.raises(InvalidRequestError, match="'by_city' is an object without named fields"):
        await ask(make(), way, response_format={"type": "json_schema", "json_schema": form})
    assert not server.requests
    form["strict"] = False
    assert await ask(make(), way, response_format={"type": "json_schema", "json_schema": form})


async def test_a_class_as_response_format(make: Make, server: FakeServer, way: str) -> None:
    assert await ask(make(), way, response_format=Trip)
    assert "begins" in str(server.requests[0].json)


# --- both -----------------------------------------------------------------------------------------

GEMINI_3 = dataclasses.replace(GEMINI, id="gemini-3", model="gemini-3-flash-preview")


@only(OPENAI, CLAUDE, GEMINI_3)
@STREAMED
async def test_tools_and_a_schema_in_one_request(
    make: Make, server: FakeServer, streamed: bool
) -> None:
    asked = ToolCall("call_1", "tally", {"counts": {"a": 1}})
    server.script(Reply("", tool_calls=[asked]), Reply('{"city": "Oslo"}'))
    done = await run(make, [tally], streamed, response_format=Place)
    assert Place.model_validate_json(done.text).city == "Oslo"
    assert results(done) == ["1 0 0"]


@STREAMED
async def test_a_typed_answer_of_a_provider_that_uses_tools(
    make: Make, server: FakeServer, streamed: bool
) -> None:
    asked = ToolCall("call_1", "tally", {"counts": {"a": 1}})
    server.script(Reply("", tool_calls=[asked]), Reply('{"city": "Oslo"}'))
    llm = ToolProvider(make(), [tally])
    if streamed:
        place = [found async for found in stream_as(llm, USER, Place)][-1].value
    else:
        place = await generate_as(llm, USER, Place)
    assert place == Place(city="Oslo")


@STREAMED
async def test_a_typed_answer_of_several_providers(
    server: FakeServer, no_keys: None, streamed: bool
) -> None:
    """Each of them is asked in its own words."""
    server.script(Fault.status(503), Reply('{"city": "Oslo"}'))
    llm = FallbackProvider([OPENAI.provider(server), CLAUDE.provider(server)])
    assert llm.capabilities().json_schema is True
    if streamed:
        place = [found async for found in stream_as(llm, USER, Place)][-1].value
    else:
        place = await generate_as(llm, USER, Place)
    assert place == Place(city="Oslo")
    first, second = (request.json for request in server.requests)
    wanted = first["response_format"]["json_schema"]["schema"]
    assert wanted["required"] == ["city", "country", "height"]
    assert second["output_config"]["format"]["schema"]["required"] == ["city"]


@only(MISTRAL, OLLAMA, GEMINI)
async def test_where_they_do_not_go_together_it_is_said(
    make: Make, server: FakeServer, way: str
) -> None:
    with pytest.raises(InvalidRequestError, match="tools and a shape of its answer"):
        await ask(make(), way, tools=[tally], response_format=Place)
    assert not server.requests
    # In words they do.
    server.script(Reply('{"city": "Oslo"}'))
    found = await generate_as(make(), USER, Place, tools=[tally])
    assert found.city == "Oslo"
    assert "JSON schema" in str(server.requests[0].json)
