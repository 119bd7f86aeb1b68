"""One limit for many processes and machines, kept in Redis.

Which library, and why (read in ``limits`` 5.8 and ``pyrate-limiter`` 4.5):

- Both decide in one Lua script, so no two callers take the same place. ``limits`` keeps its
  windows in whole seconds and its moving window as one list entry per unit, which is
  100,000 entries for 100,000 tokens a minute; it answers only yes or no, so a caller has to ask
  again and again; what was taken cannot be given back; its async default needs a second client
  (coredis), and its ``redis`` extra stops at redis-py 7.
- ``pyrate-limiter`` has GCRA: two numbers per limit however much passes, any weight, the wait
  in closed form, redis-py's async client, and an algorithm may bring its own script. It is the
  one used. Its own GCRA script still refuses instead of queueing, so in a busy fleet a large
  request is overtaken for ever by small ones; it reads the clock of each client, so machines
  whose clocks differ get different limits; and it cannot correct an estimate.
  ``_Places`` below is that algorithm with those three put right: a caller is given the next free
  place even when that lies ahead, on the clock of the Redis server.
- Neither has slots that a killed process gives back. Those are leases in a sorted set.

A waiting caller asks Redis once more when its time has come: a refusal of the vendor that
another process met in the meantime holds it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from bruno_core.utils.logging import get_logger

from bruno_llm import _clock
from bruno_llm._loops import PerLoop
from bruno_llm.exceptions import ConfigurationError, ProviderConnectionError
from bruno_llm.rate_limit.headers import Vendor
from bruno_llm.rate_limit.lines import Account, Slots, WaitingRules

try:
    from pyrate_limiter import GCRA, Decision, Rate, RedisStateStore
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

_RESERVE, _CONFIRM, _CORRECT = 0, 1, 2

# ARGV 1-4 are pyrate-limiter's header (now, weight, ttl, number of accounts). Times are in
# microseconds of the server's clock. 1000 us is the step of the answer, and more than the
# rounding of a double at today's date (0.25 us) adds up to.
_PLACES_LUA = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local accounts = tonumber(ARGV[4])
local mode = tonumber(ARGV[5])
local max_wait = tonumber(ARGV[6])
local start = now + tonumber(ARGV[7])
local new_hold = tonumber(ARGV[8])

local fields = {'hold'}
for i = 1, accounts do fields[i + 1] = 'tat' .. i end
local stored = redis.call('HMGET', KEYS[1], unpack(fields))
local hold = tonumber(stored[1]) or 0
if new_hold > 0 then hold = math.max(hold, now + new_hold) end

local emission, burst, weight, full_at = {}, {}, {}, {}
for i = 1, accounts do
    local at = 8 + (i - 1) * 3
    emission[i] = tonumber(ARGV[at + 1])
    burst[i] = tonumber(ARGV[at + 2])
    weight[i] = tonumber(ARGV[at + 3])
    full_at[i] = tonumber(stored[i + 1]) or now
end

local function save()
    local last = math.max(now, hold)
    local write = {'hold', string.format('%.0f', hold)}
    for i = 1, accounts do
        last = math.max(last, full_at[i])
        write[#write + 1] = 'tat' .. i
        write[#write + 1] = string.format('%.3f', full_at[i])
    end
    redis.call('HSET', KEYS[1], unpack(write))
    redis.call('PEXPIRE', KEYS[1], math.ceil((last - now) / 1000) + 60000)
end

if mode == 2 then
    for i = 1, accounts do full_at[i] = full_at[i] + weight[i] * emission[i] end
    save()
    return {-1, 0}
end
if mode == 1 then
    if hold <= now and start <= now then return {-1, 0} end
    for i = 1, accounts do full_at[i] = full_at[i] - weight[i] * emission[i] end
end

start = math.max(start, hold)
for i = 1, accounts do
    if emission[i] > 0 then
        start = math.max(start, full_at[i] + (weight[i] - burst[i]) * emission[i])
    end
end
if max_wait >= 0 and start - now > max_wait then
    save()
    return {0, -1}
end
for i = 1, accounts do
    full_at[i] = math.max(full_at[i], start) + weight[i] * emission[i]
end
save()
if start - now < 1000 then return {-1, 0} end
return {0, math.ceil((start - now) / 1000)}
"""

# KEYS: slots held, callers waiting (both: id -> end of lease), the order of the waiting
# (id -> number), the counter of that order. ARGV: id, slots, lease of a slot, lease of a place.
_TAKE_SLOT_LUA = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local id, size = ARGV[1], tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
    redis.call('ZREM', KEYS[2], gone)
    redis.call('ZREM', KEYS[3], gone)
end
if not redis.call('ZSCORE', KEYS[3], id) then
    redis.call('ZADD', KEYS[3], redis.call('INCR', KEYS[4]), id)
end
redis.call('ZADD', KEYS[2], now + ARGV[4], id)
local rank = redis.call('ZRANK', KEYS[3], id)
local got = 0
if rank < size - redis.call('ZCARD', KEYS[1]) then
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
    redis.call('ZADD', KEYS[1], now + ARGV[3], id)
    got = 1
