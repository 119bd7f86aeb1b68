"""How long a call may take, on every route, plain and streamed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.checks import Seconds, check, check_arguments, nearest

if sys.version_info >= (3, 11):
    from asyncio import timeout as deadline
else:
    from async_timeout import timeout as deadline

__all__ = ["LimitReached", "Timeout", "paused", "within"]


class LimitReached(TimeoutError):
    """A limit ended what was waited for; its text names the field of ``Timeout`` it stood in."""

    def __init__(self, name: str | None, seconds: float) -> None:
        which = f" (timeout: {name})" if name else ""
        super().__init__(f"no answer within {seconds:g} s{which}")


@contextmanager
def paused(limit: Any) -> Iterator[None]:
    """Stop the clock of a limit of ``within()`` during the block."""
    if limit is None or _has_expired(limit):
        yield
        return
    clock = asyncio.get_running_loop().time
    left = _end_of(limit) - clock()
    _move(limit, clock() + _NEVER)
    try:
        yield
    finally:
        _move(limit, clock() + left)


_NEVER = 1e9  # seconds; asyncio's selectors take no infinite wait

if sys.version_info >= (3, 11):

    def _has_expired(limit: deadline) -> bool:
        return limit.expired()

    def _end_of(limit: deadline) -> float:
        return limit.when() or 0.0

    def _move(limit: deadline, end: float) -> None:
        limit.reschedule(end)

else:

    def _has_expired(limit: Any) -> bool:
        return bool(limit.expired)

    def _end_of(limit: Any) -> float:
        return float(limit.deadline)

    def _move(limit: Any, end: float) -> None:
        limit.update(end)


@asynccontextmanager
async def within(
    name: str | None, seconds: float | None, left: float | None = None
) -> AsyncIterator[Any]:
    """Run the block for at most ``left`` seconds, by default the whole of the limit.

    It is given the limit that is running, for ``paused()``. ``name`` is the field of ``Timeout``
    that the user may change, ``None`` when there is none.

    Raises:
        LimitReached: The block was ended.
    """
    if seconds is None:
        yield None
        return
    if left is not None and left <= 0:
        # What is buffered already would come through without the wait that a deadline cuts.
        raise LimitReached(name, seconds)
    try:
        async with deadline(seconds if left is None else left) as limit:
            yield limit
    except asyncio.TimeoutError as exc:  # before Python 3.11 not the built-in one
        raise LimitReached(name, seconds) from exc


@dataclass(frozen=True, slots=True)
class Timeout:
    """Limits of a call, in seconds; ``None`` is no limit.

    Attributes:
        read: Silence between two pieces of the answer; before the first one, between any bytes.
        total: The whole call, from its first try: all tries and the waits between them, to the
            end of the answer. For a stream this includes the time its reader takes.
        first_token: Of one try: until the first piece of the answer. A plain answer comes in one
            piece, so there it limits the whole wait.
        connect: Of one try: until the connection stands.
        pool: Of one try: until one of the provider's connections is free. While a try waits for
            that, only this limit and ``total`` run: the vendor has not been asked yet.
    """

    read: Seconds | None = 60.0
    total: Seconds | None = None
    first_token: Seconds | None = None
    connect: Seconds | None = 10.0
    pool: Seconds | None = None

    def __post_init__(self) -> None:
        check_arguments("Timeout", Timeout, {name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def of(cls, value: Timeout | Mapping[str, float | None] | float | None) -> Timeout:
        """The limits that a plain number, or settings by name, mean.

        A number limits the silence between pieces, the wait for the first one, and the whole of a
        plain call; a stream may go on for as long as it talks. ``None`` and ``False`` are no limit.

        Raises:
            ConfigurationError: It is none of these, or a limit has no such name.
        """
        if isinstance(value, Timeout):
            return value
        if value is None or value is False:
            return cls(read=None, connect=None)
        if isinstance(value, Mapping):
            for name in value:
                if name not in cls.__slots__:
                    known = nearest(str(name), cls.__slots__)
                    raise ConfigurationError(f"Timeout has no limit {name!r}{known}")
            return cls(**value)
        check("timeout", value, Seconds)
        limits = cls(read=value)
        return cls(read=value, first_token=value, connect=min(value, limits.connect or value))

    @property
    def http(self) -> Mapping[str, float | None]:
        """The limits that the HTTP client keeps, by httpx's names of them."""
        return {"connect": self.connect, "read": self.read, "write": self.read, "pool": self.pool}
