"""The matrix: every provider, every way to ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bruno_llm import LiteLLMProvider
from bruno_llm.testing import FakeServer
from tests.contract.matrix import CASES, FACTS, WAYS, Case, Make


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """One that refuses what the vendors refuse."""
    with FakeServer(strict=True) as running:
        yield running


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest, no_keys: None) -> Case:
    """One provider class after the other."""
    chosen: Case = request.param
    return chosen


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """generate, complete, stream and stream_events."""
    return str(request.param)


@pytest.fixture(params=FACTS)
def facts(request: pytest.FixtureRequest) -> str:
    """complete and stream_events: plain and streamed, with the facts of the call."""
    return str(request.param)


@pytest.fixture
def make(case: Case, server: FakeServer) -> Make:
    """Makes the provider of the case, on the server, with these options; one try by default."""

    def build(**options: Any) -> LiteLLMProvider:
        return case.provider(server, **options)

    return build
