"""The table: a row for each measure, a column for each contender, and how ours meets its goals."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from contenders import COLUMNS, LITELLM, OURS, Column

from bench.cases import Goal, Row
from bench.rounds import Found, can

TITLES = {column.name: column.title for column in COLUMNS}
NOTHING = "-"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def number(value: float) -> str:
    """Three digits that matter."""
    if value and abs(value) < 100:
        digits = 3 if abs(value) < 0.1 else 2 if abs(value) < 10 else 1
        return f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return f"{value:,.0f}"


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The lower one, the median, the upper one."""
    if len(values) == 1:
        return (values[0],) * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def cell(row: Row, values: Sequence[float], base: Sequence[float]) -> str:
    """The median, the quartiles, and how many times litellm's."""
    if not values:
        return NOTHING
    low, middle, high = (row.scale * value for value in quartiles(values))
    if row.counted:
        return number(middle)
    text = number(middle)
    if len(values) > 1:
        text += f" ({number(low)} - {number(high)})"
    if base and base is not values and statistics.median(base):
        text += f" x{statistics.median(values) / statistics.median(base):.2f}"
    return text


def reached(goal: Goal, row: Row, found: Found) -> tuple[str, bool] | None:
    """The goal in words with what was found, and whether it is reached."""
    values = found.of(goal.who, row.measure)
    if not values:
        return None
    value, limit = statistics.median(values), goal.limit
    whose = "" if goal.who == OURS else f"{TITLES[goal.who]}: "
    sign = "≥" if goal.least else "≤"
    if goal.than or goal.of:
        base = found.of(goal.than or goal.who, goal.of or row.measure)
        if not base:
            return None
        value /= statistics.median(base)
        than = TITLES[goal.than] if goal.than else "that"
        said = f"{whose}{sign} {limit:g} x {than}: {value:.2f}"
    else:
        said = f"{whose}{sign} {number(row.scale * limit)}: {number(row.scale * value)}"
    good = value >= limit if goal.least else value <= limit
    return (said if good else f"**{said}**"), good


def rows_of(found: Found, columns: Sequence[Column]) -> list[list[str]]:
    """The cells of the case's rows, with the label in front and the goals at the end."""
    rows = []
    for row in found.case.rows:
        cells = [row.label]
        base = found.of(LITELLM, row.measure)
        for column in columns:
            if column.name in found.errors:
                cells.append("fails")
            elif can(column, found.case):
                cells.append(cell(row, found.of(column.name, row.measure), base))
            else:
                cells.append(NOTHING)
        told = (reached(goal, row, found) for goal in row.goals)
        cells.append("; ".join(said for said, _ in filter(None, told)))
        rows.append(cells)
    return rows


def markdown(results: Sequence[Found], columns: Sequence[Column]) -> str:
    """The whole table."""
    lines = [["", *(column.title for column in columns), "goal of ours"]]
    lines.append(["---"] * len(lines[0]))
    for found in results:
        lines += rows_of(found, columns)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def missed(results: Sequence[Found]) -> list[str]:
    """The goals that are not reached."""
    return [
        f"{row.label}: {told[0]}"
        for found in results
        for row in found.case.rows
        for goal in row.goals
        if (told := reached(goal, row, found)) and not told[1]
    ]


def filled(page: str, text: str) -> str:
    """The page, with the text between its two markers.

    Raises:
        ValueError: One of them is not there.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{BEGIN} and {END} have to stand in the page")
    return f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}"
