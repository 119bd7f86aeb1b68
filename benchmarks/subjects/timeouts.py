"""A burst of timeouts: what it leaves behind, and whether calls to a healthy server go on."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.cases import Case, Goal, Row
from bench.work import crowd, prompt

BURST = 400
AFTER = 100


def cases(brief: bool) -> list[Case]:
    rows = (
        Row(
            f"connections that {BURST} timeouts leave behind",
            "hanging",
            counted=True,
            goals=(Goal(0),),
        ),
        Row(
            f"of {AFTER} calls at once after it, answered",
            "answered",
            counted=True,
            goals=(Goal(AFTER, least=True),),
        ),
    )
    setting = {"burst": 120 if brief else BURST}
    return [Case("timeouts", setting, rows, 1, needs="limits", fresh=True)]


async def sample(contender: Any, burst: int) -> dict[str, float]:
    await contender.call(prompt())
    hang = prompt("hang")
    failed, _ = await crowd(lambda: contender.call(hang, timeout=0.4), burst, burst)
    assert failed == burst
    await asyncio.sleep(0.5)
    quick = prompt()
    later, _ = await crowd(lambda: contender.call(quick, timeout=10), AFTER, AFTER)
    return {"answered": AFTER - later}
