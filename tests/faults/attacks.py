"""Answers that are made to do harm, for a server that gives them at random."""

from __future__ import annotations

import gzip
import json
import random
from functools import lru_cache

from bruno_llm import (
    InvalidRequestError,
    LLMError,
    ProviderConnectionError,
    RateLimitError,
    ServiceUnavailableError,
    StreamError,
)
from bruno_llm.testing import Fault, Raw, Reply
from tests.faults.soak import ANSWERS, Try, item

# How often out of 100 requests; the rest are right answers.
WEIGHTS = {
    "slow": 6,
    "large error": 5,
    "absurd wait": 4,
    "wait without end": 4,
    "bomb": 4,
    "endless line": 4,
    "nested": 4,
    "keep-alives": 4,
    "500": 3,
    "reset": 4,
    "cut": 5,
    "malformed": 4,
    "error_event": 3,
    "html": 3,
}
MOST = 500_000
"""Bytes that an answer may hold."""

_EVENTS = {"content-type": "text/event-stream"}
_SAID: dict[str, tuple[type[LLMError], ...]] = {
    "large error": (InvalidRequestError,),
    "absurd wait": (RateLimitError,),
    "wait without end": (RateLimitError,),
    "bomb": (ServiceUnavailableError,),
    "endless line": (ServiceUnavailableError,),
    "nested": (ServiceUnavailableError,),
    # A plain call gets no JSON there; a stream only ends before it has begun.
    "keep-alives": (ServiceUnavailableError, ProviderConnectionError, StreamError),
}
_REFUSED = ("large error", "absurd wait", "wait without end")


def plan(seed: int, call: int, number: int, streamed: bool) -> Try:
    """What happens to that call: the same in every run."""
    dice = random.Random(f"{seed}/{call}/{number}")
    kinds = {**WEIGHTS, "right": 100 - sum(WEIGHTS.values())}
    (kind,) = dice.choices(list(kinds), list(kinds.values()))
    return Try(kind, dice.randrange(1, 4), streamed, f"This is the answer to call {call}, no more")


def play(it: Try) -> Reply | Fault | Raw:
    """The answer of that kind."""
    if it.kind == "absurd wait":
        return Fault.status(429, retry_after=999_999_999)
    if it.kind == "wait without end":
        return Fault.status(429, retry_after="Fri, 31 Dec 99999999999 23:59:59 GMT")
    return _raw(it.kind) if it.kind in _SAID else item(it)


@lru_cache
def _raw(kind: str) -> Raw:
    if kind == "large error":
        text = "input token count 1 " * 20_000
        return Raw(422, body=json.dumps({"error": {"message": text}}).encode())
    if kind == "bomb":
        filled = gzip.compress(bytes(1 << 20), 1) * 64
        return Raw(headers={"content-encoding": "gzip, gzip"}, body=gzip.compress(filled))
    if kind == "endless line":
        return Raw(headers=_EVENTS, body=b"data: " + b"x" * (2 * MOST))
    if kind == "nested":
        return Raw(headers=_EVENTS, body=b"data: " + b"[" * 100_000 + b"\n\n")
    return Raw(headers=_EVENTS, body=[b": still here\n\n"] * 50)


def explains(it: Try, outcome: object) -> bool:
    """Whether a caller who stayed may end so."""
    if it.kind in _SAID:
        return type(outcome) in _SAID[it.kind]
    return it.explains(outcome)


def is_billed(it: Try) -> bool:
    """Whether the vendor has given the whole answer."""
    return it.kind in ANSWERS


def may_be_billed(it: Try, outcome: object) -> bool:
    """Whether a failed call is charged: not where the vendor has said no."""
    if it.kind in _SAID:
        return it.kind not in _REFUSED
    return it.is_lost or isinstance(outcome, StreamError)
