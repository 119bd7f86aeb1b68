"""What the tests of failures share."""

from __future__ import annotations

import asyncio

import pytest

from bruno_llm.testing import FakeServer
from tests.contract.matrix import CLAUDE, GEMINI, OLLAMA, OPENAI, Case, complete


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder breaks things on purpose."""
    for item in items:
        if "/faults/" in item.path.as_posix():
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session", autouse=True)
def _imported() -> None:
    """litellm imports for seconds at its first calls: not within the limits of a test."""

    async def one_call_each(server: FakeServer) -> None:
        for case in (OPENAI, CLAUDE, GEMINI, OLLAMA):
            for way in ("complete", "stream_events"):
                await complete(case.provider(server), way)

    with FakeServer() as server:
        asyncio.run(one_call_each(server))


@pytest.fixture(params=[OPENAI, CLAUDE, GEMINI, OLLAMA], ids=str)
def case(request: pytest.FixtureRequest, no_keys: None) -> Case:
    """One vendor after the other."""
    chosen: Case = request.param
    return chosen


@pytest.fixture(params=["complete", "stream_events"])
def way(request: pytest.FixtureRequest) -> str:
    """Plain and streamed."""
    return str(request.param)
