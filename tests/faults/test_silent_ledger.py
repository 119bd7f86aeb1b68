"""A ledger that does not answer holds up no call for good, and loses neither answer nor booking."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bruno_llm import CostTracker, LLMError
from bruno_llm.costs import report_from_ledger, stores
from bruno_llm.testing import FakeServer, Reply
from tests.contract.matrix import CLAUDE, OPENAI, Case, ask, only

pytestmark = pytest.mark.covering(1)


@pytest.fixture
def costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CostTracker]:
    tracker = CostTracker(budget=1, ledger=tmp_path / "costs.db")
    assert tracker.total == 0  # it is open
    monkeypatch.setattr(stores, "LONGEST", 0.3)
    yield tracker
    tracker.close()


@pytest.fixture
def other(costs: CostTracker, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program at the same file, whose lock makes the ledger wait for 30 seconds."""
    path = tmp_path / "costs.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as found:
        yield found


@only(OPENAI, CLAUDE)
async def test_before_the_request(
    case: Case,
    way: str,
    server: FakeServer,
    costs: CostTracker,
    other: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other.execute("BEGIN IMMEDIATE")
    async with case.provider(server, costs=costs) as provider:
        with pytest.raises(LLMError, match=r"costs\.db did not answer within 0\.3 s") as caught:
            await ask(provider, way)
        assert not caught.value.retryable
        assert caught.value.hint is not None and "ledger=" in caught.value.hint
        assert server.requests == []
        other.execute("COMMIT")
        # On a busy machine its thread may not run for so long.
        monkeypatch.setattr(stores, "LONGEST", 30)
        server.script(Reply("Oslo."))
        assert await ask(provider, way) == "Oslo."
    report = await costs.areport()
    assert [budget.reserved for budget in report.budgets] == [0]


@only(OPENAI, CLAUDE)
async def test_after_the_answer(
    case: Case,
    way: str,
    server: FakeServer,
    costs: CostTracker,
    other: sqlite3.Connection,
    tmp_path: Path,
) -> None:
    gate = server.gate()
    server.script(Reply("Oslo.", gate=gate))
    async with case.provider(server, costs=costs) as provider:
        asking = asyncio.ensure_future(ask(provider, way))
        await server.wait_for(lambda: server.requests)
        other.execute("BEGIN IMMEDIATE")
        gate.set()
        with capture_logs() as events:
            assert await asking == "Oslo."
        assert "cost_booking_failed" in [event["event"] for event in events]
        other.execute("COMMIT")
    costs.close()
    assert report_from_ledger(tmp_path / "costs.db").total.calls == 1
