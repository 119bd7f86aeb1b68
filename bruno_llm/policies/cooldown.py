"""How long a provider that failed is passed by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bruno_llm import _clock
from bruno_llm._runtime.forks import new_lock

__all__ = ["Cooldown"]

# An absurd Retry-After must not send a provider away for good.
_LONGEST_ASKED = 300.0


class Cooldown:
    """When a provider may be asked again. Shared by threads.

    Args:
        least: Seconds that a provider rests after a failure, up to 300 when it asked for more; 0
            to ask it every time.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._until = 0.0
        self._probing = False
        self._lock = new_lock()

    def seconds(self, asked: float | None) -> float:
        """How long a failure now makes it rest; ``asked`` is what it asked for itself."""
        if not self._least:
            return 0.0
        return max(self._least, min(asked or 0.0, _LONGEST_ASKED))

    def ready(self) -> bool:
        """Whether the provider may be asked: its rest is over, and no other call is trying it."""
        with self._lock:
            return self._until <= _clock.monotonic() and not self._probing

    def failed(self, asked: float | None) -> None:
        """Note a failure: the provider rests from now on."""
        with self._lock:
            self._until = _clock.monotonic() + self.seconds(asked)

    def recovered(self) -> None:
        """Note an answer: the provider's rest is over."""
        with self._lock:
            self._until = 0.0

    @contextmanager
    def tried(self) -> Iterator[None]:
        """One try. After a rest, the first one keeps the others away until it is over."""
        probe = self._begin()
        try:
            yield
        finally:
            if probe:
                with self._lock:
                    self._probing = False

    def _begin(self) -> bool:
        with self._lock:
            probe = 0.0 < self._until <= _clock.monotonic() and not self._probing
            self._probing = self._probing or probe
            return probe
