"""``log()``: showing the events of this package on stderr."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.checks import nearest, shown_value

__all__ = ["log"]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler  # takes a type in brackets from Python 3.11 on


class _Stderr(_StreamHandler):
    """Writes to what is stderr at that moment: tests, notebooks and shells put another there."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        pass


_handler = _Stderr()


def log(level: int | str | None = "INFO") -> None:
    """Show what happens, on stderr: each call with its tokens, cost and time, retries, limits.

    Without this nothing is shown but warnings. The events are records of the logger ``bruno_llm``,
    so ``logging.basicConfig(level="INFO")`` shows them too; where the root logger has handlers
    already, this sets the level alone. An application that has configured structlog gets the events
    there, as its own.

    Args:
        level: ``"DEBUG"``, ``"INFO"``, ``"WARNING"``, ``"ERROR"``, or a number of ``logging``'s;
            ``None`` undoes it.

    Raises:
        ConfigurationError: There is no such level.
    """
    logger = logging.getLogger("bruno_llm")
    wanted = _number(level)
    logger.removeHandler(_handler)
    logger.setLevel(wanted)
    if wanted != logging.NOTSET and not logging.getLogger().handlers:
        logger.addHandler(_handler)


def _number(level: int | str | None) -> int:
    if level is None:
        return logging.NOTSET
    if isinstance(level, int) and not isinstance(level, bool) and level >= 0:
        return level
    name = level.strip().lower() if isinstance(level, str) else ""
    if name not in _LEVELS:
        raise ConfigurationError(f"there is no level {shown_value(level)}{nearest(name, _LEVELS)}")
    return _LEVELS[name]
