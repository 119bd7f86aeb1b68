"""Reports that people and programs can read: CSV, JSON, a table, and an HTML page."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import shutil
import struct
import subprocess
import zlib
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bruno_llm.costs import render_html, render_table
from bruno_llm.costs.report import BudgetState, By, CostLine, Report, to_csv, to_json

NOON = datetime(2025, 11, 21, 12, tzinfo=timezone.utc)
MODELS = (
    ("openai", "gpt-5", 9),
    ("claude", "claude-sonnet-4-5-20250929", 14),
    ("gemini", "gemini-2.5-flash", 2),
    ("openai", "gpt-4o-mini", 1),
    ("ollama", "qwen3:8b", 0),
    ("openai", "text-embedding-3-small", Decimal("0.02")),
)


def some_line(key: str, cost: str | None = "1.5", **kwargs: Any) -> CostLine:
    values: dict[str, Any] = {
        "calls": 10,
        "prompt_tokens": 12_345,
        "completion_tokens": 1_200,
        "cached_tokens": 6_000,
        "cache_creation_tokens": 345,
        "reasoning_tokens": 200,
        "cost": Decimal(cost or 0),
        "unknown_price_calls": 0 if cost else 10,
    }
    return CostLine(key, **(values | kwargs))


def make_report(
    lines: list[CostLine], by: By = "model", days: list[CostLine] | None = None, **kwargs: Any
) -> Report:
    sums: dict[str, Any] = {
        name: sum(getattr(one, name) for one in lines)
        for name in CostLine.__dataclass_fields__
        if name not in ("key", "provider", "model")
    }
    total = CostLine("total", **sums)
    seen = tuple(days if days is not None else [some_line("2025-11-20"), some_line("2025-11-21")])
    return Report(
        by, kwargs.pop("since", None), NOON, "costs.db", total, tuple(lines), seen, **kwargs
    )


def month_of_work(days: int = 30) -> Report:
    """What a small team might have spent in a month."""
    dice = random.Random(7)
    per_day: dict[str, CostLine] = {}
    lines = []
    for provider, model, price in MODELS:
        line = some_line(f"{provider}/{model}", "0", calls=0, provider=provider, model=model)
        sums = dict.fromkeys(("calls", "prompt_tokens", "completion_tokens"), 0)
        cost = Decimal(0)
        for n in range(days):
            day = (date(2025, 10, 23) + timedelta(n)).isoformat()
            calls = dice.randrange(20, 400) // (4 if n % 7 > 4 else 1)
            spent = Decimal(calls * 2_000) * price / 1_000_000
            for name, factor in (
                ("calls", 1),
                ("prompt_tokens", 1_800),
                ("completion_tokens", 300),
            ):
                sums[name] += calls * factor
            cost += spent
            before = per_day.get(day, CostLine(day))
            per_day[day] = CostLine(day, calls=before.calls + calls, cost=before.cost + spent)
        hosted = provider != "ollama"
        lines.append(
            some_line(
                line.key,
                provider=provider,
                model=model,
                cost=str(cost),
                unknown_price_calls=0,
                cached_tokens=sums["prompt_tokens"] // 3 if hosted else 0,
                cache_creation_tokens=sums["prompt_tokens"] // 8 if provider == "claude" else 0,
                reasoning_tokens=sums["completion_tokens"] // 2 if model == "gpt-5" else 0,
                cache_hits=sums["calls"] // 9,
                estimated_calls=12 if provider == "ollama" else 0,
                uncertain_calls=7 if model == "gpt-5" else 0,
                uncertain_cost=Decimal("0.25") if model == "gpt-5" else Decimal(0),
                embedding_calls=sums["calls"] if "embedding" in model else 0,
                **sums,
            )
        )
    lines.append(some_line("litellm/new-model", None, provider="litellm", model="new-model"))
    lines.sort(key=lambda one: -one.cost)
    budgets = (
        BudgetState(Decimal(500), "month", None, Decimal("431.12"), Decimal("3.4"), NOON),
        BudgetState(Decimal(50), "day", "nightly-batch", Decimal("12.5"), Decimal(0), NOON),
    )
    return make_report(lines, days=list(per_day.values()), budgets=budgets)


# -- CSV and JSON -----------------------------------------------------------------------------


def test_csv_is_exact_and_has_a_column_for_everything() -> None:
    report = make_report(
        [
            some_line("openai/gpt-5", "1234567.000000000001", provider="openai", model="gpt-5"),
            some_line("x/y", "0.0000000375", provider="x", model="y"),
        ]
    )
    rows = list(csv.DictReader(io.StringIO(to_csv(report))))
    assert [row["cost_usd"] for row in rows] == ["1234567.000000000001", "0.0000000375"]
    assert rows[0] == {
        "provider": "openai",
        "model": "gpt-5",
        "calls": "10",
        "prompt_tokens": "12345",
        "completion_tokens": "1200",
        "cached_tokens": "6000",
        "cache_creation_tokens": "345",
        "reasoning_tokens": "200",
        "cost_usd": "1234567.000000000001",
        "estimated_calls": "0",
        "cache_hits": "0",
        "unknown_price_calls": "0",
        "embedding_calls": "0",
        "uncertain_calls": "0",
        "uncertain_cost_usd": "0",
        "total_tokens": "13545",
    }


@pytest.mark.parametrize("tag", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1"])
def test_csv_runs_no_formula_in_a_spreadsheet(tag: str) -> None:
    text = to_csv(make_report([some_line(tag)], by="tag"))
    row = next(csv.DictReader(io.StringIO(text)))
    assert re.fullmatch(r"' ?[^\s]+", row["tag"])


def test_json_keeps_amounts_exact() -> None:
    found = json.loads(to_json(month_of_work()))
    assert found["currency"] == "USD"
    assert (found["by"], found["since"], found["source"]) == ("model", None, "costs.db")
    assert found["created"] == "2025-11-21T12:00:00+00:00"
    assert found["budgets"][0]["limit"] == "500"
    assert found["budgets"][0]["ends"] == "2025-11-21T12:00:00+00:00"
    assert sum(Decimal(line["cost"]) for line in found["lines"]) == Decimal(found["total"]["cost"])
    assert len(found["days"]) == 30
    since = json.loads(to_json(make_report([], since=date(2025, 11, 1))))
    assert since["since"] == "2025-11-01"


# -- the table --------------------------------------------------------------------------------


def printed(report: Report, encoding: str = "utf-8", width: int = 100) -> str:
    raw = io.BytesIO()
    console = Console(
        file=io.TextIOWrapper(raw, encoding=encoding, write_through=True), width=width
    )
    console.print(render_table(report))
    return raw.getvalue().decode(encoding)


def test_the_table_has_bars_totals_budgets_and_notes() -> None:
    text = printed(month_of_work())
    lines = {line.split("│")[1].strip(): line for line in text.splitlines() if "│" in line}
    dearest = next(iter(month_of_work().lines))
    assert lines[dearest.key].count("█") == 20
    assert "█" not in lines["ollama/qwen3:8b"]
    assert "$0.00" in lines["ollama/qwen3:8b"]
    assert "unknown" in lines["litellm/new-model"]
    assert "Total" in lines
    assert "Cost by model, since 2025-10-23 (UTC)" in text
    assert "Budget $500.00 per month: $431.12 spent (86%), $3.40 reserved, until 2025" in text
    assert "tag nightly-batch" in text
    assert "10 of" in text
    assert "have no known price" in text
    assert "12 of" in text
    assert "estimated tokens" in text
    words = " ".join(text.split())
    assert re.search(r"7 of [\d,]+ calls got no answer: it is uncertain", words)
    assert "$0.2500 of the cost is for them." in words


def test_the_table_is_readable_where_only_ascii_is_known() -> None:
    text = printed(make_report([some_line("a", "4"), some_line("b", "1")]), encoding="ascii")
    assert "#" * 20 in text
    assert re.search(r"b .*\$1.00 *\| ##### ", text)


def test_a_table_of_nothing_says_so() -> None:
    report = make_report([], days=[], since=None)
    assert "no calls yet" in printed(report)
    assert "since 2025-11-02 (UTC)" in printed(make_report([], since=date(2025, 11, 2)))


def test_a_name_is_not_markup() -> None:
    assert "[red]boss[/red]" in printed(make_report([some_line("[red]boss[/red]")], by="tag"))


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        ("12345.678", "$12,346"),
        ("1.005", "$1.00"),
        ("0.01234", "$0.0123"),
        ("0.00001", "<$0.0001"),
        ("0", "$0.00"),
    ],
)
def test_money_is_short_but_never_falsely_nothing(cost: str, shown: str) -> None:
    assert f" {shown} " in printed(make_report([some_line("a", cost)]))


@pytest.mark.parametrize(
    ("tokens", "shown"),
    [
        (999, "999"),
        (1_234, "1.23k"),
        (999_400, "999k"),
        (999_600, "1M"),
        (2_500_000, "2.5M"),
        (7 * 10**9, "7B"),
    ],
)
def test_tokens_are_short(tokens: int, shown: str) -> None:
    assert f" {shown} " in printed(make_report([some_line("a", prompt_tokens=tokens)]))


def test_a_partly_unknown_cost_says_so() -> None:
    assert "$1.50 + ?" in printed(make_report([some_line("a", unknown_price_calls=3)]))


# -- the page ---------------------------------------------------------------------------------


class Page(HTMLParser):
    """The parts of a page, and whether its tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def count(self, tag: str) -> int:
        return sum(1 for name, _ in self.seen if name == tag)


