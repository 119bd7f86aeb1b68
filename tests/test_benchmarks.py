"""The table of the benchmarks: how values become cells, and counts complaints. Nothing is timed."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
OWN = ("bench", "contenders", "subjects")


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    """The modules of the table, which are scripts and no package that is installed."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import contenders
        import subjects
        from bench import cases, checks, crew, kept, layout, rounds, server, work

        yield SimpleNamespace(
            cases=cases,
            checks=checks,
            columns={column.name: column for column in contenders.COLUMNS},
            crew=crew,
            kept=kept,
            layout=layout,
            rounds=rounds,
            server=server,
            subjects=subjects.SUBJECTS,
            work=work,
        )
    finally:
        sys.path.remove(str(BENCHMARKS))
        for name in [name for name in sys.modules if name.partition(".")[0] in OWN]:
            del sys.modules[name]


def case_of(parts: Any, *rows: Any, **more: Any) -> Any:
    return parts.cases.Case("call", {"calls": 3}, rows, 1, **more)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.01234, "0.012"),
        (0.5, "0.5"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (23359.2, "23,359"),
        (100, "100"),
    ],
)
def test_a_number_has_the_digits_that_matter(
    parts: SimpleNamespace, value: float, shown: str
) -> None:
    assert parts.layout.number(value) == shown


def test_a_cell_has_median_quartiles_and_ratio(parts: SimpleNamespace) -> None:
    row = parts.cases.Row("a call, ms", "cpu", 1e3)
    ours, theirs = [0.001, 0.002, 0.003, 0.004, 0.005], [0.004, 0.006]
    assert parts.layout.cell(row, ours, theirs) == "3 (2 - 4) x0.60"
    assert parts.layout.cell(row, ours, ours) == "3 (2 - 4)"
    assert parts.layout.cell(row, [0.002], theirs) == "2 x0.40"
    assert parts.layout.cell(row, [], theirs) == "-"


def test_a_count_has_neither_spread_nor_ratio(parts: SimpleNamespace) -> None:
    row = parts.cases.Row("connections", "accepted", counted=True)
    assert parts.layout.cell(row, [100, 100, 101], [300]) == "100"


def test_a_row_tells_who_cannot_who_failed_and_what_is_missed(parts: SimpleNamespace) -> None:
    goal = parts.cases.Goal(1.0, than="raw_litellm")
    case = case_of(parts, parts.cases.Row("a call", "cpu", 1e3, goals=(goal,)), needs="calls")
    found = parts.rounds.Found(case)
    found.add("raw_litellm", {"cpu": 0.004})
    found.add("bruno", {"cpu": 0.005, "how": "words are not counted"})
    found.errors["anyllm"] = "TypeError"
    columns = [parts.columns[name] for name in ("litellm_inner", "raw_litellm", "bruno", "anyllm")]
    assert parts.layout.rows_of(found, columns) == [
        ["a call", "-", "4", "5 x1.25", "fails", "**≤ 1 x litellm: 1.25**"]
    ]
    assert parts.layout.missed([found]) == ["a call: **≤ 1 x litellm: 1.25**"]
    lines = parts.layout.markdown([found], columns).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    found.add("bruno", {"cpu": 0.001})
    assert parts.layout.missed([found]) == []


def test_a_goal_may_be_a_least_one_or_one_of_its_own(parts: SimpleNamespace) -> None:
    row = parts.cases.Row("answered", "answered", counted=True)
    found = parts.rounds.Found(case_of(parts, row))
    found.add("bruno", {"answered": 99, "asked": 100})
    least = parts.cases.Goal(100, least=True)
    assert parts.layout.reached(least, row, found) == ("**≥ 100: 99**", False)
    share = parts.cases.Goal(1.5, of="asked")
    assert parts.layout.reached(share, row, found) == ("≤ 1.5 x that: 0.99", True)
    assert parts.layout.reached(parts.cases.Goal(1, who="anyllm"), row, found) is None


def test_the_page_is_filled_between_its_markers(parts: SimpleNamespace) -> None:
    page = f"# Performance\n\n{parts.layout.BEGIN}\nold\n{parts.layout.END}\n\nmore\n"
    filled = parts.layout.filled(page, "| new |\n")
    assert filled == (
        f"# Performance\n\n{parts.layout.BEGIN}\n\n| new |\n\n{parts.layout.END}\n\nmore\n"
    )
    assert parts.layout.filled(filled, "| new |") == filled
    with pytest.raises(ValueError, match="have to stand"):
        parts.layout.filled("# Performance\n", "| new |")


