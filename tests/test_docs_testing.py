"""The examples of docs/testing.md, each run as the test module that it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
    # Processes of their own: pytester would import litellm a second time into this one.
    recording = pytester.runpytest_subprocess("--record-cassettes", timeout=120)
    recording.assert_outcomes(passed=1, deselected=18)
    pytester.runpytest_subprocess(timeout=120).assert_outcomes(passed=19)
