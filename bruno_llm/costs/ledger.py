"""The cost ledger: bookings and reservations in SQLite or PostgreSQL.

``ledger_address.py`` says where it is, ``ledger_sql.py`` has its tables and ``ledger_writer.py``
the thread that writes it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from bruno_llm._runtime.forks import new_lock
from bruno_llm.costs.books import Free, Operation
from bruno_llm.costs.ledger_address import LOCK_TIMEOUT, LedgerAddress
from bruno_llm.costs.ledger_sql import LAST_TABLE, Snapshot
from bruno_llm.costs.ledger_writer import LEASE, Writer
from bruno_llm.exceptions import ConfigurationError

__all__ = ["Ledger", "Snapshot"]

T = TypeVar("T")

# A million dollars: more is a vendor's mistake in one call, and SQLite counts to nine of them.
_MOST_IN_SQLITE = 10**18


class Ledger:
    """A cost ledger on disk or on a server; usable from every thread and event loop.

    Opening it does no I/O: the first operation connects and makes the tables.

    Args:
        target: A file path, ``sqlite:///path`` or ``postgresql://user:password@host/database``.
        aside: A directory for bookings that the ledger cannot take; beside the file by default, and
            nowhere for a server.
        lease: Seconds after which the reservations of a process that has died are free again.

    Raises:
        ConfigurationError: Another kind of URL, or the extra that it needs is not installed.
    """

    def __init__(
        self,
        target: str | os.PathLike[str],
        *,
        aside: str | os.PathLike[str] | None = None,
        lease: float = LEASE,
    ) -> None:
        self._place = LedgerAddress(target, aside)
        self._lease = lease
        self._lock = new_lock()
        self._pid = os.getpid()
        self._writer: Writer | None = None
        self._reader: ThreadPoolExecutor | None = None

    @property
    def label(self) -> str:
        """Where the ledger is, without user and password."""
        return self._place.label

    @property
    def most(self) -> int | None:
        """The most pico-dollars that one booking may have here, ``None`` for any number."""
        return None if self._place.path is None else _MOST_IN_SQLITE

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
                self._writer = writer = Writer(self._place, self._lease)
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
                if not inspect(connection).has_table(LAST_TABLE):
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
            writer.stop(wait=LOCK_TIMEOUT + 5.0)
        if reader is not None:
            reader.shutdown()
