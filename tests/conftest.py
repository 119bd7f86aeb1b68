"""What the tests of several subjects share."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib.util import find_spec
from typing import Any

import pytest
from structlog.testing import capture_logs

from bruno_llm.demo.engine import Engine
from bruno_llm.testing import FakeServer

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
