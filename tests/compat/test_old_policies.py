"""`bruno_llm.base` of 0.2.0: costs, middlewares, rate limits, retries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import bruno_llm
from bruno_llm.testing import MovedClock
from tests.compat.former import HELLO, base, conversation

pytestmark = pytest.mark.usefixtures("no_keys")


def test_cost_tracker(tmp_path: Path) -> None:
    costs = base("CostTracker")("openai", base("PRICING_OPENAI"))
    csv, report = tmp_path / "costs.csv", tmp_path / "costs.json"
    costs.export_to_csv(str(csv))
    assert not csv.exists() and costs.get_usage_report()["first_request"] is None
    record = costs.track_request("gpt-4", 1000, 500)
    assert record.total_cost == pytest.approx(0.06) and record.total_tokens == 1500
    costs.track_request("free", 10, 10)
    assert costs.get_total_cost("gpt-4") == pytest.approx(0.06)
    assert costs.get_total_tokens() == {"input": 1010, "output": 510, "total": 1520}
    assert costs.get_model_breakdown()["gpt-4"]["requests"] == 1
    assert costs.check_budget(0.05)["within_budget"] is False
    assert costs.check_budget(0.06)["near_limit"] is True
    assert costs.check_budget(0)["percent_used"] == 0
    ranged = costs.get_time_range_report(start_time=record.timestamp)
    assert ranged["total_requests"] == 2 and "start_time" in ranged
    assert costs.get_time_range_report(end_time=0)["total_cost"] == 0
    costs.export_to_csv(str(csv))
    costs.export_to_json(str(report))
    assert len(csv.read_text("utf-8").splitlines()) == 3
    assert json.loads(report.read_text("utf-8"))["history"][0]["model"] == "gpt-4"
    costs.clear_history()
    assert costs.get_request_count() == 0


async def test_middlewares() -> None:
    order: list[str] = []

    class Own(base("Middleware")):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            self.name = name

        async def before_request(self, messages: Any, **kwargs: Any) -> Any:
            order.append(self.name)
            return messages, {**kwargs, self.name: True}

        async def after_response(self, messages: Any, response: str, **kwargs: Any) -> str:
            return response + self.name

    cache = base("ResponseCache")()
    strict = base("ValidationMiddleware")(5, ["user"], ["a"])
    chain = base("MiddlewareChain")(
        [
            Own("a"),
            Own("b"),
            strict,
            base("LoggingMiddleware")(log_messages=True),
            base("LoggingMiddleware")(),
            base("CachingMiddleware")(cache),
            base("RetryMiddleware")(max_retries=1),
        ]
    )
    messages, options = await chain.before_request(HELLO, top_p=1)
    assert (messages, options, order) == (HELLO, {"top_p": 1, "a": True, "b": True}, ["a", "b"])
    assert await chain.after_response(HELLO, "Hi", n=1) == "Hiba"
    assert cache.get(HELLO, n=1) == "Hi"
    assert await chain.on_stream_chunk("x") == "x"
    with MovedClock() as clock:
        began = clock.monotonic()
        await chain.on_error(ValueError("x"), HELLO)
        await chain.on_error(ValueError("x"), HELLO)
        assert clock.monotonic() - began == 1
    for given, says in (
        ({"messages": conversation()}, "Invalid message role"),
        ({"messages": [HELLO[0].model_copy(update={"content": "longer"})]}, "max length"),
        ({"messages": HELLO}, "parameter missing: a"),
    ):
        with pytest.raises(ValueError, match=says):
            await strict.before_request(**given)


async def test_rate_limiter() -> None:
    with MovedClock() as clock:
        limiter = base("RateLimiter")(requests_per_minute=2, tokens_per_minute=100)
        began = clock.monotonic()
        for _ in range(2):
            async with limiter:
                pass
        assert clock.monotonic() == began
        await limiter.acquire(50)
        assert clock.monotonic() - began == pytest.approx(30)
        assert limiter.get_stats()["requests_per_minute"] == 2
        with pytest.raises(bruno_llm.RateLimitError):
            await limiter.acquire(101)


async def test_retries_of_ones_own_functions() -> None:
    tried: list[Exception] = []

    async def flaky(*errors: Exception) -> int:
        if len(tried) < len(errors):
            tried.append(errors[len(tried)])
            raise tried[-1]
        return len(tried)

    config = base("RetryConfig")(max_retries=2, jitter=False)
    assert [config.calculate_delay(n) for n in (0, 1, 9)] == [1, 2, 60]
    retry = base("retry_async")
    with MovedClock() as clock:
        began = clock.monotonic()
        told = bruno_llm.RateLimitError("slow", retry_after=7)
        assert await retry(flaky, ValueError(), told, config=config) == 2
        assert clock.monotonic() - began == 8
        tried.clear()
        with pytest.raises(bruno_llm.AuthenticationError):
            await base("RetryDecorator")(3)(flaky)(bruno_llm.AuthenticationError("no"))
        assert len(tried) == 1
        assert 0.9 <= base("RetryConfig")().calculate_delay(0) <= 1.1
