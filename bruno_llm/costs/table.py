"""A cost report as a table with bars, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bruno_llm.costs.report import Report
from bruno_llm.costs.words import budget_words, cost_cell, notes, short, span

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["render_table"]


class _Bar:
    """A bar of block characters, or of ``#`` where the terminal knows ASCII alone."""

    def __init__(self, part: float, width: int = 20) -> None:
        self._part, self._width = part, width

    def __rich_console__(self, _console: Any, options: Any) -> Iterator[Any]:
        from rich.text import Text

        eighths = round(self._part * self._width * 8)
        if self._part > 0:
            eighths = max(eighths, 1)
        if options.ascii_only:
            bar = "#" * -(-eighths // 8)
        else:
            bar = "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
        yield Text(bar, style="cyan", no_wrap=True)

    def __rich_measure__(self, _console: Any, _options: Any) -> Any:
        from rich.measure import Measurement

        return Measurement(self._width, self._width)


def render_table(report: Report) -> RenderableType:
    """A report as a rich table with a bar per line; print it with a ``rich`` console."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"Cost by {report.by}, {span(report)}", title_justify="left")
    table.add_column(report.by.capitalize(), overflow="fold")
    for name in ("Calls", "Input", "Output", "Cost"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    most = max((one.cost for one in report.lines), default=Decimal(0))
    for one in report.lines:
        table.add_row(
            Text(one.key),
            f"{one.calls:,}",
            short(one.prompt_tokens),
            short(one.completion_tokens),
            cost_cell(one),
            _Bar(float(one.cost / most) if most else 0.0),
        )
    total = report.total
    table.add_section()
    table.add_row(
        "Total",
        f"{total.calls:,}",
        short(total.prompt_tokens),
        short(total.completion_tokens),
        cost_cell(total),
        "",
        style="bold",
    )
    parts: list[RenderableType] = [table]
    parts += [Text(budget_words(state)) for state in report.budgets]
    parts += [Text(note, style="yellow") for note in notes(total)]
    return Group(*parts)
