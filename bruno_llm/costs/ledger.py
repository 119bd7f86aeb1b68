"""The cost ledger: bookings and reservations in SQLite or PostgreSQL.

One thread per ledger writes, never the event loop or its executor. Whatever queued up while the
last transaction was being written goes into the next one together, so that many concurrent
callers share one fsync. An answer is handed out only after that transaction is on the disk.
"""

from __future__ import annotations

import atexit
import os
import queue
import re
import threading
import uuid
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from bruno_core.utils.logging import get_logger

from bruno_llm import _clock
from bruno_llm.costs.books import Entry, Free, Limit, Operation, Post, Reserve, Row, day_of
from bruno_llm.exceptions import ConfigurationError, LLMError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

__all__ = ["Ledger", "Snapshot"]

logger = get_logger(__name__)

T = TypeVar("T")
_Job = tuple[Operation, "Future[Any]"]

# Long enough for the clocks of several machines to differ by a minute or two, short enough that
# the budget held by a killed process is free again soon. Renewed three times per lease.
LEASE = 300.0
_LOCK_TIMEOUT = 30
_BATCH = 500


_TABLES = (
    """CREATE TABLE bruno_cost_entries (
        id VARCHAR(40) PRIMARY KEY,
        day VARCHAR(10) NOT NULL,
        at DOUBLE PRECISION NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        tag TEXT NOT NULL,
        kind TEXT NOT NULL,
        prompt_tokens BIGINT NOT NULL,
        completion_tokens BIGINT NOT NULL,
        cached_tokens BIGINT NOT NULL,
        cache_creation_tokens BIGINT NOT NULL,
        reasoning_tokens BIGINT NOT NULL,
        cost NUMERIC(38, 0),
        estimated INTEGER NOT NULL,
        cached INTEGER NOT NULL)""",
    "CREATE INDEX bruno_cost_entries_day ON bruno_cost_entries (day)",
    """CREATE TABLE bruno_cost_reservations (
        id VARCHAR(40) PRIMARY KEY,
        owner VARCHAR(40) NOT NULL,
        tag TEXT NOT NULL,
        amount NUMERIC(38, 0) NOT NULL,
        expires_at DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE bruno_cost_counters (
        period VARCHAR(10) NOT NULL,
        tag TEXT NOT NULL,
        spent NUMERIC(38, 0) NOT NULL,
        PRIMARY KEY (period, tag))""",
    "INSERT INTO bruno_cost_counters (period, tag, spent) VALUES ('total', '', 0)",
)
_LAST_TABLE = "bruno_cost_counters"
# Every writing transaction takes this row first: writers queue up here, so none reads a counter
# that another is about to change, and no two can deadlock. (SQLite: BEGIN IMMEDIATE.)
_LOCK = "SELECT spent FROM bruno_cost_counters WHERE period = 'total' AND tag = '' FOR UPDATE"
_SETUP_LOCK = "SELECT pg_advisory_xact_lock(422912552559)"
_SUMS = """COUNT(*), SUM(prompt_tokens), SUM(completion_tokens), SUM(cached_tokens),
    SUM(cache_creation_tokens), SUM(reasoning_tokens), COALESCE(SUM(cost), 0), SUM(estimated),
    SUM(cached), SUM(CASE WHEN cost IS NULL THEN 1 ELSE 0 END),
    SUM(CASE WHEN kind = 'embedding' THEN 1 ELSE 0 END)"""
_INSERT_ENTRY = """INSERT INTO bruno_cost_entries VALUES (:id, :day, :at, :provider, :model, :tag,
    :kind, :prompt_tokens, :completion_tokens, :cached_tokens, :cache_creation_tokens,
    :reasoning_tokens, :cost, :estimated, :cached)"""
_INSERT_RESERVATION = (
    "INSERT INTO bruno_cost_reservations VALUES (:id, :owner, :tag, :amount, :expires_at)"
)
_ADD_TO_COUNTER = """INSERT INTO bruno_cost_counters (period, tag, spent)
    VALUES (:period, :tag, :amount) ON CONFLICT (period, tag)
    DO UPDATE SET spent = bruno_cost_counters.spent + excluded.spent"""


