"""50 streams at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench.cases import Case, Row
from bench.work import read

STREAMS = 50


def cases(brief: bool) -> list[Case]:
    row = Row(f"{STREAMS} streams at once, pieces a second of CPU", "rate")
    return [Case("streams", {"words": 10 if brief else 40}, (row,), 1 if brief else 5)]


async def sample(contender: Any, words: int) -> dict[str, float]:
    began = time.process_time()
    pieces = await asyncio.gather(*(read(contender, "openai", words) for _ in range(STREAMS)))
    spent = time.process_time() - began
    assert pieces == [words] * STREAMS
    return {"rate": STREAMS * words / spent, "calls": STREAMS}
