"""0.2.0's base of providers, for classes of one's own and for annotations."""

from __future__ import annotations

from abc import ABC
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from bruno_core.interfaces.llm import LLMInterface
from bruno_core.models.message import Message, MessageRole

from bruno_llm.exceptions import LLMError
from bruno_llm.fallback import FallbackProvider
from bruno_llm.policies.retry import Retry
from bruno_llm.provider import LiteLLMProvider

__all__ = ["BaseProvider"]

T = TypeVar("T")


class BaseProvider(LLMInterface, ABC):
    """A name, a system prompt and retries for a provider of one's own.

    The providers of this package count as subclasses. A new one needs nothing but bruno-core's
    ``LLMInterface``, or is a subclass of ``LiteLLMProvider``.

    Args:
        provider_name: Shown in errors and in ``get_model_info()``.
        max_retries: Tries after the first one.
        timeout: Seconds; kept for the subclass.
        kwargs: Shown in ``get_model_info()``.
    """

    def __init__(
        self,
        provider_name: str,
        max_retries: int = 3,
        timeout: float = 30.0,
        **kwargs: Any,
    ) -> None:
        self.provider_name = provider_name
        self.max_retries = max_retries
        self.timeout = timeout
        self._config = kwargs
        self._system_prompt: str | None = None

    def set_system_prompt(self, prompt: str) -> None:
        """Keep a system prompt for ``_add_system_prompt``."""
        self._system_prompt = prompt

    def get_system_prompt(self) -> str | None:
        """The system prompt, if there is one."""
        return self._system_prompt

    def get_model_info(self) -> dict[str, Any]:
        """The name, the settings and what else the constructor was given."""
        settings = {"max_retries": self.max_retries, "timeout": self.timeout}
        about = {"provider": self.provider_name, "system_prompt": self._system_prompt}
        return {**about, **settings, **self._config}

    def _add_system_prompt(self, messages: Sequence[Message]) -> list[Message]:
        """The messages, with the system prompt before them unless they begin with one."""
        begun = bool(messages) and messages[0].role is MessageRole.SYSTEM
        if begun or not self._system_prompt:
            return list(messages)
        return [Message(role=MessageRole.SYSTEM, content=self._system_prompt), *messages]

    async def _with_retry(
        self, coro: Callable[[], Awaitable[T]], max_retries: int | None = None
    ) -> T:
        """Try again after what passes; 0.2.0 also did after what cannot succeed.

        Raises:
            LLMError: The error of the last try; around an exception that is no ``LLMError``.
        """
        retries = self.max_retries if max_retries is None else max_retries
        try:
            return await Retry(attempts=retries + 1).run(coro)
        except LLMError:
            raise
        except Exception as error:
            raise LLMError(
                f"the request failed: {type(error).__name__}", self.provider_name, error
            ) from error


for _today in (LiteLLMProvider, FallbackProvider):
    BaseProvider.register(_today)
