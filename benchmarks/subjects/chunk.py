"""The CPU of one piece of a stream on each wire, its share of the call included, and its parses."""

from __future__ import annotations

import sys
import time
from types import FrameType
from typing import Any

from bench.cases import Case, Goal, Row
from bench.work import read
from contenders import WIRES

GOALS = (Goal(40e-6), Goal(2.0, than="bare_httpx"))
NAMES = {
    "openai": "OpenAI",
    "responses": "Responses",
    "anthropic": "Anthropic",
    "gemini": "Gemini",
    "ollama": "Ollama",
}
# Whatever reads JSON: of json, of pydantic and jiter, of orjson (in C, all but the first).
PARSERS = {"from_json", "validate_json", "loads"}


def cases(brief: bool) -> list[Case]:
    words = 50 if brief else 1000
    once = (Goal(1.0), Goal(1.0, who="bruno_policies"))
    found = []
    for wire in WIRES:
        cpu = Row(f"a piece of a stream, {NAMES[wire]}, µs of CPU", "cpu", 1e6, goals=GOALS)
        parses = Row(f"JSON parses of it, {NAMES[wire]}", "parses", counted=True, goals=once)
        found += [
            Case("chunk", {"wire": wire, "words": words}, (cpu,), 1 if brief else 7, wire),
            Case("chunk", {"wire": wire, "words": 40, "counted": True}, (parses,), 1, wire),
        ]
    return found


async def parses(contender: Any, wire: str, words: int) -> int:
    found = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal found
        if event == "call":
            found += frame.f_code.co_name == "raw_decode"
        elif event == "c_call":
            found += getattr(argument, "__name__", None) in PARSERS

    sys.setprofile(count)
    try:
        assert await read(contender, wire, words) == words
    finally:
        sys.setprofile(None)
    return found


async def sample(contender: Any, wire: str, words: int, counted: bool = False) -> dict[str, float]:
    if counted:
        await read(contender, wire, 2)
        few, many = await parses(contender, wire, 2), await parses(contender, wire, words + 2)
        return {"parses": (many - few) / words, "calls": 3}
    began = time.process_time()
    pieces = await read(contender, wire, words)
    spent = time.process_time() - began
    assert pieces == words, pieces
    return {"cpu": spent / words, "calls": 1}
