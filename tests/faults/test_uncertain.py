"""Requests that went out and got no answer: vendors may bill them, so they are charged."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bruno_llm import (
    AllProvidersFailedError,
    Budget,
    BudgetExceededError,
    CostTracker,
    FallbackProvider,
    LLMError,
    OpenAIEmbedder,
    ProviderConnectionError,
    RateLimitError,
    RequestTimeoutError,
    Retry,
    ServiceUnavailableError,
    StreamEnd,
    Timeout,
)
from bruno_llm.costs import report_from_ledger
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import CLAUDE, KEY, OLLAMA, OPENAI, Case, complete, only

pytestmark = pytest.mark.covering(1)

# About 2,000 tokens.
LONG = [{"role": "user", "content": "word " * 2000}]
AT_ONCE = Retry(attempts=3, wait_initial=0)


async def leave(provider: Any, server: FakeServer, way: str, messages: Any = LONG) -> None:
    """Ask, and leave when the server has the request."""
    seen = len(server.requests)
    task = asyncio.ensure_future(complete(provider, way, messages))
    arrived = asyncio.ensure_future(server.wait_for(lambda: len(server.requests) > seen))
    await asyncio.wait({task, arrived}, return_when=asyncio.FIRST_COMPLETED)
    (arrived if task.done() else task).cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@only(OPENAI, CLAUDE)
@pytest.mark.parametrize("end", ["cancelled", "reset", "timeout", "silent"])
async def test_requests_without_an_answer_use_the_budget_up(
    case: Case, server: FakeServer, way: str, end: str
) -> None:
    """With a budget for four, forty of forty such requests reached the server."""
    price = Decimal(str(case.prices[0])) / 10**6
    costs = CostTracker(budget=0)
    provider = case.provider(server, max_tokens=16, costs=costs)
    prompt = await provider.count_message_tokens(LONG)
    # What is not exact is reserved with a quarter more.
    most = prompt * price * Decimal("1.3") + 16 * Decimal(str(case.prices[2])) / 10**6
    limit = 3 * prompt * price + most
    costs = CostTracker(budget=limit)
    provider = case.provider(server, max_tokens=16, costs=costs, timeout=Timeout(total=30))
    faults = {"reset": Fault.reset(), "silent": Fault.stall(after=0)}
    server.default = faults.get(end, Fault.hang())
    sent = 0
    while sent < 9:
        try:
            if end in ("cancelled", "silent"):
                await leave(provider, server, way)
            elif end == "timeout":
                with pytest.raises(RequestTimeoutError):
                    # Counted from where the request has left, however slow the machine is.
                    await complete(provider, way, LONG, timeout=Timeout(read=0.05))
            else:
                with pytest.raises(ProviderConnectionError):
                    await complete(provider, way, LONG)
        except BudgetExceededError:
            break
        sent += 1
    assert sent in (4, 5)
    await server.wait_for(lambda: len(server.requests) == sent)
    assert costs.total == prompt * price * sent <= limit
    (line,) = costs.report().lines
    assert (line.calls, line.uncertain_calls, line.estimated_calls) == (sent, sent, sent)
    assert (line.prompt_tokens, line.completion_tokens) == (prompt * sent, 0)
    assert line.uncertain_cost == line.cost
    assert costs.report().budgets[0].reserved == 0
    assert all(booking.uncertain and booking.estimated for booking in costs.recent())


@only(OPENAI)
async def test_each_try_is_charged(case: Case, server: FakeServer, way: str) -> None:
    costs = CostTracker(budget=1)
    server.script(Fault.reset(), Fault.status(503), Fault.reset(), Reply("Oslo."))
    provider = case.provider(server, costs=costs, retry=Retry(attempts=4, wait_initial=0))
    await complete(provider, way, LONG)
    assert [booking.uncertain for booking in costs.recent()] == [True, True, False]
    assert costs.report().budgets[0].reserved == 0


@only(OPENAI)
async def test_a_further_try_must_have_room_too(case: Case, server: FakeServer, way: str) -> None:
    """The first try spent what was reserved for the call."""
    provider = case.provider(server, max_tokens=16)
    price = Decimal(str(case.prices[0])) / 10**6
    prompt = await provider.count_message_tokens(LONG)
    costs = CostTracker(budget=prompt * price * Decimal("1.5"))
    server.default = Fault.reset()
    provider = case.provider(server, max_tokens=16, costs=costs, retry=AT_ONCE)
    with pytest.raises(BudgetExceededError):
        await complete(provider, way, LONG)
    assert len(server.requests) == 1
    assert costs.total == prompt * price
    assert costs.report().budgets[0].reserved == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.status(503), ServiceUnavailableError),
        (Fault.status(429), RateLimitError),
        (Fault.error_event(after=0), LLMError),
    ],
)
async def test_an_error_of_the_vendor_is_not_billed(
    case: Case, server: FakeServer, fault: Fault, error: type[LLMError]
) -> None:
    costs = CostTracker(budget=1)
    server.script(fault)
    with pytest.raises(error):
        await complete(case.provider(server, costs=costs), "stream_events")
    assert costs.recent() == []


async def test_what_never_left_is_not_charged(
    case: Case, server: FakeServer, way: str, unused_tcp_port: int
) -> None:
    path = "/v1" if case.vendor == "openai" else ""
    costs = CostTracker(budget=1)
    address = f"http://127.0.0.1:{unused_tcp_port}{path}"
    with pytest.raises(ProviderConnectionError):
        await complete(case.provider(server, base_url=address, costs=costs), way)
    assert costs.recent() == []
    assert costs.report().budgets[0].reserved == 0


@only(OPENAI, OLLAMA)
async def test_an_unreadable_answer_is_charged(case: Case, server: FakeServer, way: str) -> None:
    costs = CostTracker()
    server.script(Fault.html())
    with pytest.raises(LLMError):
        await complete(case.provider(server, costs=costs), way)
    (booking,) = costs.recent()
    assert booking.uncertain and booking.prompt_tokens > 0


async def test_a_stream_that_was_begun_is_an_estimate(case: Case, server: FakeServer) -> None:
    """That it is billed is certain, only how much is not."""
    costs = CostTracker()
    server.script(Fault.stall(after=2))
    events = case.provider(server, costs=costs).stream_events(LONG)
    await anext(events)
    await events.aclose()
    (booking,) = costs.recent()
    assert booking.estimated and not booking.uncertain


async def test_over_a_fallback(server: FakeServer, way: str) -> None:
    costs = CostTracker(budget=1)
    first, second = (one.provider(server, costs=costs) for one in (OPENAI, CLAUDE))
    server.script(Fault.reset(), Reply("Oslo."), Fault.reset(), Fault.reset())
    both = FallbackProvider([first, second], cooldown=0)
    if way == "complete":
        await both.complete(LONG)
    else:
        *_, last = [event async for event in both.stream_events(LONG)]
        assert isinstance(last, StreamEnd)
    assert [(one.provider, one.uncertain) for one in costs.recent()] == [
        ("openai", True),
        ("claude", False),
    ]
    with pytest.raises(AllProvidersFailedError):
        await both.complete(LONG)
    assert costs.report().total.uncertain_calls == 3


async def test_embeddings(server: FakeServer) -> None:
    costs = CostTracker(budget=Decimal("0.0001"))  # 5,000 tokens
    url = server.base_url("openai")
    embedder = OpenAIEmbedder(api_key=KEY, base_url=url, retry=AT_ONCE, costs=costs)
    server.default = Fault.reset()
    with pytest.raises(BudgetExceededError):
        await embedder.embed_text("word " * 2000)
    assert len(server.requests) == 2
    assert costs.report().total.uncertain_calls == 2


@only(OPENAI)
async def test_it_stands_in_the_ledger_and_its_reports(
    case: Case, server: FakeServer, tmp_path: Path, way: str
) -> None:
    pytest.importorskip("sqlalchemy")
    ledger = tmp_path / "costs.db"
    costs = CostTracker(Budget(1, "day"), ledger=ledger)
    provider = case.provider(server, costs=costs)
    server.script(Fault.reset(), Reply("Oslo.", usage=None), Reply("Oslo."))
    with pytest.raises(ProviderConnectionError):
        await complete(provider, way)
    await complete(provider, way)
    await complete(provider, way)
    costs.close()
    total = report_from_ledger(ledger).total
    assert (total.calls, total.estimated_calls, total.uncertain_calls) == (3, 2, 1)
    assert 0 < total.uncertain_cost < total.cost
