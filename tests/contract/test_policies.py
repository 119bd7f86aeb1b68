"""Retry, rate limit, budget, cache, context window: each in the path of every way to ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from contextlib import aclosing, suppress
from decimal import Decimal
from typing import Any

import pytest

from bruno_llm import (
    AuthenticationError,
    BudgetExceededError,
    Cache,
    ContextLengthExceededError,
    ContextWindow,
    CostTracker,
    EmptyResponseError,
    InvalidRequestError,
    LLMError,
    ModelPrice,
    RateLimit,
    RateLimitError,
    Retry,
    ServiceUnavailableError,
    StreamEnd,
    StreamError,
    Usage,
)
from bruno_llm.testing import FakeServer, Fault, MovedClock, Reply
from tests.contract.matrix import (
    CLAUDE,
    OLLAMA,
    USER,
    Case,
    Make,
    all_but,
    ask,
    chats,
    collect,
    complete,
    only,
    seen,
)

pytestmark = pytest.mark.covering(1)

Events = list[MutableMapping[str, Any]]


@pytest.fixture
def clock() -> Iterator[MovedClock]:
    with MovedClock() as moved:
        yield moved


class TestRetryAfter:
    async def test_an_absurd_header_does_not_stop_the_limit_for_good(
        self, make: Make, server: FakeServer, clock: MovedClock, way: str
    ) -> None:
        """It refused every later call for 31 years."""
        server.script(Fault.status(429, retry_after=99_999))
        provider = make(retry=None, rate_limit=RateLimit(60, wait_timeout=None))
        with pytest.raises(RateLimitError):
            await ask(provider, way)
        began = clock.monotonic()
        assert await ask(provider, way) == "Hello"
        assert clock.monotonic() - began == pytest.approx(300, abs=1)

    @pytest.mark.parametrize("told", ["Fri, 31 Dec 99999999999 23:59:59 GMT", "inf", "9" * 400])
    async def test_a_header_that_overflows_is_no_error(
        self, make: Make, server: FakeServer, clock: MovedClock, way: str, told: str
    ) -> None:
        absurd = {"retry-after": told, "x-ratelimit-reset-requests": told}
        server.script(Fault.status(503, headers=absurd), Reply("Hello"))
        assert await ask(make(retry=Retry(), rate_limit=RateLimit(60)), way) == "Hello"


class TestRetry:
    @pytest.mark.parametrize(
        "fault",
        [Fault.status(429), Fault.status(500), Fault.status(503), Fault.status(529), Fault.reset()],
        ids=["429", "500", "503", "529", "reset"],
    )
    async def test_a_passing_failure_is_tried_again(
        self, make: Make, server: FakeServer, clock: MovedClock, way: str, fault: Fault
    ) -> None:
        server.script(fault, fault, Reply("at last"))
        assert await ask(make(retry=Retry(attempts=3)), way) == "at last"
        assert len(server.requests) == 3
        assert len(clock.sleeps) == 2

    async def test_tries_end(
        self, make: Make, server: FakeServer, clock: MovedClock, way: str
    ) -> None:
        server.default = Fault.status(503)
        with pytest.raises(ServiceUnavailableError):
            await ask(make(retry=Retry(attempts=4)), way)
        assert len(server.requests) == 4

    async def test_the_vendors_wait_is_kept(
        self, make: Make, server: FakeServer, clock: MovedClock, way: str
    ) -> None:
        server.script(Fault.status(429, retry_after=42))
        assert await ask(make(retry=Retry()), way) == "Hello"
        assert clock.sleeps == [42]

    async def test_a_wait_past_the_deadline_is_not_begun(
        self, make: Make, server: FakeServer, clock: MovedClock, way: str
    ) -> None:
        server.script(Fault.status(429, retry_after=500))
        with pytest.raises(RateLimitError):
            await ask(make(retry=Retry(timeout=120)), way)
        assert (clock.sleeps, len(server.requests)) == ([], 1)

    @pytest.mark.parametrize(
        ("fault", "expected"),
        [(Fault.status(400), InvalidRequestError), (Fault.status(401), AuthenticationError)],
        ids=["400", "401"],
    )
    async def test_what_can_never_succeed_is_sent_once(
        self,
        make: Make,
        server: FakeServer,
        clock: MovedClock,
        way: str,
        fault: Fault,
        expected: type[LLMError],
    ) -> None:
        server.script(fault)
        with pytest.raises(expected):
            await ask(make(retry=Retry(attempts=5)), way)
        assert (clock.sleeps, len(server.requests)) == ([], 1)

    async def test_a_stream_is_not_tried_again_after_its_first_piece(
        self, make: Make, server: FakeServer, clock: MovedClock
    ) -> None:
        server.script(Fault.reset_stream(1))
        with pytest.raises(StreamError):
            await ask(make(retry=Retry(attempts=5)), "stream")
        assert (clock.sleeps, len(server.requests)) == ([], 1)

    async def test_each_wait_is_announced(
        self, make: Make, server: FakeServer, clock: MovedClock, events: Events, way: str
    ) -> None:
        server.script(Fault.status(503))
        await ask(make(retry=Retry()), way)
        (waited,) = [event for event in events if event["event"] == "llm_call_retried"]
        assert waited["status_code"] == 503
        assert waited["wait_seconds"] == pytest.approx(clock.sleeps[0], abs=0.001)

    async def test_one_call_is_booked_however_often_it_is_tried(
        self, make: Make, server: FakeServer, clock: MovedClock, way: str
    ) -> None:
        costs = CostTracker()
        server.script(Fault.status(503), Fault.status(503))
        await ask(make(retry=Retry(), costs=costs), way)
        assert len(costs.recent()) == 1


class TestRateLimit:
    async def test_requests_wait_for_their_turn(
        self, make: Make, server: FakeServer, clock: MovedClock, way: str
    ) -> None:
        limit = RateLimit(requests_per_minute=2)
        provider = make(rate_limit=limit)
        began = clock.monotonic()
        for _ in range(4):
            await ask(provider, way)
        assert clock.monotonic() - began >= 59  # two at once, the others half a minute apart
        assert len(server.requests) == 4

    async def test_every_try_is_paced(
        self, make: Make, server: FakeServer, clock: MovedClock, way: str
    ) -> None:
        server.default = Fault.status(500)
        limit = RateLimit(requests_per_minute=1)
        with pytest.raises(ServiceUnavailableError):
            await ask(make(rate_limit=limit, retry=Retry(attempts=2, wait_max=0)), way)
        assert len(server.requests) == 2
        assert sum(clock.sleeps) >= 59

    async def test_no_more_calls_at_once_than_allowed(
        self, make: Make, server: FakeServer, way: str
    ) -> None:
        gate = server.gate()
        server.default = Reply("a b", gate=gate)
        provider = make(rate_limit=RateLimit(concurrency=2))
        calls = [asyncio.ensure_future(ask(provider, way)) for _ in range(6)]
        await server.wait_for(lambda: len(server.requests) == 2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(server.requests) == 2
        gate.set()
        assert await asyncio.gather(*calls) == ["a b"] * 6
        assert server.peak == 2

    async def test_a_stream_gives_its_slot_back_when_it_is_left(
        self, make: Make, server: FakeServer
    ) -> None:
        gate = server.gate()
        server.script(Reply("a b", gate=gate))
        provider = make(rate_limit=RateLimit(concurrency=1))
        async with aclosing(provider.stream(USER)) as stream:
            assert await anext(stream) == "a"
        assert await ask(provider, "complete") == "Hello"

    async def test_a_refusal_of_the_vendor_slows_everyone_down(
        self, make: Make, server: FakeServer, clock: MovedClock, way: str
    ) -> None:
        provider = make(rate_limit=RateLimit(requests_per_minute=6000))
        server.script(Fault.status(429, retry_after=30))
        with pytest.raises(RateLimitError):
            await ask(provider, way)
        await ask(provider, way)
        assert sum(clock.sleeps) == pytest.approx(30, abs=3)


class TestCosts:
    async def test_a_call_is_booked(
        self, case: Case, make: Make, server: FakeServer, way: str
    ) -> None:
        costs = CostTracker()
        await ask(make(costs=costs), way, tag="team-blue")
        (booking,) = costs.recent()
        assert (booking.provider, booking.model) == (case.named, case.bare)
        assert (booking.prompt_tokens, booking.completion_tokens) == (10, 5)
        assert booking.tag == "team-blue"
        assert not booking.estimated
        assert booking.cost is not None
        assert costs.total == booking.cost
        assert (booking.cost == 0) == (case.vendor == "ollama")

    @all_but(OLLAMA)
    async def test_a_budget_refuses_before_the_request(
        self, make: Make, server: FakeServer, way: str
    ) -> None:
        costs = CostTracker(budget=0.000001)
        with pytest.raises(BudgetExceededError):
            await ask(make(costs=costs), way)
        assert server.requests == []
        assert costs.recent() == []

    @all_but(OLLAMA)
    async def test_a_budget_is_spent_by_what_calls_really_cost(
        self, case: Case, make: Make, server: FakeServer, way: str
    ) -> None:
        tokens = 1_000_000 if case is CLAUDE else 10_000_000  # 1.5 to 3 dollars
        server.default = Reply("x", usage=Usage(tokens, 0, tokens))
        costs = CostTracker(budget=10)
        provider = make(costs=costs, max_tokens=100)
        with pytest.raises(BudgetExceededError):
            for _ in range(20):
                await ask(provider, way)
        assert Decimal(5) < costs.total <= Decimal(13)

    async def test_a_failed_call_gives_its_money_back(
        self, case: Case, server: FakeServer, way: str
    ) -> None:
        class Dear(case.cls):  # type: ignore[misc, name-defined]
            prices = {case.bare: ModelPrice(0, 1000)}  # noqa: RUF012

        server.default = Fault.status(401)
        costs = CostTracker(budget=0.15)  # holds one call of 100 tokens, not two
        provider = Dear(
            case.model,
            base_url=server.base_url(case.vendor),
            api_key="k" * 8,
            costs=costs,
            max_tokens=100,
        )
        for _ in range(3):
            with pytest.raises(AuthenticationError):
                await ask(provider, way)
        assert (costs.total, costs.recent()) == (0, [])

    @all_but(OLLAMA)
    async def test_an_unknown_price_is_refused_when_there_is_a_budget(
        self, case: Case, server: FakeServer, way: str
    ) -> None:
        model = case.model.replace(case.bare, "nobody-priced-this")
        settings: dict[str, Any] = {"base_url": server.base_url(case.vendor), "api_key": "k" * 8}
        with pytest.raises(BudgetExceededError, match="price"):
            await ask(case.cls(model, costs=CostTracker(budget=1), **settings), way)
        assert server.requests == []
        costs = CostTracker()
        await ask(case.cls(model, costs=costs, **settings), way)
        assert costs.recent()[0].cost is None

    @all_but(OLLAMA)  # Ollama is free, whatever is declared
    async def test_a_price_of_a_subclass_counts(
        self, case: Case, server: FakeServer, way: str
    ) -> None:
        class Priced(case.cls):  # type: ignore[misc, name-defined]
            prices = {case.bare: ModelPrice(1000, 2000)}  # noqa: RUF012

        costs = CostTracker()
        provider = Priced(
            case.model, costs=costs, base_url=server.base_url(case.vendor), api_key="k" * 8
        )
        await ask(provider, way)
        assert costs.total == Decimal("0.02")

    async def test_a_broken_stream_is_booked_as_estimated(
        self, make: Make, server: FakeServer
    ) -> None:
        server.script(Fault.cut(3))
        costs = CostTracker()
        with pytest.raises(StreamError) as caught:
            await ask(make(costs=costs), "stream")
        (booking,) = costs.recent()
        assert booking.estimated
        assert booking.completion_tokens > 0
        assert caught.value.partial is not None
        assert caught.value.partial.cost is not None
        assert float(costs.total) == pytest.approx(caught.value.partial.cost)

    async def test_a_stream_that_is_left_is_booked_as_estimated(
        self, make: Make, server: FakeServer
    ) -> None:
        server.script(Reply("one two three", gate=server.gate()))
        costs = CostTracker()
        async with aclosing(make(costs=costs).stream(USER)) as stream:
            await anext(stream)
        (booking,) = costs.recent()
        assert booking.estimated
        assert booking.prompt_tokens > 0
        assert booking.completion_tokens > 0

    async def test_an_empty_answer_is_billed_all_the_same(
        self, make: Make, server: FakeServer, way: str
    ) -> None:
        server.script(Fault.empty())
        costs = CostTracker()
        with pytest.raises(EmptyResponseError):
            await ask(make(costs=costs), way)
        (booking,) = costs.recent()
        assert (booking.prompt_tokens, booking.completion_tokens) == (10, 5)


class TestCache:
    async def test_the_same_question_is_sent_once_and_costs_nothing_again(
        self, case: Case, make: Make, server: FakeServer, way: str
    ) -> None:
        server.script(Reply("Oslo", reasoning="Norway"), Reply("something else"))
        costs = CostTracker()
        provider = make(cache=Cache(), costs=costs)
        assert await ask(provider, way) == "Oslo"
        spent = costs.total
        assert await ask(provider, way) == "Oslo"
        assert len(server.requests) == 1
        assert costs.total == spent
        first, second = costs.recent()
        assert (first.cached, second.cached, second.cost) == (False, True, 0)

    async def test_a_hit_says_that_it_is_one(
        self, make: Make, server: FakeServer, facts: str
    ) -> None:
        provider = make(cache=Cache())
        fresh = await complete(provider, facts)
        hit = await complete(provider, facts)
        assert (fresh.cached, hit.cached, hit.cost) == (False, True, 0.0)
        assert hit.usage == fresh.usage

    async def test_plain_and_streamed_calls_share_their_answers(
        self, make: Make, server: FakeServer
    ) -> None:
        provider = make(cache=Cache())
        texts = [await ask(provider, way) for way in ("stream", "complete", "generate")]
        assert (texts, len(server.requests)) == (["Hello"] * 3, 1)
        assert isinstance((await collect(provider))[-1], StreamEnd)

    @pytest.mark.parametrize(
        "other",
        [
            {"temperature": 0.9},
            {"max_tokens": 7},
            {"messages": [{"role": "user", "content": "And Sweden?"}]},
        ],
        ids=["temperature", "max_tokens", "messages"],
    )
    async def test_another_question_is_asked(
        self, make: Make, server: FakeServer, way: str, other: dict[str, Any]
    ) -> None:
        provider = make(cache=Cache())
        await ask(provider, way)
        await ask(provider, way, **other)
        assert len(server.requests) == 2

    async def test_the_system_prompt_is_part_of_the_question(
        self, make: Make, server: FakeServer, way: str
    ) -> None:
        provider = make(cache=Cache())
        await ask(provider, way)
        provider.set_system_prompt("Answer in Norwegian.")
        await ask(provider, way)
        assert len(server.requests) == 2

    @pytest.mark.parametrize(
        "item",
        [Reply("cut", finish_reason="length"), Fault.status(500), Fault.cut(1)],
        ids=["length", "error", "broken"],
    )
    async def test_only_whole_answers_are_kept(
        self, make: Make, server: FakeServer, item: Any
    ) -> None:
        server.script(item, Reply("whole"))
        provider = make(cache=Cache())
        with suppress(LLMError):
            await ask(provider, "stream")
        assert await ask(provider, "stream") == "whole"

    async def test_providers_share_a_cache_without_mixing_their_answers(
        self, case: Case, make: Make, server: FakeServer, way: str
    ) -> None:
        cache = Cache()
        server.script(Reply("one"), Reply("two"))
        other = case.cls(
            case.model.replace(case.bare, "another-model"),
            base_url=server.base_url(case.vendor),
            api_key="k" * 8,
            cache=cache,
        )
        assert await ask(make(cache=cache), way) == "one"
        assert await ask(other, way) == "two"


class TestWindow:
    LONG = [  # noqa: RUF012
        {"role": "user", "content": "the very first question " * 40},
        {"role": "assistant", "content": "the very first answer " * 40},
        {"role": "user", "content": "And now?"},
    ]

    async def test_a_long_conversation_is_trimmed_and_says_so(
        self, make: Make, server: FakeServer, facts: str
    ) -> None:
        provider = make(window=ContextWindow(max_input_tokens=120), system_prompt="Be brief.")
        completion = await complete(provider, facts, self.LONG)
        request = seen(chats(server)[0])
        assert request.system == "Be brief."
        assert [turn.text for turn in request.turns] == ["And now?"]
        assert completion.trimmed is not None
        assert (completion.trimmed.messages, completion.trimmed.strategy) == (2, "drop_oldest")
        assert completion.trimmed.tokens > 150

    async def test_it_is_trimmed_by_every_way(
        self, make: Make, server: FakeServer, way: str
    ) -> None:
        await ask(make(window=ContextWindow(max_input_tokens=120)), way, self.LONG)
        assert [turn.text for turn in seen(chats(server)[0]).turns] == ["And now?"]

    async def test_what_fits_is_not_touched(
        self, make: Make, server: FakeServer, facts: str
    ) -> None:
        completion = await complete(make(window=ContextWindow()), facts, self.LONG)
        assert completion.trimmed is None
        assert len(seen(chats(server)[0]).turns) == 3

    async def test_what_cannot_fit_is_refused_before_the_request(
        self, make: Make, server: FakeServer, way: str
    ) -> None:
        with pytest.raises(ContextLengthExceededError):
            await ask(make(window=ContextWindow(max_input_tokens=100)), way, self.LONG[:1])
        assert chats(server) == []

    @only(OLLAMA)
    async def test_num_ctx_is_the_window(self, make: Make, server: FakeServer, way: str) -> None:
        provider = make(window=ContextWindow(), num_ctx=200, max_tokens=50)
        await ask(provider, way, self.LONG)
        assert [turn.text for turn in seen(chats(server)[0]).turns] == ["And now?"]
        assert server.requests[0].json["options"]["num_ctx"] == 200
