"""Costs are booked exactly, and budgets hold whatever the number of callers."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from bruno_llm import _clock
from bruno_llm.completion import Usage
from bruno_llm.costs.tracker import Budget, BudgetWarning, CostTracker
from bruno_llm.exceptions import BudgetExceededError, ConfigurationError
from tests.size import FULL, sized

NOON = datetime(2025, 11, 21, 12, tzinfo=timezone.utc).timestamp()
USAGE = Usage(
    prompt_tokens=1000,
    completion_tokens=200,
    total_tokens=1200,
    cached_tokens=600,
    cache_creation_tokens=100,
    reasoning_tokens=50,
)


class MovedClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = NOON

    def monotonic(self) -> float:
        return self.at

    def time(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture
def clock() -> Iterator[MovedClock]:
    moved = MovedClock()
    previous = _clock.use(moved)
    yield moved
    _clock.use(previous)


async def book(tracker: CostTracker, cost: Any = "0.01", **kwargs: Any) -> None:
    values: dict[str, Any] = {"provider": "openai", "model": "gpt-4o-mini"}
    values |= {"usage": USAGE} | kwargs
    await tracker.book(cost=None if cost is None else Decimal(cost), **values)


async def reserve(tracker: CostTracker, worst: str | None, tag: str | None = None) -> Any:
    worst_case = None if worst is None else Decimal(worst)
    return await tracker.reserve(provider="openai", model="m", worst_case=worst_case, tag=tag)


# -- booking ----------------------------------------------------------------------------------


async def test_a_booking_is_counted_apart_per_provider_and_model() -> None:
    tracker = CostTracker()
    await book(tracker, "0.01")
    await book(tracker, "0.02", usage=Usage(10, 5, 15, estimated=True))
    await book(tracker, "0.5", provider="claude", model="claude-sonnet-4-5", usage=None)

    assert tracker.total == Decimal("0.53")
    line = tracker.by_model()["openai/gpt-4o-mini"]
    assert (line.provider, line.model, line.calls) == ("openai", "gpt-4o-mini", 2)
    assert (line.prompt_tokens, line.completion_tokens, line.total_tokens) == (1010, 205, 1215)
    assert (line.cached_tokens, line.cache_creation_tokens, line.reasoning_tokens) == (600, 100, 50)
    assert (line.cost, line.estimated_calls) == (Decimal("0.03"), 1)
    assert list(tracker.by_provider()) == ["claude", "openai"]
    assert tracker.by_provider()["claude"].cost == Decimal("0.5")


async def test_an_unknown_price_is_counted_apart_and_never_as_zero() -> None:
    tracker = CostTracker()
    await book(tracker, None)
    await book(tracker, "0.25")
    line = tracker.by_model()["openai/gpt-4o-mini"]
    assert (line.calls, line.unknown_price_calls, line.cost) == (2, 1, Decimal("0.25"))
    assert [one.cost for one in tracker.recent()] == [None, Decimal("0.25")]


async def test_a_cache_hit_costs_nothing_and_sends_no_tokens() -> None:
    tracker = CostTracker(budget=1)
    await book(tracker, "0.25", cached=True)
    line = tracker.by_model()["openai/gpt-4o-mini"]
    assert (line.calls, line.cache_hits, line.cost, line.total_tokens) == (1, 1, Decimal(0), 0)
    assert line.unknown_price_calls == line.estimated_calls == 0


async def test_embeddings_are_counted() -> None:
    tracker = CostTracker(budget=1)
    await book(tracker, kind="embedding")
    reservation = await reserve(tracker, "0.1")
    await reservation.settle(usage=USAGE, cost=0.1, kind="embedding")
    assert tracker.report().total.embedding_calls == 2


async def test_a_model_that_names_its_provider_is_not_named_twice() -> None:
    tracker = CostTracker()
    await book(tracker, provider="groq", model="groq/llama-3.3-70b-versatile")
    assert list(tracker.by_model()) == ["groq/llama-3.3-70b-versatile"]


async def test_the_smallest_token_prices_are_exact() -> None:
    tracker = CostTracker()
    for cost in (0.0000000375, "0.0000000375", Decimal("1.3e-10")):
        await tracker.book(provider="p", model="m", usage=None, cost=Decimal(str(cost)))
    assert tracker.total == Decimal("0.00000007513")


@pytest.mark.sized
async def test_bookings_add_up_exactly_however_many() -> None:
    tracker = CostTracker()
    count = sized(1_000_000) if FULL else 20_000
    for _ in range(count):
        await tracker.book(provider="p", model="m", usage=None, cost=0.0000000375)
    assert tracker.total == Decimal("0.0000000375") * count
    assert tracker.by_model()["p/m"].calls == count


@pytest.mark.parametrize("cost", [-1, float("nan"), float("inf"), Decimal("NaN"), "much", 1e999])
async def test_a_cost_that_is_no_amount_is_refused(cost: Any) -> None:
    tracker = CostTracker(budget=1)
    with pytest.raises(ConfigurationError, match="cost="):
        await tracker.book(provider="p", model="m", usage=None, cost=cost)
    reservation = await reserve(tracker, "0.75")
    with pytest.raises(ConfigurationError, match="finite US dollars"):
        await reservation.settle(usage=None, cost=cost)
    await reservation.settle(usage=None, cost=0.5)
    assert tracker.total == Decimal("0.5")


async def test_recent_bookings_are_a_bounded_ring(clock: MovedClock) -> None:
    tracker = CostTracker()
    for n in range(1_005):
        await book(tracker, n, tag="t" if n else None)
    assert len(tracker.recent(5_000)) == 1_000
    assert tracker.recent(0) == []
    last = tracker.recent(1)[0]
    assert (last.cost, last.tag, last.kind) == (Decimal(1004), "t", "chat")
    assert last.at == datetime(2025, 11, 21, 12, tzinfo=timezone.utc)


async def test_memory_is_bounded_and_sums_stay_exact(clock: MovedClock) -> None:
    tracker = CostTracker()
    for day in range(3):
        for n in range(20_500):
            await book(tracker, "0.001", tag=f"user-{n}", model=f"m{n % 3}")
        clock.at += 86_400 * (day < 2)
    assert tracker.total == Decimal("61.5")
    by_tag = tracker.report(by="tag")
    assert len(by_tag.lines) < 20_001
    assert sum(line.calls for line in by_tag.lines) == 61_500
    assert any(line.key == "(other)" for line in by_tag.lines)
    assert [line.cost for line in tracker.report(by="day").lines] == [Decimal("20.5")] * 3
    assert len(tracker.by_model()) == 3


async def test_memory_is_bounded_for_names_without_bound(clock: MovedClock) -> None:
    tracker = CostTracker()
    for n in range(45_000):
        clock.at = NOON + 86_400 * (n // 15_000)
        await book(tracker, "0.001", provider=f"p{n}", model=f"m{n}")
    assert tracker.total == Decimal(45)
    days = tracker.report(by="day").lines
    assert days[0].key == "(earlier)"
    assert sum(line.calls for line in days) == 45_000
    assert tracker.report(since=date(2025, 11, 23)).total.calls == 15_000


# -- budgets ----------------------------------------------------------------------------------


async def test_a_budget_refuses_before_the_call_and_says_why(clock: MovedClock) -> None:
    tracker = CostTracker(budget=Budget(1, period="day", tag="alice"))
    first = await reserve(tracker, "0.4", "alice")
    await first.settle(usage=USAGE, cost=0.3)
    await reserve(tracker, "0.9", "bob")
    held = await reserve(tracker, "0.5", "alice")
    with pytest.raises(BudgetExceededError) as caught:
        await reserve(tracker, "0.2000000375", "alice")
    text = str(caught.value)
    for part in (
        "[openai] m",
        "$1 per day for tag 'alice'",
        "up to $0.2000000375",
        "spent $0.3, reserved $0.5",
        "ends at 2025-11-22 00:00 UTC",
        "max_tokens",
        "CostTracker(budget=...)",
    ):
        assert part in text
    await held.release()
    await reserve(tracker, "0.7", "alice")


async def test_the_last_cent_may_be_spent() -> None:
    tracker = CostTracker(budget=Decimal("0.3"))
    for _ in range(3):
        await (await reserve(tracker, "0.1")).settle(usage=USAGE, cost=0.1)
    with pytest.raises(BudgetExceededError, match="it has no end"):
        await reserve(tracker, "0.000000000001")


async def test_what_is_free_passes_a_used_up_budget() -> None:
    tracker = CostTracker(budget=0)
    reservation = await reserve(tracker, "0")
    await reservation.settle(usage=USAGE, cost=0)
    assert tracker.report().total.calls == 1


async def test_the_true_cost_is_booked_even_above_the_reservation() -> None:
    tracker = CostTracker(budget=1)
    reservation = await reserve(tracker, "0.5")
    await reservation.settle(usage=USAGE, cost=0.75, model="m-2025")
    assert tracker.by_model()["openai/m-2025"].cost == Decimal("0.75")
    with pytest.raises(BudgetExceededError, match=r"spent \$0.75, reserved \$0;"):
        await reserve(tracker, "0.3")
    await reserve(tracker, "0.25")


async def test_the_first_of_settle_and_release_counts() -> None:
    tracker = CostTracker(budget=1)
    settled = await reserve(tracker, "1")
    await settled.settle(usage=USAGE, cost=0.5)
    await settled.settle(usage=USAGE, cost=0.5)
    await settled.release()
    released = await reserve(tracker, "0.5")
    await released.release()
    await released.settle(usage=USAGE, cost=0.5)
    assert tracker.total == Decimal("0.5")
    await reserve(tracker, "0.5")


async def test_an_abandoned_reservation_gives_its_budget_back() -> None:
    tracker = CostTracker(budget=1)
    await reserve(tracker, "1")
    gc.collect()
    assert tracker.report().budgets[0].reserved == 0
    await reserve(tracker, "1")


async def test_an_unknown_price_fails_closed_where_a_budget_applies() -> None:
    tracker = CostTracker(budget=Budget(5, tag="alice"))
    with pytest.raises(BudgetExceededError, match=r"allow_unknown_prices=True") as caught:
        await reserve(tracker, None, "alice")
    assert (caught.value.provider, caught.value.model) == ("openai", "m")
    for tag in ("bob", None):
        await (await reserve(tracker, None, tag)).settle(usage=USAGE, cost=None)
    assert tracker.report().total.unknown_price_calls == 2


async def test_unknown_prices_may_be_allowed_until_the_budget_is_used_up() -> None:
    tracker = CostTracker(budget=1, allow_unknown_prices=True)
    await (await reserve(tracker, None)).settle(usage=USAGE, cost=None)
    await book(tracker, "1")
    with pytest.raises(BudgetExceededError, match="has no known price"):
        await reserve(tracker, None)


async def test_a_reserved_call_of_unknown_cost_is_charged_its_reservation() -> None:
    tracker = CostTracker(budget=1)
    await (await reserve(tracker, "0.75")).settle(usage=USAGE, cost=None)
    assert tracker.total == 0
    assert tracker.report().budgets[0].spent == Decimal("0.75")
    with pytest.raises(BudgetExceededError):
        await reserve(tracker, "0.5")


async def test_without_a_budget_everything_is_admitted() -> None:
    tracker = CostTracker()
    reservation = await reserve(tracker, None)
    assert repr(reservation) == "Reservation(openai/m, $0)"
    await reservation.settle(usage=USAGE, cost=7)
    assert tracker.total == 7
    tracker.close()


async def test_every_tag_has_its_own_budget_with_a_star() -> None:
    tracker = CostTracker(budget=[Budget(10), Budget(1, tag="*")])
    for tag in ("alice", "bob"):
        await (await reserve(tracker, "1", tag)).settle(usage=USAGE, cost=1)
        with pytest.raises(BudgetExceededError, match=f"for tag '{tag}'"):
            await reserve(tracker, "0.1", tag)
    await reserve(tracker, "8")
    with pytest.raises(BudgetExceededError, match=r"\$10 in total"):
        await reserve(tracker, "8.1")
    assert [state.tag for state in tracker.report().budgets] == [None]


async def test_day_and_month_budgets_begin_anew(clock: MovedClock) -> None:
    tracker = CostTracker(budget=[Budget(1, "day"), Budget(2, "month")])
    await book(tracker, "1")
    with pytest.raises(BudgetExceededError, match="per day"):
        await reserve(tracker, "1")
    clock.at += 86_400
    await book(tracker, "1")
    clock.at += 86_400
    with pytest.raises(BudgetExceededError, match=r"per month.*ends at 2025-12-01 00:00"):
        await reserve(tracker, "0.5")
    clock.at = datetime(2025, 12, 1, tzinfo=timezone.utc).timestamp()
    running = await reserve(tracker, "1")
    clock.at += 86_400
    # A call that runs over midnight still holds its budget, and is booked when it ends.
    with pytest.raises(BudgetExceededError, match=r"reserved \$1"):
        await reserve(tracker, "0.5")
    await running.settle(usage=USAGE, cost=0.5)
    await reserve(tracker, "0.5")
    ends = [state.ends for state in tracker.report().budgets]
    assert ends == [datetime(2025, 12, d, tzinfo=timezone.utc) for d in (3,)] + [
        datetime(2026, 1, 1, tzinfo=timezone.utc)
    ]


async def test_500_tasks_never_pass_a_budget() -> None:
    tracker = CostTracker(budget=[Budget(1), Budget(Decimal("0.4"), tag="*")])
    admitted = 0

    async def call(n: int) -> None:
        nonlocal admitted
        try:
            held = await reserve(tracker, "0.01", f"user-{n % 4}")
        except BudgetExceededError:
            return
        admitted += 1
        state = tracker.report().budgets[0]
        assert state.spent + state.reserved <= 1
        await asyncio.sleep(0)
        await held.settle(usage=USAGE, cost=Decimal("0.005"))

    await asyncio.gather(*(call(n) for n in range(500)))
    assert tracker.total <= 1
    assert tracker.total == admitted * Decimal("0.005")
    assert admitted >= 100
    assert tracker.report().budgets[0].reserved == 0


def test_500_callers_in_50_threads_with_their_own_loops_never_pass_a_budget() -> None:
    tracker = CostTracker(budget=Budget(1))
    start = threading.Barrier(50)
    admitted: list[int] = []

    async def call() -> None:
        try:
            held = await reserve(tracker, "0.01")
        except BudgetExceededError:
            return
        state = tracker.report().budgets[0]
        assert state.spent + state.reserved <= 1
        await asyncio.sleep(0)
        await held.settle(usage=USAGE, cost=0.01)
        admitted.append(1)

    async def calls() -> None:
        await asyncio.gather(*(call() for _ in range(10)))

    def run() -> None:
        start.wait()
        asyncio.run(calls())

    threads = [threading.Thread(target=run) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tracker.total == 1
    assert len(admitted) == 100


# -- warnings ---------------------------------------------------------------------------------


async def test_a_warning_comes_once_per_period(clock: MovedClock) -> None:
    seen: list[BudgetWarning] = []
    tracker = CostTracker(Budget(1, "day", tag="*"), warn_at=0.5, on_warning=seen.append)
    with capture_logs() as events:
        await book(tracker, "0.49", tag="alice")
        assert not seen
        await book(tracker, "0.01", tag="alice")
        await book(tracker, "0.4", tag="alice")
        await book(tracker, "0.9", tag="bob")
        clock.at += 86_400
        await book(tracker, "0.6", tag="alice")
    assert [(one.tag, one.spent) for one in seen] == [
        ("alice", Decimal("0.5")),
        ("bob", Decimal("0.9")),
        ("alice", Decimal("0.6")),
    ]
    assert seen[0].ends == datetime(2025, 11, 22, tzinfo=timezone.utc)
    assert events[0] == {
        "event": "budget_warning",
        "log_level": "warning",
        "spent_usd": 0.5,
        "budget_usd": 1.0,
        "period": "day",
        "tag": "alice",
        "ends": "2025-11-22T00:00:00+00:00",
    }
    assert len(events) == 3


async def test_a_warning_may_be_awaited_and_may_fail() -> None:
    seen: list[Decimal] = []

    async def slow(warning: BudgetWarning) -> None:
        await asyncio.sleep(0)
        seen.append(warning.spent)
        raise RuntimeError("the pager is down")

    tracker = CostTracker(1, on_warning=slow)
    with capture_logs() as events:
        await book(tracker, "0.9")
    assert seen == [Decimal("0.9")]
    assert [one["event"] for one in events] == ["budget_warning", "budget_warning_callback_failed"]
    assert events[1]["error"] == "RuntimeError"
    assert tracker.total == Decimal("0.9")


# -- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CostTracker(budget=-1), "Budget.limit"),
        (lambda: CostTracker(budget="ten"), "list of Budgets"),  # type: ignore[arg-type]
        (lambda: CostTracker(budget=[1, 2]), "list of Budgets"),  # type: ignore[list-item]
        (lambda: CostTracker(warn_at=0), "warn_at=0"),
        (lambda: CostTracker(warn_at=1.5), "warn_at=1.5"),
        (lambda: Budget(1, period="week"), "'week'.*'month'"),  # type: ignore[arg-type]
        (lambda: Budget(1, tag=""), "Budget.tag"),
        (lambda: CostTracker().report(by="hour"), "by='hour'.*provider"),  # type: ignore[arg-type]
        (lambda: CostTracker().report(since="yesterday"), "since='yesterday'.*7d"),
        (lambda: CostTracker().report(since="2025-13-01"), "since="),
    ],
)
def test_a_bad_setting_is_named(make: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make()


async def test_a_bad_worst_case_is_named() -> None:
    with pytest.raises(ConfigurationError, match="worst_case="):
        await reserve(CostTracker(budget=1), "-1")


# -- reports of a tracker ---------------------------------------------------------------------


async def test_reports_by_day_tag_and_time(clock: MovedClock) -> None:
    tracker = CostTracker(budget=Budget(10, "month", tag="alice"))
    assert tracker.report().total.calls == 0
    assert tracker.total == 0
    await book(tracker, "1", tag="alice")
    clock.at += 86_400
    await book(tracker, "2", model="gpt-4o")
    clock.at += 86_400
    await book(tracker, "3", tag="alice")

    by_day = tracker.report(by="day")
    assert {line.key: int(line.cost) for line in by_day.lines} == {
        "2025-11-21": 1,
        "2025-11-22": 2,
        "2025-11-23": 3,
    }
    by_tag = await tracker.areport(by="tag")
    assert [(line.key, int(line.cost)) for line in by_tag.lines] == [
        ("alice", 4),
        ("(no tag)", 2),
    ]
    assert by_tag.budgets[0].spent == 4
    for since in (
        date(2025, 11, 22),
        "2025-11-22",
        "2025-11-22T23:00Z",
        "24h",
        "1d",
        timedelta(days=1),
        datetime(2025, 11, 22, 1),
        datetime(2025, 11, 23, 3, tzinfo=timezone(timedelta(hours=5))),
    ):
        report = tracker.report(since=since)
        assert report.since == date(2025, 11, 22), since
        assert (report.total.calls, int(report.total.cost)) == (2, 5)
    assert tracker.report(since="2w").total.calls == 3
    assert tracker.to_csv(by="tag").splitlines()[1].startswith("alice,2,2000,400,")
    assert json.loads(tracker.to_json(since="1d"))["total"]["cost"] == "5"
    assert "1 budgets" in repr(tracker)
