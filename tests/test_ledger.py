"""Bookings in a ledger survive crashes, and budgets hold over the processes that share it."""

from __future__ import annotations

import asyncio
import gc
import os
import pwd
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bruno_llm import _clock
from bruno_llm.completion import Usage
from bruno_llm.costs.books import Entry, Limit, Post, Reserve
from bruno_llm.costs.ledger import Ledger
from bruno_llm.costs.ledger_address import LedgerAddress
from bruno_llm.costs.ledger_sql import execute
from bruno_llm.costs.report import report_from_ledger
from bruno_llm.costs.tracker import Budget, BudgetWarning, CostTracker
from bruno_llm.exceptions import BudgetExceededError, ConfigurationError, LLMError
from tests.warm import Worker

ROOT = Path(__file__).resolve().parents[1]
USAGE = Usage(1000, 200, 1200, cached_tokens=600, cache_creation_tokens=100, reasoning_tokens=50)
PASSWORD = "s3cret/pass word"
QUOTED = "s3cret%2Fpass%20word"


class MovedClock:
    """The system's clock, with a distance that a test adds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def time(self) -> float:
        return time.time() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.ahead += seconds


@pytest.fixture
def clock() -> Iterator[MovedClock]:
    moved = MovedClock()
    previous = _clock.use(moved)
    yield moved
    _clock.use(previous)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Postgres:
    """A throwaway PostgreSQL cluster on a loopback port."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="bruno-pg-"))
        self._user = None
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            self._user = "postgres"
            owner = pwd.getpwnam(self._user)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        words = self._folder / "password"
        words.write_text(PASSWORD)
        words.chmod(0o644)
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-U", "bruno", "-A", "scram-sha-256", "--no-sync",
                  f"--pwfile={words}", "-E", "UTF8", "--locale=C")  # fmt: skip
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        self._run(
            "pg_ctl", "-D", data, "-w", "-o", options, "-l", str(self._folder / "log"), "start"
        )

    def _run(self, tool: str, *arguments: str) -> None:
        command = [str(self._binaries / tool), *arguments]
        if self._user:
            command = ["runuser", "-u", self._user, "--", *command]
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=60)

    def url(self, database: str, password: str = QUOTED, port: int | None = None) -> str:
        return f"postgresql://bruno:{password}@127.0.0.1:{port or self.port}/{database}"

    def connect(self, database: str = "postgres") -> Any:
        import psycopg

        return psycopg.connect(self.url(database), autocommit=True)

    def new_database(self) -> str:
        name = f"costs_{secrets.token_hex(4)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    path = shutil.which("initdb")
    if not found and not path:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    if os.getuid() == 0 and not shutil.which("runuser"):
        pytest.skip("PostgreSQL does not run as root, and there is no runuser")
    server = Postgres(found[-1].parent if found else Path(str(path)).parent)
    yield server
    server.stop()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.postgres),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty ledger of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "costs.db")
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(server.new_database())


@pytest.fixture
def trackers() -> Iterator[Any]:
    made: list[CostTracker] = []

    def make(*args: Any, **kwargs: Any) -> CostTracker:
        made.append(CostTracker(*args, **kwargs))
        return made[-1]

    yield make
    for tracker in made:
        tracker.close()


async def book(tracker: CostTracker, cost: Any = 0.01, **kwargs: Any) -> None:
    values: dict[str, Any] = {"provider": "openai", "model": "gpt-4o", "usage": USAGE} | kwargs
    await tracker.book(cost=cost, **values)


async def reserve(tracker: CostTracker, worst: str | None, tag: str | None = None) -> Any:
    worst_case = None if worst is None else Decimal(worst)
    return await tracker.reserve(provider="openai", model="gpt-4o", worst_case=worst_case, tag=tag)


PRELUDE = """
    import asyncio, os, sys
    from decimal import Decimal
    from bruno_llm.completion import Usage
    from bruno_llm.costs.tracker import Budget, CostTracker
    from bruno_llm.exceptions import BudgetExceededError
"""


def start(script: str, *arguments: str) -> Worker:
    """Another process that runs ``script`` with what it needs imported."""
    return Worker(textwrap.dedent(PRELUDE) + textwrap.dedent(script), *arguments)


