"""The ends of a stream: the CPU to the first text, and from the last one to the end."""

from __future__ import annotations

import time
from typing import Any

from bench.cases import Case, Goal, Row
from bench.work import prompt


def cases(brief: bool) -> list[Case]:
    first = Row("to the first text of a stream, ms of CPU", "first", 1e3)
    last = Row("from the last text to the end, ms of CPU", "last", 1e3, goals=(Goal(2e-3),))
    setting = {"streams": 2 if brief else 10}
    return [Case("ends", setting, (first, last), 1 if brief else 7)]


async def sample(contender: Any, streams: int) -> dict[str, float]:
    first = last = 0.0
    for _ in range(streams):
        began = time.process_time()
        heard = 0.0
        async for _ in contender.stream("openai", prompt("words=20")):
            at = time.process_time()
            if not heard:
                first += at - began
            heard = at
        last += time.process_time() - heard
    return {"first": first / streams, "last": last / streams, "calls": streams}
