"""The CPU of one plain call, one after the other on a connection that is kept."""

from __future__ import annotations

import time
from typing import Any

from bench.cases import Case, Goal, Row
from bench.work import prompt

GOALS = (Goal(1.0, than="raw_litellm"), Goal(1.1, than="raw_litellm", who="bruno_policies"))


def cases(brief: bool) -> list[Case]:
    row = Row("plain call, ms of CPU", "cpu", 1e3, goals=GOALS)
    return [Case("call", {"calls": 3 if brief else 40}, (row,), 1 if brief else 11, needs="calls")]


async def sample(contender: Any, calls: int) -> dict[str, float]:
    chat = prompt()
    began = time.process_time()
    for _ in range(calls):
        assert await contender.call(chat)
    return {"cpu": (time.process_time() - began) / calls, "calls": calls}