end
local keep = math.max(ARGV[3], ARGV[4]) + 60000
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], keep) end
return {got, rank}
"""

# XX: a renewal that overtakes the release must not bring the slot back.
_RENEW_SLOT_LUA = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('PEXPIRE', KEYS[1], ARGV[2] + 60000)
return redis.call('ZADD', KEYS[1], 'XX', 'CH', now + ARGV[2], ARGV[1])
"""

_DROP_SLOT_LUA = """
for i = 1, 3 do redis.call('ZREM', KEYS[i], ARGV[1]) end
return 1
"""


@dataclass(frozen=True, slots=True)
class _Step:
    """What one call of the script shall do; see the script for the modes."""

    mode: int
    weights: tuple[float, float]
    max_wait: float = -1.0
    min_wait: float = 0.0
    hold: float = 0.0


class _Places(GCRA):
    """GCRA that hands out the next free place instead of refusing (see the module's text)."""

    def __init__(self, accounts: Sequence[Account | None], step: _Step) -> None:
        self._accounts = accounts
        self._step = step

    def redis_script(self) -> str:
        return _PLACES_LUA

    def redis_args(self, rates: list[Rate]) -> list[int | float]:
        step = self._step
        args: list[int | float] = [step.mode]
        args.append(-1 if step.max_wait < 0 else round(step.max_wait * _MICROSECONDS))
        args.append(round(step.min_wait * _MICROSECONDS))
        args.append(round(step.hold * _MICROSECONDS))
        for account, weight in zip(self._accounts, step.weights, strict=True):
            if account is None:
                args += [0, 1, 0]
            else:
                args += [account.interval * _MICROSECONDS, account.burst, weight]
        return args


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
        self._lock = threading.Lock()
        self._links = PerLoop(self._connect, _Link.aclose)
        self._waiting = 0
        # One caller of this process asks Redis for a slot, the others stand behind it.
        self._asking = Slots(1, rules)

    @property
    def waiting(self) -> int:
        """Callers of this process that wait."""
        return self._waiting + self._asking.waiting

    async def pace(self, tokens: int, vendor: Vendor) -> None:
        """Take the next free place and wait for it.

        Raises:
            RateLimitError: Too many wait, or the place is further away than allowed.
            ProviderConnectionError: Redis cannot be reached.
        """
        deadline = self._rules.deadline(_clock.monotonic())
        what = "a place in the shared rate limit"
        wait = await self._plan(_RESERVE, tokens, vendor, deadline)
        if wait is not None and wait > 0:
            wait = await self._wait_for_place(wait, tokens, vendor, deadline, what)
        if wait is None:
            raise self._rules.late(what)

    async def correct(self, tokens: float, vendor: Vendor) -> None:
        """Book that many more tokens (negative: fewer), and share a refusal of the vendor."""
        hold = vendor.hold_left(_clock.monotonic())
        if (self._accounts[1] is not None and tokens != 0) or hold > 0:
            await self._run(_Step(_CORRECT, (0, tokens), hold=hold))

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
        self, wait: float, tokens: int, vendor: Vendor, deadline: float, what: str
    ) -> float | None:
        place: float | None = wait
        try:
            with self._in_line(wait, what):
                while place is not None and place > 0:
                    await _clock.sleep(place)
                    place = await self._plan(_CONFIRM, tokens, vendor, deadline)
        except ProviderConnectionError:
            raise
        except BaseException:
            with contextlib.suppress(ProviderConnectionError):
                await self._run(_Step(_CORRECT, (-1, -tokens)))
            raise
        return place

    async def _plan(self, mode: int, tokens: int, vendor: Vendor, deadline: float) -> float | None:
        """Seconds until the caller's place; ``None`` (and none is taken) past the deadline."""
        now = _clock.monotonic()
        left = deadline - now
        decision = await self._run(
            _Step(
                mode,
                (1, tokens),
                max_wait=-1.0 if left == math.inf else max(0.0, left),
                min_wait=max(0.0, vendor.earliest(tokens, now) - now),
                hold=vendor.hold_left(now),
            )
        )
        if decision.allowed:
            return 0.0
        milliseconds = decision.retry_after_ms
        return None if milliseconds is None else milliseconds / 1000

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

    async def _run(self, step: _Step) -> Decision:
        # The script gets its rates from _Places; here only their number counts.
        rates = [Rate(1, 1), Rate(1, 1)]
        async with self._redis() as link:
            decision = await link.places.check(_Places(self._accounts, step), rates, 0, 0)
            return cast(Decision, decision)

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
            places=RedisStateStore(client, f"{self._prefix}:places", ttl_ms=1),
            take=client.register_script(_TAKE_SLOT_LUA),
            renew=client.register_script(_RENEW_SLOT_LUA),
            drop=client.register_script(_DROP_SLOT_LUA),
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
