"""The thread that writes a cost ledger.

One thread per ledger writes, never the event loop or its executor. Whatever queued up while the
last transaction was being written goes into the next one together, so that many concurrent
callers share one fsync. An answer is handed out only after that transaction is on the disk. What
could not be written is told to its caller, kept in ``ledger_unwritten.py``, and tried again.
"""

from __future__ import annotations

import atexit
import os
import queue
import threading
import uuid
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from bruno_llm import _clock
from bruno_llm._runtime.log import get_logger
from bruno_llm.costs.books import Open, Operation, Post, Reserve
from bruno_llm.costs.ledger_address import LOCK_TIMEOUT, LedgerAddress
from bruno_llm.costs.ledger_sql import (
    LAST_TABLE,
    LOCK_ROW,
    SETUP_LOCK,
    TABLES,
    Transaction,
    execute,
)
from bruno_llm.costs.ledger_unwritten import Unwritten
from bruno_llm.exceptions import ConfigurationError, LLMError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

__all__ = ["LEASE", "Writer"]

logger = get_logger(__name__)

_Job = tuple[Operation, "Future[Any]"]

# Long enough for the clocks of several machines to differ by a minute or two, short enough that
# the budget held by a killed process is free again soon. Renewed three times per lease.
LEASE = 300.0
_BATCH = 500


class Writer:
    """The thread that writes, and its queue. It knows nothing of the ``Ledger`` that feeds it."""

    def __init__(self, place: LedgerAddress, lease: float) -> None:
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
        self._unwritten = Unwritten(place.aside, self.owner, place.label)
        self._thread = threading.Thread(target=self._work, name="bruno-ledger", daemon=True)
        self._thread.start()
        _writers.add(self)

    def stop(self, wait: float = 0.0) -> None:
        """Write what is queued, then end; ``wait`` is how long to stay for that, in seconds."""
        self.queue.put(None)
        if wait and self.pid == os.getpid():
            self._thread.join(wait)

    def _work(self) -> None:
        running, first = True, True
        while running:
            jobs, running = self._next_jobs()
            if first and jobs:
                self._unwritten.take_in()
            if not running:
                self._unwritten.spill()  # first: a process that ends may not wait for a lock
            # A report shows what is late, and so does the first look at what others left.
            if first or not running or any(isinstance(operation, Open) for operation, _ in jobs):
                self._catch_up(self._unwritten.all())
            first = False
            if jobs or (running and self._live):
                self._commit(jobs)
            self._catch_up(self._unwritten.due())
        self._unwritten.end()
        if self._engine is not None:
            self._engine.dispose()

    def _next_jobs(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        try:
            job = self.queue.get(timeout=self._patience())
            while job is not None:
                jobs.append(job)
                if len(jobs) >= _BATCH:
                    return jobs, True
                job = self.queue.get_nowait()
        except queue.Empty:
            return jobs, True
        return jobs, False

    def _patience(self) -> float | None:
        """Seconds after which there is something to do also without a new job."""
        waits = [self._unwritten.wait(), self.lease / 3 if self._live else None]
        return min((wait for wait in waits if wait is not None), default=None)

    def _catch_up(self, operations: list[Operation]) -> None:
        """Try once more what failed before."""
        if not operations:
            return
        try:
            self._transact(operations, again=True)
        except Exception as exc:
            if len(operations) == 1 or not self._fails_alone(exc):
                self._unwritten.failed()
                return
            for operation in operations:
                self._catch_up([operation])
        else:
            self._unwritten.written(operations)

    def _fails_alone(self, exc: Exception) -> bool:
        """Whether one value that the database cannot store may have failed the others with it."""
        from sqlalchemy.exc import OperationalError

        return self._ready and not isinstance(exc, OperationalError)

    def _commit(self, jobs: list[_Job], again: bool = False) -> None:
        try:
            answers = self._transact([job[0] for job in jobs], again)
        except Exception as exc:
            self._recover(jobs, exc, again)
        else:
            for (_, future), answer in zip(jobs, answers, strict=True):
                future.set_result(answer)

    def _recover(self, jobs: list[_Job], exc: Exception, again: bool) -> None:
        if getattr(exc, "connection_invalidated", False) and not again:
            # The server restarted or dropped an idle connection. Whether the commit arrived is
            # unknown, so the second try looks for its own work first.
            self._commit(jobs, again=True)
        elif len(jobs) > 1 and self._fails_alone(exc):
            for job in jobs:
                self._commit([job], again)
        else:
            error = self._error(exc)
            logger.error("ledger_failed", ledger=self.place.label, error=error.message)
            for operation, _ in jobs:
                self._unwritten.keep(operation)
            self._unwritten.spill()  # before its caller knows: this process may be killed
            self._unwritten.failed()
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
            books = Transaction(connection)
            done = self._done(connection, operations) if again else {}
            answers: dict[int, Any] = {}
            # Bookings first: they free what reservations of the same batch may then have.
            order = sorted(range(len(operations)), key=lambda i: isinstance(operations[i], Reserve))
            for i in order:
                operation = operations[i]
                if i not in done:
                    answers[i] = operation.apply(books)
                    continue
                answers[i] = done[i]
                if isinstance(operation, Post):  # another process that wrote it frees less
                    for key in operation.held:
                        books.free(key)
            books.flush(self.owner, now + self.lease)
        self._ready = True
        self._live.update(books.held)
        self._live.difference_update(books.freed)
        for i in done:
            operation = operations[i]
            if isinstance(operation, Reserve):
                self._live.add(operation.key)
            elif isinstance(operation, Post):
                self._live.difference_update(operation.held)
        return [answers[i] for i in range(len(operations))]

    def _lock(self, connection: Connection) -> None:
        from sqlalchemy import inspect

        postgres = self.place.path is None
        if postgres:
            execute(connection, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'")
        if not self._ready:
            if postgres:
                execute(connection, SETUP_LOCK)
            if not inspect(connection).has_table(LAST_TABLE):
                for statement in TABLES:
                    execute(connection, statement)
        if postgres:
            execute(connection, LOCK_ROW)

    def _renew(self, connection: Connection, now: float) -> None:
        if not self._live or now - self._renewed < self.lease / 3:
            return
        self._renewed = now
        execute(
            connection,
            "UPDATE bruno_cost_reservations SET expires_at = :end WHERE owner = :owner",
            {"end": now + self.lease, "owner": self.owner},
        )
        # Not at once: a machine that slept through its lease renews it when it wakes up.
        execute(
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
            if execute(connection, sql, {"id": key}).first() is not None:
                done[i] = answer
        return done


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


@atexit.register
def _finish_all() -> None:
    for writer in list(_writers):
        writer.stop(wait=5.0)
