"""The charts of a cost report as numbers: where a column stands, how long a bar is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from bruno_llm.costs.books import COUNTED
from bruno_llm.costs.report import BudgetState, CostLine, Report
from bruno_llm.costs.words import budget_name, budget_words, cost_cell, short, usd

__all__ = ["TOKENS", "BarRow", "Columns", "budget_bars", "columns", "cost_bars", "token_bars"]

TOKENS = (
    ("fresh", "Input"),
    ("read", "Input read from the vendor's cache"),
    ("write", "Input written to the vendor's cache"),
    ("answer", "Answer"),
    ("think", "Thinking"),
)
"""The colours of a bar of tokens and what each stands for."""

_MANY_LINES = 12
_MANY_DAYS = 62


class Piece(NamedTuple):
    """One piece of a bar, in thousandths of the longest one."""

    start: float
    length: float
    colour: str
    says: str


class BarRow(NamedTuple):
    """A horizontal bar with its name and its value."""

    label: str
    value: str
    pieces: Sequence[Piece]
    says: str


class Tick(NamedTuple):
    """One line of the grid and its label."""

    y: float
    label: str


class Column(NamedTuple):
    """One column: its place, the words over it and the words below it (empty for none)."""

    x: float
    y: float
    width: float
    height: float
    says: str
    over: str
    below: str

    @property
    def centre(self) -> float:
        """Its middle, for the words."""
        return self.x + self.width / 2


class Columns(NamedTuple):
    """The chart of cost over time, ``width`` by ``height`` with ``left`` kept for the labels."""

    unit: str
    ticks: Sequence[Tick]
    columns: Sequence[Column]
    left: int = 76
    top: int = 26
    bottom: int = 34
    width: int = 920
    height: int = 280


def columns(days: Sequence[CostLine]) -> Columns:
    """Cost per UTC day, or per month where there are many days."""
    unit, periods = _periods(days)
    chart = Columns(unit, (), ())
    steps = _steps(max(float(one.cost) for _, one in periods))
    floor = chart.height - chart.bottom
    scale = (floor - chart.top) / steps[-1]
    step = (chart.width - chart.left) / len(periods)
    width = min(step * 0.72, 64)
    every = -(-len(periods) // 9)
    drawn = []
    for n, (key, one) in enumerate(periods):
        tall = float(one.cost) * scale
        drawn.append(
            Column(
                x=chart.left + step * (n + 0.5) - width / 2,
                y=floor - tall,
                width=width,
                height=tall,
                says=f"{key}: {usd(one.cost)}, {one.calls:,} calls",
                over=usd(one.cost) if len(periods) <= 14 and one.calls else "",
                below=key if n % every == 0 else "",
            )
        )
    ticks = [Tick(floor - value * scale, _tick_label(value, steps[1])) for value in steps]
    return chart._replace(ticks=ticks, columns=drawn)


def _steps(most: float) -> list[float]:
    """Round steps from 0 to the first one that is not below ``most``; three to six of them."""
    if most <= 0:
        return [0.0, 1.0]
    size = Decimal(10) ** (Decimal(repr(most / 5)).adjusted())
    step = next(float(size * n) for n in (1, 2, 5, 10) if float(size * n) >= most / 5)
    count = -(-most // step)
    return [step * n for n in range(int(count) + 1)]


def _tick_label(value: float, step: float) -> str:
    places = max(0, -Decimal(repr(step)).normalize().adjusted())
    return f"${value:,.{max(places, 2 if places else 0)}f}"


def _periods(days: Sequence[CostLine]) -> tuple[str, list[tuple[str, CostLine]]]:
    """Days (or months, where they are many) without gaps, so that the axis is true in time."""
    dated = {one.key: one for one in days if one.key[:1].isdigit()}
    earlier = [(one.key, one) for one in days if one.key not in dated]
    if not dated:
        return "day", earlier
    first, last = date.fromisoformat(min(dated)), date.fromisoformat(max(dated))
    span = [(first + timedelta(n)).isoformat() for n in range((last - first).days + 1)]
    if len(span) <= _MANY_DAYS:
        return "day", earlier + [(day, dated.get(day, CostLine(day))) for day in span]
    months: dict[str, CostLine] = {}
    for day in span:
        found, so_far = dated.get(day), months.setdefault(day[:7], CostLine(day[:7]))
        if found:
            months[day[:7]] = CostLine(
                day[:7], calls=so_far.calls + found.calls, cost=so_far.cost + found.cost
            )
    return "month", earlier + list(months.items())


def _shown(report: Report) -> list[CostLine]:
    """The lines that a chart has room for, the others as one."""
    lines = list(report.lines)
    if len(lines) <= _MANY_LINES:
        return lines
    rest = lines[_MANY_LINES - 1 :]
    summed = {name: sum(getattr(one, name) for one in rest) for name in COUNTED}
    return [*lines[: _MANY_LINES - 1], CostLine(f"{len(rest)} others", **summed)]


def _row(label: str, value: str, parts: Sequence[tuple[float, str, str]]) -> BarRow:
    """A bar of ``parts``: the part of the whole (0 to 1), its colour and what it says."""
    return BarRow(label, value, list(_pieces(parts)), ", ".join(says for _, _, says in parts))


def _pieces(parts: Sequence[tuple[float, str, str]]) -> Iterator[Piece]:
    start = 0.0
    for part, colour, says in parts:
        if part > 0:
            yield Piece(start, part * 1000, colour, says)
        start += part * 1000


def cost_bars(report: Report) -> list[BarRow]:
    """What each line cost, of the dearest."""
    shown = _shown(report)
    most = max(one.cost for one in shown) or Decimal(1)
    return [
        _row(one.key, cost_cell(one), [(float(one.cost / most), "cost", cost_cell(one))])
        for one in shown
    ]


def token_bars(report: Report) -> list[BarRow]:
    """What each line sent and got, in the colours of :data:`TOKENS`."""
    shown = sorted(_shown(report), key=lambda one: -one.total_tokens)
    most = max(one.total_tokens for one in shown) or 1
    return [
        _row(
            one.key,
            short(one.total_tokens),
            [
                (count / most, colour, f"{name}: {count:,} tokens")
                for (colour, name), count in zip(TOKENS, _tokens(one), strict=True)
            ],
        )
        for one in shown
    ]


def _tokens(one: CostLine) -> tuple[int, ...]:
    return (
        max(one.prompt_tokens - one.cached_tokens - one.cache_creation_tokens, 0),
        one.cached_tokens,
        one.cache_creation_tokens,
        max(one.completion_tokens - one.reasoning_tokens, 0),
        one.reasoning_tokens,
    )


def budget_bars(report: Report) -> list[BarRow]:
    """What is spent and reserved of each budget."""
    return [_budget_bar(state) for state in report.budgets]


def _budget_bar(state: BudgetState) -> BarRow:
    limit = state.limit or Decimal(1)
    part = state.spent / limit
    spent = min(float(part), 1.0)
    held = min(float(state.reserved / limit), 1 - spent)
    return _row(
        budget_name(state),
        f"{usd(state.spent)} of {usd(state.limit)} ({part:.0%})",
        [
            (spent, "over" if part >= Decimal("0.8") else "cost", budget_words(state)),
            (held, "read", f"{usd(state.reserved)} reserved"),
        ],
    )
