"""0.2.0's rate limiter, for requests of one's own. Providers have ``bruno_llm.RateLimit``."""

from __future__ import annotations

from typing import Any

from typing_extensions import Self

from bruno_llm import _clock
from bruno_llm.rate_limit.limit import RateLimit

__all__ = ["RateLimiter"]


class RateLimiter:
    """Lets so many requests and tokens start in a minute; the others wait.

    Args:
        requests_per_minute: Requests in a minute, and at most at once.
        tokens_per_minute: Tokens in a minute; ``None`` for no limit.
    """

    def __init__(self, requests_per_minute: int = 60, tokens_per_minute: int | None = None) -> None:
        self.requests_per_minute = requests_per_minute
        self.tokens_per_minute = tokens_per_minute
        self._limit = RateLimit(requests_per_minute, tokens_per_minute, wait_timeout=None)
        self._last_update = _clock.now()

    async def acquire(self, api_tokens: int = 0) -> None:
        """Wait until a request of that many tokens may start.

        Raises:
            RateLimitError: It has more tokens than ``tokens_per_minute``; 0.2.0 waited for ever.
        """
        await self._limit.pace(api_tokens)
        self._last_update = _clock.now()

    def get_stats(self) -> dict[str, Any]:
        """The limits, how many callers wait, and when the last one started (since 1970).

        0.2.0's ``available_request_tokens`` and ``available_api_tokens`` are 0 while somebody
        waits and ``None`` otherwise: nobody counts what is left.
        """
        left = 0 if self._limit.waiting else None
        return {
            "requests_per_minute": self.requests_per_minute,
            "tokens_per_minute": self.tokens_per_minute,
            "available_request_tokens": left,
            "available_api_tokens": left,
            "waiting": self._limit.waiting,
            "last_update": self._last_update,
        }

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None