def fresh(script: str, *arguments: str, flags: Sequence[str] = ()) -> tuple[str, str]:
    """What an interpreter of its own prints of ``script``; that costs ten times as much."""
    code = textwrap.dedent(PRELUDE) + textwrap.dedent(script)
    run = subprocess.run(
        [sys.executable, *flags, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout, run.stderr


def finish(process: Worker) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


# -- what a ledger keeps ----------------------------------------------------------------------


async def test_everything_is_there_after_a_restart(place: str, trackers: Any) -> None:
    first = trackers(ledger=place)
    await book(first, 0.0000000375)
    await book(first, None, model="odd", tag="alice")
    await book(first, 5, cached=True)
    await book(first, Decimal("0.02"), kind="embedding", usage=Usage(7, 0, 7, estimated=True))
    assert len(first.recent()) == 4
    first.close()

    again = trackers(ledger=place)
    assert again.total == Decimal("0.0200000375")
    line = again.by_model()["openai/gpt-4o"]
    assert (line.calls, line.prompt_tokens, line.completion_tokens) == (3, 1007, 200)
    assert (line.cached_tokens, line.cache_creation_tokens, line.reasoning_tokens) == (600, 100, 50)
    assert (line.cache_hits, line.estimated_calls, line.embedding_calls) == (1, 1, 1)
    assert again.by_model()["openai/odd"].unknown_price_calls == 1
    assert again.by_provider()["openai"].calls == 4
    assert (await again.areport(by="tag")).lines[1].key == "alice"
    assert again.recent() == []


async def test_a_report_is_read_from_the_ledger_alone(
    place: str, trackers: Any, clock: MovedClock
) -> None:
    tracker = trackers(ledger=place)
    clock.ahead = -86_400.0
    await book(tracker, 1)
    clock.ahead = 0.0
    await book(tracker, 2)
    report = report_from_ledger(place, by="day")
    assert [line.cost for line in report.lines] == [1, 2]
    assert QUOTED not in report.source
    assert report_from_ledger(place, since=_today()).total.cost == 2


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(_clock.now()))


async def test_an_empty_ledger_reads_as_nothing(place: str, trackers: Any) -> None:
    tracker = trackers(budget=5, ledger=place)
    assert tracker.total == 0
    assert tracker.by_model() == {}
    assert tracker.report().budgets[0].spent == 0


async def test_amounts_above_64_bits_are_exact(trackers: Any, postgres: Postgres) -> None:
    tracker = trackers(ledger=postgres.url(postgres.new_database()))
    for _ in range(3):
        await book(tracker, Decimal("9000000.000000000001"))
    assert tracker.total == Decimal("27000000.000000000003")


async def test_500_callers_share_transactions_and_never_pass_a_budget(
    place: str, trackers: Any
) -> None:
    tracker = trackers(budget=[Budget(1, "day"), Budget(Decimal("0.4"), tag="*")], ledger=place)
    states: list[Decimal] = []

    async def call(n: int) -> int:
        try:
            held = await reserve(tracker, "0.01", f"user-{n % 4}")
        except BudgetExceededError:
            return 0
        if n % 50 == 0:
            state = (await tracker.areport()).budgets[0]
            states.append(state.spent + state.reserved)
        if n % 10 == 0:
            await held.release()
            return 0
        await held.settle(usage=USAGE, cost=Decimal("0.01"))
        return 1

    admitted = sum(await asyncio.gather(*(call(n) for n in range(500))))
    assert tracker.total == admitted * Decimal("0.01") <= 1
    assert admitted >= 80
    assert states
    assert max(states) <= 1
    report = await tracker.areport(by="tag")
    assert all(line.cost <= Decimal("0.4") for line in report.lines)
    assert report.budgets[0].reserved == 0


def test_threads_with_their_own_loops_share_a_tracker(place: str, trackers: Any) -> None:
    tracker = trackers(budget=1, ledger=place)
    admitted: list[int] = []

    async def call() -> None:
        with suppress(BudgetExceededError):
            held = await reserve(tracker, "0.02")
            await held.settle(usage=USAGE, cost=0.02)
            admitted.append(1)

    async def calls() -> None:
        await asyncio.gather(*(call() for _ in range(10)))

    threads = [threading.Thread(target=lambda: asyncio.run(calls())) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 50
    assert tracker.total == 1


async def test_a_refusal_names_the_budget_and_what_others_spent(place: str, trackers: Any) -> None:
    one, two = trackers(ledger=place), trackers(budget=Budget(1, "month", "alice"), ledger=place)
    # A process without a budget of its own is counted all the same.
    await book(one, 0.5, tag="alice")
    await book(one, 9, tag="bob")
    held = await reserve(two, "0.3", "alice")
    with pytest.raises(BudgetExceededError, match=r"spent \$0.5, reserved \$0.3"):
        await reserve(two, "0.25", "alice")
    await held.settle(usage=USAGE, cost=None)
    with pytest.raises(BudgetExceededError, match=r"spent \$0.8, reserved \$0;"):
        await reserve(two, "0.25", "alice")


async def test_each_process_warns_once(place: str, trackers: Any) -> None:
    seen: list[BudgetWarning] = []
    one = trackers(budget=1, ledger=place, on_warning=seen.append)
    two = trackers(budget=1, ledger=place, on_warning=seen.append)
    await book(one, 0.7)
    assert not seen
    for _ in range(2):
        await book(two, 0.1)
    await book(one, 0.05)
    assert [warning.spent for warning in seen] == [Decimal("0.8"), Decimal("0.95")]


# -- crashes ----------------------------------------------------------------------------------


@pytest.mark.faults
def test_a_kill_in_the_middle_of_1000_bookings_loses_none_that_was_confirmed(place: str) -> None:
    script = """
        async def work(tracker, numbers):
            for n in numbers:
                usage = Usage(n, 1, n + 1)
                await tracker.book(provider="p", model=f"m{n}", usage=usage, cost=0.001)
                os.write(1, f"{n}\\n".encode())

        async def main():
            tracker = CostTracker(ledger=sys.argv[1])
            numbers = iter(range(1000))
            await asyncio.gather(*(work(tracker, numbers) for _ in range(5)))

        asyncio.run(main())
    """
    process = start(script, place)
    confirmed = {int(process.stdout.readline()) for _ in range(400)}
    process.send_signal(signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, err
    confirmed |= {int(line) for line in out.split("\n")[:-1]}

    report = report_from_ledger(place)
    kept = {int(line.key.removeprefix("p/m")): line for line in report.lines}
    assert confirmed <= kept.keys()
    assert 400 <= len(confirmed) <= len(kept) < 1000
    assert all((line.calls, line.prompt_tokens) == (1, n) for n, line in kept.items())
    assert report.total.cost == Decimal("0.001") * len(kept)


@pytest.mark.faults
async def test_a_killed_process_does_not_hold_budget_for_ever(
    place: str, trackers: Any, clock: MovedClock
) -> None:
    script = """
        async def main():
            tracker = CostTracker(budget=1, ledger=sys.argv[1])
            held = await tracker.reserve(provider="p", model="m", worst_case=Decimal("0.6"))
            print("held", flush=True)
            sys.stdin.read()

        asyncio.run(main())
    """
    process = start(script, place)
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.communicate(timeout=60)
    tracker = trackers(budget=1, ledger=place)
    with pytest.raises(BudgetExceededError, match=r"reserved \$0.6"):
        await reserve(tracker, "0.5")
    clock.ahead = 290.0
    with pytest.raises(BudgetExceededError):
        await reserve(tracker, "0.5")
    clock.ahead = 310.0
    await (await reserve(tracker, "1")).release()


async def test_a_living_process_keeps_what_it_holds(
    place: str, trackers: Any, clock: MovedClock
) -> None:
    mine, other = trackers(budget=1, ledger=place), trackers(budget=1, ledger=place)
    held = await reserve(mine, "0.6")
    for _ in range(5):
        clock.ahead += 200.0
        await book(mine, 0)
        with pytest.raises(BudgetExceededError, match=r"reserved \$0.6"):
            await reserve(other, "0.5")
    # A machine that slept through its lease takes it up again when it wakes.
    clock.ahead += 4_000.0
    assert other.report().budgets[0].reserved == 0
    await book(mine, 0)
    assert other.report().budgets[0].reserved == Decimal("0.6")
    await held.settle(usage=USAGE, cost=0.7)
    assert other.report().budgets[0].reserved == 0
    assert other.total == Decimal("0.7")


def test_an_idle_process_renews_its_lease(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "costs.db", lease=0.2)
    limit = Limit("total", "", 100)
    assert ledger.submit(Reserve("one", 60, "", [limit])).result(10) is None

    def expires() -> float:
        with closing(sqlite3.connect(tmp_path / "costs.db")) as connection:
            row = connection.execute("SELECT expires_at FROM bruno_cost_reservations").fetchone()
            return float(row[0])

    first = expires()
    end = time.monotonic() + 10
    while expires() == first and time.monotonic() < end:
        time.sleep(0.01)
    assert expires() > first
    ledger.close()


@pytest.mark.parametrize("processes", [4])
def test_processes_share_a_budget(place: str, processes: int) -> None:
    script = """
        async def call(tracker):
            try:
                held = await tracker.reserve(provider="p", model="m", worst_case=Decimal("0.01"))
            except BudgetExceededError:
                return 0
            await held.settle(usage=Usage(10, 1, 11), cost=0.01)
            return 1

        async def main():
            tracker = CostTracker(budget=1, ledger=sys.argv[1])
            print("ready", flush=True)
            sys.stdin.readline()
            admitted = 0
            for _ in range(5):
                admitted += sum(await asyncio.gather(*(call(tracker) for _ in range(20))))
            print(admitted)

        asyncio.run(main())
    """
    running = [start(script, place) for _ in range(processes)]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    admitted = [int(finish(process).splitlines()[-1]) for process in running]
    assert sum(admitted) == 100
    report = report_from_ledger(place)
    assert (report.total.calls, report.total.cost) == (100, Decimal(1))


def test_a_process_that_never_closes_ends_cleanly(place: str) -> None:
    script = """
        async def main():
            tracker = CostTracker(budget=1, ledger=sys.argv[1])
            held = await tracker.reserve(provider="p", model="m", worst_case=Decimal("0.5"))
            await held.settle(usage=None, cost=0.25)
            await tracker.areport()
            del tracker, held
            other = CostTracker(ledger=sys.argv[1])
            await other.book(provider="p", model="m", usage=None, cost=0.25)
            globals()["kept"] = other

        asyncio.run(main())
    """
    _, err = fresh(script, place, flags=("-X", "dev", "-W", "error::ResourceWarning"))
    assert "ResourceWarning" not in err
    assert "Traceback" not in err
    assert report_from_ledger(place).total.cost == Decimal("0.5")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_opens_the_ledger_anew(place: str) -> None:
    script = """
        tracker = CostTracker(budget=1, ledger=sys.argv[1])

        async def one(model):
            held = await tracker.reserve(provider="p", model=model, worst_case=Decimal("0.1"))
            await held.settle(usage=None, cost=0.1)
            await tracker.areport()

        asyncio.run(one("parent"))
        child = os.fork()
        asyncio.run(one("child" if child == 0 else "parent"))
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        asyncio.run(one("parent"))
    """
    finish(start(script, place))
    lines = report_from_ledger(place).lines
    assert {line.model: line.calls for line in lines} == {"parent": 3, "child": 1}


# -- waiting ----------------------------------------------------------------------------------


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[tuple[str, sqlite3.Connection]]:
    """A SQLite ledger that another connection keeps locked until it commits."""
    path = str(tmp_path / "locked.db")
    ledger = Ledger(path)
    ledger.submit(Post(_entry("first"), 0, (), ())).result(10)
    ledger.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield path, connection


def _entry(key: str) -> Entry:
    return Entry(key, _clock.now(), "p", "m", "", "chat", 1, 1, 0, 0, 0, 0, False, False)


async def test_neither_the_loop_nor_its_executor_waits_for_the_disk(
    locked: tuple[str, sqlite3.Connection], trackers: Any
) -> None:
    path, connection = locked
    tracker = trackers(ledger=path)
    bookings = [asyncio.ensure_future(book(tracker)) for _ in range(50)]
    for _ in range(100):
        await asyncio.sleep(0)
        await asyncio.get_running_loop().run_in_executor(None, int)
    assert not any(booking.done() for booking in bookings)
    connection.execute("COMMIT")
    await asyncio.gather(*bookings)
    assert tracker.report().total.calls == 51


async def test_a_cancelled_booking_is_booked_and_a_cancelled_reservation_is_freed(
    locked: tuple[str, sqlite3.Connection], trackers: Any
) -> None:
    path, connection = locked
    tracker = trackers(budget=1, ledger=path)
    waiting = [
        asyncio.ensure_future(book(tracker, 0.25)),
        asyncio.ensure_future(reserve(tracker, "0.5")),
    ]
    for _ in range(20):
        await asyncio.sleep(0)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert all(one.cancelled() for one in waiting)
    connection.execute("COMMIT")
    await book(tracker, 0.25)
    assert tracker.total == Decimal("0.5")
    await (await reserve(tracker, "0.5")).release()
    assert tracker.report().budgets[0].reserved == 0


async def test_an_abandoned_reservation_is_freed(place: str, trackers: Any) -> None:
    tracker = trackers(budget=1, ledger=place)
    await reserve(tracker, "1")
    await (await reserve(tracker, "1")).release()


# -- failures ---------------------------------------------------------------------------------


async def test_a_value_that_cannot_be_stored_fails_alone(place: str, trackers: Any) -> None:
    tracker = trackers(ledger=place)
    await book(tracker)
    with capture_logs() as events:
        results = await asyncio.gather(
            book(tracker),
            book(tracker, usage=Usage(10**20, 0, 10**20)),
            book(tracker),
            return_exceptions=True,
        )
    assert [type(result) for result in results] == [type(None), LLMError, type(None)]
    assert "could not be written" in str(results[1])
    assert [event["event"] for event in events] == ["ledger_failed"]
    assert tracker.report().total.calls == 3


@pytest.mark.parametrize("name", ["m\0", "m\ud800", "m\udfff\0"])
async def test_a_name_no_database_takes_loses_no_booking(
    place: str, trackers: Any, name: str
) -> None:
    tracker = trackers(budget=1, ledger=place)
    held = await tracker.reserve(provider="p", model=name, worst_case=Decimal("0.5"), tag=name)
    await held.settle(usage=USAGE, cost=Decimal("0.25"))
    report = tracker.report(by="tag")
    assert (report.total.cost, report.budgets[0].reserved) == (Decimal("0.25"), 0)


async def test_usage_beyond_all_reason_is_booked(place: str, trackers: Any) -> None:
    tracker = trackers(budget=10**6, ledger=place)
    used = Usage(10**15 - 1, 10**15 - 1, 2 * 10**15 - 2)
    await (await reserve(tracker, "1")).settle(usage=used, cost=30_000_000_000)
    assert tracker.total >= 10**6
    assert tracker.report().total.prompt_tokens == 10**15 - 1
    with pytest.raises(BudgetExceededError):
        await reserve(tracker, "0.01")


async def fail_once(tracker: CostTracker, path: Path, cost: float = 0.25) -> Any:
    """A call whose booking cannot be written; the connection that stands in the way."""
    await book(tracker, 0)  # makes the tables
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("ALTER TABLE bruno_cost_entries RENAME TO elsewhere")
    held = await reserve(tracker, "0.5")
    with pytest.raises(LLMError, match="could not be written: OperationalError: no such table"):
        await held.settle(usage=USAGE, cost=cost)
    return connection


def mend(connection: Any) -> None:
    connection.execute("ALTER TABLE elsewhere RENAME TO bruno_cost_entries")
    connection.close()


async def test_a_booking_that_failed_keeps_its_budget_and_is_written_later(
    tmp_path: Path, trackers: Any
) -> None:
    """It was lost, and its reservation given back when it was collected as garbage."""
    path = tmp_path / "costs.db"
    tracker = trackers(budget=1, ledger=path)
    connection = await fail_once(tracker, path)
    gc.collect()
    with pytest.raises(BudgetExceededError, match=r"reserved \$0.5"):
        await reserve(tracker, "0.6")
    mend(connection)
    with capture_logs() as events:
        report = await tracker.areport()
    assert (report.total.cost, report.budgets[0].reserved) == (Decimal("0.25"), 0)
    assert [event["event"] for event in events] == ["ledger_caught_up"]
    (await reserve(tracker, "0.75"))._close()


async def test_a_booking_that_failed_is_not_made_twice(tmp_path: Path, trackers: Any) -> None:
    path = tmp_path / "costs.db"
    tracker = trackers(budget=1, ledger=path)
    await book(tracker, 0)
    held = await reserve(tracker, "0.5")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ALTER TABLE bruno_cost_entries RENAME TO elsewhere")
        with pytest.raises(LLMError):
            await held.settle(usage=USAGE, cost=0.25)
        connection.execute("ALTER TABLE elsewhere RENAME TO bruno_cost_entries")
    await held.settle(usage=USAGE, cost=0.25)
    await held.release()
    assert (tracker.total, tracker.report().total.calls) == (Decimal("0.25"), 2)
    assert tracker.report().budgets[0].reserved == 0


async def test_what_could_not_be_written_waits_beside_the_ledger_for_the_next_process(
    tmp_path: Path, trackers: Any
) -> None:
    path = tmp_path / "costs.db"
    tracker = trackers(budget=1, ledger=path)
    connection = await fail_once(tracker, path)
    with capture_logs() as events:
        tracker.close()
    assert events[-1]["event"] == "ledger_bookings_spilled"
    assert [name for name in os.listdir(tmp_path) if ".unwritten." in name]
    mend(connection)
    (tmp_path / "costs.db.unwritten.broken").write_text("{")
    after = trackers(budget=1, ledger=path)
    with capture_logs() as events:
        report = await after.areport()
    assert (report.total.cost, report.budgets[0].reserved) == (Decimal("0.25"), 0)
    assert "ledger_spill_unreadable" in [event["event"] for event in events]
    left = [name for name in os.listdir(tmp_path) if ".unwritten." in name]
    assert left == ["costs.db.unwritten.broken"]


_KILLED_CHILD = """
    async def main():
        tracker = CostTracker(budget=1, ledger=sys.argv[1], spill=sys.argv[2] or None)
        await tracker.book(provider="p", model="m", usage=Usage(1, 1, 2), cost=0)
        print("ready", flush=True)
        sys.stdin.readline()
        held = await tracker.reserve(provider="p", model="m", worst_case=Decimal("0.5"))
        try:
            await held.settle(usage=Usage(1, 1, 2), cost=0.25)
        except Exception as error:
            print(type(error).__name__, flush=True)
        sys.stdin.readline()

    asyncio.run(main())
"""


async def test_what_could_not_be_written_survives_a_kill(
    place: str, trackers: Any, tmp_path: Path
) -> None:
    """It was in the memory of the process alone."""

    def rename(table: str, name: str) -> None:
        engine = LedgerAddress(place).engine(writes=True)
        with engine.begin() as connection:
            execute(connection, f"ALTER TABLE {table} RENAME TO {name}")
        engine.dispose()

    aside = "" if place.endswith(".db") else str(tmp_path / "made" / "aside")
    child = start(_KILLED_CHILD, place, aside)
    try:
        assert child.stdout.readline() == "ready\n"
        rename("bruno_cost_entries", "elsewhere")
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "LLMError\n"
    finally:
        child.kill()
        child.communicate()
    rename("elsewhere", "bruno_cost_entries")
    report = await trackers(ledger=place, budget=1, spill=aside or None).areport()
    assert (report.total.cost, report.total.calls) == (Decimal("0.25"), 2)
    assert report.budgets[0].reserved == 0
    every = (name for _, _, names in os.walk(tmp_path) for name in names)
    assert not [name for name in every if ".unwritten." in name]


def test_a_place_for_what_fails_wants_a_ledger(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="give ledger= too"):
        CostTracker(spill=tmp_path)


async def test_many_failures_make_few_files(tmp_path: Path, trackers: Any) -> None:
    path = tmp_path / "costs.db"
    tracker = trackers(ledger=path)
    connection = await fail_once(tracker, path)
    for _ in range(40):
        with pytest.raises(LLMError):
            await book(tracker, 0.25)
    assert 0 < len([name for name in os.listdir(tmp_path) if ".unwritten." in name]) <= 17
    mend(connection)
    report = await tracker.areport()
    assert (report.total.cost, report.total.calls) == (Decimal("10.25"), 42)
    assert not [name for name in os.listdir(tmp_path) if ".unwritten." in name]


async def test_without_a_place_for_a_file_what_is_lost_is_told(
    postgres: Postgres, trackers: Any
) -> None:
    url = postgres.url(postgres.new_database())
    tracker = trackers(ledger=url)
    await book(tracker)
    with capture_logs() as events:
        with pytest.raises(LLMError):
            await book(tracker, usage=Usage(10**20, 0, 10**20))
        tracker.close()
    assert [e["model"] for e in events if e["event"] == "ledger_booking_lost"] == ["gpt-4o"]


async def test_a_release_that_failed_is_tried_again(tmp_path: Path, trackers: Any) -> None:
    """It held the budget for the life of the process."""
    path = tmp_path / "costs.db"
    tracker = trackers(budget=1, ledger=path)
    held = await reserve(tracker, "0.9")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ALTER TABLE bruno_cost_reservations RENAME TO elsewhere")
        await held.release()
        with pytest.raises(LLMError):
            await reserve(tracker, "0.5")
        connection.execute("ALTER TABLE elsewhere RENAME TO bruno_cost_reservations")
    assert (await tracker.areport()).budgets[0].reserved == 0


async def test_a_closed_tracker_opens_again(place: str, trackers: Any) -> None:
    tracker = trackers(ledger=place)
    tracker.close()
    await book(tracker)
    tracker.close()
    tracker.close()
    assert tracker.report().total.calls == 1


async def test_what_is_queued_is_written_before_it_closes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "costs.db")
    futures: list[Future[Any]] = [
        ledger.submit(Post(_entry(f"e{n}"), 0, (), ())) for n in range(1_200)
    ]
    ledger.close()
    assert all(future.done() for future in futures)
    assert report_from_ledger(tmp_path / "costs.db").total.calls == 1_200


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (":memory:", "path of a file"),
        ("sqlite://", "path of a file"),
        ("mysql://root@localhost/costs", "mysql://... is not supported"),
        ("postgresql+asyncpg://localhost/costs", "is not supported"),
        ("postgresql://bruno:hunter2@localhost:port/costs", "percent-encode"),
    ],
)
def test_a_target_that_is_no_ledger_is_refused(target: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        CostTracker(ledger=target)
    assert "hunter2" not in str(caught.value)


async def test_a_ledger_that_cannot_be_opened_says_so(tmp_path: Path, trackers: Any) -> None:
    (tmp_path / "notes.txt").write_text("no database " * 1000)
    for path in (tmp_path / "missing" / "costs.db", tmp_path / "notes.txt"):
        tracker = trackers(budget=1, ledger=path)
        with pytest.raises(ConfigurationError, match=f"{path.name} cannot be opened"):
            await reserve(tracker, "0.1")
        with pytest.raises(ConfigurationError, match="cannot be opened"):
            tracker.report()
    with pytest.raises(ConfigurationError, match="there is no cost ledger at"):
        report_from_ledger(tmp_path / "none.db")
    with pytest.raises(ConfigurationError, match=r"notes.txt cannot be read: DatabaseError"):
        report_from_ledger(tmp_path / "notes.txt")
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(ConfigurationError, match="is not a cost ledger"):
        report_from_ledger(tmp_path / "other.db")


async def test_a_path_may_hold_what_means_something_in_a_url(tmp_path: Path, trackers: Any) -> None:
    tracker = trackers(ledger=tmp_path / "my costs?x=1#50%25.db")
    await book(tracker)
    assert tracker.report().total.calls == 1
    assert (tmp_path / "my costs?x=1#50%25.db").exists()


def test_a_home_directory_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Ledger("~/costs.db").label == str(tmp_path / "costs.db")
    monkeypatch.chdir(tmp_path)
    assert Ledger("sqlite:///costs.db").label == str(tmp_path / "costs.db")
    assert Ledger("sqlite:////var/costs.db").label == "/var/costs.db"
    assert str(tmp_path) in repr(CostTracker(ledger="~/costs.db"))


@pytest.mark.parametrize(
    ("target", "missing", "extra"),
    [("costs.db", "sqlalchemy", "ledger"), ("postgres://host/db", "psycopg", "postgres")],
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, target: str, missing: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigurationError, match=rf'needs {missing}.*"bruno-llm\[{extra}\]"'):
        CostTracker(ledger=target)


def test_importing_it_imports_no_database() -> None:
    script = """
        import bruno_llm.costs.ledger, bruno_llm.costs.report
        CostTracker(budget=1)
        print(sorted({"sqlalchemy", "psycopg", "litellm"} & set(sys.modules)))
    """
    assert fresh(script)[0] == "[]\n"


# -- PostgreSQL alone -------------------------------------------------------------------------


@pytest.mark.postgres
async def test_no_error_holds_the_password(postgres: Postgres, trackers: Any) -> None:
    wrong = "hunter%202"
    for url in (
        postgres.url("postgres", password=wrong),
        postgres.url("postgres", password=wrong, port=free_port()),
        postgres.url("nowhere"),
        postgres.url("postgres", password=wrong) + "?sslmode=nonsense&password=hunter%202",
    ):
        tracker = trackers(ledger=url)
        with capture_logs() as events, pytest.raises(ConfigurationError) as caught:
            await book(tracker)
        with pytest.raises(ConfigurationError) as read:
            report_from_ledger(url)
        seen = f"{caught.value!r} {caught.value} {read.value!r} {tracker!r} {events}"
        assert "cannot be opened" in seen
        assert "postgresql://127.0.0.1:" in seen
        for secret in ("hunter 2", wrong, PASSWORD, QUOTED):
            assert secret not in seen
        assert caught.value.__cause__ is None
        assert read.value.__cause__ is None


@pytest.mark.postgres
async def test_a_user_without_the_right_to_create_can_use_the_tables(
    postgres: Postgres, trackers: Any
) -> None:
    name = postgres.new_database()
    await book(trackers(ledger=postgres.url(name)))
    with postgres.connect(name) as connection:
        connection.execute(f"CREATE ROLE guest_{name} LOGIN PASSWORD 'guest'")
        connection.execute(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"
            f" TO guest_{name}"
        )
    url = f"postgres://guest_{name}:guest@127.0.0.1:{postgres.port}/{name}"
    guest = trackers(budget=1, ledger=url)
    await (await reserve(guest, "0.5")).settle(usage=USAGE, cost=0.5)
    assert guest.report().total.calls == 2


@pytest.mark.postgres
@pytest.mark.faults
async def test_a_dropped_connection_is_opened_again(postgres: Postgres, trackers: Any) -> None:
    name = postgres.new_database()
    tracker = trackers(budget=1, ledger=postgres.url(name))
    await book(tracker)
    with postgres.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
    await (await reserve(tracker, "0.5")).settle(usage=USAGE, cost=0.5)
    assert tracker.report().total.calls == 2


class CuttingProxy:
    """Passes bytes on to PostgreSQL, and once cuts the line between a COMMIT and its answer."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.armed = False
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
                if self.armed and b"COMMIT\0" in data:
                    self.armed = False
                    self.cuts += 1
                    source.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        source.close()

    def close(self) -> None:
        self._server.close()


@pytest.mark.postgres
@pytest.mark.faults
async def test_a_commit_whose_answer_is_lost_counts_once(postgres: Postgres, trackers: Any) -> None:
    proxy = CuttingProxy(postgres.port)
    name = postgres.new_database()
    tracker = trackers(budget=1, ledger=postgres.url(name, port=proxy.port))
    await book(tracker, 0.1)
    proxy.armed = True
    held = await reserve(tracker, "0.5")
    assert tracker.report().budgets[0].reserved == Decimal("0.5")
    proxy.armed = True
    await held.settle(usage=USAGE, cost=0.4)
    proxy.armed = True
    await held.release()
    report = tracker.report()
    assert proxy.cuts == 3
    assert (report.total.calls, report.total.cost) == (2, Decimal("0.5"))
    assert (report.budgets[0].spent, report.budgets[0].reserved) == (Decimal("0.5"), 0)
    proxy.close()
