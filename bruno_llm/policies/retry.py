"""Trying again after a passing failure, without ever waiting past a deadline.

Built on tenacity. stamina is the smaller skin, but it sleeps by ``asyncio.sleep`` and counts by
``time.monotonic``, so a test could not move its clock; its jitter is added to the exponential
wait instead of being drawn below it; and its deadline does not look at the wait that is about
to begin (read in stamina 26.1). tenacity 9 takes all four as functions.

tenacity costs about 20 us a call, which is only paid once something has failed: the first try
is a bare ``await``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bruno_core.utils.logging import get_logger

from bruno_llm import _clock
from bruno_llm.exceptions import ConfigurationError, LLMError, TransientError

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ["OnRetry", "Retry"]

logger = get_logger(__name__)

T = TypeVar("T")

OnRetry = Callable[[int, LLMError, float], None]
"""Called before each wait with the number of the try that failed, its error and the seconds."""

# 2**60 seconds is past every wait_max; beyond 2**1023 a float overflows.
_MAX_DOUBLINGS = 60


@dataclass(frozen=True, slots=True)
class Retry:
    """When and how often a call is tried again.

    Only a ``TransientError`` whose ``.retryable`` is true is tried again; everything else is
    raised as it comes. The wait before try ``n + 1`` is random between 0 and
    ``min(wait_max, wait_initial * 2 ** (n - 1))`` seconds ("full jitter", so that many callers
    that failed together do not come back together). When the vendor said how long to wait
    (``error.retry_after``), exactly that long is waited instead, also beyond ``wait_max``.

    Args:
        attempts: Tries in all, the first one included; 1 means never again.
        timeout: Seconds from the first try within which the last one must begin. A wait that
            would end later is not begun: the error is raised at once. ``None``: no deadline. It
            does not cut a running try short; the provider's own ``timeout`` does that.
        wait_initial: Upper bound in seconds of the first wait.
        wait_max: Upper bound in seconds of every computed wait.

    Raises:
        ConfigurationError: A value is outside what is allowed.
    """

    attempts: int = 3
    timeout: float | None = 120.0
    wait_initial: float = 0.5
    wait_max: float = 30.0

    def __post_init__(self) -> None:
        if not _is_number(self.attempts) or self.attempts != int(self.attempts):
            raise _wrong("attempts", self.attempts, "a whole number, at least 1")
        if self.attempts < 1:
            raise _wrong("attempts", self.attempts, "a whole number, at least 1")
        if self.timeout is not None and (not _is_number(self.timeout) or self.timeout <= 0):
            raise _wrong("timeout", self.timeout, "seconds above 0, or None for no deadline")
        for name in ("wait_initial", "wait_max"):
            value = getattr(self, name)
            if not _is_number(value) or value < 0:
                raise _wrong(name, value, "seconds, 0 or more")

    async def run(
        self, attempt: Callable[[], Awaitable[T]], *, on_retry: OnRetry | None = None
    ) -> T:
        """Await ``attempt()`` until it succeeds, cannot succeed, or time or tries are used up.

        Each wait is announced by one ``llm_call_retried`` event (attempt, error class, status,
        seconds) and by ``on_retry``. Cancelling the caller ends a wait at once.

        Args:
            attempt: Makes one try; called anew for each.
            on_retry: Called before each wait.

        Returns:
            What ``attempt()`` returned.

        Raises:
            LLMError: The error of the last try, unchanged.
        """
        started = _clock.monotonic()
        try:
            return await attempt()
        except TransientError as error:
            if not error.retryable or self.attempts == 1:
                raise
            first = error
        return await self._again(attempt, first, started, on_retry)

    async def _again(
        self,
        attempt: Callable[[], Awaitable[T]],
        first: LLMError,
        started: float,
        on_retry: OnRetry | None,
    ) -> T:
        import tenacity

        failed: list[LLMError] = [first]

        async def one_try() -> T:
            # tenacity takes over after the first try, so it is shown that failure as its first.
            if failed:
                raise failed.pop()
            return await attempt()

        def stop(state: RetryCallState) -> bool:
            if state.attempt_number >= self.attempts:
                return True
            ends = _clock.monotonic() - started + state.upcoming_sleep
            return self.timeout is not None and ends > self.timeout

        def announce(state: RetryCallState) -> None:
            error = _error(state)
            logger.info(
                "llm_call_retried",
                attempt=state.attempt_number,
                attempts=self.attempts,
                error=type(error).__name__,
                status_code=error.status_code,
                provider=error.provider,
                model=error.model,
                wait_seconds=round(state.upcoming_sleep, 3),
                told_by_vendor=error.retry_after is not None,
            )
            if on_retry is not None:
                on_retry(state.attempt_number, error, state.upcoming_sleep)

        again = tenacity.AsyncRetrying(
            sleep=_clock.sleep,
            stop=stop,
            wait=self._wait,
            retry=tenacity.retry_if_exception(_is_retryable),
            before_sleep=announce,
            reraise=True,
        )
        return await again(one_try)

    def _wait(self, state: RetryCallState) -> float:
        told = _error(state).retry_after
        if told is not None:
            return max(0.0, told)
        doublings = min(state.attempt_number - 1, _MAX_DOUBLINGS)
        bound = min(self.wait_max, self.wait_initial * 2.0**doublings)
        return random.uniform(0.0, bound)  # noqa: S311 - spreads callers, hides nothing


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, TransientError) and error.retryable


def _error(state: RetryCallState) -> LLMError:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, LLMError)  # tenacity asks only after _is_retryable said yes
    return error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong(name: str, value: object, allowed: str) -> ConfigurationError:
    return ConfigurationError(f"Retry({name}={value!r}) is not allowed: {allowed}")
