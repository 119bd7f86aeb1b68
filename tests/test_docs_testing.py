"""The examples of docs/testing.md, each run as the test module that it is."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.terminal import Piped

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[1] / "docs" / "testing.md"
SETTINGS = """
    [pytest]
    asyncio_mode = auto
    asyncio_default_fixture_loop_scope = function
"""


def test_the_examples_run_as_they_stand(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xllamacpp")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 8
    pytester.makeini(SETTINGS)
    pytester.makepyfile(**{f"test_{place}": block for place, block in enumerate(blocks)})
    run(pytester, "--record-cassettes").assert_outcomes(passed=1, deselected=18)
    run(pytester).assert_outcomes(passed=19)


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """pytest in a process of its own: in this one it would import litellm a second time."""
    began = time.monotonic()
    code = (
        "import os, sys, pytest\n"
        f"os.chdir({str(pytester.path)!r})\n"
        f"sys.exit(pytest.main({['-p', 'no:cacheprovider', *options]!r}))"
    )
    with Piped([], os.environ, code=code) as program:
        out, err = (f.readall().decode().splitlines() for f in (program.stdout, program.stderr))
        return pytest.RunResult(program.wait(), out, err, time.monotonic() - began)
