"""One table: ours beside httpx, the OpenAI SDK, litellm and others, measured in turns.

    python benchmarks/table.py                       # everything, a quarter of an hour
    python benchmarks/table.py --only call chunk     # some subjects
    python benchmarks/table.py --without anyllm      # some contenders fewer
    python benchmarks/table.py --write-docs          # and into docs/performance.md
    python benchmarks/table.py --brief --check       # all of it briefly; counts are asserted

Each contender is a process of its own, and so is the server, whose work does not count: times are
the CPU time of the contender's process, all of its threads included.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import checks, kept, layout, machine
from bench.crew import Crew
from bench.rounds import Found, cases_of, run
from contenders import COLUMNS, Column
from rivals import python_of
from subjects import SUBJECTS

DOCS = Path(__file__).parents[1] / "docs" / "performance.md"
ABSENT = "Not installed, and so not measured (`make bench-rivals` installs them): {}."


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [column.name for column in COLUMNS]
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=SUBJECTS)
    parser.add_argument("--without", nargs="+", choices=names, default=[])
    parser.add_argument("--rounds", type=int, default=1000, help="at most so many")
    parser.add_argument("--brief", action="store_true", help="as little as counts need")
    parser.add_argument("--check", action="store_true", help="assert the counts")
    parser.add_argument("--json", type=Path, help="write every value into this file")
    parser.add_argument("--from", type=Path, dest="start", help="the other subjects' values")
    parser.add_argument("--write-docs", action="store_true", help="fill docs/performance.md")
    return parser.parse_args()


def told(
    results: Sequence[Found],
    columns: Sequence[Column],
    pythons: dict[str, str],
    loads: Sequence[float],
) -> str:
    """The table, and what belongs under it."""
    there = [column for column in columns if column.name in pythons]
    absent = [column.title for column in columns if column.name not in pythons]
    parts = [layout.markdown(results, columns), machine.told(there, pythons, loads)]
    if absent:
        parts.append(ABSENT.format(", ".join(absent)))
    return "\n\n".join(parts)


async def measure(given: argparse.Namespace) -> int:
    """Measure, print and write what was asked for; 1 when a count is wrong."""
    columns = [column for column in COLUMNS if column.name not in given.without]
    pythons = {column.name: python for column in columns if (python := python_of(column))}
    there = [column for column in columns if column.name in pythons]
    cases = [case for name in SUBJECTS for case in cases_of(name, brief=given.brief)]
    results, loads = kept.read(given.start, cases) if given.start else ([], [])
    results = [found for found in results if found.case.subject not in given.only]
    loads.append(os.getloadavg()[0])
    async with Crew(pythons, stay=given.brief) as crew:
        results += await run(crew, given.only, there, brief=given.brief, most=given.rounds)
    loads.append(os.getloadavg()[0])
    results.sort(key=lambda found: cases.index(found.case))

    text = told(results, columns, pythons, loads)
    print(text)
    if given.json:
        kept.write(given.json, results, loads)
    if given.write_docs:
        page = DOCS.read_text(encoding="utf-8")
        DOCS.write_text(layout.filled(page, text), encoding="utf-8")
    if not given.check:
        return 0
    expected = [case for case in cases if case.subject in given.only]
    wrong = checks.complaints(results, there, expected, crew.born)
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(asyncio.run(measure(arguments())))
