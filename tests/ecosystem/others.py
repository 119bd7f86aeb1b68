"""Packages of the index that were written for bruno-llm 0.2.0, fetched where the index answers."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

GUARD = Path(__file__).parent / "guard"
# The package that is tested, wherever it is imported from here.
OURS = Path(__file__).parents[2]


def pip(*arguments: str) -> None:
    """Ask the package index; skip the test with its reason where that cannot be reached."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if run.returncode:
        said = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
        pytest.skip(f"the package index does not give it: {' '.join(said)[:300]}")


def unpacked(requirement: str, folder: Path) -> Path:
    """The source of a release, tests and all."""
    pip("download", "--no-deps", "--no-binary", ":all:", "--dest", str(folder), requirement)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        if hasattr(tarfile, "data_filter"):
            file.extractall(folder, filter="data")
        else:  # Python 3.10.0 to 3.10.11
            file.extractall(folder)
    return folder / archive.name.removesuffix(".tar.gz")


def guarded(
    *arguments: str, cwd: Path, path: tuple[Path, ...] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python on code of others: it reaches this machine alone, and knows no key.

    Nor does it run a test twice because a run of ours does.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith("_API_KEY") and name != "PYTEST_ADDOPTS"
    }
    paths = os.pathsep.join(map(str, (GUARD, *path, OURS)))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**kept, "PYTHONPATH": paths, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Names of tests, as ``file::test``."""

    passed: frozenset[str]
    failed: Mapping[str, str]
    skipped: frozenset[str]


def run_tests(
    tests: Path, *files: str, cwd: Path, path: tuple[Path, ...] = (), **variables: str
) -> Outcomes:
    """Run test files of others, with their own configuration left aside."""
    report = cwd / "report.xml"
    run = guarded(
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "asyncio_mode=auto",
        "-W",
        "ignore",
        f"--junitxml={report}",
        f"--rootdir={tests}",
        *(str(tests / file) for file in files),
        cwd=cwd,
        path=path,
        **variables,
    )
    if not report.exists():
        pytest.fail(f"the tests did not run: {run.stdout[-2000:]}{run.stderr[-2000:]}")
    passed, skipped, failed = set(), set(), {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{(case.get('classname') or '').split('.')[-1]}::{case.get('name')}"
        problem = case.find("failure") if case.find("error") is None else case.find("error")
        if problem is not None:
            failed[name] = (problem.get("message") or "")[:300]
        elif case.find("skipped") is not None:
            skipped.add(name)
        else:
            passed.add(name)
    return Outcomes(frozenset(passed), failed, frozenset(skipped))
