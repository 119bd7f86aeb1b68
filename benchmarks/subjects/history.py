"""The CPU of one plain call with a long history."""

from __future__ import annotations

import time
from typing import Any

from bench.cases import Case, Goal, Row
from bench.work import prompt


def cases(brief: bool) -> list[Case]:
    return [
        Case(
            "history",
            {"messages": size, "calls": 1 if brief else 3},
            (
                Row(
                    f"plain call with {size:,} messages, ms of CPU",
                    "cpu",
                    1e3,
                    goals=(Goal(20e-3),) if size == 1000 else (),
                ),
            ),
            1 if brief else 5,
            needs="calls",
        )
        for size in (10, 100, 1000)
    ]


async def sample(contender: Any, messages: int, calls: int) -> dict[str, float]:
    chat = prompt(messages=messages)
    began = time.process_time()
    for _ in range(calls):
        assert await contender.call(chat)
    return {"cpu": (time.process_time() - began) / calls, "calls": calls}
