"""How long to wait: ``Retry-After``, a duration such as ``6m0s``, a time such as a date.

The one place that reads these, for the errors (:func:`retry_after_of` fills
``LLMError.retry_after``) and for the rate limit (:func:`seconds_until` reads its resets).

What vendors write, and where it is documented:

- ``retry-after``: seconds or an HTTP date (RFC 9110, 10.2.3); ``retry-after-ms``: milliseconds
  (OpenAI's SDKs read it, Azure sends it).
- A duration: ``6m0s``, ``120ms``, ``1d2h`` (OpenAI's guide "Rate limits"), ``2 minutes``.
- An RFC 3339 time (Anthropic's "Rate limits").
- ``"retryDelay": "48.5s"`` in a body (Google's ``RetryInfo``), "try again in 1m20s" in words.

What cannot be read, is negative where it counts something, or is not finite says nothing: the
answer is ``None`` and never an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from bruno_llm import _clock

__all__ = ["retry_after_of", "seconds_of", "seconds_until"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# The number has at most 15 digits: more are no wait, and int() of very many is slow.
_PART = r"\d{1,15}(?:\.\d{1,15})?\s?(?:ms|[dhms])"
_WORD = re.compile(rf"({_PART})[a-z]{{0,12}}", re.IGNORECASE)
_DURATION = re.compile(rf"(?:{_PART}[a-z]{{0,12}}\s?)+", re.IGNORECASE)
_RETRY_DELAY = re.compile(r'"retryDelay"\s{0,9}:\s{0,9}"([^"]{1,40})"')
_TRY_AGAIN = re.compile(
    rf"(?:try again|retry) (?:in|after) ((?:{_PART}[a-z]{{0,12}}\s?){{1,5}})", re.IGNORECASE
)


def retry_after_of(headers: Mapping[str, str], text: str = "") -> float | None:
    """Seconds the vendor asks to wait: from its headers, its error body or its words.

    Args:
        headers: Of the answer, their names in lower case.
        text: The body of an error.

    Returns:
        Seconds, 0 for a moment that is over; ``None`` when nothing says it.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    told = headers.get("retry-after", "")
    seconds = _number(told)
    if seconds is None:
        seconds = _from_now(told)
    if seconds is not None:
        return max(0.0, seconds)
    for pattern in (_RETRY_DELAY, _TRY_AGAIN):
        if found := pattern.search(text):
            return seconds_of(found[1])
    return None


def seconds_until(text: str | None) -> float | None:
    """Seconds until a reset, told as a duration, a number of seconds or a time."""
    seconds = seconds_of(text)
    return seconds if seconds is not None else _from_now(text or "")


def seconds_of(text: str | None) -> float | None:
    """The seconds of a duration: ``6m0s``, ``120ms``, ``2 minutes``, ``59.5``."""
    plain = _number(text)
    if plain is not None:
        return plain if plain >= 0 else None
    if not text or not _DURATION.fullmatch(text.strip()):
        return None
    total = 0.0
    for part in _WORD.findall(text):
        amount = part.rstrip("dhmsDHMS ")
        total += float(amount) * _UNITS[part[len(amount) :].strip().lower()]
    return total


def _from_now(text: str) -> float | None:
    """Seconds until a moment, an HTTP date or an RFC 3339 time; 0 for one that is over."""
    text = text.strip()
    try:
        if text[:4].isdigit():
            moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
            if moment.tzinfo is None:
                return None
        else:
            moment = parsedate_to_datetime(text)
            if moment.tzinfo is None:  # "-0000": UTC, of a server that does not say where it is
                moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, moment.timestamp() - _clock.now())
    except (TypeError, ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
