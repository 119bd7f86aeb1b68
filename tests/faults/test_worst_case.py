"""A server that bills the most its requests allow, and budgets that it must not pass.

It reads what arrives, not what was asked for. In each test the budget is below what the request
may cost, so nothing may reach the server; with room for it, the booking must fit.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bruno_llm import (
    BudgetExceededError,
    ClaudeProvider,
    Completion,
    CostTracker,
    GeminiProvider,
    InvalidRequestError,
    LiteLLMProvider,
    ModelPrice,
    OpenAIEmbedder,
    OpenAIProvider,
    Usage,
)
from bruno_llm.testing import FakeServer, Fault, Reply, Request
from bruno_llm.vendors.tokens import counter_for
from tests.contract.matrix import CLAUDE, GEMINI, KEY, OPENAI, USER, Case, complete, only
from tests.size import sized

pytestmark = pytest.mark.covering(1)

# USD per token of gpt-4o-mini.
IN, OUT = Decimal("0.15e-6"), Decimal("0.60e-6")
MODEL, LONGEST = "gpt-4o-mini", 16_384
COUNTER = counter_for("openai", MODEL)


def bill(request: Request) -> Usage:
    """The most that a vendor may bill for a request in the format of chat completions."""
    body = request.json
    limits = [body.get(name) for name in ("max_tokens", "max_completion_tokens")]
    limit = max((limit for limit in limits if limit), default=LONGEST)
    prompt = COUNTER.messages(body["messages"], body.get("tools"))
    if body.get("response_format"):
        prompt += COUNTER.text(json.dumps(body["response_format"]))
    answer = limit * (body.get("n") or 1)
    if body.get("prediction"):  # all of it in vain
        answer += COUNTER.text(body["prediction"]["content"])
    return Usage(prompt, answer, prompt + answer)


def dear(request: Request) -> Reply:
    return Reply("Oslo.", usage=bill(request))


def openai(server: FakeServer, budget: Any, **options: Any) -> tuple[LiteLLMProvider, CostTracker]:
    costs = CostTracker(budget=budget)
    url = server.base_url("openai")
    settings_: dict[str, Any] = {"retry": None, "costs": costs, **options}
    return OpenAIProvider(MODEL, api_key=KEY, base_url=url, **settings_), costs


async def refused(provider: LiteLLMProvider, server: FakeServer, way: str, **options: Any) -> None:
    messages = options.pop("messages", USER)
    with pytest.raises(BudgetExceededError):
        await complete(provider, way, messages, **options)
    assert not server.requests, "not a byte may leave"


async def test_the_larger_of_two_limits(server: FakeServer, way: str) -> None:
    """100 calls spent $16 of a budget of two cents."""
    server.default = dear
    provider, costs = openai(server, Decimal("0.02"))
    both = {"max_tokens": 10, "max_completion_tokens": 100_000}
    await refused(provider, server, way, **both)
    await refused(provider, server, way, max_tokens=10, extra_body=both)
    roomy, costs = openai(server, Decimal("0.07"))
    await complete(roomy, way, **both)
    assert Decimal("0.06") <= costs.total <= Decimal("0.07")


@pytest.mark.parametrize(
    "more",
    [
        {"n": 5},
        {"max_tokens": 5_000},
        {"max_completion_tokens": 5_000},
        {"messages": [{"role": "user", "content": "x y z " * 5_000}]},
        {"tools": [{"type": "function", "function": {"name": "f", "description": "a b " * 9000}}]},
        {"prediction": {"type": "content", "content": "o o o " * 5_000}},
        {"service_tier": "priority"},
        {"store": True, "unheard_of": ["word " * 9_000]},
    ],
    ids=lambda more: next(iter(more)),
)
async def test_what_extra_body_overrules(
    more: Mapping[str, Any], server: FakeServer, way: str
) -> None:
    """1,000 tokens of an answer cost $0.0006."""
    server.default = dear
    provider, _ = openai(server, Decimal("0.00075"), max_tokens=1_000)
    await refused(provider, server, way, extra_body=more)
    await complete(provider, way)
    assert len(server.requests) == 1


async def test_a_schema_is_part_of_the_prompt(server: FakeServer, way: str) -> None:
    server.default = dear
    schema = {"type": "object", "properties": {f"field{n}": {"type": "string"} for n in range(500)}}
    form = {"type": "json_schema", "json_schema": {"name": "big", "schema": schema}}
    provider, costs = openai(server, Decimal("0.0007"), max_tokens=1_000)
    await refused(provider, server, way, response_format=form)
    roomy, costs = openai(server, Decimal("0.004"), max_tokens=1_000)
    await complete(roomy, way, response_format=form)
    assert costs.total <= Decimal("0.004")


def part(kind: str) -> dict[str, Any]:
    data = base64.b64encode(b"%PDF-1.7 " + bytes(range(256)) * 400).decode()
    if kind == "pdf":
        return {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{data}"}}
    if kind == "uploaded":
        return {"type": "file", "file": {"file_id": "file-abc123"}}
    if kind == "wav":  # 13 seconds of 8,000 bytes
        head = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
        data = base64.b64encode(head + bytes(102_400)).decode()
        return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}


@pytest.mark.parametrize(
    ("kind", "tokens"),
    [
        ("pdf", 100_000),  # one for each byte
        ("uploaded", 128_000),  # the model's window
        ("wav", 120),
        ("mp3", 1_000),
        ("flac", 100_000),
    ],
)
async def test_documents_and_sounds(kind: str, tokens: int, server: FakeServer, way: str) -> None:
    """100 KB of a PDF counted as 1,000 tokens, and 4 MB of sound as 630."""
    messages = [{"role": "user", "content": [{"type": "text", "text": "?"}, part(kind)]}]
    provider, _ = openai(server, IN * tokens, max_tokens=10)
    await refused(provider, server, way, messages=messages)
    roomy, _ = openai(server, IN * tokens * Decimal("1.1") + OUT * 20, max_tokens=10)
    await complete(roomy, way, messages)
    assert len(server.requests) == 1


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_a_model_without_a_limit_gets_one(api: str, server: FakeServer, way: str) -> None:
    """4,096 tokens were reserved, and nothing said so to the model."""

    class Own(OpenAIProvider):
        prices = {"own-1": ModelPrice(1.0, 10.0)}  # noqa: RUF012

    url = server.base_url("openai")
    costs = CostTracker(budget=Decimal("0.05"))
    limited = Own("own-1", api_key=KEY, base_url=url, costs=costs, retry=None, api=api)
    await complete(limited, way)
    sent = server.requests[-1].json
    assert sent.get("max_tokens", sent.get("max_output_tokens")) == 4096
    await complete(limited, way, max_tokens=7)
    sent = server.requests[-1].json
    assert sent.get("max_tokens", sent.get("max_output_tokens")) in (7, 16)
    free = Own("own-1", api_key=KEY, base_url=url, costs=CostTracker(), retry=None, api=api)
    await complete(free, way)
    assert not {"max_tokens", "max_output_tokens"} & server.requests[-1].json.keys()
    with pytest.raises(BudgetExceededError, match="give max_tokens"):
        await complete(limited, way, extra_body={"max_tokens": -1, "max_output_tokens": -1})


async def test_what_the_vendor_keeps_counts_as_the_window(server: FakeServer, way: str) -> None:
    provider, _ = openai(server, Decimal("0.01"), max_tokens=100, api="responses")
    await refused(provider, server, way, extra_body={"previous_response_id": "resp_1"})
    await complete(provider, way)


@only(CLAUDE)
async def test_writing_into_the_vendors_cache_has_its_price(
    case: Case, server: FakeServer, way: str
) -> None:
    """3 USD per million tokens, 3.75 where they are kept, 6 where they are kept for an hour."""
    for kept, price in (({}, "3"), ({"ttl": "1h"}, "6")):
        block = {"type": "text", "text": "word " * 4000, "cache_control": {"type": "ephemeral"}}
        block["cache_control"] |= kept
        costs = CostTracker(budget=Decimal(4000) * Decimal(price) / 10**6)
        provider = case.provider(server, costs=costs, max_tokens=1)
        assert isinstance(provider, ClaudeProvider)
        await refused(provider, server, way, messages=[{"role": "user", "content": [block]}])


@only(GEMINI)
async def test_answers_side_by_side(case: Case, server: FakeServer, way: str) -> None:
    costs = CostTracker(budget=Decimal("0.003"))  # 1,000 tokens of answer cost $0.0025
    provider = case.provider(server, costs=costs, max_tokens=1_000)
    assert isinstance(provider, GeminiProvider)
    await refused(provider, server, way, extra_body={"generationConfig": {"candidateCount": 4}})
    await complete(provider, way)


async def test_the_vendors_own_tools_are_reserved(server: FakeServer, way: str) -> None:
    """A search costs $0.025 (Claude: $0.01); nothing was reserved for it."""
    for budget, more in (("0.02", {}), ("0.06", {"extra_body": {"max_tool_calls": 3}})):
        provider, _ = openai(server, Decimal(budget), max_tokens=100, api="responses")
        searching = {"tools": [{"type": "web_search"}], **more}
        await refused(provider, server, way, **searching)
    costs = CostTracker(budget=Decimal("0.031"))
    claude = CLAUDE.provider(server, costs=costs, max_tokens=100)
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    await refused(claude, server, way, tools=[search])
    await complete(claude, way, tools=[{**search, "max_uses": 1}])


@only(CLAUDE)
async def test_a_faster_answer_is_dearer(case: Case, server: FakeServer, way: str) -> None:
    costs = CostTracker(budget=Decimal("0.04"))  # 1,000 tokens of answer cost $0.025, or twice that
    provider = ClaudeProvider(
        "claude-opus-4-8",
        api_key=KEY,
        base_url=server.base_url("anthropic"),
        costs=costs,
        retry=None,
        max_tokens=1_000,
    )
    await refused(provider, server, way, extra_body={"speed": "fast"})
    await complete(provider, way)


async def test_embeddings_of_more_than_was_counted(server: FakeServer) -> None:
    """0.02 USD per million tokens."""
    costs = CostTracker(budget=Decimal("0.00002"))
    url = server.base_url("openai")
    more = {"input": ["word " * 5_000]}
    embedder = OpenAIEmbedder(api_key=KEY, base_url=url, costs=costs, retry=None, extra_body=more)
    with pytest.raises(BudgetExceededError):
        await embedder.embed_text("short")
    assert not server.requests
    await OpenAIEmbedder(api_key=KEY, base_url=url, costs=costs, retry=None).embed_text("short")


@pytest.mark.parametrize(
    "odd",
    [{"tools": 5}, {"n": "two"}, {"messages": None}, {"max_tokens": [1]}, {"service_tier": 3}],
    ids=str,
)
async def test_what_no_vendor_understands_is_no_outage(
    odd: Mapping[str, Any], server: FakeServer, way: str
) -> None:
    """The vendor says what is wrong with it."""
    server.default = Fault.status(400)
    provider, costs = openai(server, 1, max_tokens=100)
    with pytest.raises(InvalidRequestError):
        await complete(provider, way, extra_body=odd)
    assert len(server.requests) == 1
    assert costs.report().budgets[0].reserved == 0


@pytest.mark.parametrize("kept", [False, True], ids=["memory", "ledger"])
async def test_both_reservations_are_given_back(
    kept: bool, server: FakeServer, way: str, tmp_path: Path
) -> None:
    """What was held before the request was built, and what its body asked for besides."""
    if kept:
        pytest.importorskip("sqlalchemy")
    gate = server.gate()
    server.script(Reply("Oslo.", gate=gate))
    costs = CostTracker(budget=1, ledger=tmp_path / "costs.db" if kept else None)
    provider, _ = openai(server, None, costs=costs, max_tokens=1_000)
    task = asyncio.ensure_future(
        complete(provider, way, extra_body={"max_completion_tokens": 3_000})
    )
    await server.wait_for(lambda: server.requests)
    reserved = (await costs.areport()).budgets[0].reserved
    assert OUT * 3_000 < reserved < OUT * 3_100
    gate.set()
    await task
    assert (await costs.areport()).budgets[0].reserved == 0
    with pytest.raises(BudgetExceededError):
        await complete(provider, way, extra_body={"max_completion_tokens": 3_000_000})
    assert (await costs.areport()).budgets[0].reserved == 0
    costs.close()


class Counting(CostTracker):
    """Counts the reservations that were too small."""

    too_small = 0

    async def _hold_more(self, *args: Any) -> str:
        self.too_small += 1
        return await super()._hold_more(*args)


LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look something up.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string", "description": "What to look up."}},
            "required": ["place"],
        },
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
ASKED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
LOOP = [*USER, ASKED, {"role": "tool", "tool_call_id": "call_1", "content": "a town"}]
TYPED = {
    "type": "json_schema",
    "json_schema": {
        "name": "town",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": False,
        },
    },
}


@pytest.mark.parametrize(
    "options",
    [
        {"tool_choice": "auto"},
        {"response_format": TYPED},
        {"temperature": 0.5, "max_tokens": 50, "stop": ["END"]},
    ],
    ids=lambda options: next(iter(options)),
)
async def test_what_is_usual_is_reserved_at_once(
    options: Mapping[str, Any], case: Case, server: FakeServer, way: str
) -> None:
    """A second reservation is another transaction of the ledger."""
    costs = Counting(budget=10)
    turns, tools = (USER, {}) if "response_format" in options else (LOOP, {"tools": [LOOK]})
    await complete(case.provider(server, costs=costs), way, turns, **tools, **options)
    assert costs.too_small == 0
    assert len(server.requests) == 1


# --- any options, any messages --------------------------------------------------------------------


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user"]), "content": TEXTS.filter(str.strip)}
    ),
    min_size=1,
    max_size=4,
).map(lambda turns: [*turns, {"role": "user", "content": "And now?"}])
LIMIT = st.integers(1, 3_000)
TOOL = TEXTS.map(
    lambda text: {
        "type": "function",
        "function": {"name": "look", "description": text, "parameters": {"type": "object"}},
    }
)
OPTIONS: dict[str, Any] = {
    "max_tokens": LIMIT,
    "max_completion_tokens": LIMIT,
    "temperature": st.floats(0, 2),
    "stop": st.just(["END"]),
    "service_tier": st.sampled_from(["default", "priority"]),
    "tools": st.lists(TOOL, min_size=1, max_size=2),
    "response_format": TEXTS.map(
        lambda text: {
            "type": "json_schema",
            "json_schema": {
                "name": "s",
                "schema": {"type": "object", "properties": {"a": {"description": text}}},
            },
        }
    ),
}
EXTRA: dict[str, Any] = {
    "max_tokens": LIMIT,
    "max_completion_tokens": LIMIT,
    "n": st.integers(1, 5),
    "messages": TURNS,
    "service_tier": st.sampled_from(["default", "priority"]),
    "prediction": TEXTS.map(lambda text: {"type": "content", "content": text}),
    "tools": st.lists(TOOL, min_size=1, max_size=2),
}


@pytest.fixture(scope="module")
def own_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def others_bill(case: Case, request: Request, messages: Any, options: Mapping[str, Any]) -> Usage:
    """A vendor who counts what is counted here, and a quarter more where that is an estimate."""
    counter = counter_for(case.vendor, case.model)
    counted = counter.messages(messages, options.get("tools"))
    prompt = counted if counter.exact else counted * 5 // 4
    body = request.json
    answer = body.get("max_tokens") or body.get("max_output_tokens")
    answer = answer or body["generationConfig"]["max_output_tokens"]
    return Usage(prompt, answer, prompt + answer)


@pytest.mark.sized
@pytest.mark.parametrize(
    ("case", "api"),
    [(OPENAI, "chat"), (OPENAI, "responses"), (CLAUDE, None), (GEMINI, None)],
    ids=["openai", "responses", "claude", "gemini"],
)
def test_no_request_passes_the_budget(
    case: Case, api: str | None, own_loop: asyncio.AbstractEventLoop
) -> None:
    """Whatever is asked, and by how many at once: spent <= budget."""
    exact = api == "chat"
    of_openai = {"api": api} if api else {}
    left_out = set() if exact else {"max_tokens", "max_completion_tokens", "response_format"}
    must = {} if exact else {"max_tokens": LIMIT}
    offered = {name: strategy for name, strategy in OPTIONS.items() if name not in left_out}
    if not api:
        del offered["service_tier"]
    with FakeServer() as server:

        @settings(
            max_examples=sized(300, 40),
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            messages=TURNS,
            options=st.fixed_dictionaries(must, optional=offered),
            extra=st.fixed_dictionaries({}, optional=EXTRA if exact else {}),
            budget=st.integers(1, 6_000),
            streamed=st.booleans(),
        )
        def attack(messages: Any, options: Any, extra: Any, budget: int, streamed: bool) -> None:
            def dearest(request: Request) -> Reply:
                if exact:
                    return dear(request)
                return Reply("Oslo.", usage=others_bill(case, request, messages, options))

            server.default = dearest
            limit = Decimal(budget) / 10**6 * Decimal(case.prices[2] / OPENAI.prices[2])
            costs = CostTracker(budget=limit)
            provider = case.provider(server, costs=costs, **of_openai)
            way = "stream_events" if streamed else "complete"
            more = {"extra_body": extra} if extra else {}

            async def three_at_once() -> list[Any]:
                asked = (complete(provider, way, messages, **options, **more) for _ in range(3))
                ends = await asyncio.gather(*asked, return_exceptions=True)
                await provider.aclose()
                return ends

            ends = own_loop.run_until_complete(three_at_once())
            assert all(isinstance(end, BudgetExceededError | Completion) for end in ends)
            assert costs.total <= limit
            assert costs.report().budgets[0].reserved == 0

        attack()
        assert len(server.requests) > 10, "there must be calls that pass"