def test_the_page_has_the_markers(parts: SimpleNamespace) -> None:
    page = (BENCHMARKS.parent / "docs" / "performance.md").read_text(encoding="utf-8")
    assert page.count(parts.layout.BEGIN) == page.count(parts.layout.END) == 1


@pytest.mark.parametrize("brief", [True, False])
def test_every_subject_has_cases_with_rows_of_their_own(
    parts: SimpleNamespace, brief: bool
) -> None:
    cases = [case for name in parts.subjects for case in parts.rounds.cases_of(name, brief=brief)]
    labels = [row.label for case in cases for row in case.rows]
    assert len(labels) == len(set(labels)) >= 40
    for case in cases:
        assert json.loads(json.dumps(dict(case.setting))) == dict(case.setting)
        assert parts.rounds.can(parts.columns["bruno"], case)


def test_what_is_kept_can_be_read_again(parts: SimpleNamespace, tmp_path: Path) -> None:
    case, other = parts.rounds.cases_of("chunk", brief=True)[:2]
    found = parts.rounds.Found(case, {"bruno": {"cpu": [0.1, 0.2]}}, {"anyllm": "TypeError"})
    parts.kept.write(tmp_path / "kept.json", [found], [1.5])
    assert parts.kept.read(tmp_path / "kept.json", [other, case]) == ([found], [1.5])


def test_counts_are_asserted_and_times_never(parts: SimpleNamespace) -> None:
    columns = [parts.columns["bruno"]]
    goals = (parts.cases.Goal(1.0),)
    slow = parts.cases.Row("a call", "cpu", 1e3, goals=goals)
    parses = parts.cases.Row("parses", "parses", counted=True, goals=goals)
    case = case_of(parts, slow, parses)
    born = {"bruno": {"packages": ["bruno_llm", "httpx"]}}
    found = parts.rounds.Found(case)
    found.add("bruno", {"cpu": 99.0, "parses": 1.0, "calls": 3, "requests": 3, "peak": 100})
    assert parts.checks.complaints([found], columns, [case], born) == []

    found = parts.rounds.Found(case, errors={"anyllm": "TypeError"})
    found.add("bruno", {"cpu": 0.0, "parses": 2.0, "calls": 3, "requests": 4, "peak": 101})
    born = {"bruno": {"packages": ["bruno_llm", "litellm"]}}
    assert parts.checks.complaints([found], columns, [case, case], born) == [
        "call: anyllm: TypeError",
        "call: bruno: [4] requests of [3] calls",
        "call: bruno: more connections than places",
        "parses: bruno: [2.0], not 1",
        "not every case was measured",
        "importing bruno imports litellm",
    ]
    found = parts.rounds.Found(case)
    found.add("bruno", {"cpu": 1.0})
    assert "parses: ours has no figure, but '-'" in parts.checks.complaints(
        [found], columns, [case], {}
    )


@pytest.mark.parametrize("messages", [1, 2, 10, 101])
def test_a_prompt_has_so_many_messages_and_ends_with_the_users(
    parts: SimpleNamespace, messages: int
) -> None:
    chat = parts.work.prompt("hang", "words=3", messages=messages)
    assert len(chat) == messages
    assert chat[-1]["role"] == "user"
    assert parts.server.MARK.findall(chat[-1]["content"].encode()) == [
        (b"hang", b""),
        (b"words", b"3"),
    ]
    assert all(a["role"] != b["role"] for a, b in itertools.pairwise(chat))


@pytest.mark.parametrize(
    ("name", "wires"), [("bare_httpx", 5), pytest.param("bruno", 1, marks=pytest.mark.full)]
)
async def test_a_contender_does_what_it_is_told_in_a_process_of_its_own(
    parts: SimpleNamespace, name: str, wires: int
) -> None:
    async with parts.crew.Crew({name: sys.executable}) as crew:
        found = [
            await crew.sample(name, "chunk", {"wire": wire, "words": 30}, fresh=False)
            for wire in parts.columns[name].wires[:wires]
        ]
        wrong = await crew.sample(name, "chunk", {"wire": "none", "words": 1}, fresh=False)
    assert [(one["calls"], one["requests"]) for one in found] == [(1, 1)] * wires
    assert wrong["error"].startswith("KeyError")
    assert crew.born[name]["modules"] > 100