def _execute(
    connection: Connection, sql: str, values: dict[str, Any] | list[dict[str, Any]] | None = None
) -> Any:  # CursorResult has another number of type arguments in SQLAlchemy 2.0 than in 2.1
    from sqlalchemy import text

    return connection.execute(text(sql), values)


def _spent(connection: Connection, period: str, tag: str) -> int:
    row = _execute(
        connection,
        "SELECT spent FROM bruno_cost_counters WHERE period = :period AND tag = :tag",
        {"period": period, "tag": tag},
    ).first()
    return int(row[0]) if row else 0


def _reserved(connection: Connection) -> dict[str, int]:
    rows = _execute(
        connection,
        "SELECT tag, SUM(amount) FROM bruno_cost_reservations"
        " WHERE expires_at > :now GROUP BY tag",
        {"now": _clock.now()},
    )
    return {row[0]: int(row[1]) for row in rows}


class _Transaction:
    """The books within one transaction: ``free`` and ``post`` first, then reservations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._spent: dict[tuple[str, str], int] = {}
        self._added: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._by_tag: dict[str, int] | None = None
        self._entries: list[Entry] = []
        self.freed: list[str] = []
        self.held: dict[str, tuple[int, str]] = {}

    def spent(self, period: str, tag: str) -> int:
        key = (period, tag)
        if key not in self._spent:
            self._spent[key] = _spent(self._connection, period, tag)
        return self._spent[key] + self._added[key]

    def _tags(self) -> dict[str, int]:
        if self._by_tag is None:
            self._delete_freed()
            self._by_tag = _reserved(self._connection)
        return self._by_tag

    def reserved(self, tag: str) -> int:
        tags = self._tags()
        return tags.get(tag, 0) if tag else sum(tags.values())

    def hold(self, key: str, amount: int, tag: str) -> None:
        tags = self._tags()
        tags[tag] = tags.get(tag, 0) + amount
        self.held[key] = (amount, tag)

    def free(self, key: str) -> None:
        self.freed.append(key)

    def post(self, entry: Entry) -> None:
        self._entries.append(entry)

    def charge(self, period: str, tag: str, amount: int) -> None:
        self._added[period, tag] += amount

    def _many(self, sql: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            _execute(self._connection, sql, rows)

    def _delete_freed(self) -> None:
        self._many(
            "DELETE FROM bruno_cost_reservations WHERE id = :id", [{"id": k} for k in self.freed]
        )

    def flush(self, owner: str, expires_at: float) -> None:
        """Write what is new; reservations belong to ``owner`` until ``expires_at``."""
        if self._by_tag is None:
            self._delete_freed()
        self._many(
            _INSERT_ENTRY,
            [
                entry._asdict()
                | {
                    "day": day_of(entry.at),
                    "estimated": int(entry.estimated),
                    "cached": int(entry.cached),
                }
                for entry in self._entries
            ],
        )
        self._many(
            _INSERT_RESERVATION,
            [
                {"id": k, "owner": owner, "tag": tag, "amount": amount, "expires_at": expires_at}
                for k, (amount, tag) in self.held.items()
            ],
        )
        self._many(
            _ADD_TO_COUNTER,
            [
                {"period": period, "tag": tag, "amount": amount}
                for (period, tag), amount in self._added.items()
                if amount
            ],
        )


class _Place:
    """Where a ledger is: how to connect, and how to name it without its password."""

    def __init__(self, target: str | os.PathLike[str]) -> None:
        text = os.fspath(target)
        scheme, separator, rest = text.partition("://")
        self.path: Path | None = None
        self._url = ""
        self._password = ""
        if not separator or scheme == "sqlite":
            self._sqlite(text if not separator else rest.removeprefix("/"))
            extra = "ledger"
        elif scheme in ("postgresql", "postgres", "postgresql+psycopg"):
            self._url = f"postgresql+psycopg://{rest}"
            self._postgres(rest)
            extra = "postgres"
        else:
            raise ConfigurationError(
                f"ledger={scheme}://... is not supported; give a file path, sqlite:///path or"
                " postgresql://user@host/database"
            )
        wanted = ("sqlalchemy", "psycopg") if extra == "postgres" else ("sqlalchemy",)
        if missing := [name for name in wanted if find_spec(name) is None]:
            raise ConfigurationError(
                f"ledger={self.label} needs {' and '.join(missing)}",
                hint=f'pip install "bruno-llm[{extra}]"',
            )

    def _sqlite(self, path: str) -> None:
        if not path or path == ":memory:":
            raise ConfigurationError(
                "ledger= needs the path of a file; leave it out to keep the costs in memory"
            )
        self.path = Path(path).expanduser().absolute()
        self.label = str(self.path)

    def _postgres(self, rest: str) -> None:
        try:
            parts = urlsplit(f"postgresql://{rest}")
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            # The text itself may hold the password, so the error does not quote it.
            raise ConfigurationError(
                "ledger= is not a valid URL; give postgresql://user:password@host:5432/database"
                " and percent-encode special characters of the password"
            ) from None
        self._password = unquote(parts.password or "")
        self.label = f"postgresql://{parts.hostname or 'localhost'}{port}{parts.path}"

    def clean(self, text: str) -> str:
        """One line of an error without the password."""
        line = text.strip().splitlines()[0] if text.strip() else ""
        line = re.sub(r"password=\S+", "password=***", line)
        return line.replace(self._password, "***") if self._password else line

    def engine(self, *, writes: bool) -> Engine:
        from sqlalchemy import URL, create_engine, event
        from sqlalchemy.pool import NullPool, QueuePool

        # The writing thread closes its one connection when it ends. Reads are rare: they open one
        # each, so that none is left over.
        pool = QueuePool if writes else NullPool
        if self.path is None:
            # Said, not left to the server's default: the lock row works in READ COMMITTED alone.
            level = "READ COMMITTED" if writes else "REPEATABLE READ"
            options: dict[str, Any] = {"isolation_level": level, "poolclass": pool}
            if "connect_timeout" not in self._url:
                options["connect_args"] = {"connect_timeout": 10}
            return create_engine(self._url, **options)
        engine = create_engine(
            URL.create("sqlite", database=str(self.path)),  # a path may hold ? and %
            poolclass=pool,
            connect_args={"timeout": _LOCK_TIMEOUT, "check_same_thread": False},
        )

        @event.listens_for(engine, "connect")
        def configure(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # BEGIN is ours to say, see below
            if writes:
                connection.execute("PRAGMA journal_mode=WAL")
                # FULL syncs the log at every commit: what is confirmed survives a power cut too.
                connection.execute("PRAGMA synchronous=FULL")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine


class _Writer:
    """The thread that writes, and its queue. It knows nothing of the ``Ledger`` that feeds it."""

    def __init__(self, place: _Place, lease: float) -> None:
        self.place = place
        self.lease = lease
        self.owner = uuid.uuid4().hex[:16]
        self.pid = os.getpid()
        # SimpleQueue.put may be called from a finalizer, whatever lock its thread holds.
        self.queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._engine: Engine | None = None
        self._ready = False
        self._live: set[str] = set()
        self._renewed = 0.0
        self._thread = threading.Thread(target=self._work, name="bruno-ledger", daemon=True)
        self._thread.start()
        _writers.add(self)

    def stop(self, wait: float = 0.0) -> None:
        """Write what is queued, then end; ``wait`` is how long to stay for that, in seconds."""
        self.queue.put(None)
        if wait and self.pid == os.getpid():
            self._thread.join(wait)

    def _work(self) -> None:
        running = True
        while running:
            jobs, running = self._next_jobs()
            if jobs or (running and self._live):
                self._commit(jobs)
        if self._engine is not None:
            self._engine.dispose()

    def _next_jobs(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        try:
            job = self.queue.get(timeout=self.lease / 3 if self._live else None)
            while job is not None:
                jobs.append(job)
                if len(jobs) >= _BATCH:
                    return jobs, True
                job = self.queue.get_nowait()
        except queue.Empty:
            return jobs, True
        return jobs, False

    def _commit(self, jobs: list[_Job], again: bool = False) -> None:
        try:
            answers = self._transact([job[0] for job in jobs], again)
        except Exception as exc:
            self._recover(jobs, exc, again)
        else:
            for (_, future), answer in zip(jobs, answers, strict=True):
                future.set_result(answer)

    def _recover(self, jobs: list[_Job], exc: Exception, again: bool) -> None:
        from sqlalchemy.exc import OperationalError

        if getattr(exc, "connection_invalidated", False) and not again:
            # The server restarted or dropped an idle connection. Whether the commit arrived is
            # unknown, so the second try looks for its own work first.
            self._commit(jobs, again=True)
        elif len(jobs) > 1 and self._ready and not isinstance(exc, OperationalError):
            # One value that the database cannot store must not fail the others with it.
            for job in jobs:
                self._commit([job], again)
        else:
            error = self._error(exc)
            logger.error("ledger_failed", ledger=self.place.label, error=error.message)
            for _, future in jobs:
                future.set_exception(error)

    def _error(self, exc: Exception) -> LLMError:
        reason = self.place.clean(str(getattr(exc, "orig", None) or exc))
        what = f"{type(exc).__name__}: {reason}"
        # Not chained: a driver's own text may quote the whole connection string.
        if self._ready:
            return LLMError(f"the cost ledger {self.place.label} could not be written: {what}")
        return ConfigurationError(
            f"the cost ledger {self.place.label} cannot be opened: {what}",
            hint="check ledger=: its address, its rights and that the server runs",
        )

    def _transact(self, operations: list[Operation], again: bool) -> list[Any]:
        if self._engine is None:
            self._engine = self.place.engine(writes=True)
        with self._engine.begin() as connection:
            self._lock(connection)
            now = _clock.now()
            self._renew(connection, now)
            books = _Transaction(connection)
            done = self._done(connection, operations) if again else {}
            answers: dict[int, Any] = {}
            # Bookings first: they free what reservations of the same batch may then have.
            order = sorted(range(len(operations)), key=lambda i: isinstance(operations[i], Reserve))
            for i in order:
                answers[i] = operations[i].apply(books) if i not in done else done[i]
            books.flush(self.owner, now + self.lease)
        self._ready = True
        self._live.update(books.held)
        self._live.difference_update(books.freed)
        for i in done:
            operation = operations[i]
            if isinstance(operation, Reserve):
                self._live.add(operation.key)
            elif isinstance(operation, Post):
                self._live.discard(operation.entry.id)
        return [answers[i] for i in range(len(operations))]

    def _lock(self, connection: Connection) -> None:
        from sqlalchemy import inspect

        postgres = self.place.path is None
        if postgres:
            _execute(connection, f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}s'")
        if not self._ready:
            if postgres:
                _execute(connection, _SETUP_LOCK)
            if not inspect(connection).has_table(_LAST_TABLE):
                for statement in _TABLES:
                    _execute(connection, statement)
        if postgres:
            _execute(connection, _LOCK)

    def _renew(self, connection: Connection, now: float) -> None:
        if not self._live or now - self._renewed < self.lease / 3:
            return
        self._renewed = now
        _execute(
            connection,
            "UPDATE bruno_cost_reservations SET expires_at = :end WHERE owner = :owner",
            {"end": now + self.lease, "owner": self.owner},
        )
        # Not at once: a machine that slept through its lease renews it when it wakes up.
        _execute(
            connection,
            "DELETE FROM bruno_cost_reservations WHERE expires_at < :end",
            {"end": now - 86_400},
        )

    def _done(self, connection: Connection, operations: list[Operation]) -> dict[int, Any]:
        """Which operations an earlier try has already written, with their answers."""
        done: dict[int, Any] = {}
        for i, operation in enumerate(operations):
            if isinstance(operation, Post):
                table, key, answer = "entries", operation.entry.id, [0] * len(operation.limits)
            elif isinstance(operation, Reserve):
                table, key, answer = "reservations", operation.key, None
            else:
                continue
            # The table is one of the two words above.
            sql = f"SELECT 1 FROM bruno_cost_{table} WHERE id = :id"  # noqa: S608
            if _execute(connection, sql, {"id": key}).first() is not None:
                done[i] = answer
        return done


_writers: weakref.WeakSet[_Writer] = weakref.WeakSet()


@atexit.register
def _finish_all() -> None:
    for writer in list(_writers):
        writer.stop(wait=5.0)


class Snapshot:
    """What a report reads of a ledger, all of it at one moment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sums(self, columns: Sequence[str], since: str | None) -> list[Row]:
        """Sums of the bookings from the UTC day ``since`` on, grouped by ``columns``.

        ``columns`` are of ``day``, ``provider``, ``model`` and ``tag``; none of them is one row.
        """
        names = "".join(f"{column}, " for column in columns)
        where = " WHERE day >= :since" if since else ""
        group = f" GROUP BY {names[:-2]}" if columns else ""
        # Columns are named by this package, never by a caller.
        sql = f"SELECT {names}{_SUMS} FROM bruno_cost_entries{where}{group}"  # noqa: S608
        found = _execute(self._connection, sql, {"since": since} if since else None)
        width = len(columns)
        return [Row(tuple(row[:width]), [int(n or 0) for n in row[width:]]) for row in found]

    def standing(self, limits: Sequence[Limit]) -> list[tuple[int, int]]:
        """What is spent and reserved of each limit, in pico-dollars."""
        by_tag = _reserved(self._connection)
        total = sum(by_tag.values())
        return [
            (
                _spent(self._connection, limit.period, limit.tag),
                by_tag.get(limit.tag, 0) if limit.tag else total,
            )
            for limit in limits
        ]


