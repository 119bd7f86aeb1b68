"""Import litellm late, quietly and once.

Importing it takes seconds, fetches a price map and a ``.env``, adds log handlers (litellm 1.105 to
1.109; each has its test in ``tests/test_litellm.py``). So it is imported at the first call, in a
thread of its own, with those switched off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from bruno_llm._forks import before_and_after_fork
from bruno_llm._litellm.cache import share_with
from bruno_llm._litellm.probe import BETAS, has, probe
from bruno_llm._litellm.unasked import stay_away
from bruno_llm.exceptions import RequestTimeoutError
from bruno_llm.policies.timeouts import LimitReached, within

__all__ = ["is_loaded", "load_now", "module", "off_loop"]

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
LOADING = 120.0
"""Seconds that loading may take; it is 3 on an idle machine."""


def _new_importer() -> ThreadPoolExecutor:
    # Not the loop's default executor: litellm prepares each call there.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="bruno-llm-import")


_importer = _new_importer()
_held = False


def _before_fork() -> None:
    global _held
    _held = _lock.acquire(timeout=LOADING)


def _after_fork() -> None:
    if _held:
        _lock.release()


def _in_the_child() -> None:
    global _importer, _lock
    _importer, _lock = _new_importer(), threading.RLock()


before_and_after_fork(_before_fork, _after_fork, _in_the_child)


def is_loaded() -> bool:
    """Whether litellm has been imported and configured."""
    return module is not None


async def off_loop(work: Callable[[], T]) -> T:
    """Do slow work that happens once in a thread, beside the event loop.

    Raises:
        RequestTimeoutError: It took longer than two minutes.
    """

    def alone() -> T:
        with _lock:
            return work()

    try:
        async with within(None, LOADING):
            return await asyncio.get_running_loop().run_in_executor(_importer, alone)
    except LimitReached:
        raise RequestTimeoutError(f"litellm was not loaded within {LOADING:g} s") from None


def load_now() -> Any:
    """Import litellm in this thread and return it.

    Raises:
        LitellmChangedError: This release lacks what we need of it.
    """
    global module
    with _lock:
        if module is None:
            with _quiet_import() as ours:
                import litellm

                probe(litellm)
                if ours and has(BETAS):  # at the first request that has some, it is too late
                    litellm.anthropic_beta_headers_manager._load_beta_headers_config()
            with warnings.catch_warnings():
                # Built at the first answer, where pydantic has a word to say about litellm's types.
                warnings.simplefilter("ignore")
                litellm.ModelResponse()
            litellm.suppress_debug_info = True  # it prints help to stdout on errors
            litellm.disable_hf_tokenizer_download = True  # 23 s offline for some names
            stay_away(litellm)
            if has(*(f"in_memory_llm_clients_cache.{name}" for name in ("get_cache", "set_cache"))):
                share_with(litellm.in_memory_llm_clients_cache)
            module = litellm
    return module


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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
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
