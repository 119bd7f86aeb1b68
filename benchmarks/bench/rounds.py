"""Every contender does every case in turn, round after round."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from contenders import Column

from bench.cases import Case
from bench.crew import Crew


@dataclass
class Found:
    """What came of a case: by contender, the values of each measure; or what went wrong."""

    case: Case
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def of(self, column: str, measure: str) -> list[float]:
        return self.values.get(column, {}).get(measure, [])

    def add(self, column: str, sample: dict[str, Any]) -> None:
        measures = self.values.setdefault(column, {})
        for name, value in sample.items():
            if isinstance(value, int | float):
                measures.setdefault(name, []).append(value)


def cases_of(subject: str, *, brief: bool) -> list[Case]:
    cases: list[Case] = import_module(f"subjects.{subject}").cases(brief)
    return cases


def can(column: Column, case: Case) -> bool:
    """Whether the contender has what the case needs."""
    return case.wire in column.wires and (case.needs is None or getattr(column, case.needs))


async def measured(crew: Crew, case: Case, columns: Sequence[Column], most: int) -> Found:
    """Let them take turns, so that what slows the machine down slows all of them.

    Who fails is left out of the rounds that are left.
    """
    found = Found(case)
    rounds = min(case.rounds, most)
    warm_up = not case.fresh and rounds > 1
    for turn in range(rounds + warm_up):
        for column in columns:
            if not can(column, case) or column.name in found.errors:
                continue
            sample = await crew.sample(column.name, case.subject, case.setting, fresh=case.fresh)
            if "error" in sample:
                found.errors[column.name] = sample["error"]
            elif turn or not warm_up:
                found.add(column.name, sample)
    return found


async def run(
    crew: Crew, subjects: Sequence[str], columns: Sequence[Column], *, brief: bool, most: int
) -> list[Found]:
    """All cases of the subjects; what is done is told on stderr."""
    results = []
    for subject in subjects:
        for case in cases_of(subject, brief=brief):
            print(f"{case.subject} {dict(case.setting)}", file=sys.stderr, flush=True)
            found = await measured(crew, case, columns, most)
            for name, error in found.errors.items():
                print(f"  {name}: {error}", file=sys.stderr, flush=True)
            results.append(found)
    return results
