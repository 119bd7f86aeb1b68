"""What `make bench-smoke` asserts: counts, and never times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contenders import OURS, POLICIES, Column

from bench.cases import Case
from bench.layout import rows_of
from bench.rounds import Found, can

HEAVY = {"litellm", "openai", "tiktoken", "rich", "aiohttp", "tokenizers"}
PACKAGE = "bruno-llm"
COUNTED = ("parses", "answered", "hanging")
PLACES = 100  # of one client; from WireClient


def complaints(
    results: Sequence[Found],
    columns: Sequence[Column],
    expected: Sequence[Case],
    born: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """What is not as it has to be."""
    found = [line for result in results for line in _of_case(result)]
    if [result.case for result in results] != list(expected):
        found.append("not every case was measured")
    for result in results:
        for row, cells in zip(result.case.rows, rows_of(result, columns), strict=True):
            for column, cell in zip(columns, cells[1:], strict=False):
                has = can(column, result.case) and (column.package == PACKAGE or not row.own)
                if has and not any(map(str.isdigit, cell)):
                    found.append(f"{row.label}: {column.title} has no figure, but {cell!r}")
    for name in (OURS, POLICIES):
        heavy = HEAVY & set(born.get(name, {}).get("packages", ()))
        found += [f"importing {name} imports {package}" for package in sorted(heavy)]
    return found


def _of_case(result: Found) -> list[str]:
    found = [f"{result.case.subject}: {name}: {error}" for name, error in result.errors.items()]
    for name in (OURS, POLICIES):
        calls, requests = (result.of(name, measure) for measure in ("calls", "requests"))
        if calls and calls != requests:
            found.append(f"{result.case.subject}: {name}: {requests} requests of {calls} calls")
        if any(peak > PLACES for peak in result.of(name, "peak")):
            found.append(f"{result.case.subject}: {name}: more connections than places")
    for row in result.case.rows:
        for goal in row.goals:
            if row.measure not in COUNTED or not result.of(goal.who, row.measure):
                continue
            values = result.of(goal.who, row.measure)
            good = all(v >= goal.limit if goal.least else v <= goal.limit for v in values)
            if not good:
                found.append(f"{row.label}: {goal.who}: {values}, not {goal.limit:g}")
    return found