def assert_self_contained(text: str) -> None:
    assert "default-src 'none'" in text
    for word in ("http:", "https:", "//", "url(", "@import", "<script", "<link", "<img", "src="):
        assert word not in text
    for tag, attributes in Page(text).seen:
        assert not {"src", "href", "xlink:href", "action", "data", "srcset"} & set(attributes), tag


def test_the_page_is_one_file_with_charts_and_their_numbers() -> None:
    report = month_of_work()
    text = render_html(report)
    assert_self_contained(text)
    page = Page(text)
    # One chart of columns; a bar per budget, and two per model.
    assert page.count("svg") == 1 + 2 + 2 * len(report.lines)
    assert all(attrs.get("aria-label") for tag, attrs in page.seen if tag == "svg")
    assert page.count("tr") == len(report.lines) + 2
    assert [attrs["scope"] for tag, attrs in page.seen if tag == "th"].count("col") == 12
    assert page.count("th") == 12 + len(report.lines) + 1
    for words in ("Cost per day", "Cost by model", "Tokens by model", "Budgets", "US dollars"):
        assert words in text
    assert "2025-10-23: " in text


def test_the_page_escapes_names() -> None:
    report = make_report(
        [some_line("<script>alert('x')</script>&\"")],
        by="tag",
        budgets=(BudgetState(Decimal(1), "day", "<b>", Decimal("0.1"), Decimal(0), NOON),),
    )
    text = render_html(report)
    assert "<script>" not in text
    assert "<b>" not in text
    Page(text)


