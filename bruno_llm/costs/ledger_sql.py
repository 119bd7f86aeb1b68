"""The tables of a cost ledger, and the books within one transaction of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bruno_llm import _clock
from bruno_llm.costs.books import Entry, Limit, Row, day_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["LAST_TABLE", "LOCK_ROW", "SETUP_LOCK", "TABLES", "Snapshot", "Transaction", "execute"]

# ``estimated`` is 0 for tokens that the vendor counted, 1 for those that were counted here, and 2
# where it is uncertain besides whether the vendor bills them. A column for that would shut out
# processes of an earlier release from the ledger, and users who may not change its tables.
_UNCERTAIN = 2
TABLES = (
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
LAST_TABLE = "bruno_cost_counters"
# Every writing transaction takes this row first: writers queue up here, so none reads a counter
# that another is about to change, and no two can deadlock. (SQLite: BEGIN IMMEDIATE.)
LOCK_ROW = "SELECT spent FROM bruno_cost_counters WHERE period = 'total' AND tag = '' FOR UPDATE"
SETUP_LOCK = "SELECT pg_advisory_xact_lock(422912552559)"
_SUMS = """COUNT(*), SUM(prompt_tokens), SUM(completion_tokens), SUM(cached_tokens),
    SUM(cache_creation_tokens), SUM(reasoning_tokens), COALESCE(SUM(cost), 0),
    SUM(CASE WHEN estimated > 0 THEN 1 ELSE 0 END),
    SUM(cached), SUM(CASE WHEN cost IS NULL THEN 1 ELSE 0 END),
    SUM(CASE WHEN kind = 'embedding' THEN 1 ELSE 0 END),
    SUM(CASE WHEN estimated = 2 THEN 1 ELSE 0 END),
    COALESCE(SUM(CASE WHEN estimated = 2 THEN cost END), 0)"""
_INSERT_ENTRY = """INSERT INTO bruno_cost_entries VALUES (:id, :day, :at, :provider, :model, :tag,
    :kind, :prompt_tokens, :completion_tokens, :cached_tokens, :cache_creation_tokens,
    :reasoning_tokens, :cost, :estimated, :cached)"""
_INSERT_RESERVATION = (
    "INSERT INTO bruno_cost_reservations VALUES (:id, :owner, :tag, :amount, :expires_at)"
)
_ADD_TO_COUNTER = """INSERT INTO bruno_cost_counters (period, tag, spent)
    VALUES (:period, :tag, :amount) ON CONFLICT (period, tag)
    DO UPDATE SET spent = bruno_cost_counters.spent + excluded.spent"""


def execute(
    connection: Connection, sql: str, values: dict[str, Any] | list[dict[str, Any]] | None = None
) -> Any:  # CursorResult has another number of type arguments in SQLAlchemy 2.0 than in 2.1
    from sqlalchemy import text

    return connection.execute(text(sql), values)


def _spent(connection: Connection, period: str, tag: str) -> int:
    row = execute(
        connection,
        "SELECT spent FROM bruno_cost_counters WHERE period = :period AND tag = :tag",
        {"period": period, "tag": tag},
    ).first()
    return int(row[0]) if row else 0


def _reserved(connection: Connection) -> dict[str, int]:
    rows = execute(
        connection,
        "SELECT tag, SUM(amount) FROM bruno_cost_reservations"
        " WHERE expires_at > :now GROUP BY tag",
        {"now": _clock.now()},
    )
    return {row[0]: int(row[1]) for row in rows}


class Transaction:
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
            execute(self._connection, sql, rows)

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
                    "estimated": _UNCERTAIN if entry.uncertain else int(entry.estimated),
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
        found = execute(self._connection, sql, {"since": since} if since else None)
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
