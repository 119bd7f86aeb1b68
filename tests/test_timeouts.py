"""Timeout: what a number means, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bruno_llm import ConfigurationError, Timeout
from bruno_llm.policies.timeouts import LimitReached, paused, within


@pytest.mark.parametrize("name", ["read", "total", "first_token", "connect"])
@pytest.mark.parametrize("value", [0, -1, "5", True, float("nan")])
def test_a_limit_that_cannot_be_right(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Timeout(**{name: value})


def test_a_number_limits_silence_the_first_piece_and_the_connection() -> None:
    assert Timeout.of(30) == Timeout(read=30, first_token=30, connect=10)
    assert Timeout.of(2.5) == Timeout(read=2.5, first_token=2.5, connect=2.5)


def test_none_is_no_limit_and_a_timeout_is_itself() -> None:
    assert Timeout.of(None) == Timeout(read=None, connect=None)
    own = Timeout(total=5)
    assert Timeout.of(own) is own


def test_waiting_for_a_free_connection_is_limited_by_the_opening() -> None:
    assert Timeout(read=7, connect=3).http == {"connect": 3, "read": 7, "write": 7, "pool": None}


async def test_what_takes_longer_is_ended_and_the_limit_named() -> None:
    with pytest.raises(LimitReached, match=r"0\.01 s \(timeout: total\)"):
        async with within("total", 0.01):
            await asyncio.Event().wait()


async def test_a_limit_that_has_passed_lets_nothing_through() -> None:
    with pytest.raises(LimitReached, match="5 s"):
        async with within("total", 5, left=0):
            raise AssertionError("not reached")


async def test_no_limit_and_a_block_that_is_quick() -> None:
    async with within(None, None):
        pass
    async with within("read", 5):
        await asyncio.sleep(0)


async def test_a_limit_that_is_paused_goes_on_with_what_was_left() -> None:
    loop = asyncio.get_running_loop()
    async with within("first_token", 0.05) as limit:
        waited = asyncio.Event()
        loop.call_later(0.1, waited.set)
        with paused(limit):
            await waited.wait()
    with pytest.raises(LimitReached, match="first_token"):
        async with within("first_token", 0.05) as limit:
            with paused(limit):
                pass
            await asyncio.Event().wait()


async def test_a_limit_that_has_ended_is_not_paused() -> None:
    with pytest.raises(LimitReached):
        async with within("total", 0.01) as limit:
            try:
                await asyncio.Event().wait()
            finally:
                with paused(limit):
                    pass
