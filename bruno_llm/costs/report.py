"""Reports of what calls cost: typed values, as CSV and as JSON.

For people they are a table (``table.py``) and an HTML page (``page.py``), in the words of
``words.py``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from bruno_llm import _clock
from bruno_llm.costs.books import COUNTED, MONEY, Limit, Row, dollars
from bruno_llm.costs.ledger import Ledger
from bruno_llm.exceptions import ConfigurationError

if TYPE_CHECKING:
    import os

__all__ = [
    "BudgetState",
    "CostLine",
    "Report",
    "first_day",
    "report_from_ledger",
    "to_csv",
    "to_json",
]

By = Literal["model", "provider", "day", "tag"]
Since = date | datetime | timedelta | str | None

_COLUMNS: dict[str, tuple[str, ...]] = {
    "model": ("provider", "model"),
    "provider": ("provider",),
    "day": ("day",),
    "tag": ("tag",),
}
_UNNAMED = {"day": "(earlier)", "tag": "(no tag)"}
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class CostLine:
    """Sums of the bookings of one model, provider, day or tag.

    Attributes:
        key: ``provider/model``, the provider, the UTC day or the tag.
        provider: Set where the report is by model or provider.
        model: Set where the report is by model.
        calls: All bookings, cache hits included.
        prompt_tokens: Everything billed as input, cache reads and writes included.
        completion_tokens: Everything billed as output, thinking included.
        cached_tokens: Input read from the vendor's cache.
        cache_creation_tokens: Input written to the vendor's cache.
        reasoning_tokens: Thinking.
        cost: US dollars of the calls whose price is known, exact.
        estimated_calls: Calls whose tokens the vendor did not report.
        cache_hits: Calls answered by our own cache: cost 0, no tokens.
        unknown_price_calls: Calls whose cost nobody knows; they are not in ``cost``.
        embedding_calls: Calls that made embeddings.
        uncertain_calls: Requests that went out and got no answer, among the estimated: nobody
            knows whether, and how much of them, the vendor bills.
        uncertain_cost: US dollars of ``cost`` that are theirs.
    """

    key: str
    provider: str | None = None
    model: str | None = None
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_creation_tokens: int = 0
    reasoning_tokens: int = 0
    cost: Decimal = Decimal(0)
    estimated_calls: int = 0
    cache_hits: int = 0
    unknown_price_calls: int = 0
    embedding_calls: int = 0
    uncertain_calls: int = 0
    uncertain_cost: Decimal = Decimal(0)

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class BudgetState:
    """How a budget stands now. Amounts are US dollars.

    ``spent`` may be above what the reports show: a call whose price turned out to be unknown is
    charged what was reserved for it. ``ends`` is ``None`` for a budget in total.
    """

    limit: Decimal
    period: str
    tag: str | None
    spent: Decimal
    reserved: Decimal
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Report:
    """What calls have cost in a time, grouped.

    Attributes:
        by: What ``lines`` are grouped by.
        since: The first UTC day of the report, ``None`` for everything that is known.
        created: When the report was made.
        source: The ledger (without its password) or ``this process``.
        total: All lines together.
        lines: The dearest first; by day, the earliest first.
        days: The same bookings per UTC day, the earliest first; days without calls are left out.
        budgets: How the budgets stand.
    """

    by: By
    since: date | None
    created: datetime
    source: str
    total: CostLine
    lines: tuple[CostLine, ...]
    days: tuple[CostLine, ...]
    budgets: tuple[BudgetState, ...] = ()


class Source(Protocol):
    """Where a report reads: the memory of a tracker, or a snapshot of a ledger."""

    def sums(self, columns: Sequence[str], since: str | None) -> list[Row]: ...
    def standing(self, limits: Sequence[Limit]) -> list[tuple[int, int]]: ...


def first_day(since: Since, at: float) -> date | None:
    """The UTC day from which a report counts.

    Args:
        since: A day, a time, how long ago (``timedelta``, ``"7d"``, ``"12h"``, ``"2w"``), or
            ``None``. A time without a zone is UTC.
        at: Epoch seconds of now.

    Raises:
        ConfigurationError: The text is neither a day, a time nor a span.
    """
    now = datetime.fromtimestamp(at, timezone.utc)
    if isinstance(since, str):
        since = _parse_since(since.strip())
    if isinstance(since, timedelta):
        since = now - since
    if isinstance(since, datetime):
        since = since if since.tzinfo else since.replace(tzinfo=timezone.utc)
        return since.astimezone(timezone.utc).date()
    return since


def _parse_since(text: str) -> date | timedelta:
    try:
        if span := re.fullmatch(r"(\d{1,5})([hdw])", text):
            return timedelta(**{_UNITS[span[2]]: int(span[1])})
        # Python 3.10 does not read the Z that others do.
        return datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", text))
    except ValueError:
        raise ConfigurationError(
            f"since={text!r} is not understood; give a day (2025-11-21), a time"
            " (2025-11-21T12:00Z) or how long ago (12h, 7d, 2w)"
        ) from None


def check_by(by: str) -> None:
    """Refuse a grouping that does not exist.

    Raises:
        ConfigurationError: ``by`` is not ``model``, ``provider``, ``day`` or ``tag``.
    """
    if by not in get_args(By):
        raise ConfigurationError(f"by={by!r} is unknown; use {', '.join(get_args(By))}")


def cost_line(columns: Sequence[str], sums: Sequence[int], key: Sequence[str] = ()) -> CostLine:
    """The sums of one group as a line; costs come as pico-dollars."""
    counted: dict[str, Any] = dict(zip(COUNTED, sums, strict=True))
    counted |= {name: dollars(counted[name]) for name in MONEY}
    named = dict(zip(columns, key, strict=True))
    names: dict[str, Any] = {name: named[name] for name in ("provider", "model") if name in named}
    return CostLine(key=_label(columns, key), **names, **counted)


def _label(columns: Sequence[str], key: Sequence[str]) -> str:
    if not columns:
        return "total"
    if columns == ("provider", "model"):
        provider, model = key
        return model if model.startswith(f"{provider}/") else f"{provider}/{model}"
    return key[0] or _UNNAMED.get(columns[0], "(none)")


def build_report(
    source: Source,
    by: By,
    since: date | None,
    at: float,
    name: str,
    budgets: tuple[BudgetState, ...] = (),
) -> Report:
    """Read a report; ``at`` is now, ``name`` says where it was read."""
    first = since.isoformat() if since else None

    def read(columns: tuple[str, ...]) -> list[CostLine]:
        return [cost_line(columns, sums, key) for key, sums in source.sums(columns, first)]

    days = sorted(read(("day",)), key=lambda one: (one.key[:1].isdigit(), one.key))
    lines = days if by == "day" else read(_COLUMNS[by])
    if by != "day":
        lines.sort(key=lambda one: (-one.cost, -one.calls, one.key))
    total = (read(()) or [CostLine("total")])[0]
    created = datetime.fromtimestamp(at, timezone.utc)
    return Report(by, since, created, name, total, tuple(lines), tuple(days), budgets)


def report_from_ledger(
    target: str | os.PathLike[str], since: Since = None, by: By = "model"
) -> Report:
    """Read a report from a ledger, blocking until it is there.

    Args:
        target: A file, ``sqlite:///path`` or ``postgresql://user:password@host/database``.
        since: As for ``CostTracker.report``.
        by: ``model``, ``provider``, ``day`` or ``tag``.

    Raises:
        ConfigurationError: There is no ledger, it cannot be read, or an argument is not
            understood.
    """
    at = _clock.now()
    first = first_day(since, at)
    check_by(by)
    ledger = Ledger(target)
    try:
        return ledger.read(lambda found: build_report(found, by, first, at, ledger.label)).result()
    finally:
        ledger.close()


def to_csv(report: Report) -> str:
    """The lines of a report as CSV, costs exact; no line of totals, so that columns can be summed.

    A name that a spreadsheet would run as a formula is preceded by an apostrophe, and line breaks
    within a name become spaces.
    """
    names = {"model": ["provider", "model"]}.get(report.by, [report.by])
    counted = [f"{name}_usd" if name in MONEY else name for name in COUNTED]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*names, *counted, "total_tokens"])
    for one in report.lines:
        keys = [one.provider or "", one.model or ""] if report.by == "model" else [one.key]
        values = [format(getattr(one, c), "f" if c in MONEY else "") for c in COUNTED]
        writer.writerow([*map(_no_formula, keys), *values, str(one.total_tokens)])
    return out.getvalue()


def _no_formula(text: str) -> str:
    text = re.sub(r"[\t\r\n]+", " ", text)
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text


def to_json(report: Report) -> str:
    """A whole report as JSON; amounts are strings of US dollars, so that they stay exact."""

    def plain(value: Any) -> Any:
        if isinstance(value, Decimal):
            return f"{value:f}"
        return value.isoformat()

    return json.dumps(
        {"currency": "USD", **asdict(report)}, default=plain, indent=2, ensure_ascii=False
    )
