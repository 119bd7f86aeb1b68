"""One limit for many processes and machines, kept in Redis.

Why no library (read in ``limits`` 5.8 and ``pyrate-limiter`` 4.5): both decide in one Lua script,
as ``scripts.py`` does. ``limits`` keeps one list entry per unit, which is 100,000 entries for
100,000 tokens a minute, and answers only yes or no, so a caller has to ask again and again.
``pyrate-limiter`` has GCRA, but refuses instead of queueing, reads the clock of each client and
cannot correct an estimate; with a script of our own, nothing of it was left but the call of
redis-py's ``register_script``. Neither has slots that a killed process gives back.

A waiting caller asks Redis once more when its time has come: a refusal of the vendor that
another process met in the meantime holds it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bruno_llm import _clock
from bruno_llm._runtime.forks import new_lock
from bruno_llm._runtime.log import get_logger
from bruno_llm._runtime.loops import PerLoop
from bruno_llm.exceptions import ConfigurationError, ProviderConnectionError
from bruno_llm.rate_limit import scripts
from bruno_llm.rate_limit.headers import DOUBTED, Mirror
from bruno_llm.rate_limit.lines import Account, Slots, WaitingRules

try:
    from redis import asyncio as redis
    from redis.asyncio.retry import Retry as ReconnectOnce
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
except ImportError as error:
    raise ConfigurationError(
        f"RateLimit(store=...) needs the package {error.name!r}",
        hint="pip install 'bruno-llm[redis]'",
    ) from error

__all__ = ["HeldSlot", "RedisStore"]

logger = get_logger(__name__)

_SCHEMES = ("redis", "rediss", "unix")
# Redis answers in well under a millisecond; what takes this long is not going to answer.
_SOCKET_TIMEOUT = 2.0
_CONNECTIONS = 16
# How often the first caller of each process asks for a slot.
_POLL = 0.05
_MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class _Step:
    """What one call of the script shall do; see the script for the modes."""

    mode: int
    weights: tuple[float, float]
    max_wait: float = -1.0
    min_wait: float = 0.0
    hold: float = 0.0
    max_pause: float = math.inf
    lift: bool = False

    def arguments(self, accounts: Sequence[Account | None]) -> list[float]:
        """As the script takes them."""
        longest = -1 if self.max_wait < 0 else round(self.max_wait * _MICROSECONDS)
        found: list[float] = [self.mode, longest]
        found += [round(self.min_wait * _MICROSECONDS), round(self.hold * _MICROSECONDS)]
        found.append(-1 if self.max_pause == math.inf else round(self.max_pause * _MICROSECONDS))
        found.append(round(DOUBTED * _MICROSECONDS) if self.lift else -1)
        for account, weight in zip(accounts, self.weights, strict=True):
            if account is None:
                found += [0, 1, 0]
            else:
                found += [account.interval * _MICROSECONDS, account.burst, weight]
        return found


@dataclass(slots=True, eq=False)
class _Link:
    """The connections of one event loop."""

    client: Any
    places: Any
    take: Any
    renew: Any
    drop: Any

    async def aclose(self) -> None:
        await self.client.aclose(close_connection_pool=True)


class HeldSlot:
    """A slot in Redis, with the task that renews its lease."""

    def __init__(self, store: RedisStore, slot_id: str) -> None:
        self._store = store
        self._id = slot_id
        self._renewal = asyncio.ensure_future(store.keep_alive(slot_id))

    async def release(self) -> None:
        """Give the slot back. A store that is away frees it by itself when the lease ends."""
        self._renewal.cancel()
        await asyncio.wait((self._renewal,))
        with contextlib.suppress(ProviderConnectionError):
            await self._store.drop_slot(self._id)


class RedisStore:
    """The shared side of a ``RateLimit``. Its connections are opened at the first call.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        key: Name of the limit: processes with the same key share it.
        lease: Seconds a slot outlives its process.
        requests: Rate and burst of the requests.
        tokens: Rate and burst of the tokens.
        rules: Bounds on waiting.

    Raises:
        ConfigurationError: The URL cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str,
        lease: float,
        requests: Account | None,
        tokens: Account | None,
        rules: WaitingRules,
    ) -> None:
        self.name = _public_name(url)
        self._url = url
        # The braces keep all keys of one limit on one node of a Redis cluster.
        self._prefix = f"bruno_llm:rate_limit:{{{key}}}"
        self._lease_ms = max(1, round(lease * 1000))
        self._accounts = (requests, tokens)
        self._rules = rules
        self._lock = new_lock()
        self._links = PerLoop(self._connect, _Link.aclose)
        self._waiting = 0
        # One caller of this process asks Redis for a slot, the others stand behind it.
        self._asking = Slots(1, rules)

    @property
    def waiting(self) -> int:
        """Callers of this process that wait."""
        return self._waiting + self._asking.waiting

    async def pace(self, tokens: int, vendor: Mirror) -> None:
        """Take the next free place and wait for it.

        Raises:
            RateLimitError: Too many wait, or the place is further away than allowed.
            ProviderConnectionError: Redis cannot be reached.
        """
        deadline = self._rules.deadline(_clock.monotonic())
        what = "a place in the shared rate limit"
        wait = await self._plan(scripts.RESERVE, tokens, vendor, deadline)
        if wait is not None and wait > 0:
            wait = await self._wait_for_place(wait, tokens, vendor, deadline, what)
        if wait is None:
            raise self._rules.late(what)

    async def correct(self, tokens: float, vendor: Mirror) -> None:
        """Book that many more tokens (negative: fewer), and share a refusal of the vendor."""
        hold = vendor.hold_left(_clock.monotonic())
        lift = vendor.lifted()
        if (self._accounts[1] is not None and tokens != 0) or hold > 0 or lift:
            await self._run(
                _Step(
                    scripts.CORRECT,
                    (0, tokens),
                    hold=hold,
                    max_pause=vendor.max_pause,
                    lift=lift,
                )
            )

    async def hold_slot(self, size: int) -> HeldSlot:
        """Wait for one of ``size`` slots and hold it until ``release()``.

        Raises:
            RateLimitError: Too many wait, or for longer than allowed.
            ProviderConnectionError: Redis cannot be reached.
        """
        deadline = self._rules.deadline(_clock.monotonic())
        slot_id = uuid.uuid4().hex
        await self._asking.enter()
        try:
            await self._ask(slot_id, size, deadline)
            return HeldSlot(self, slot_id)
        except ProviderConnectionError:
            raise
        except BaseException:
            with contextlib.suppress(ProviderConnectionError):
                await self.drop_slot(slot_id)
            raise
        finally:
            self._asking.leave()

    async def keep_alive(self, slot_id: str) -> None:
        """Renew the lease of a slot until cancelled, also through an outage of Redis."""
        lost = False
        while True:
            await _clock.sleep(self._lease_ms / 3000)
            try:
                async with self._redis() as link:
                    await link.renew(keys=[self._slot_keys()[0]], args=[slot_id, self._lease_ms])
                lost = False
            except ProviderConnectionError:
                if not lost:
                    logger.warning("rate_limit_lease_not_renewed", store=self.name)
                lost = True

    async def drop_slot(self, slot_id: str) -> None:
        """Free a slot, or leave the line for one."""
        async with self._redis() as link:
            await link.drop(keys=self._slot_keys()[:3], args=[slot_id])

    async def aclose(self) -> None:
        """Close this event loop's connections."""
        await self._links.aclose()

    async def _ask(self, slot_id: str, size: int, deadline: float) -> None:
        what = "a shared concurrency slot"
        # A waiting process that died must not hold up the line for long.
        place_ms = max(1, self._lease_ms // 3)
        pause = min(_POLL, place_ms / 4000)
        announced = False
        while True:
            async with self._redis() as link:
                got, rank = await link.take(
                    keys=self._slot_keys(), args=[slot_id, size, self._lease_ms, place_ms]
                )
            if got:
                return
            if not announced:
                self._rules.announce(self._asking.waiting + int(rank) + 1, None, what)
                announced = True
            if _clock.monotonic() >= deadline:
                raise self._rules.late(what)
            await _clock.sleep(pause)

    async def _wait_for_place(
        self, wait: float, tokens: int, vendor: Mirror, deadline: float, what: str
    ) -> float | None:
        place: float | None = wait
        try:
            with self._in_line(wait, what):
                while place is not None and place > 0:
                    await _clock.sleep(place)
                    place = await self._plan(scripts.CONFIRM, tokens, vendor, deadline)
        except ProviderConnectionError:
            raise
        except BaseException:
            with contextlib.suppress(ProviderConnectionError):
                await self._run(_Step(scripts.CORRECT, (-1, -tokens)))
            raise
        return place

    async def _plan(self, mode: int, tokens: int, vendor: Mirror, deadline: float) -> float | None:
        """Seconds until the caller's place; ``None`` (and none is taken) past the deadline."""
        now = _clock.monotonic()
        left = deadline - now
        wait = await self._run(
            _Step(
                mode,
                (1, tokens),
                max_wait=-1.0 if left == math.inf else max(0.0, left),
                min_wait=max(0.0, vendor.earliest(tokens, now) - now),
                hold=vendor.hold_left(now),
                max_pause=vendor.max_pause,
                lift=vendor.lifted(),
            )
        )
        return None if wait < 0 else wait

    @contextlib.contextmanager
    def _in_line(self, expected: float, what: str) -> Iterator[None]:
        with self._lock:
            self._rules.admit(self._waiting, expected, what)
            self._waiting += 1
            waiting = self._waiting
        try:
            self._rules.announce(waiting, expected, what)
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    async def _run(self, step: _Step) -> float:
        """Seconds until the caller's place, negative when it is too far away."""
        async with self._redis() as link:
            milliseconds = await link.places(
                keys=[f"{self._prefix}:places"], args=step.arguments(self._accounts)
            )
        return float(milliseconds) / 1000

    def _slot_keys(self) -> list[str]:
        return [f"{self._prefix}:{part}" for part in ("slots", "waiting", "order", "counter")]

    @contextlib.asynccontextmanager
    async def _redis(self) -> AsyncIterator[_Link]:
        try:
            yield await self._links.get()
        except (RedisError, OSError, asyncio.TimeoutError) as error:
            raise ProviderConnectionError(
                f"the rate limit's store {self.name} does not answer: {type(error).__name__}",
                original_error=error,
                hint="start it, or choose RateLimit(on_store_failure='local')",
            ) from error

    def _connect(self) -> _Link:
        pool = redis.BlockingConnectionPool.from_url(
            self._url,
            max_connections=_CONNECTIONS,
            timeout=2 * _SOCKET_TIMEOUT,
            socket_timeout=_SOCKET_TIMEOUT,
            socket_connect_timeout=_SOCKET_TIMEOUT,
            # A pooled connection may have died with a restart of Redis: once more, at once.
            retry=ReconnectOnce(NoBackoff(), 1),
        )
        client = redis.Redis(connection_pool=pool)
        return _Link(
            client=client,
            places=client.register_script(scripts.PLACES),
            take=client.register_script(scripts.TAKE_SLOT),
            renew=client.register_script(scripts.RENEW_SLOT),
            drop=client.register_script(scripts.DROP_SLOT),
        )


def _public_name(url: str) -> str:
    """The URL without user, password and options, fit for messages."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    where = f"{parts.hostname or ''}{port}{parts.path}"
    if parts.scheme not in _SCHEMES or not where:
        raise ConfigurationError(
            "RateLimit(store=...) is not a URL of Redis: redis://host:port/db, rediss:// or "
            "unix:///path is allowed"
        )
    return f"{parts.scheme}://{where}"
