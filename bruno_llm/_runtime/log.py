"""Where events go: to structlog when the application has configured it, else to ``logging``.

bruno-core's logger is structlog, whose default prints every event to stdout, into answers that
are piped or streamed there. So without a configuration the events are ordinary records of the
loggers ``bruno_llm.*``: nothing is shown but warnings, and those on stderr.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

__all__ = ["Logger", "get_logger"]


class Logger:
    """Tells events by name and fields.

    A record of ``logging`` has them as one line (``llm_call_finished model=x cost_usd=0.1``), and
    the fields as the dict ``record.fields``.
    """

    __slots__ = ("_name", "_standard", "_structured")

    def __init__(self, name: str) -> None:
        self._name = name
        self._standard = logging.getLogger(name)
        self._structured: Any = None

    def hears(self, level: int) -> bool:
        """Whether anybody is told of events of this level of ``logging``."""
        structlog = sys.modules.get("structlog")
        configured = structlog is not None and structlog.is_configured()
        return configured or self._standard.isEnabledFor(level)

    def debug(self, event: str, **fields: Any) -> None:
        """Tell what only matters to who looks for a fault."""
        self._tell(logging.DEBUG, "debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Tell what went as it should."""
        self._tell(logging.INFO, "info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Tell what should be looked at."""
        self._tell(logging.WARNING, "warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Tell what was lost."""
        self._tell(logging.ERROR, "error", event, fields)

    def _tell(self, level: int, method: str, event: str, fields: dict[str, Any]) -> None:
        # An application that never imported it has not configured it.
        structlog = sys.modules.get("structlog")
        if structlog is not None and structlog.is_configured():
            if self._structured is None:
                self._structured = structlog.get_logger(self._name)
            getattr(self._structured, method)(event, **fields)
        elif self._standard.isEnabledFor(level):
            said = " ".join([event, *(f"{name}={_plain(v)}" for name, v in fields.items())])
            # What is shown as the place is where the event happened, not this line.
            self._standard.log(level, "%s", said, extra={"fields": fields}, stacklevel=3)


def _plain(value: Any) -> str:
    """On one line, and without what commands a terminal."""
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(value)


def get_logger(name: str) -> Logger:
    """The logger of a module."""
    return Logger(name)
