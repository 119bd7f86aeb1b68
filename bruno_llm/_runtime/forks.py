"""What a forked process must not take over from its parent: held locks, threads, connections.

Of a process that forks (gunicorn's ``--preload``, ``multiprocessing``) only the thread that called
``fork`` lives on in the child. A lock that another thread held there stays held for ever, and an
executor waits for ever for a thread that it believes to be idle.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Protocol

__all__ = ["before_and_after_fork", "new_lock", "new_rlock", "renewed"]


class _AfterFork(Protocol):
    def after_fork(self) -> None:
        """Forget in the child what belongs to the parent."""


_locks: weakref.WeakSet[threading.Lock] = weakref.WeakSet()
_renewed: weakref.WeakSet[_AfterFork] = weakref.WeakSet()


def new_lock() -> threading.Lock:
    """A lock that nobody holds in a forked child."""
    lock = threading.Lock()
    _locks.add(lock)
    return lock


def new_rlock() -> threading.RLock:
    """A lock as ``new_lock()`` gives, which the thread that holds it may take again."""
    lock = threading.RLock()
    _locks.add(lock)  # type: ignore[arg-type]  # the two have no common class
    return lock


def renewed(owner: _AfterFork) -> None:
    """Have ``owner.after_fork()`` called in each forked child, for as long as it lives."""
    _renewed.add(owner)


def before_and_after_fork(
    before: Callable[[], object], parent: Callable[[], object], child: Callable[[], object]
) -> None:
    """Call ``before`` in the parent before it forks, and then one of the others on each side."""
    if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
        os.register_at_fork(before=before, after_in_parent=parent, after_in_child=child)


def _in_the_child() -> None:
    for lock in list(_locks):
        lock._at_fork_reinit()  # type: ignore[attr-defined]  # as threading and logging do it
    for owner in list(_renewed):
        owner.after_fork()


before_and_after_fork(lambda: None, lambda: None, _in_the_child)
