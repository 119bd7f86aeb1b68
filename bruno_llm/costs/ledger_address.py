"""The address of a cost ledger: a file or a server, and how to connect to it."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from bruno_llm.exceptions import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

__all__ = ["LOCK_TIMEOUT", "LedgerAddress"]

LOCK_TIMEOUT = 30
"""Seconds that a transaction waits for the one before it."""


class LedgerAddress:
    """Where a ledger is: how to connect, and how to name it without its password.

    Attributes:
        path: Its file, ``None`` for a server.
        aside: The start of the names of files for what it cannot take; ``None``: nowhere.
        label: Its name for people.
    """

    def __init__(
        self, target: str | os.PathLike[str], aside: str | os.PathLike[str] | None = None
    ) -> None:
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
        self.aside = self.path
        if aside is not None:
            name = self.path.name if self.path else re.sub(r"[^\w.-]+", "_", self.label)
            self.aside = Path(aside).expanduser().absolute() / name

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
            connect_args={"timeout": LOCK_TIMEOUT, "check_same_thread": False},
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
