"""What the tests of several subjects share."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, MutableMapping
from importlib.util import find_spec
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bruno_llm.demo.engine import Engine
from bruno_llm.testing import FakeServer
from tests.covering import leave_the_rest_to_full_runs
from tests.patience import PatientLoop
from tests.size import FULL

# llama.cpp's threads would spin while they wait for each other: six times its CPU, and on a busy
# machine seconds of it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

VENDOR_VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_API_BASE",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_API_BASE",
    "ANTHROPIC_BASE_URL",
    "GEMINI_API_KEY",
    "GEMINI_API_BASE",
    "GOOGLE_API_KEY",
    "OLLAMA_API_KEY",
    "OLLAMA_API_BASE",
    "OLLAMA_HOST",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing that is collected is garbage: to look for it is a fifth of the CPU of this."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What only a run of full size does is not even listed in a smaller one."""
    leave_the_rest_to_full_runs(items)
    left = [item for item in items if not FULL and item.get_closest_marker("full")]
    if left:
        config.hook.pytest_deselected(items=left)
        gone = set(left)
        items[:] = [item for item in items if item not in gone]


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test: a busy machine must not look like a silent server."""
    return {"patient": PatientLoop}


@pytest.fixture(autouse=True)
def _unconfigured_again() -> Iterator[None]:
    """structlog's ``capture_logs()`` leaves it configured: every later test would print."""
    configured = structlog.is_configured()
    yield
    if not configured:
        structlog.reset_defaults()


@pytest.fixture(scope="module")
def no_events() -> Iterator[None]:
    """For thousands of calls: nobody reads tens of thousands of lines."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


_frozen: tuple[object, int] = (None, 0)


@pytest.fixture(autouse=True)
def _few_objects_to_look_at(request: pytest.FixtureRequest) -> None:
    """What imports and the tests of other files leave is kept from the garbage collector.

    Half a million objects come with litellm, as many with thousands of tests and their reports.
    Each full collection would look at all of them, a third of a second each time, and hundreds of
    tests ask for one.
    """
    global _frozen
    heavy = sum(name in sys.modules for name in ("litellm", "openai.resources", "tiktoken_ext"))
    if _frozen != (now := (request.path, heavy)):
        _frozen = now
        gc.collect()
        gc.freeze()


@pytest.fixture
def no_collector() -> Iterator[None]:
    """For tests that load litellm or its routes: that counts what is frozen, 0.03 s each time."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """The loopback server that speaks four formats; a mistake in a script fails the test."""
    with FakeServer() as running:
        yield running


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The real llama.cpp server."""
    missing = [name for name in ("xllamacpp", "gguf") if find_spec(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed: pip install 'bruno-llm[demo]'")
    with Engine() as running:
        yield running


@pytest.fixture
def events() -> Iterator[list[MutableMapping[str, Any]]]:
    """Every structlog event of the test."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a machine on which nobody has set up a vendor."""
    for name in VENDOR_VARIABLES:
        monkeypatch.delenv(name, raising=False)
