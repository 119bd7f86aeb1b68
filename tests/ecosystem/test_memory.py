"""bruno-memory 0.1.5 and bruno-abilities 1.0.0 over this package."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bruno_llm.testing import FakeServer, Reply
from tests.ecosystem.others import guarded, pip, run_tests, unpacked

pytestmark = [pytest.mark.slow, pytest.mark.full]

# What the two need besides this package, without the databases.
REQUIREMENTS = (
    "bruno-memory==0.1.5",
    "bruno-abilities==1.0.0",
    "aiosqlite",
    "dateparser",
    "python-dateutil",
    "pytz",
    "redis",
    "regex",
    "six",
    "tzlocal",
)
# Their tests of what asks bruno-llm, and of the two parts that hold them together.
FILES = (
    "unit/test_compressor.py",
    "unit/test_embedding_manager.py",
    "unit/test_factory.py",
    "unit/test_sqlite_backend.py",
)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages: they stand beside this one, whose version satisfies them."""
    folder = tmp_path_factory.mktemp("packages")
    pip("install", "--no-deps", "--target", str(folder), *REQUIREMENTS)
    return folder


def test_they_import(packages: Path, tmp_path: Path) -> None:
    code = "import bruno_memory, bruno_abilities, bruno_llm; print(bruno_llm.__version__)"
    run = guarded("-c", code, cwd=tmp_path, path=(packages,), GUARD_ABSENT="1")
    assert run.returncode == 0, run.stderr
    assert tuple(map(int, run.stdout.split()[-1].split(".")[:2])) >= (0, 3)


def test_its_own_tests_pass(
    packages: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = unpacked("bruno-memory==0.1.5", tmp_path_factory.mktemp("memory"))
    shutil.copytree(source / "tests", tmp_path / "tests")
    found = run_tests(tmp_path / "tests", *FILES, cwd=tmp_path, path=(packages,), GUARD_ABSENT="1")
    assert found.failed == {}
    assert (len(found.passed), len(found.skipped)) == (64, 0)


def test_its_parts_work_over_our_providers(packages: Path, tmp_path: Path) -> None:
    with FakeServer() as server:
        server.default = Reply("They counted.")
        run = guarded(
            str(Path(__file__).with_name("memory_parts.py")),
            server.url,
            cwd=tmp_path,
            path=(packages,),
            GUARD_ABSENT="1",
        )
        asked = [request for request in server.requests if request.endpoint == "chat"]
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    for name in ("openai", "claude", "ollama"):
        text, count, compressed = found[name]
        assert text.endswith("They counted.") and (count, compressed) == (3, True)
    assert found["vectors"] == [8, 8] and found["message"] == 8
    assert found["hits"][0] == "Turn 3"
    assert found["answer"] == "They counted."
    assert all("Turn 0" in json.dumps(request.json) for request in asked[:3])
    assert "Turn 5" in json.dumps(asked[-1].json)
