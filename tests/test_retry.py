"""Retry: what is tried again, how long it waits, and when it stops."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from bruno_llm.exceptions import (
    AuthenticationError,
    ConfigurationError,
    LLMError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from bruno_llm.policies.retry import Retry
from bruno_llm.testing import MovedClock


@pytest.fixture
def clock() -> Iterator[MovedClock]:
    with MovedClock() as moved:
        yield moved


class Calls:
    """Fails with the given errors in turn, then answers."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.count = 0

    async def __call__(self) -> str:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def down(retry_after: float | None = None) -> ServiceUnavailableError:
    return ServiceUnavailableError(
        "down", provider="openai", model="m", status_code=503, retry_after=retry_after
    )


async def test_first_success_neither_waits_nor_announces(clock: MovedClock) -> None:
    calls = Calls()
    with capture_logs() as logs:
        assert await Retry().run(calls) == "answer"
    assert (calls.count, clock.sleeps, logs) == (1, [], [])


async def test_transient_errors_are_tried_again_with_one_event_each(clock: MovedClock) -> None:
    seen: list[tuple[int, LLMError, float]] = []
    first, second = down(), RequestTimeoutError("slow")
    calls = Calls(first, second)
    with capture_logs() as logs:
        answer = await Retry(attempts=3).run(calls, on_retry=lambda *args: seen.append(args))
    assert answer == "answer"
    assert calls.count == 3
    assert [(number, error) for number, error, _ in seen] == [(1, first), (2, second)]
    assert [wait for _, _, wait in seen] == clock.sleeps
    assert [entry["event"] for entry in logs] == ["llm_call_retried"] * 2
    assert logs[0]["error"] == "ServiceUnavailableError"
    assert logs[0]["status_code"] == 503
    assert logs[0]["wait_seconds"] == round(clock.sleeps[0], 3)
    assert logs[0]["told_by_vendor"] is False


async def test_the_last_error_comes_out_unchanged(clock: MovedClock) -> None:
    errors = [down(), down(), down()]
    calls = Calls(*errors)
    with pytest.raises(ServiceUnavailableError) as caught:
        await Retry(attempts=3).run(calls)
    assert caught.value is errors[2]
    assert calls.count == 3
    assert len(clock.sleeps) == 2


def never_again() -> RateLimitError:
    error = RateLimitError("Request too large for TPM")
    error.retryable = False
    return error


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("no"),
        QuotaExceededError("gone"),
        LLMError("odd"),
        ValueError("bug"),
        never_again(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_cannot_succeed_is_sent_once(clock: MovedClock, error: Exception) -> None:
    calls = Calls(error)
    with pytest.raises(type(error)) as caught:
        await Retry().run(calls)
    assert caught.value is error
    assert (calls.count, clock.sleeps) == (1, [])


async def test_a_lasting_error_after_a_passing_one_ends_it(clock: MovedClock) -> None:
    calls = Calls(down(), QuotaExceededError("gone"))
    with pytest.raises(QuotaExceededError):
        await Retry(attempts=5).run(calls)
    assert calls.count == 2


async def test_one_attempt_never_waits(clock: MovedClock) -> None:
    calls = Calls(down())
    with pytest.raises(ServiceUnavailableError):
        await Retry(attempts=1).run(calls)
    assert (calls.count, clock.sleeps) == (1, [])


async def test_waits_have_full_jitter_below_a_doubling_bound(clock: MovedClock) -> None:
    random.seed(7)
    waits: list[list[float]] = []
    for _ in range(200):
        clock.sleeps.clear()
        with pytest.raises(ServiceUnavailableError):
            await Retry(attempts=5, timeout=None, wait_initial=1.0, wait_max=3.0).run(
                Calls(*[down() for _ in range(5)])
            )
        waits.append(list(clock.sleeps))
    for column, bound in zip(zip(*waits, strict=True), [1.0, 2.0, 3.0, 3.0], strict=True):
        assert 0.0 <= min(column) < 0.1 * bound
        assert 0.9 * bound < max(column) <= bound
        assert abs(sum(column) / len(column) - bound / 2) < 0.1 * bound


async def test_many_attempts_do_not_overflow(clock: MovedClock) -> None:
    retry = Retry(attempts=1200, timeout=None, wait_initial=0.001, wait_max=0.002)
    assert await retry.run(Calls(*[down() for _ in range(1199)])) == "answer"


@pytest.mark.parametrize("told", [0.0, 0.125, 45.0])
async def test_the_vendor_decides_the_wait(clock: MovedClock, told: float) -> None:
    retry = Retry(wait_initial=10.0, wait_max=30.0)
    assert await retry.run(Calls(down(retry_after=told))) == "answer"
    assert clock.sleeps == [told]


async def test_a_wait_past_the_deadline_is_not_begun(clock: MovedClock) -> None:
    calls = Calls(down(retry_after=61.0))
    with pytest.raises(ServiceUnavailableError):
        await Retry(timeout=60.0).run(calls)
    assert (calls.count, clock.sleeps) == (1, [])


async def test_the_deadline_counts_tries_and_waits(clock: MovedClock) -> None:
    count = 0

    async def slow() -> str:
        nonlocal count
        count += 1
        await clock.sleep(20.0)
        raise down(retry_after=10.0)

    began = clock.monotonic()
    with pytest.raises(ServiceUnavailableError):
        await Retry(attempts=10, timeout=60.0).run(slow)
    # 20 + 10 + 20 + 10 = 60 is just in time for the third try; a wait after it is not.
    assert count == 3
    assert clock.monotonic() - began == 80.0


async def test_cancelling_ends_a_wait_at_once() -> None:
    with MovedClock(auto=False) as clock:
        calls = Calls(down(retry_after=30.0))
        task = asyncio.ensure_future(Retry().run(calls))
        for _ in range(5):
            await asyncio.sleep(0)
        assert clock.waiting == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (calls.count, clock.waiting) == (1, 0)


async def test_cancelling_a_later_try_is_not_tried_again(clock: MovedClock) -> None:
    calls = Calls(down(), asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await Retry().run(calls)
    assert calls.count == 2


async def test_any_awaitable_will_do(clock: MovedClock) -> None:
    calls = Calls(down())
    assert await Retry().run(lambda: asyncio.ensure_future(calls())) == "answer"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("attempts", 0),
        ("attempts", -1),
        ("attempts", 1.5),
        ("attempts", True),
        ("attempts", "3"),
        ("timeout", 0),
        ("timeout", -1.0),
        ("timeout", float("nan")),
        ("timeout", True),
        ("wait_initial", -0.1),
        ("wait_max", float("inf")),
        ("wait_max", None),
    ],
)
def test_a_wrong_setting_is_named(setting: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"{setting}=") as caught:
        Retry(**{setting: value})  # type: ignore[arg-type]
    assert repr(value) in str(caught.value)
