"""0.2.0's names of errors. They are today's classes, so that an ``except`` catches what comes."""

from __future__ import annotations

from bruno_llm.exceptions import ConfigurationError, RequestTimeoutError, ServiceUnavailableError

__all__ = ["InvalidResponseError", "ProviderNotFoundError", "TimeoutError"]

TimeoutError = RequestTimeoutError
InvalidResponseError = ServiceUnavailableError
ProviderNotFoundError = ConfigurationError
