"""How the CPU time of what keeps or looks at much grows with it: the exponent over three decades.

python benchmarks/growth_state.py [name of a subject ...] [--decades 3] [--least 100]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import itertools
import logging
import math
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from growth import MOST, exponent

from bruno_llm import ContextWindow, CostTracker, RateLimit, Usage
from bruno_llm.messages.chat import to_chat
from bruno_llm.vendors.tokens import counter_for

Work = Callable[[], object]
WORDS = "Some words about the weather in the north. "


def turn(role: str, content: str, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


_conversations = itertools.count()


def talk(count: int) -> list[dict[str, Any]]:
    """Texts of which none was seen before."""
    conversation = next(_conversations)
    return [
        turn(("user", "assistant")[n % 2], f"{conversation}.{n}: {WORDS}") for n in range(count | 1)
    ]


def history(count: int) -> Work:
    messages = talk(count)
    return lambda: to_chat(messages)


def one_role(count: int) -> Work:
    messages = [turn("user", f"{n}: {WORDS}") for n in range(count)]
    return lambda: to_chat(messages)


def system_messages(count: int) -> Work:
    messages = [turn("system", f"{n}: {WORDS}") for n in range(count)]
    return lambda: to_chat([*messages, turn("user", "Hi")])


def results(count: int, **known: Callable[[int], str]) -> Work:
    """One turn with so many calls, and their results."""
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        for n in range(count)
    ]
    if not known:
        for call in calls:
            del call["id"]
    answers = [
        turn("tool", "done", **{name: of(n) for name, of in known.items()}) for n in range(count)
    ]
    messages = [turn("user", "Hi"), turn("assistant", "", tool_calls=calls), *answers]
    return lambda: to_chat(messages)


def results_by_id(count: int) -> Work:
    return results(count, tool_call_id=lambda n: f"c{n}")


def results_by_name(count: int) -> Work:
    return results(count, name=lambda n: "f")


def texts_counted(count: int) -> Work:
    """More texts than are remembered, counted twice."""
    counter = counter_for("openai", "gpt-4o")
    messages = talk(count)

    def work() -> None:
        for _ in range(2):
            counter.messages(messages)

    return work


def fits(count: int) -> Work:
    counter, messages = counter_for("openai", "gpt-4o"), talk(count)
    window = ContextWindow(count * 8 + 200, reserve=0, warn_at=1.0)
    return lambda: asyncio.run(window.fit(messages, count=counter.message))


def cancelled_waiters(count: int) -> Work:
    """Calls that wait for a place and are cancelled, the last one first."""

    async def wait(limit: RateLimit) -> None:
        async with limit.slot():
            pass

    async def work() -> None:
        limit = RateLimit(concurrency=1, max_waiting=count, wait_timeout=None)
        async with limit.slot():
            tasks = [asyncio.ensure_future(wait(limit)) for _ in range(count)]
            await asyncio.sleep(0)
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return lambda: asyncio.run(work())


_folder = tempfile.TemporaryDirectory()
_ledgers: dict[int, CostTracker] = {}


def ledger(rows: int) -> CostTracker:
    """A ledger of so many calls in a year; one is booked, and the rest are copies of it."""
    if rows not in _ledgers:
        path = Path(_folder.name, f"{rows}.db")
        tracker = _ledgers[rows] = CostTracker(ledger=path)
        asyncio.run(
            tracker.book(
                provider="openai", model="gpt-4o-mini", usage=Usage(10, 5), cost=Decimal("0.0001")
            )
        )
        with contextlib.closing(sqlite3.connect(path)) as books, books:
            names = [row[1] for row in books.execute("PRAGMA table_info(bruno_cost_entries)")]
            fields = {name: name for name in names}
            fields["id"] = "id || '-' || n"
            fields["day"] = "date('2026-01-01', '+' || (n % 365) || ' days')"
            fields["model"] = "'model-' || (n % 10)"
            books.execute(
                "WITH RECURSIVE count(n) AS"
                " (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < ?)"
                f" INSERT INTO bruno_cost_entries SELECT {', '.join(fields.values())}"
                " FROM bruno_cost_entries, count",
                (rows,),
            )
    return _ledgers[rows]


def total(rows: int) -> Work:
    tracker = ledger(rows)
    return lambda: tracker.total


def by_model(rows: int) -> Work:
    return ledger(rows).by_model


def control(count: int) -> Work:
    """What a machine makes of more memory alone: as many texts as ``history`` has, copied."""
    messages = talk(count)
    return lambda: [dict(message) for message in messages]


# Each with what a unit of its size is: rows of a ledger are ten times as many.
SUBJECTS: dict[str, tuple[Callable[[int], Work], int]] = {
    "messages copied (control)": (control, 1),
    "messages in turn": (history, 1),
    "one role in a row": (one_role, 1),
    "distinct system messages": (system_messages, 1),
    "results by id": (results_by_id, 1),
    "results by name": (results_by_name, 1),
    "results by their order": (results, 1),
    "texts counted": (texts_counted, 1),
    "a history that is cut": (fits, 1),
    "cancelled waiters": (cancelled_waiters, 1),
    "total of a ledger": (total, 10),
    "a ledger by model": (by_model, 10),
}


def seconds(make: Callable[[int], Work], size: int) -> float:
    """CPU seconds of this process, the best of some tries where one is short."""
    spent: list[float] = []
    while len(spent) < 5 and sum(spent) < 0.3:
        work = make(size)
        gc.collect()
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def measure(names: list[str], least: int, decades: int) -> bool:
    good = True
    counts = [least * 10**decade for decade in range(decades + 1)]
    for name in names:
        make, unit = SUBJECTS[name]
        make(10)()  # imports
        times = [seconds(make, n * unit) for n in counts]
        slope, last = exponent(counts, times), math.log10(times[-1] / times[-2])
        good = good and slope <= MOST
        spent = "  ".join(f"{1000 * t:9.2f}" for t in times)
        print(f"  {name:<34}{spent} ms   n^{slope:.2f}, at the end n^{last:.2f}", flush=True)
    return good


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(SUBJECTS))
    parser.add_argument("--least", type=int, default=100)
    parser.add_argument("--decades", type=int, default=3)
    given = parser.parse_args()
    print(f"CPU of {given.least} to {given.least * 10**given.decades}, of a ledger tenfold")
    if not measure(given.names, given.least, given.decades):
        raise SystemExit(f"something grows faster than n^{MOST}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.getLogger("bruno_llm").setLevel(logging.ERROR)
    main()
