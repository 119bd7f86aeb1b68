"""Trying again after a passing failure, without ever waiting past a deadline.

No library: stamina sleeps by ``asyncio.sleep`` and counts by ``time.monotonic``, so a test could
not move its clock; its jitter is added to the exponential wait instead of being drawn below it;
and its deadline does not look at the wait that is about to begin (read in stamina 26.1). tenacity
takes all four as functions, and what is left of it then is the loop below.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bruno_llm import _clock
from bruno_llm._runtime.log import get_logger
from bruno_llm.exceptions import LLMError, TransientError
from bruno_llm.options.checks import Count, Seconds, Wait, check_arguments

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

    attempts: Count = 3
    timeout: Seconds | None = 120.0
    wait_initial: Wait = 0.5
    wait_max: Wait = 30.0

    def __post_init__(self) -> None:
        check_arguments("Retry", Retry, {name: getattr(self, name) for name in self.__slots__})

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
        number = 1
        while True:
            try:
                return await attempt()
            except TransientError as error:
                wait = self._wait(number, error)
                if not error.retryable or not self._may_wait(number, wait, started):
                    raise
                failed = error
            self._announce(number, failed, wait)
            if on_retry is not None:
                on_retry(number, failed, wait)
            await _clock.sleep(wait)
            number += 1

    def _wait(self, number: int, error: LLMError) -> float:
        """Seconds to wait after try ``number``."""
        if error.retry_after is not None:
            return max(0.0, error.retry_after)
        doublings = min(number - 1, _MAX_DOUBLINGS)
        bound = min(self.wait_max, self.wait_initial * 2.0**doublings)
        return random.uniform(0.0, bound)  # noqa: S311 - spreads callers, hides nothing

    def _may_wait(self, number: int, wait: float, started: float) -> bool:
        if number >= self.attempts:
            return False
        ends = _clock.monotonic() - started + wait
        return self.timeout is None or ends <= self.timeout

    def _announce(self, number: int, error: LLMError, wait: float) -> None:
        logger.info(
            "llm_call_retried",
            attempt=number,
            attempts=self.attempts,
            error=type(error).__name__,
            status_code=error.status_code,
            provider=error.provider,
            model=error.model,
            wait_seconds=round(wait, 3),
            told_by_vendor=error.retry_after is not None,
        )
