"""The pytest plugin that comes with the package: the fixture ``cassette``.

pytest loads this module in every project that has bruno_llm installed, so it imports nothing
heavy and does nothing until the fixture is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bruno_llm.testing.cassettes import Tape

_failed = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--record-cassettes`` and the setting ``cassette_dir``."""
    parser.getgroup("bruno_llm").addoption(
        "--record-cassettes",
        action="store_true",
        help="run only the tests that use the fixture `cassette`, send their requests to the real "
        "servers and record them anew",
    )
    parser.addini(
        "cassette_dir", "directory of the cassettes, from the root directory", default="cassettes"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """While recording, leave out the tests that have nothing to record."""
    if config.getoption("--record-cassettes"):
        others = [item for item in items if not _uses_cassette(item)]
        config.hook.pytest_deselected(items=others)
        items[:] = filter(_uses_cassette, items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note a failure, so that a failed test does not save its cassette."""
    report = yield
    if report.failed or report.skipped:
        item.stash[_failed] = True
    return report


@pytest.fixture
def cassette(request: pytest.FixtureRequest) -> Iterator[Tape]:
    """Replays ``cassettes/<test module>/<test>.yaml``; with ``--record-cassettes`` records it.

    Start a server only while ``cassette.recording`` is true, and then set
    ``cassette.recorded_from`` to its name and version. See ``bruno_llm.testing.cassettes``.
    """
    from bruno_llm.testing.cassettes import use_cassette

    path = cassette_path(request.node)
    with use_cassette(path, record=request.config.getoption("--record-cassettes")) as tape:
        yield tape
        if request.node.stash.get(_failed, False):
            tape.abandon()


@pytest.fixture
def orphan_cassettes(request: pytest.FixtureRequest) -> list[Path]:
    """Cassettes that no test uses; assert that there are none.

    A cassette of a parameter that is gone shows in a run of whole directories; a run of chosen
    tests looks at the names of the test functions alone.
    """
    from bruno_llm.testing.cassettes import find_orphans

    config = request.config
    root = _cassette_dir(config)
    directories = config.getini("testpaths") or ["."]
    orphans = find_orphans(root, *(config.rootpath / name for name in directories))
    if not _whole_run(config):
        return orphans
    used = {cassette_path(item) for item in request.session.items if _uses_cassette(item)}
    touched = {_function(path) for path in used}
    return orphans + [
        path
        for path in sorted(root.rglob("*.yaml"))
        if path not in {*used, *orphans} and _function(path) in touched
    ]


def _function(path: Path) -> tuple[Path, str]:
    return path.parent, path.stem.partition("[")[0]


def cassette_path(item: pytest.Item) -> Path:
    """Where the cassette of a test is."""
    owner = item.getparent(pytest.Class)
    name = f"{owner.name}.{item.name}" if owner else item.name
    # A parameter may hold what a file name cannot.
    safe = re.sub(r"[^\w.\[\]-]", "-", name)
    return _cassette_dir(item.config) / item.path.stem / f"{safe}.yaml"


def _cassette_dir(config: pytest.Config) -> Path:
    return config.rootpath / str(config.getini("cassette_dir"))


def _uses_cassette(item: pytest.Item) -> bool:
    return "cassette" in getattr(item, "fixturenames", ())


def _whole_run(config: pytest.Config) -> bool:
    chosen = config.option.keyword or config.option.markexpr or config.option.deselect
    return not chosen and all((config.invocation_params.dir / arg).is_dir() for arg in config.args)
