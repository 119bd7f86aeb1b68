"""The HTML page of a cost report; how it looks stands in ``page.html`` beside this file."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from bruno_llm.costs.charts import TOKENS, budget_bars, columns, cost_bars, token_bars
from bruno_llm.costs.report import CostLine, Report
from bruno_llm.costs.words import cost_cell, notes, short, span, usd

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["render_html"]

# The dash is soft: the word may break there.
_HEADS = (
    ("calls", "Calls"),
    ("cost", "Cost"),
    ("prompt_tokens", "Input tokens"),
    ("cached_tokens", "read from cache"),
    ("cache_creation_tokens", "written to cache"),
    ("completion_tokens", "Output tokens"),
    ("reasoning_tokens", "for thinking"),
    ("cache_hits", "Cache hits"),
    ("estimated_calls", "Esti\N{SOFT HYPHEN}mated calls"),
    ("uncertain_calls", "Un\N{SOFT HYPHEN}certain calls"),
    ("unknown_price_calls", "Un\N{SOFT HYPHEN}priced calls"),
)
_ALWAYS = ("calls", "cost", "prompt_tokens", "completion_tokens")


def render_html(report: Report) -> str:
    """A report as one page that needs nothing else: styles and charts are inside.

    It follows the reader's light or dark setting, and every chart's numbers are in a table.
    """
    total = report.total
    # A column of zeros tells nothing and takes the room that names need.
    shown = [(name, head) for name, head in _HEADS if name in _ALWAYS or getattr(total, name)]
    names = [name for name, _ in shown]
    by_day = report.by == "day" or not total.calls
    return _template().render(
        report=report,
        span=span(report),
        tiles=_tiles(total),
        notes=notes(total),
        budgets=budget_bars(report),
        chart=columns(report.days) if total.calls else None,
        cost_bars=[] if by_day else cost_bars(report),
        token_bars=[] if by_day else token_bars(report),
        legend=TOKENS,
        heads=[head for _, head in shown],
        rows=[(one.key, _cells(one, names)) for one in report.lines],
        total=_cells(total, names),
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    text = files(__package__).joinpath("page.html").read_text("utf-8")
    return environment.from_string(text)


def _tiles(total: CostLine) -> list[tuple[str, str, str]]:
    """The numbers at the top: a name, a value and a remark each."""
    paid = total.calls - total.cache_hits - total.unknown_price_calls
    each = f"{usd(total.cost / paid)} per paid call" if paid else "no paid calls"
    share = f"{total.cache_hits / total.calls:.0%} of calls" if total.calls else "no calls"
    return [
        ("Spent", usd(total.cost), each),
        ("Calls", f"{total.calls:,}", f"{total.embedding_calls:,} for embeddings"),
        ("Tokens in", short(total.prompt_tokens), f"{short(total.cached_tokens)} from cache"),
        (
            "Tokens out",
            short(total.completion_tokens),
            f"{short(total.reasoning_tokens)} thinking",
        ),
        ("Cache hits", f"{total.cache_hits:,}", f"{share}, free"),
    ]


def _cells(one: CostLine, names: list[str]) -> list[str]:
    return [cost_cell(one) if name == "cost" else f"{getattr(one, name):,}" for name in names]
