"""What bruno-llm 0.2.0 tested and its README showed, with this package in its place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bruno_llm.testing import FakeServer
from tests.ecosystem.others import OURS, guarded, run_tests

pytestmark = [pytest.mark.slow, pytest.mark.full]

FILES = (
    "test_integration.py",
    "test_factory.py",
    "test_bruno_core_compatibility.py",
    "test_exceptions.py",
)
_ONE = "0.2.0 gave the provider that answered, with nobody behind it when it fails later"
# The tests that hold on to what was wrong in 0.2.0; docs/migration.md tells users the same.
PINNED = {
    "test_exceptions::test_llm_error_with_original": (
        "the text of the cause was repeated, and vendors' texts quote keys and prompts"
    ),
    "test_factory::test_factory_register": (
        "any class could be registered, and failed when it was used"
    ),
    "test_factory::test_factory_create_from_env_no_vars": (
        "an environment without variables was an error, though Ollama needs none"
    ),
    "test_factory::test_factory_create_with_fallback_first_succeeds": _ONE,
    "test_factory::test_factory_create_with_fallback_second_succeeds": _ONE,
    "test_factory::test_factory_create_with_fallback_no_configs": _ONE,
    "test_factory::test_factory_create_with_fallback_exception_handling": (
        "a wrong setting was passed over like an outage"
    ),
}
# Blocks of the README that ran with 0.2.0 and cannot now, by their number from 0.
PINNED_BLOCKS = {"14": "registers a class that lacks six methods, so that no object can be made"}
# The other blocks that run with 0.2.0 when only Ollama answers.
BLOCKS = ("0", "1", "6", "7", "8", "9", "13", "15")


def test_the_page_for_users_lists_them() -> None:
    page = (OURS / "docs" / "migration.md").read_text("utf-8")
    for name in PINNED:
        assert name in page or f"...{name.partition('with_fallback')[2]}`" in page


def test_its_own_tests_pass(former_source: Path, tmp_path: Path) -> None:
    shutil.copytree(former_source / "tests", tmp_path / "tests")
    found = run_tests(tmp_path / "tests", *FILES, cwd=tmp_path, GUARD_OLLAMA_PORT="9")
    assert dict(found.failed).keys() == PINNED.keys(), found.failed
    assert len(found.passed | found.skipped) + len(found.failed) == 71
    assert len(found.skipped) == 14  # no Ollama, no key: as with 0.2.0
    assert len(found.passed) == 71 - 14 - len(PINNED)


def test_its_readme_runs(former_source: Path, tmp_path: Path) -> None:
    with FakeServer(models={"ollama": ["llama2"]}) as server:
        run = guarded(
            str(Path(__file__).with_name("run_blocks.py")),
            str(former_source / "README.md"),
            cwd=tmp_path,
            GUARD_OLLAMA_PORT=server.url.rsplit(":", 1)[1],
        )
    assert run.returncode == 0, run.stderr
    ended = json.loads(run.stdout.splitlines()[-1])
    assert len(ended) == 20
    assert {number: ended[number] for number in BLOCKS} == dict.fromkeys(BLOCKS, "")
    assert all("ConfigurationError" in ended[number] for number in PINNED_BLOCKS)