def test_an_empty_page_is_still_a_page() -> None:
    text = render_html(make_report([], days=[]))
    assert_self_contained(text)
    assert "no calls yet" in text
    assert Page(text).count("svg") == 0


@pytest.mark.parametrize("limit", ["0", "1"])
def test_free_calls_and_empty_budgets_can_be_drawn(limit: str) -> None:
    state = BudgetState(Decimal(limit), "total", None, Decimal(0), Decimal(0), None)
    lines = [CostLine("ollama/a", calls=10)]
    report = make_report(lines, days=[some_line("2025-11-21", "0")], budgets=(state,))
    assert_self_contained(render_html(report))
    assert "NaN" not in render_html(report)


def test_many_lines_are_drawn_as_others_but_all_are_in_the_table() -> None:
    lines = [some_line(f"user-{n}", str(50 - n)) for n in range(40)]
    text = render_html(make_report(lines, by="tag"))
    assert "29 others" in text
    assert Page(text).count("tr") == 42


def test_many_days_are_drawn_as_months_without_gaps() -> None:
    days = [some_line("(earlier)"), some_line("2025-01-31"), some_line("2025-01-30", "2")]
    days.append(some_line("2025-05-01", "3"))
    text = render_html(make_report([some_line("a")], by="day", days=days))
    assert "Cost per month" in text
    for words in ("(earlier): $1.50", "2025-01: $3.50, 20 calls", "2025-02: $0.00, 0 calls"):
        assert words in text
    assert "Cost by day" not in text
    only = render_html(make_report([some_line("a")], days=[some_line("(earlier)")]))
    assert "(earlier): $1.50" in only


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        ("0.00003", ["$0.00000", "$0.00001", "$0.00002", "$0.00003"]),
        ("0.7", ["$0.00", "$0.20", "$0.40", "$0.60", "$0.80"]),
        ("9.5", ["$0", "$2", "$4", "$6", "$8", "$10"]),
        ("2345", ["$0", "$500", "$1,000", "$1,500", "$2,000", "$2,500"]),
    ],
)
def test_the_axis_has_round_numbers(most: str, ticks: list[str]) -> None:
    text = render_html(make_report([some_line("a")], days=[some_line("2025-11-21", most)]))
    labels = re.findall(r'text-anchor="end" class="axis">([^<]*)<', text)
    assert labels == ticks


def png_rows(path: Path) -> tuple[int, int, list[bytes]]:
    """Width, height and the raw scan lines of a PNG."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert depth == 8
    body, at = b"", 8
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        if name == b"IDAT":
            body += data[at + 8 : at + 8 + size]
        at += size + 12
    stride = width * {2: 3, 6: 4}[kind] + 1
    raw = zlib.decompress(body)
    return width, height, [raw[n : n + stride] for n in range(0, len(raw), stride)]


def screenshot(page: Path, picture: Path, profile: Path, *flags: str) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
            "--window-size=1000,1900", "--hide-scrollbars", *flags,
            f"--screenshot={picture}", page.as_uri(),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip


@pytest.mark.full
def test_a_browser_draws_the_page(tmp_path: Path) -> None:
    page = tmp_path / "costs.html"
    page.write_text(render_html(month_of_work()), encoding="utf-8")
    picture = tmp_path / "costs.png"
    screenshot(page, picture, tmp_path / "profile")
    width, height, rows = png_rows(picture)
    assert (width, height) == (1000, 1900)
    # A blank page has one kind of row; text and charts have hundreds.
    assert len(set(rows)) > 300
    # The charts reach to the lower part of the page.
    assert len(set(rows[1000:])) > 100
