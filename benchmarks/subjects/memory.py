"""What a long stream keeps: how far the memory of a new process rises meanwhile."""

from __future__ import annotations

import gc
from typing import Any

from bench.cases import Case, Row
from bench.work import read
from bench.worker import memory


def peak() -> float:
    """MB that the process had in memory at most since ``forget()``."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def forget() -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def cases(brief: bool) -> list[Case]:
    words = 200 if brief else 100_000
    row = Row(f"a stream of {words:,} pieces keeps at most, MB", "kept")
    return [Case("memory", {"words": words}, (row,), 1, fresh=True)]


async def sample(contender: Any, words: int) -> dict[str, float]:
    await read(contender, "openai", 100)
    gc.collect()
    forget()
    before = memory()
    assert await read(contender, "openai", words) == words
    return {"kept": peak() - before, "calls": 2}
