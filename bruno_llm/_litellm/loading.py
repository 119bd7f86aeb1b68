"""Import litellm late, quietly and once.

Importing it takes seconds, fetches a price map and a ``.env``, adds log handlers (litellm 1.105 to
1.109; each has its test in ``tests/test_litellm.py``). So it is imported at the first call, in a
thread of its own, with those switched off.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from bruno_llm._litellm.cache import share_with
from bruno_llm._litellm.probe import BETAS, has, probe
from bruno_llm._litellm.spared import spare
from bruno_llm._litellm.unasked import stay_away
from bruno_llm._runtime.forks import before_and_after_fork
from bruno_llm.exceptions import RequestTimeoutError
from bruno_llm.policies.timeouts import LimitReached, within

__all__ = [
    "begin",
    "is_busy",
    "is_loaded",
    "is_ours",
    "load_now",
    "module",
    "off_loop",
    "without_collector",
    "without_warnings",
]

_IMPORT_ENV = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # no download of the price map
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",  # nor of the beta headers
    "LITELLM_MODE": "PRODUCTION",  # no .env file is read
}
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
# Held whenever something is imported here: Python's own locks of modules survive no fork.
_lock = threading.RLock()
T = TypeVar("T")
module: Any = None
"""litellm itself, ``None`` before it is loaded."""
is_ours = False
"""Whether litellm was imported here, and not by the application before."""
LOADING = 120.0
"""Seconds that loading may take; it is 3 on an idle machine."""


def _new_importer() -> ThreadPoolExecutor:
    # Not the loop's default executor: litellm prepares each call there.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="bruno-llm-import")


_importer = _new_importer()
_under_way: set[object] = set()
_held = False


def _before_fork() -> None:
    global _held
    _held = _lock.acquire(timeout=LOADING)


def _after_fork() -> None:
    if _held:
        _lock.release()


def _in_the_child() -> None:
    global _importer, _lock, _under_way
    _importer, _lock, _under_way = _new_importer(), threading.RLock(), set()


before_and_after_fork(_before_fork, _after_fork, _in_the_child)


def is_loaded() -> bool:
    """Whether litellm has been imported and configured."""
    return module is not None


def is_busy() -> bool:
    """Whether a thread of ours still imports, for which the interpreter would wait at its end."""
    return bool(_under_way)


def begin() -> None:
    """Begin to import litellm in that thread; who needs it waits for it there."""
    if module is None and not is_busy():
        _submit(load_now)


def _submit(work: Callable[[], T]) -> Future[T]:
    def alone() -> T:
        with _lock:
            return work()

    # Before it begins: Ctrl-C may come when the thread runs and submit() has not come back.
    under_way, piece = _under_way, object()
    under_way.add(piece)
    try:
        done = _importer.submit(alone)
    except Exception:
        under_way.discard(piece)
        raise
    done.add_done_callback(lambda _: under_way.discard(piece))
    return done


async def off_loop(work: Callable[[], T]) -> T:
    """Do slow work that happens once in a thread, beside the event loop.

    Raises:
        RequestTimeoutError: It took longer than two minutes.
    """
    try:
        async with within(None, LOADING):
            return await asyncio.wrap_future(_submit(work))
    except LimitReached:
        raise RequestTimeoutError(f"litellm was not loaded within {LOADING:g} s") from None


def load_now() -> Any:
    """Import litellm in this thread and return it.

    Raises:
        LitellmChangedError: This release lacks what we need of it.
    """
    global module, is_ours
    with _lock:
        if module is None:
            with without_collector(), _quiet_import() as ours:
                import litellm

                probe(litellm)
                if ours and has(BETAS):  # at the first request that has some, it is too late
                    litellm.anthropic_beta_headers_manager._load_beta_headers_config()
            with without_warnings():
                # Built at the first answer, where pydantic has a word to say about litellm's types.
                litellm.ModelResponse()
                litellm.ModelResponse(stream=True)
                litellm.types.utils.Delta(content="")
            litellm.suppress_debug_info = True  # it prints help to stdout on errors
            litellm.disable_hf_tokenizer_download = True  # 23 s offline for some names
            stay_away(litellm)
            spare(litellm)
            if has(*(f"in_memory_llm_clients_cache.{name}" for name in ("get_cache", "set_cache"))):
                share_with(litellm.in_memory_llm_clients_cache)
            is_ours, module = ours, litellm
    return module


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """What others' code warns of is not for who calls a model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Spare the import the garbage collections: a third of its time, and half a second each in
    which no other thread runs.

    What it made is half a million objects. They are put among the old ones unseen, as the first
    collections after it would look at each of them.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:  # else the application keeps some there itself
            gc.freeze()
            gc.unfreeze()
        gc.enable()


@contextlib.contextmanager
def _quiet_import() -> Iterator[bool]:
    """Undo what importing litellm leaves behind in the process; false when others imported it."""
    if "litellm" in sys.modules:  # the application's own import: its settings are not ours
        yield False
        return
    environment = {name: os.environ.get(name) for name in _IMPORT_ENV}
    loggers = [logging.getLogger(name) for name in (*_LOGGERS, "httpx")]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    os.environ.update(_IMPORT_ENV)
    try:
        with without_warnings():
            yield True
    finally:
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for logger, handlers, level in before:
            logger.handlers[:] = handlers
            logger.setLevel(level)
        for name in _LOGGERS:
            # Its messages may quote the request, and without a handler Python prints them.
            if logging.getLogger(name).level == logging.NOTSET:
                logging.getLogger(name).setLevel(logging.CRITICAL)
