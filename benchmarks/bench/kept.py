"""What was measured, as JSON: to be looked at, and put together with what is measured later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bench.cases import Case
from bench.rounds import Found


def write(path: Path, results: Sequence[Found], loads: Sequence[float]) -> None:
    """Every value of every measure, and the load of the machine meanwhile."""
    cases = [
        {
            "subject": found.case.subject,
            "setting": dict(found.case.setting),
            "values": found.values,
            "errors": found.errors,
        }
        for found in results
    ]
    path.write_text(json.dumps({"loads": list(loads), "cases": cases}, indent=1), encoding="utf-8")


def read(path: Path, cases: Sequence[Case]) -> tuple[list[Found], list[float]]:
    """What the file has of these cases, in their order."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    found = [
        Found(case, one["values"], one["errors"])
        for case in cases
        for one in kept["cases"]
        if one["subject"] == case.subject and one["setting"] == dict(case.setting)
    ]
    return found, kept["loads"]
