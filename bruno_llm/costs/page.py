"""The HTML page of a cost report: inline styles, inline SVG charts, no script, no request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from html import escape

from bruno_llm.costs.books import COUNTED
from bruno_llm.costs.report import (
    BudgetState,
    CostLine,
    Report,
    budget_name,
    budget_words,
    cost_cell,
    notes,
    short,
    span,
    usd,
)

_STYLE = """
:root { color-scheme: light dark; --page: #f5f6f8; --card: #ffffff; --text: #1b2230;
  --soft: #5a6475; --line: #dfe3ea; --cost: #2563c9; --over: #c2410c;
  --fresh: #2563c9; --read: #67aee6; --write: #12876f; --answer: #e0930f; --think: #b8508f; }
@media (prefers-color-scheme: dark) { :root { --page: #12151b; --card: #1b2029; --text: #e8ebf1;
  --soft: #a3adbd; --line: #343c4a; --cost: #6ea3f5; --over: #fb8b4c;
  --fresh: #5b95f0; --read: #9bd0f7; --write: #34b99b; --answer: #f2b347; --think: #dd86ba; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0; }
h2 { font-size: 18px; margin: 0; }
.soft { color: var(--soft); margin: 4px 0 0; font-size: 14px; overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 20px; margin-top: 20px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin-top: 20px; }
.tiles .card { margin: 0; padding: 14px 16px; }
.tiles dt { color: var(--soft); font-size: 14px; }
.tiles dd { margin: 0; font-size: 26px; font-weight: 650; line-height: 1.3; }
.tiles dd small { display: block; font-size: 13px; font-weight: 400; color: var(--soft); }
.note { border-left: 4px solid var(--over); }
.scroll { overflow-x: auto; }
svg { display: block; width: 100%; }
.scroll svg { min-width: 620px; height: auto; margin-top: 12px; }
.rows { display: grid; gap: 8px 16px; margin: 14px 0 0; padding: 0; list-style: none;
  font-size: 14px; }
.rows li { display: grid; grid-template-columns: 270px 1fr 80px; gap: 2px 16px;
  align-items: center; }
.rows span { overflow-wrap: anywhere; }
.rows span:last-child { text-align: right; font-variant-numeric: tabular-nums; }
.rows svg { height: 22px; border-radius: 3px; background: var(--line); }
.rows.wide li { grid-template-columns: 270px 1fr 200px; }
@media (max-width: 720px) { .rows li, .rows.wide li { grid-template-columns: 1fr auto; }
  .rows svg { grid-row: 2; grid-column: 1 / 3; height: 16px; } }
svg text { fill: var(--text); font-size: 14px; }
svg .axis { fill: var(--soft); font-size: 13px; }
svg .grid { stroke: var(--line); }
.legend { display: flex; flex-wrap: wrap; gap: 6px 18px; margin: 10px 0 0; padding: 0;
  list-style: none; font-size: 14px; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px;
  margin-right: 6px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin-top: 12px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 8px 5px; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; }
tbody th { font-weight: 500; white-space: normal; overflow-wrap: anywhere; min-width: 140px; }
thead th { color: var(--soft); font-weight: 600; white-space: normal; vertical-align: bottom; }
tfoot th, tfoot td { font-weight: 700; border-bottom: 0; }
@media print { .card { break-inside: avoid; } }
"""

_TOKENS = (
    ("fresh", "Input"),
    ("read", "Input read from the vendor's cache"),
    ("write", "Input written to the vendor's cache"),
    ("answer", "Answer"),
    ("think", "Thinking"),
)
_WIDTH = 920
_MANY_LINES = 12
_MANY_DAYS = 62


def page(report: Report) -> str:
    """The whole page, as ``cost_report.render_html`` describes it."""
    total = report.total
    body = [
        "<header><h1>Model costs</h1>",
        f'<p class="soft">{escape(span(report))} · {escape(report.source)} · made'
        f" {report.created:%Y-%m-%d %H:%M} UTC · amounts in US dollars</p></header>",
        _tiles(total),
    ]
    if remarks := notes(total):
        body.append(f'<p class="card note">{"<br>".join(map(escape, remarks))}</p>')
    if report.budgets:
        body.append(
            _card(
                "Budgets",
                "Spent (orange from 80 % on) and reserved (light), of the limit",
                _budget_bars(report),
            )
        )
    if total.calls:
        unit, columns = _periods(report.days)
        body.append(
            _card(f"Cost per {unit}", f"US dollars, by UTC {unit}", _column_chart(unit, columns))
        )
        if report.by != "day":
            body.append(
                _card(f"Cost by {report.by}", "US dollars, the dearest first", _cost_bars(report))
            )
            body.append(
                _card(
                    f"Tokens by {report.by}",
                    "What was sent and what came back, in tokens",
                    _token_bars(report),
                )
            )
    body.append(_card(f"All numbers by {report.by}", "", _table(report)))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        " style-src 'unsafe-inline'\">\n"
        f"<title>Model costs {escape(span(report))}</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def _card(title: str, subtitle: str, content: str) -> str:
    under = f'<p class="soft">{escape(subtitle)}</p>' if subtitle else ""
    return f'<section class="card"><h2>{escape(title)}</h2>{under}{content}</section>'


def _tiles(total: CostLine) -> str:
    paid = total.calls - total.cache_hits - total.unknown_price_calls
    each = f"{usd(total.cost / paid)} per paid call" if paid else "no paid calls"
    share = f"{total.cache_hits / total.calls:.0%} of calls" if total.calls else "no calls"
    tiles = (
        ("Spent", usd(total.cost), each),
        ("Calls", f"{total.calls:,}", f"{total.embedding_calls:,} for embeddings"),
        ("Tokens in", short(total.prompt_tokens), f"{short(total.cached_tokens)} from cache"),
        (
            "Tokens out",
            short(total.completion_tokens),
            f"{short(total.reasoning_tokens)} thinking",
        ),
        ("Cache hits", f"{total.cache_hits:,}", f"{share}, free"),
    )
    cells = "".join(
        f'<div class="card"><dt>{name}</dt><dd>{value}<small>{escape(small)}</small></dd></div>'
        for name, value, small in tiles
    )
    return f'<dl class="tiles">{cells}</dl>'


def _svg(title: str, height: float, content: Iterable[str]) -> str:
    return (
        f'<div class="scroll"><svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img"'
        f' aria-label="{escape(title)}">{"".join(content)}</svg></div>'
    )


def _bar(box: tuple[float, float, float, float], colour: str, tip: str) -> str:
    x, y, width, height = box
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        f' fill="var(--{colour})"><title>{escape(tip)}</title></rect>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    look = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{look}>{escape(text)}</text>'


def _grid(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _ticks(most: float) -> list[float]:
    """Round steps from 0 to the first one that is not below ``most``; three to six of them."""
    if most <= 0:
        return [0.0, 1.0]
    size = Decimal(10) ** (Decimal(repr(most / 5)).adjusted())
    step = next(float(size * n) for n in (1, 2, 5, 10) if float(size * n) >= most / 5)
    count = -(-most // step)
    return [step * n for n in range(int(count) + 1)]


def _tick_usd(value: float, step: float) -> str:
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


def _column_chart(unit: str, columns: Sequence[tuple[str, CostLine]]) -> str:
    left, top, bottom, height = 76, 26, 34, 280
    ticks = _ticks(max(float(one.cost) for _, one in columns))
    scale = (height - top - bottom) / ticks[-1]
    floor = height - bottom
    content = []
    for tick in ticks:
        y = floor - tick * scale
        content.append(_grid(left, y, _WIDTH, y))
        content.append(_text(left - 10, y + 4, _tick_usd(tick, ticks[1]), "end", "axis"))
    step = (_WIDTH - left) / len(columns)
    width = min(step * 0.72, 64)
    every = -(-len(columns) // 9)
    for n, (key, one) in enumerate(columns):
        centre = left + step * (n + 0.5)
        tall = float(one.cost) * scale
        tip = f"{key}: {usd(one.cost)}, {one.calls:,} calls"
        content.append(_bar((centre - width / 2, floor - tall, width, tall), "cost", tip))
        if len(columns) <= 14 and one.calls:
            content.append(_text(centre, floor - tall - 7, usd(one.cost), "middle"))
        if n % every == 0:
            content.append(_text(centre, height - 10, key, "middle", "axis"))
    return _svg(f"Cost per {unit}: columns, see the table below", height, content)


def _shown(report: Report) -> list[CostLine]:
    """The lines that a chart has room for, the others as one."""
    lines = list(report.lines)
    if len(lines) <= _MANY_LINES:
        return lines
    rest = lines[_MANY_LINES - 1 :]
    summed = {name: sum(getattr(one, name) for one in rest) for name in COUNTED}
    return [*lines[: _MANY_LINES - 1], CostLine(f"{len(rest)} others", **summed)]


_Part = tuple[float, str, str]
"""One piece of a bar: its length of the whole (0 to 1), its colour and what it says."""


def _rows(rows: Iterable[tuple[str, str, list[_Part]]], kind: str = "rows") -> str:
    """Labelled horizontal bars. The words are HTML, so that they keep their size on a phone."""
    content = []
    for label, value, parts in rows:
        x, bars = 0.0, []
        for length, colour, tip in parts:
            if length > 0:
                bars.append(_bar((x, 0, length * 1000, 1), colour, tip))
            x += length * 1000
        tips = ", ".join(tip for _, _, tip in parts)
        content.append(
            f"<li><span>{escape(label)}</span>"
            '<svg viewBox="0 0 1000 1" preserveAspectRatio="none" role="img"'
            f' aria-label="{escape(tips)}">{"".join(bars)}</svg>'
            f"<span>{escape(value)}</span></li>"
        )
    return f'<ul class="{kind}">{"".join(content)}</ul>'


def _cost_bars(report: Report) -> str:
    shown = _shown(report)
    most = max(one.cost for one in shown) or Decimal(1)
    return _rows(
        (one.key, cost_cell(one), [(float(one.cost / most), "cost", cost_cell(one))])
        for one in shown
    )


def _token_bars(report: Report) -> str:
    shown = sorted(_shown(report), key=lambda one: -one.total_tokens)
    most = max(one.total_tokens for one in shown) or 1

    def parts(one: CostLine) -> list[_Part]:
        fresh = one.prompt_tokens - one.cached_tokens - one.cache_creation_tokens
        tokens = (
            max(fresh, 0),
            one.cached_tokens,
            one.cache_creation_tokens,
            max(one.completion_tokens - one.reasoning_tokens, 0),
            one.reasoning_tokens,
        )
        return [
            (count / most, colour, f"{name}: {count:,} tokens")
            for (colour, name), count in zip(_TOKENS, tokens, strict=True)
        ]

    legend = "".join(
        f'<li><i style="background: var(--{colour})"></i>{escape(name)}</li>'
        for colour, name in _TOKENS
    )
    bars = _rows((one.key, short(one.total_tokens), parts(one)) for one in shown)
    return f'<ul class="legend">{legend}</ul>{bars}'


def _budget_bars(report: Report) -> str:
    def row(state: BudgetState) -> tuple[str, str, list[_Part]]:
        limit = state.limit or Decimal(1)
        part = state.spent / limit
        spent = min(float(part), 1.0)
        held = min(float(state.reserved / limit), 1 - spent)
        colour = "over" if part >= Decimal("0.8") else "cost"
        return (
            budget_name(state),
            f"{usd(state.spent)} of {usd(state.limit)} ({part:.0%})",
            [
                (spent, colour, budget_words(state)),
                (held, "read", f"{usd(state.reserved)} reserved"),
            ],
        )

    return _rows(map(row, report.budgets), "rows wide")


_HEADS = (
    ("calls", "Calls"),
    ("cost", "Cost"),
    ("prompt_tokens", "Input tokens"),
    ("cached_tokens", "read from cache"),
    ("cache_creation_tokens", "written to cache"),
    ("completion_tokens", "Output tokens"),
    ("reasoning_tokens", "for thinking"),
    ("cache_hits", "Cache hits"),
    ("estimated_calls", "Esti&shy;mated calls"),
    ("unknown_price_calls", "Un&shy;priced calls"),
)
_ALWAYS = ("calls", "cost", "prompt_tokens", "completion_tokens")


def _table(report: Report) -> str:
    # A column of zeros tells nothing and takes the room that names need.
    heads = [
        (name, head) for name, head in _HEADS if name in _ALWAYS or getattr(report.total, name)
    ]

    def cells(one: CostLine) -> str:
        return "".join(f"<td>{_cell(one, name)}</td>" for name, _ in heads)

    names = "".join(f'<th scope="col">{head}</th>' for _, head in heads)
    rows = "".join(
        f'<tr><th scope="row">{escape(one.key)}</th>{cells(one)}</tr>' for one in report.lines
    )
    return (
        f'<div class="scroll"><table><thead><tr><th scope="col">{report.by.capitalize()}</th>'
        f"{names}</tr></thead><tbody>{rows}</tbody><tfoot><tr>"
        f'<th scope="row">Total</th>{cells(report.total)}</tr></tfoot></table></div>'
    )


def _cell(one: CostLine, name: str) -> str:
    return escape(cost_cell(one)) if name == "cost" else f"{getattr(one, name):,}"
