"""A keyring that does not answer before somebody opens it, as a locked one waits for its owner."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import keyring

from bruno_llm import keys
from tests.test_keys import MemoryKeyring

__all__ = ["Shut", "shut"]

THREAD = "bruno-llm-keyring"


class Shut(MemoryKeyring):
    """Counts who asks, and lets them wait."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.opened = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        found = super().get_password(service, username)
        self.reached.set()
        # Only a failing test waits so long.
        assert self.opened.wait(60)
        return found


@contextmanager
def shut() -> Iterator[Shut]:
    """Put one in force; in the end nobody waits for it any more."""
    previous, ring = keyring.get_keyring(), Shut()
    keyring.set_keyring(ring)
    keys.forget()
    try:
        yield ring
    finally:
        keyring.set_keyring(previous)
        ring.opened.set()
        for thread in threading.enumerate():
            if thread.name == THREAD:
                thread.join(20)
                assert not thread.is_alive()
        keys.forget()
