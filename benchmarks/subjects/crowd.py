"""Many calls in flight: the CPU of each, connections opened, and stops of the event loop.

The server takes 50 ms for an answer, so that as many are in flight as there may be.
"""

from __future__ import annotations

import time
from typing import Any

from bench.cases import Case, Goal, Row
from bench.work import crowd, prompt, watched

SIZES = (1, 10, 100, 400, 1000, 2000)
LEAST = 200


def cases(brief: bool) -> list[Case]:
    sizes = SIZES[:4] if brief else SIZES
    return [
        Case(
            "crowd",
            {
                "in_flight": size,
                "calls": 20 if brief and size < 20 else min(40 * size, max(LEAST, size)),
            },
            (
                Row(
                    f"{size:,} in flight, ms of CPU a call",
                    "cpu",
                    1e3,
                    goals=(Goal(1.1, than="raw_litellm"),),
                ),
                Row(f"{size:,} in flight, connections opened", "accepted", counted=True),
                Row(
                    f"{size:,} in flight, longest stop of the loop, ms",
                    "stop",
                    1e3,
                    goals=(Goal(50e-3),),
                ),
            ),
            1 if brief else 3,
            needs="calls",
        )
        for size in sizes
    ]


async def sample(contender: Any, in_flight: int, calls: int) -> dict[str, Any]:
    chat = prompt("wait=0.05")
    async with watched() as late:
        began = time.process_time()
        failed, how = await crowd(lambda: contender.call(chat), in_flight, calls)
        spent = time.process_time() - began
    found: dict[str, Any] = {"cpu": spent / calls, "stop": max(late), "calls": calls}
    return {"error": f"{failed} of {calls} calls failed, {how}"} if failed else found
