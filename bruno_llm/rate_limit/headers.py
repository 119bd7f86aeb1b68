"""What a vendor says about its own limits, and when it would take the next request.

Headers read (the name may carry litellm's prefix ``llm_provider-``):

- OpenAI and those who copy it: ``x-ratelimit-limit-requests``, ``-remaining-requests``,
  ``-reset-requests`` and the same with ``-tokens``; a reset is a duration such as ``6m0s`` or
  ``120ms`` (platform.openai.com/docs/guides/rate-limits).
- Anthropic: ``anthropic-ratelimit-requests-limit``, ``-remaining``, ``-reset`` and the same with
  ``tokens`` and ``input-tokens``; a reset is an RFC 3339 time
  (docs.claude.com/en/api/rate-limits).
- ``retry-after-ms`` and ``retry-after``.

How durations, times and ``retry-after`` are read stands in ``errors/retry_after.py``.

What cannot be read is passed over: a limiter must not fail a call over a header.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bruno_llm import _clock
from bruno_llm._runtime.forks import new_lock
from bruno_llm.errors.retry_after import retry_after_of, seconds_until

__all__ = ["DOUBTED", "Mirror"]

_HOLD_STATUSES = frozenset({429, 503, 529})
_HOLD_WITHOUT_A_HINT = 1.0
# Below this share of the limit the rest is spread over the time to the reset ...
_LOW_SHARE = 0.1
# ... but by no more than this: a daily quota must not turn its last requests into hours.
_MAX_GAP = 5.0
_SAME_WINDOW = 1.0
# Windows of a minute are the rule, so a longer pause is doubted as soon as an answer comes.
DOUBTED = 60.0


@dataclass(slots=True)
class _Quota:
    limit: float | None
    remaining: float
    reset_at: float

    def earliest(self, weight: float) -> float:
        if self.remaining <= 0 or weight > self.remaining:
            return self.reset_at
        return -math.inf

    def spread(self, last: float) -> float:
        """When the next request may start so that the few that remain last until the reset."""
        if self.limit is None or self.remaining > self.limit * _LOW_SHARE or last == -math.inf:
            return -math.inf
        gap = (self.reset_at - last) / (self.remaining + 1)
        return last + min(gap, _MAX_GAP)


class Mirror:
    """Mirrors the vendor's counters between two of its answers. Safe to share by threads.

    Args:
        max_pause: Seconds; no header holds anybody for longer, whatever it says.
    """

    def __init__(self, max_pause: float = math.inf) -> None:
        self.max_pause = max_pause
        self._lock = new_lock()
        self._doubted = self._lifted = False
        self._requests: _Quota | None = None
        self._tokens: _Quota | None = None
        self._hold = -math.inf
        self._last = -math.inf

    def observe(
        self, headers: Mapping[str, str], status: int | None, retry_after: float | None
    ) -> float | None:
        """Take in one answer. Returns the seconds of a new hold, ``None`` when there is none."""
        seen: dict[str, str] = {}
        for name, value in headers.items():
            plain = str(name).lower()
            if "ratelimit" in plain or "retry-after" in plain:
                seen[plain.removeprefix("llm_provider-")] = str(value)
        if not (seen or self._doubted or status in _HOLD_STATUSES):
            return None  # as most answers are: nothing is said of the limits
        now = _clock.monotonic()
        longest = now + self.max_pause
        requests = _openai(seen, "requests", now) or _anthropic(seen, "requests", now)
        tokens = [
            quota
            for quota in (
                _openai(seen, "tokens", now),
                _anthropic(seen, "tokens", now),
                _anthropic(seen, "input-tokens", now),
            )
            if quota is not None
        ]
        pause = _pause(seen, status, retry_after)
        for quota in (requests, *tokens):
            if quota is not None:
                quota.reset_at = min(quota.reset_at, longest)
        with self._lock:
            if status is not None and 200 <= status < 300 and self._doubted:
                self._hold, self._doubted, self._lifted = -math.inf, False, True
            if requests is not None:
                self._requests = _merge(self._requests, requests)
            if tokens:
                tightest = min(tokens, key=lambda quota: quota.remaining)
                self._tokens = _merge(self._tokens, tightest)
            if pause is None:
                return None
            pause = min(pause, self.max_pause)
            if now + pause <= self._hold:
                return None
            self._hold, self._doubted, self._lifted = now + pause, pause > DOUBTED, False
            return pause

    def earliest(self, tokens: float, now: float) -> float:
        """Monotonic time before which a request of ``tokens`` would be refused."""
        with self._lock:
            start = self._hold
            if self._requests is not None and self._requests.reset_at <= now:
                self._requests = None
            if self._tokens is not None and self._tokens.reset_at <= now:
                self._tokens = None
            if self._requests is not None:
                start = max(start, self._requests.earliest(1), self._requests.spread(self._last))
            if self._tokens is not None:
                start = max(start, self._tokens.earliest(tokens))
            return start

    def hold_left(self, now: float) -> float:
        """Seconds until the vendor wants to be asked again, after it refused."""
        with self._lock:
            return max(0.0, self._hold - now)

    def lifted(self) -> bool:
        """Whether an answer ended a hold since this was asked last."""
        with self._lock:
            lifted, self._lifted = self._lifted, False
            return lifted

    def take(self, tokens: float, at: float) -> None:
        """Count a request that starts, until the vendor's next answer says better."""
        with self._lock:
            self._last = at
            if self._requests is not None:
                self._requests.remaining -= 1
            if self._tokens is not None:
                self._tokens.remaining -= tokens


def _merge(old: _Quota | None, new: _Quota) -> _Quota:
    # Answers overtake each other: within one window the smaller count is the later one.
    if old is not None and abs(old.reset_at - new.reset_at) < _SAME_WINDOW:
        new.remaining = min(old.remaining, new.remaining)
    return new


def _openai(seen: Mapping[str, str], what: str, now: float) -> _Quota | None:
    return _quota(
        seen.get(f"x-ratelimit-limit-{what}"),
        seen.get(f"x-ratelimit-remaining-{what}"),
        seen.get(f"x-ratelimit-reset-{what}"),
        now,
    )


def _anthropic(seen: Mapping[str, str], what: str, now: float) -> _Quota | None:
    return _quota(
        seen.get(f"anthropic-ratelimit-{what}-limit"),
        seen.get(f"anthropic-ratelimit-{what}-remaining"),
        seen.get(f"anthropic-ratelimit-{what}-reset"),
        now,
    )


def _quota(
    limit: str | None, remaining: str | None, reset: str | None, now: float
) -> _Quota | None:
    left = _number(remaining)
    seconds = seconds_until(reset)
    if left is None or seconds is None:
        return None
    return _Quota(limit=_number(limit), remaining=left, reset_at=now + seconds)


def _pause(seen: Mapping[str, str], status: int | None, retry_after: float | None) -> float | None:
    if status not in _HOLD_STATUSES:
        return None
    told = retry_after if retry_after is not None else retry_after_of(seen)
    if told is not None and math.isfinite(told):
        return max(0.0, told)
    return _HOLD_WITHOUT_A_HINT if status == 429 else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