class Ledger:
    """A cost ledger on disk or on a server; usable from every thread and event loop.

    Opening it does no I/O: the first operation connects and makes the tables.

    Args:
        target: A file path, ``sqlite:///path`` or ``postgresql://user:password@host/database``.
        lease: Seconds after which the reservations of a process that has died are free again.

    Raises:
        ConfigurationError: Another kind of URL, or the extra that it needs is not installed.
    """

    def __init__(self, target: str | os.PathLike[str], *, lease: float = LEASE) -> None:
        self._place = _Place(target)
        self._lease = lease
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._writer: _Writer | None = None
        self._reader: ThreadPoolExecutor | None = None

    @property
    def label(self) -> str:
        """Where the ledger is, without user and password."""
        return self._place.label

    def submit(self, operation: Operation) -> Future[Any]:
        """Queue an operation; the future has its answer once it is durable.

        The future fails with a ``ConfigurationError`` when the ledger cannot be opened and with
        an ``LLMError`` when it cannot be written.
        """
        future: Future[Any] = Future()
        # A caller that is cancelled while it waits does not take its booking back.
        future.set_running_or_notify_cancel()
        with self._lock:
            self._leave_parent()
            writer = self._writer
            if writer is None:
                self._writer = writer = _Writer(self._place, self._lease)
                weakref.finalize(self, writer.stop).atexit = False
            writer.queue.put((operation, future))
        return future

    def free_soon(self, key: str) -> None:
        """Let go of a reservation that nobody holds any more; safe within a finalizer."""
        writer = self._writer
        if writer is not None and writer.pid == os.getpid():
            writer.queue.put((Free(key), Future()))

    def read(self, function: Callable[[Snapshot], T]) -> Future[T]:
        """Run a reading function on the ledger's own reading thread, within one snapshot."""
        with self._lock:
            self._leave_parent()
            if self._reader is None:
                self._reader = ThreadPoolExecutor(1, thread_name_prefix="bruno-ledger-read")
            return self._reader.submit(self._read, function)

    def _leave_parent(self) -> None:
        """After a fork the threads are gone and the connections are the parent's."""
        if self._pid != os.getpid():
            self._pid, self._writer, self._reader = os.getpid(), None, None

    def _read(self, function: Callable[[Snapshot], T]) -> T:
        from sqlalchemy import inspect
        from sqlalchemy.exc import SQLAlchemyError

        if self._place.path is not None and not self._place.path.exists():
            raise ConfigurationError(f"there is no cost ledger at {self.label}")
        try:
            with self._place.engine(writes=False).begin() as connection:
                if not inspect(connection).has_table(_LAST_TABLE):
                    raise ConfigurationError(f"{self.label} is not a cost ledger")
                return function(Snapshot(connection))
        except SQLAlchemyError as exc:
            reason = self._place.clean(str(getattr(exc, "orig", None) or exc))
            raise ConfigurationError(
                f"the cost ledger {self.label} cannot be read: {type(exc).__name__}: {reason}"
            ) from None

    def close(self) -> None:
        """Write what is queued and let go of threads and connections; may be used again."""
        with self._lock:
            writer, self._writer = self._writer, None
            reader, self._reader = self._reader, None
        if writer is not None:
            writer.stop(wait=_LOCK_TIMEOUT + 5.0)
        if reader is not None:
            reader.shutdown()
