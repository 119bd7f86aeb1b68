"""Costs, budgets and the context window on generate() and stream(), for every provider."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bruno_llm import (
    Budget,
    BudgetExceededError,
    Cache,
    ClaudeProvider,
    ContextLengthExceededError,
    ContextWindow,
    CostTracker,
    GeminiProvider,
    LiteLLMProvider,
    ModelPrice,
    OllamaProvider,
    OpenAIEmbedder,
    OpenAIProvider,
    ServiceUnavailableError,
    StreamError,
    Usage,
)
from bruno_llm.testing import FakeServer, Fault, MovedClock, Reply
from tests.size import sized

ASK = [{"role": "user", "content": "What is the capital of France?"}]
USAGE = Usage(prompt_tokens=1000, completion_tokens=100, total_tokens=1100)
# Prices of the models below: USD for 1000 prompt and 100 completion tokens.
COST = {"openai": 0.00021, "claude": 0.0015, "gemini": 0.00055, "ollama": 0.0}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        running.default = Reply("Paris is it.", usage=USAGE)
        yield running


def make(name: str, server: FakeServer, **kwargs: Any) -> LiteLLMProvider:
    base: dict[str, Any] = {"retry": None, "api_key": "k" * 20, "max_tokens": 200, **kwargs}
    model = base.pop("model", None)
    if name == "openai":
        url = server.base_url("openai")
        return OpenAIProvider(model or "gpt-4o-mini", base_url=url, **base)
    if name == "claude":
        url = server.base_url("claude")
        return ClaudeProvider(model or "claude-haiku-4-5", base_url=url, **base)
    if name == "gemini":
        url = server.base_url("gemini")
        return GeminiProvider(model or "gemini-2.5-flash", base_url=url, **base)
    return OllamaProvider(model or "llama3.2", base_url=server.base_url("ollama"), **base)


async def ask(provider: LiteLLMProvider, streamed: bool, **kwargs: Any) -> str:
    if streamed:
        return "".join([piece async for piece in provider.stream(ASK, **kwargs)])
    return await provider.generate(ASK, **kwargs)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", COST)
async def test_every_call_is_booked_once(name: str, streamed: bool, server: FakeServer) -> None:
    costs = CostTracker()
    await ask(make(name, server, costs=costs), streamed)
    assert float(costs.total) == pytest.approx(COST[name])
    (line,) = costs.by_model().values()
    assert line.calls == 1
    assert line.prompt_tokens == 1000
    assert line.completion_tokens == 100
    assert line.unknown_price_calls == 0
    assert list(costs.by_provider()) == [name]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_hit_is_booked_at_nothing(streamed: bool, server: FakeServer) -> None:
    costs = CostTracker()
    provider = make("openai", server, costs=costs, cache=Cache())
    first = await ask(provider, streamed)
    spent = costs.total
    assert await ask(provider, not streamed) == first
    assert costs.total == spent > 0
    assert len(server.requests) == 1
    (line,) = costs.by_model().values()
    assert (line.calls, line.cache_hits) == (2, 1)


@pytest.mark.parametrize("name", COST)
async def test_a_stream_left_early_is_booked_as_an_estimate(name: str, server: FakeServer) -> None:
    costs = CostTracker()
    stream = make(name, server, costs=costs).stream(ASK)
    await anext(stream)
    await stream.aclose()
    (line,) = costs.by_model().values()
    assert line.estimated_calls == 1
    assert 0 < line.prompt_tokens < 100
    assert line.completion_tokens >= 1


@pytest.mark.parametrize("name", COST)
async def test_a_broken_stream_is_booked_as_an_estimate(name: str, server: FakeServer) -> None:
    costs = CostTracker()
    server.script(Fault.cut(after=2))
    with pytest.raises(StreamError) as caught:
        await ask(make(name, server, costs=costs), True)
    partial = caught.value.partial
    assert partial is not None
    assert partial.usage is not None
    assert partial.usage.estimated
    (line,) = costs.by_model().values()
    assert line.estimated_calls == 1
    assert float(costs.total) == pytest.approx(partial.cost)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_failed_call_costs_nothing(streamed: bool, server: FakeServer) -> None:
    costs = CostTracker(budget=1.0)
    server.script(Fault.status(503))
    provider = make("openai", server, costs=costs)
    with pytest.raises(ServiceUnavailableError):
        await ask(provider, streamed)
    assert costs.total == 0
    (budget,) = costs.report().budgets
    assert budget.reserved == 0


async def test_embeddings_are_booked(server: FakeServer) -> None:
    costs = CostTracker()
    url = server.base_url("openai")
    await OpenAIEmbedder(api_key="k" * 20, base_url=url, costs=costs).embed_text("word")
    assert costs.total > 0


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", ["openai", "claude", "gemini"])
async def test_no_request_that_could_overspend(
    name: str, streamed: bool, server: FakeServer
) -> None:
    costs = CostTracker(budget=0.0000001)
    with pytest.raises(BudgetExceededError):
        await ask(make(name, server, costs=costs), streamed)
    assert not server.requests


@pytest.mark.sized
@pytest.mark.parametrize("streamed", [False, True])
async def test_hundreds_of_callers_never_pass_the_budget(
    streamed: bool, server: FakeServer
) -> None:
    callers = sized(500, 100)
    limit = Decimal("0.00004") * callers
    costs = CostTracker(budget=limit)
    provider = make("openai", server, costs=costs)
    prompt = await provider.count_message_tokens(ASK)
    server.default = Reply("Paris.", usage=Usage(prompt, 200, prompt + 200))
    price = Decimal("0.15e-6") * prompt + Decimal("0.60e-6") * 200
    results = await asyncio.gather(
        *(ask(provider, streamed) for _ in range(callers)), return_exceptions=True
    )
    refused = [r for r in results if isinstance(r, BudgetExceededError)]
    answered = [r for r in results if isinstance(r, str)]
    assert len(refused) + len(answered) == callers
    assert refused
    assert len(server.requests) == len(answered) > 0
    assert costs.total == price * len(answered) <= limit
    assert limit - costs.total < price, "what is left is too little for one more"


@pytest.mark.parametrize("streamed", [False, True])
async def test_budgets_by_tag(streamed: bool, server: FakeServer) -> None:
    costs = CostTracker(budget=[Budget(0.0000001, tag="ann"), Budget(10)])
    provider = make("openai", server, costs=costs)
    with pytest.raises(BudgetExceededError):
        await ask(provider, streamed, tag="ann")
    assert await ask(provider, streamed, tag="bob")
    assert "tag" not in server.requests[0].json


@pytest.mark.parametrize("streamed", [False, True])
async def test_ollama_is_free_from_the_first_call(streamed: bool, server: FakeServer) -> None:
    costs = CostTracker(budget=1.0)
    assert await ask(make("ollama", server, model="nobody-knows-2", costs=costs), streamed)
    assert costs.total == 0


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_unknown_price_fails_closed(streamed: bool, server: FakeServer) -> None:
    provider = make("openai", server, model="nobody-knows-1", costs=CostTracker(budget=1.0))
    with pytest.raises(BudgetExceededError, match="allow_unknown_prices"):
        await ask(provider, streamed)
    assert not server.requests
    costs = CostTracker(budget=1.0, allow_unknown_prices=True)
    await ask(make("openai", server, model="nobody-knows-1", costs=costs), streamed)
    (line,) = costs.by_model().values()
    assert line.unknown_price_calls == 1
    assert costs.total == 0


async def test_a_ledger_that_fails_does_not_cost_the_answer(
    server: FakeServer, tmp_path: Path
) -> None:
    pytest.importorskip("sqlalchemy")
    ledger = tmp_path / "costs.db"
    costs = CostTracker(ledger=ledger)
    provider = make("openai", server, costs=costs)

    def spoil(request: Any) -> Reply:
        ledger.write_bytes(b"this is no database" * 1000)
        (tmp_path / "costs.db-wal").unlink(missing_ok=True)
        return Reply("Paris", usage=USAGE)

    server.script(spoil)
    with capture_logs() as events:
        assert await provider.generate(ASK) == "Paris"
    assert "cost_booking_failed" in [event["event"] for event in events]


# --- prices --------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_model_that_answered_sets_the_price(streamed: bool, server: FakeServer) -> None:
    server.default = Reply("Hi", usage=USAGE, model="gpt-4o-2024-08-06")
    costs = CostTracker()
    await ask(make("openai", server, costs=costs), streamed)
    assert float(costs.total) == pytest.approx(0.0035)


@pytest.mark.parametrize("streamed", [False, True])
async def test_cache_reads_and_writes_have_their_own_price(
    streamed: bool, server: FakeServer
) -> None:
    usage = Usage(2000, 100, 2100, cached_tokens=1000, cache_creation_tokens=500)
    server.default = Reply("Hi", usage=usage)
    costs = CostTracker()
    await ask(make("claude", server, costs=costs), streamed)
    # claude-haiku-4-5: 500 at 1.00, 1000 at 0.10, 500 at 1.25, 100 at 5.00 USD per million
    assert float(costs.total) == pytest.approx((500 + 100 + 625 + 500) / 1e6)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_pinned_price_wins(streamed: bool, server: FakeServer) -> None:
    class Dear(OpenAIProvider):
        prices = {"gpt-4o-mini": ModelPrice(100.0, 1000.0)}  # noqa: RUF012

    costs = CostTracker()
    url = server.base_url("openai")
    provider = Dear("gpt-4o-mini", api_key="k" * 20, base_url=url, costs=costs, retry=None)
    await ask(provider, streamed)
    assert float(costs.total) == pytest.approx(0.2)


async def test_long_prompts_cost_what_litellm_says(server: FakeServer) -> None:
    # gemini-2.5-pro: 2.50 and 15.00 USD per million above 200,000 prompt tokens
    server.default = Reply("Hi", usage=Usage(300_000, 100, 300_100))
    done = await make("gemini", server, model="gemini-2.5-pro").complete(ASK)
    assert done.cost == pytest.approx(300_000 * 2.5 / 1e6 + 100 * 15 / 1e6)


# --- the window ----------------------------------------------------------------------------------


def long_talk(turns: int = 60) -> list[dict[str, str]]:
    talk = [{"role": "system", "content": "Be brief."}]
    for turn in range(turns):
        talk.append({"role": "user", "content": f"Question {turn}: " + "word " * 40})
        talk.append({"role": "assistant", "content": f"Answer {turn}: " + "word " * 40})
    return [*talk, {"role": "user", "content": "The last question?"}]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", COST)
@pytest.mark.parametrize("strategy", ["drop_oldest", "keep_ends"])
async def test_a_long_talk_is_fitted(
    name: str, strategy: str, streamed: bool, server: FakeServer
) -> None:
    window = ContextWindow(max_input_tokens=1500, reserve=200, strategy=strategy)
    provider = make(name, server, window=window)
    with capture_logs() as events:
        if streamed:
            *_, end = [event async for event in provider.stream_events(long_talk())]
            completion = end.completion  # type: ignore[union-attr]
        else:
            completion = await provider.complete(long_talk())
    assert completion.trimmed is not None
    assert completion.trimmed.strategy == strategy
    assert completion.trimmed.messages > 50
    assert "context_window_trimmed" in [event["event"] for event in events]
    sent = str(next(r for r in server.requests if r.endpoint == "chat").json)
    assert "Be brief." in sent
    assert "The last question?" in sent
    assert "Question 30:" not in sent
    assert ("Question 0:" in sent) is (strategy == "keep_ends")


@pytest.mark.parametrize("streamed", [False, True])
async def test_error_and_callable_and_summary(streamed: bool, server: FakeServer) -> None:
    async def send(window: ContextWindow) -> None:
        provider = make("openai", server, window=window)
        if streamed:
            async for _ in provider.stream(long_talk()):
                pass
        else:
            await provider.generate(long_talk())

    with pytest.raises(ContextLengthExceededError):
        await send(ContextWindow(max_input_tokens=1500, reserve=200, strategy="error"))
    assert not server.requests

    await send(
        ContextWindow(
            max_input_tokens=1500,
            reserve=200,
            strategy=lambda messages, limit: [messages[0], messages[-1]],
        )
    )
    assert len(server.requests[0].json["messages"]) == 2

    summarizer = make("claude", server)
    server.script(Reply("They talked about words."))
    await send(
        ContextWindow(
            max_input_tokens=1500, reserve=200, strategy="summarize", summarizer=summarizer
        )
    )
    assert server.requests[1].vendor == "anthropic"
    assert "They talked about words." in str(server.requests[2].json)


async def test_ollamas_window_is_its_num_ctx(server: FakeServer) -> None:
    talk = long_talk(12)
    wide = make("ollama", server, window=ContextWindow(reserve=100), num_ctx=8192)
    assert (await wide.complete(talk)).trimmed is None
    narrow = make("ollama", server, window=ContextWindow(reserve=100), num_ctx=700)
    assert (await narrow.complete(talk)).trimmed is not None


@pytest.mark.parametrize("streamed", [False, True])
async def test_ollama_cutting_the_prompt_is_noticed(streamed: bool, server: FakeServer) -> None:
    server.default = Reply("Hi", usage=Usage(4096, 5, 4101))
    provider = make("ollama", server)
    with capture_logs() as events:
        if streamed:
            *_, end = [event async for event in provider.stream_events(long_talk(120))]
            completion = end.completion  # type: ignore[union-attr]
        else:
            completion = await provider.complete(long_talk(120))
    assert completion.metadata["prompt_cut"] is True
    (warning,) = [event for event in events if event["event"] == "prompt_cut_by_server"]
    assert warning["prompt_tokens"] == 4096 < warning["counted"]
    assert "prompt_cut" not in (await provider.complete(ASK)).metadata


@pytest.mark.parametrize("streamed", [False, True])
async def test_bookings_that_cannot_be_written_keep_their_budget(
    server: FakeServer, tmp_path: Path, streamed: bool
) -> None:
    """Calls kept passing uncounted: each failed booking gave its reservation back."""
    ledger = tmp_path / "costs.db"
    costs = CostTracker(budget=0.005, ledger=ledger)
    provider = make("openai", server, costs=costs)
    assert await ask(provider, streamed) == "Paris is it."
    connection = sqlite3.connect(ledger, isolation_level=None)
    connection.execute("ALTER TABLE bruno_cost_entries RENAME TO elsewhere")
    answered = 1
    with capture_logs() as events, pytest.raises(BudgetExceededError):
        for _ in range(1000):
            assert await ask(provider, streamed) == "Paris is it."
            answered += 1
    assert [one["event"] for one in events].count("cost_booking_failed") == answered - 1 > 0
    connection.execute("ALTER TABLE elsewhere RENAME TO bruno_cost_entries")
    connection.close()
    report = await costs.areport()
    assert (report.total.calls, report.budgets[0].reserved) == (answered, 0)
    assert float(report.total.cost) == pytest.approx(COST["openai"] * answered)
    costs.close()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", COST)
async def test_nothing_but_zeros_beside_a_text_is_no_usage(
    name: str, server: FakeServer, streamed: bool
) -> None:
    server.default = Reply("Paris is it.", usage=Usage(0, 0, 0))
    costs = CostTracker()
    assert await ask(make(name, server, costs=costs), streamed) == "Paris is it."
    (booking,) = costs.recent()
    assert booking.estimated and booking.prompt_tokens > 5 and booking.completion_tokens > 2


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_clock_set_back_over_midnight_forgets_no_spending(
    server: FakeServer, streamed: bool
) -> None:
    costs = CostTracker(budget=Budget(0.00022, "day"))
    provider = make("openai", server, costs=costs, max_tokens=100)
    midnight, answered = 1_767_225_600.0, []
    for epoch in (midnight - 60, midnight + 60, midnight - 30, midnight + 90):
        with MovedClock(epoch=epoch):
            try:
                answered.append(await ask(provider, streamed))
            except BudgetExceededError:
                answered.append("refused")
    assert answered == ["Paris is it.", "Paris is it.", "refused", "refused"]
