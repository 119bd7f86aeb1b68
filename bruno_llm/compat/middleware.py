"""0.2.0's middlewares: hooks that a program called itself. No provider calls them, then or now."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import Any

from bruno_core.models.message import Message

from bruno_llm import _clock
from bruno_llm._runtime.log import get_logger
from bruno_llm.compat.cache import ResponseCache

__all__ = [
    "CachingMiddleware",
    "LoggingMiddleware",
    "Middleware",
    "MiddlewareChain",
    "RetryMiddleware",
    "ValidationMiddleware",
]

Before = tuple[list[Message], dict[str, Any]]


class Middleware(ABC):
    """What may look at a request, its answer, each piece of a stream, and an error."""

    @abstractmethod
    async def before_request(self, messages: list[Message], **kwargs: Any) -> Before:
        """The messages and parameters that shall be sent."""

    @abstractmethod
    async def after_response(self, messages: list[Message], response: str, **kwargs: Any) -> str:
        """The text that shall be given out."""

    async def on_stream_chunk(self, chunk: str, **kwargs: Any) -> str:
        """The piece that shall be given out."""
        return chunk

    async def on_error(self, error: Exception, messages: list[Message], **kwargs: Any) -> None:
        """A request has failed."""
        return None


class _Watching(Middleware):
    """Changes nothing."""

    async def before_request(self, messages: list[Message], **kwargs: Any) -> Before:
        return messages, kwargs

    async def after_response(self, messages: list[Message], response: str, **kwargs: Any) -> str:
        return response


class LoggingMiddleware(_Watching):
    """Logs counts and lengths; the words of messages only with ``log_messages``."""

    def __init__(self, logger: Any = None, log_messages: bool = False) -> None:
        self.logger = logger or get_logger(__name__)
        self.log_messages = log_messages

    async def before_request(self, messages: list[Message], **kwargs: Any) -> Before:
        """Log how many messages go out, and the names of the parameters."""
        facts: dict[str, Any] = {"message_count": len(messages), "params": sorted(kwargs)}
        if self.log_messages:
            facts["messages"] = [{"role": m.role.value, "content": m.content} for m in messages]
        self.logger.info("llm_request", **facts)
        return messages, kwargs

    async def after_response(self, messages: list[Message], response: str, **kwargs: Any) -> str:
        """Log how long the answer is."""
        facts: dict[str, Any] = {"response_length": len(response)}
        if self.log_messages:
            facts["response"] = response
        self.logger.info("llm_response", **facts)
        return response

    async def on_error(self, error: Exception, messages: list[Message], **kwargs: Any) -> None:
        """Log the class of the error: its text may quote the prompt."""
        self.logger.error("llm_error", error_type=type(error).__name__, message_count=len(messages))


class CachingMiddleware(_Watching):
    """Puts answers into a ``ResponseCache``; asking it is up to the program, as in 0.2.0."""

    def __init__(self, cache: ResponseCache, cache_streaming: bool = True) -> None:
        self.cache = cache
        self.cache_streaming = cache_streaming

    async def after_response(self, messages: list[Message], response: str, **kwargs: Any) -> str:
        """Keep the answer."""
        self.cache.set(messages, response, **kwargs)
        return response


class ValidationMiddleware(_Watching):
    """Refuses messages that are too long or of another role, and calls that lack a parameter."""

    def __init__(
        self,
        max_message_length: int | None = None,
        allowed_roles: Collection[str] | None = None,
        required_params: Sequence[str] | None = None,
    ) -> None:
        self.max_message_length = max_message_length
        self.allowed_roles = allowed_roles
        self.required_params = list(required_params or ())

    async def before_request(self, messages: list[Message], **kwargs: Any) -> Before:
        """Check the request.

        Raises:
            ValueError: What is wrong with it.
        """
        most, roles = self.max_message_length, self.allowed_roles
        for message in messages:
            if most and len(message.content) > most:
                raise ValueError(
                    f"a message exceeds max length: {len(message.content)} characters, not {most}"
                )
            if roles and message.role.value not in roles:
                raise ValueError(
                    f"Invalid message role: {message.role.value!r}; allowed: {', '.join(roles)}"
                )
        for name in self.required_params:
            if name not in kwargs:
                raise ValueError(f"Required parameter missing: {name}")
        return messages, kwargs


class RetryMiddleware(_Watching):
    """Waits after an error, twice as long each time; calling again is up to the program."""

    def __init__(self, max_retries: int = 3, base_delay: float = 1.0) -> None:
        self.max_retries = max_retries
        self.base_delay = base_delay
        self.retry_count = 0

    async def before_request(self, messages: list[Message], **kwargs: Any) -> Before:
        """Count anew."""
        self.retry_count = 0
        return messages, kwargs

    async def on_error(self, error: Exception, messages: list[Message], **kwargs: Any) -> None:
        """Wait, unless it has been waited ``max_retries`` times."""
        self.retry_count += 1
        if self.retry_count <= self.max_retries:
            await _clock.sleep(self.base_delay * 2.0 ** (self.retry_count - 1))


class MiddlewareChain:
    """Calls middlewares in their order; for an answer in the opposite one."""

    def __init__(self, middlewares: list[Middleware]) -> None:
        self.middlewares = middlewares

    async def before_request(self, messages: list[Message], **kwargs: Any) -> Before:
        """What shall be sent, after all of them."""
        for middleware in self.middlewares:
            messages, kwargs = await middleware.before_request(messages, **kwargs)
        return messages, kwargs

    async def after_response(self, messages: list[Message], response: str, **kwargs: Any) -> str:
        """What shall be given out, after all of them."""
        for middleware in reversed(self.middlewares):
            response = await middleware.after_response(messages, response, **kwargs)
        return response

    async def on_stream_chunk(self, chunk: str, **kwargs: Any) -> str:
        """The piece that shall be given out, after all of them."""
        for middleware in self.middlewares:
            chunk = await middleware.on_stream_chunk(chunk, **kwargs)
        return chunk

    async def on_error(self, error: Exception, messages: list[Message], **kwargs: Any) -> None:
        """Tell all of them."""
        for middleware in self.middlewares:
            await middleware.on_error(error, messages, **kwargs)
