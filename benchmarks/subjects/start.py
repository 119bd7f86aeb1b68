"""Start: the import, the first call, and the memory after both; in new processes."""

from __future__ import annotations

import time
from typing import Any

from bench.cases import Case, Goal, Row
from bench.work import prompt, watched


def cases(brief: bool) -> list[Case]:
    light = (Goal(1.5, of="base"),)
    rows = (
        Row("import, s of CPU", "import", goals=light),
        Row("of that, `bruno_core.interfaces`", "base", own=True),
        Row("modules after the import", "modules", counted=True),
        Row("memory after the import, MB", "rss"),
        Row("first call, s of CPU", "cpu"),
        Row("first call, longest stop of the loop, ms", "stop", 1e3, goals=(Goal(50e-3),)),
        Row("memory after the first call, MB", "rss_called"),
    )
    return [Case("start", {}, rows, 1 if brief else 3, needs="calls", fresh=True)]


async def sample(contender: Any) -> dict[str, float]:
    from bench.worker import memory

    async with watched() as late:
        began = time.process_time()
        assert await contender.call(prompt())
        spent = time.process_time() - began
    return {"cpu": spent, "stop": max(late), "rss_called": memory(), "calls": 1}
