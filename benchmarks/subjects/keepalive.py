"""Whether connections are kept: how many 320 requests need, 160 of them at a time."""

from __future__ import annotations

from typing import Any

from bench.cases import Case, Goal, Row
from bench.work import crowd, prompt

REQUESTS = 320
AT_A_TIME = 160
PLACES = 100


def cases(brief: bool) -> list[Case]:
    row = Row(
        f"connections opened for {REQUESTS} calls, {AT_A_TIME} at a time",
        "accepted",
        counted=True,
        goals=(Goal(PLACES), Goal(PLACES, who="bruno_policies")),
    )
    return [Case("keepalive", {}, (row,), 1, needs="calls", fresh=True)]


async def sample(contender: Any) -> dict[str, Any]:
    chat = prompt("wait=0.02")
    failed, how = await crowd(lambda: contender.call(chat), AT_A_TIME, REQUESTS)
    return {"error": how} if failed else {"calls": REQUESTS}
