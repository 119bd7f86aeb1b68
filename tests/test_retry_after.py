"""How long to wait, however a vendor says it."""

from __future__ import annotations

import time

import pytest

from bruno_llm.errors.retry_after import retry_after_of, seconds_of, seconds_until
from bruno_llm.testing import MovedClock


@pytest.mark.parametrize(
    ("headers", "text", "seconds"),
    [
        ({"retry-after": "20"}, "", 20),
        ({"retry-after": "-3"}, "", 0),
        ({"retry-after-ms": "1500", "retry-after": "20"}, "", 1.5),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, "", 60),
        ({"retry-after": "Wed, 31 Dec 2025 00:00:00 GMT"}, "", 0),
        ({"retry-after": "soon"}, "", None),
        ({}, '{"retryDelay": "48.5s"}', 48.5),
        ({}, "Please try again in 20s.", 20),
        ({}, "Please try again in 125ms.", 0.125),
        ({}, "try again in 1m2.5s", 62.5),
        ({}, "retry after 2 minutes", 120),
        ({}, "Try again in 1 minute 20 seconds, please", 80),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 -0000"}, "", 60),
        ({"retry-after": "2026-01-01T00:00:12Z"}, "", 12),
        ({}, "try again later", None),
    ],
)
def test_all_the_ways_to_say_it(headers: dict[str, str], text: str, seconds: float | None) -> None:
    with MovedClock(epoch=1_767_225_600.0):  # 2026-01-01 00:00 UTC
        assert retry_after_of(headers, text) == seconds


@pytest.mark.parametrize(
    "told",
    [
        "inf",
        "-inf",
        "nan",
        "1e999",
        "Fri, 31 Dec 99999999999999999999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -9999",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "0001-01-01T00:00:00+23:59",
        "9999999999999999999999",
        "2026-13-45T99:99:99Z",
        "9" * 5000,
        "9" * 5000 + "s",
    ],
)
def test_what_no_clock_can_say_is_no_error(told: str) -> None:
    """One such header made a plain 200 answer end in an OverflowError."""
    read = (
        retry_after_of({"retry-after": told}),
        retry_after_of({"retry-after-ms": told}),
        seconds_until(told),
        seconds_of(told),
    )
    assert all(seconds is None or 0 <= seconds < 1e23 for seconds in read)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("6m0s", 360),
        ("120ms", 0.12),
        ("1d2h", 93600),
        ("1h2m3.5s", 3723.5),
        ("59.5", 59.5),
        ("2 minutes", 120),
        ("10S", 10),
        ("-5", None),
        ("1.2.3s", None),
        ("5 apples", None),
        ("", None),
        (None, None),
        ("soon", None),
    ],
)
def test_a_duration(told: str | None, seconds: float | None) -> None:
    assert seconds_of(told) == seconds


def test_a_long_text_is_read_in_linear_time() -> None:
    began = time.process_time()
    for text in (
        "1m" * 200_000,
        "retry in " * 60_000,
        '"retryDelay"' + " " * 500_000,
        "1" * 500_000,
    ):
        retry_after_of({"retry-after": text}, text)
        seconds_until(text)
    assert time.process_time() - began < 3
