"""How long a call may take, on every route, plain and streamed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from bruno_llm.exceptions import ConfigurationError

if sys.version_info >= (3, 11):
    from asyncio import timeout as deadline
else:
    from async_timeout import timeout as deadline

__all__ = ["Timeout", "deadline"]


@dataclass(frozen=True, slots=True)
class Timeout:
    """Limits of one try, in seconds; ``None`` is no limit.

    Attributes:
        read: Silence between two pieces that arrive.
        total: The whole try. For a stream this includes the time its reader takes.
        first_token: Until the first piece of the answer. A plain answer comes in one piece, so
            there it limits the whole wait, like ``total``.
        connect: Until the connection stands.
    """

    read: float | None = 60.0
    total: float | None = None
    first_token: float | None = None
    connect: float | None = 10.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise ConfigurationError(
                    f"timeout: {name} must be a number of seconds above 0 or None, not {value!r}"
                )

    @classmethod
    def of(cls, value: Timeout | float | None) -> Timeout:
        """The limits that a plain number means.

        A number limits the silence between pieces, the wait for the first one, and the whole of a
        plain call; a stream may go on for as long as it talks.
        """
        if isinstance(value, Timeout):
            return value
        if value is None:
            return cls(read=None, connect=None)
        limits = cls(read=value)
        return cls(read=value, first_token=value, connect=min(value, limits.connect or value))

    def opening(self) -> float | None:
        """Seconds until a plain answer, or the first piece of a stream, must be there."""
        limits = [limit for limit in (self.first_token, self.total) if limit is not None]
        return min(limits, default=None)

    def http(self) -> Mapping[str, float | None]:
        """The same for the HTTP client; waiting for a free connection counts as opening."""
        return {"connect": self.connect, "read": self.read, "write": self.read, "pool": None}
