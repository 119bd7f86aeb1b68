"""0.2.0's retries, for functions of one's own. Providers have ``bruno_llm.Retry``."""

from __future__ import annotations

import functools
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bruno_llm import _clock
from bruno_llm.exceptions import LLMError

__all__ = ["RetryConfig", "RetryDecorator", "retry_async"]

T = TypeVar("T")


class RetryConfig:
    """When and how often a function is called again.

    Args:
        max_retries: Calls after the first.
        initial_delay: Seconds before the second call.
        max_delay: Longest wait, in seconds.
        exponential_base: By what each wait is longer than the one before.
        jitter: Whether a wait is up to a tenth shorter or longer.
        retry_on: The exceptions after which it is called again; all when left out.
    """

    def __init__(
        self,
        max_retries: int = 3,
        initial_delay: float = 1.0,
        max_delay: float = 60.0,
        exponential_base: float = 2.0,
        jitter: bool = True,
        retry_on: tuple[type[Exception], ...] | None = None,
    ) -> None:
        self.max_retries = max_retries
        self.initial_delay = initial_delay
        self.max_delay = max_delay
        self.exponential_base = exponential_base
        self.jitter = jitter
        self.retry_on = retry_on or (Exception,)

    def calculate_delay(self, attempt: int) -> float:
        """Seconds to wait after a failed call; ``attempt`` counts from 0."""
        delay = min(self.max_delay, self.initial_delay * self.exponential_base**attempt)
        return delay * random.uniform(0.9, 1.1) if self.jitter else delay  # noqa: S311  no secret

    def should_retry(self, exception: Exception, attempt: int) -> bool:
        """Whether there is another call after this one; ``attempt`` counts from 0.

        What can never succeed is not tried again, which 0.2.0 did: a wrong key, a bad request.
        """
        hopeless = isinstance(exception, LLMError) and not exception.retryable
        return attempt < self.max_retries and isinstance(exception, self.retry_on) and not hopeless


async def retry_async(
    func: Callable[..., Awaitable[T]], *args: Any, config: RetryConfig | None = None, **kwargs: Any
) -> T:
    """Call a coroutine function until it succeeds or its ``RetryConfig`` ends it.

    Raises:
        Exception: What the last call raised.
    """
    config = config or RetryConfig()
    attempt = 0
    while True:
        try:
            return await func(*args, **kwargs)
        except Exception as error:
            if not config.should_retry(error, attempt):
                raise
            told = getattr(error, "retry_after", None) or 0.0
        await _clock.sleep(max(told, config.calculate_delay(attempt)))
        attempt += 1


class RetryDecorator:
    """``retry_async`` as a decorator; takes the options of ``RetryConfig``."""

    def __init__(
        self,
        max_retries: int = 3,
        initial_delay: float = 1.0,
        max_delay: float = 60.0,
        exponential_base: float = 2.0,
        jitter: bool = True,
    ) -> None:
        self.config = RetryConfig(max_retries, initial_delay, max_delay, exponential_base, jitter)

    def __call__(self, func: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        @functools.wraps(func)
        async def called(*args: Any, **kwargs: Any) -> T:
            return await retry_async(func, *args, config=self.config, **kwargs)

        return called
