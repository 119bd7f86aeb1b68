"""A planted key, and everybody who prints what an error and its frames hold."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

import pytest
import structlog
from rich.console import Console
from rich.traceback import Traceback
from structlog.tracebacks import ExceptionDictTransformer

__all__ = ["KEY", "foreign_frames", "held", "links", "printed"]

KEY = "sk-planted-5d2e8c41WXYZ"


def links(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it holds, also where the interpreter would not print it."""
    seen: dict[int, BaseException] = {}
    todo: list[Any] = [error]
    while todo:
        link = todo.pop()
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen[id(link)] = link
        yield link
        todo += [link.__cause__, link.__context__, *vars(link).values()]
        todo += [*getattr(link, "exceptions", ()), *getattr(link, "errors", ())]


def _frames(trace: TracebackType | None) -> Iterator[FrameType]:
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def foreign_frames(error: BaseException) -> list[str]:
    """Where the error and its causes passed outside of this package and the tests."""
    own = ("bruno_llm", "tests", "test_", "contextlib", "asyncio")
    names = [
        frame.f_globals.get("__name__", "")
        for link in links(error)
        for frame in _frames(link.__traceback__)
    ]
    return [name for name in names if not name.startswith(own)]


def held(error: BaseException) -> Iterator[tuple[str, str]]:
    """Every text of the error and what it came from, and every local variable of its frames.

    Without the frames of the test itself: they hold the key because they planted it.
    """
    for link in links(error):
        # The test's own frames come first.
        while link.__traceback__ and link.__traceback__.tb_frame.f_globals["__name__"].startswith(
            ("tests", "test_")
        ):
            link.__traceback__ = link.__traceback__.tb_next
    for link in links(error):
        yield "text", f"{link!s} {link!r} {link.args!r} {getattr(link, '__notes__', '')}"
        yield "attributes", repr(vars(link))
        for frame in _frames(link.__traceback__):
            for name, value in frame.f_locals.items():
                yield f"{frame.f_code.co_name}: {name}", _shown(value)
                if type(value).__module__.startswith("bruno_llm"):
                    parts = _shown(getattr(value, "__dict__", None))
                    yield f"{frame.f_code.co_name}: {name}, its parts", parts


def printed(error: BaseException) -> Iterator[tuple[str, str]]:
    """What each way to show an error prints: its name, and the text."""
    told = (type(error), error, error.__traceback__)
    yield "traceback", "".join(traceback.format_exception(error))
    with_locals = traceback.TracebackException(*told, capture_locals=True)
    yield "capture_locals", "".join(with_locals.format())
    for longest in (None, 8):
        yield "rich", _by_rich(told, longest)
        as_dicts = ExceptionDictTransformer(
            show_locals=True, locals_max_string=longest or 100_000, max_frames=200
        )
        yield "structlog", json.dumps(as_dicts(told), default=repr)
    shown = pytest.ExceptionInfo.from_exception(error)
    for short in (True, False):
        yield "pytest -l", str(shown.getrepr(showlocals=True, style="long", truncate_locals=short))
    yield "logging", _by_logging(told)
    yield "bruno-core", _by_bruno_core(told)


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:
        return type(error).__name__


def _by_rich(told: Any, longest: int | None) -> str:
    page = io.StringIO()
    console = Console(file=page, width=100_000)
    trace = Traceback.from_exception(
        *told, show_locals=True, locals_max_length=None, locals_max_string=longest, max_frames=0
    )
    console.print(trace)
    return page.getvalue()


def _by_logging(told: Any) -> str:
    page = io.StringIO()
    record = logging.LogRecord("app", logging.ERROR, __file__, 1, "failed", (), told)
    logging.StreamHandler(page).emit(record)
    return page.getvalue()


def _by_bruno_core(told: Any) -> str:
    """What its default logging prints: structlog's console, with rich's tracebacks."""
    page = io.StringIO()
    renderer = structlog.dev.ConsoleRenderer(colors=False)
    page.write(str(renderer(None, "error", {"event": "failed", "exc_info": told})))
    return page.getvalue()
