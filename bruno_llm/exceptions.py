"""The errors a caller can meet. ``except LLMError`` catches all of them.

    LLMError                            (also a bruno_core LLMError)
    ├── ConfigurationError              bad option or file, unknown provider, missing extra
    │   └── LitellmChangedError         this release of litellm lacks what is needed of it
    ├── AuthenticationError             no key, wrong key
    │   └── PermissionDeniedError       the key is known but may not do this
    ├── ModelNotFoundError
    ├── InvalidRequestError             the request itself is wrong; sending it again is useless
    │   ├── ContextLengthExceededError
    │   └── ContentFilterError
    ├── QuotaExceededError              money or daily quota gone: waiting does not help
    ├── TransientError                  the only family that is retried
    │   ├── RateLimitError
    │   ├── RequestTimeoutError
    │   ├── ProviderConnectionError
    │   └── ServiceUnavailableError
    ├── EmptyResponseError              an answer without text, tool call or refusal
    ├── StreamError                     a stream broke after its first chunk; .partial has what came
    ├── StructuredOutputError           the answer does not fit the schema; .partial has it
    ├── ToolLimitError                  the model does not stop calling tools; .run has all of it
    ├── BudgetExceededError             raised before the call that could overspend
    └── AllProvidersFailedError         every provider of a fallback failed; .errors has each

No error text holds a key or a prompt: messages are one redacted line of the vendor's own words.
"""

from __future__ import annotations

import copyreg
from typing import TYPE_CHECKING, Any

from bruno_llm._former import former_name
from bruno_llm._runtime.late import late

late("bruno_core.utils")

import bruno_core.utils.exceptions as core  # noqa: E402  its package runs late from here on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bruno_llm.completion import Completion, Usage
    from bruno_llm.tools.run import ToolRun

__all__ = [
    "AllProvidersFailedError",
    "AuthenticationError",
    "BudgetExceededError",
    "ConfigurationError",
    "ContentFilterError",
    "ContextLengthExceededError",
    "EmptyResponseError",
    "InvalidRequestError",
    "LLMError",
    "LitellmChangedError",
    "ModelNotFoundError",
    "PermissionDeniedError",
    "ProviderConnectionError",
    "QuotaExceededError",
    "RateLimitError",
    "RequestTimeoutError",
    "ServiceUnavailableError",
    "StreamError",
    "StructuredOutputError",
    "ToolLimitError",
    "TransientError",
]


class LLMError(core.LLMError):
    """Anything that went wrong between the caller and a language model.

    Args:
        message: One clear line; never holds a key or a prompt.
        provider: Name of the provider, such as ``"openai"``.
        original_error: What was caught, kept as ``.original_error`` and bruno-core's ``.cause``.
        model: The model that was asked.
        status_code: The HTTP status the vendor sent, ``None`` when there was no answer.
        retry_after: Seconds the vendor asked to wait.
        request_id: The vendor's id of the request, for its support.
        hint: What the user can do about it.
        partial: What had arrived of the answer.
    """

    retryable: bool = False
    """Whether the same request may succeed later. Only a ``TransientError`` says so."""

    run: ToolRun | None = None
    """What a loop of tools had done and paid for before this error ended it."""

    def __init__(
        self,
        message: str,
        provider: str | None = None,
        original_error: Exception | None = None,
        *,
        model: str | None = None,
        status_code: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        hint: str | None = None,
        partial: Completion | None = None,
    ) -> None:
        super().__init__(message, cause=original_error)
        self.provider = provider
        self.original_error = original_error
        self.model = model
        self.status_code = status_code
        self.retry_after = retry_after
        self.request_id = request_id
        self.hint = hint
        self.partial = partial

    def __str__(self) -> str:
        text = f"{self.model}: {self.message}" if self.model else self.message
        if self.provider:
            text = f"[{self.provider}] {text}"
        if self.hint:
            text = f"{text} ({self.hint})"
        return text

    def __repr__(self) -> str:
        status = f", status_code={self.status_code}" if self.status_code is not None else ""
        return f"{type(self).__name__}({str(self)!r}{status})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The cause may hold sockets or SDK objects that cannot be pickled, and its text is not
        # redacted: across a process border the error travels alone.
        state = {k: v for k, v in self.__dict__.items() if k not in ("cause", "original_error")}
        state |= {"cause": None, "original_error": None}
        return copyreg.__newobj__, (type(self), self.message), state  # type: ignore[attr-defined]


class ConfigurationError(LLMError, core.ConfigError):
    """A setting is wrong or missing; the message names it and says what is allowed."""


class LitellmChangedError(ConfigurationError):
    """The installed release of litellm lacks what this package needs of it; the message names both.

    Raised when litellm is loaded, before anything is sent.
    """


class AuthenticationError(LLMError):
    """The vendor got no key, or one that it does not accept."""


class PermissionDeniedError(AuthenticationError):
    """The key is known but may not use this model, region or feature."""


class ModelNotFoundError(LLMError):
    """The vendor does not have the model, or not for this key."""


class InvalidRequestError(LLMError):
    """The request is wrong in itself: the same request can never succeed."""


class ContextLengthExceededError(InvalidRequestError):
    """Prompt and answer do not fit the model's context window.

    Args:
        message: As for ``LLMError``.
        provider: As for ``LLMError``.
        original_error: As for ``LLMError``.
        max_tokens: The size of the window, in tokens, where it is known.
        actual_tokens: What was asked for, in tokens, where it is known.
        facts: As for ``LLMError``.
    """

    def __init__(
        self,
        message: str,
        provider: str | None = None,
        original_error: Exception | None = None,
        max_tokens: int | None = None,
        actual_tokens: int | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, provider, original_error, **facts)
        self.max_tokens = max_tokens
        self.actual_tokens = actual_tokens


class ContentFilterError(InvalidRequestError):
    """The vendor's content policy blocked the prompt or the answer."""


class QuotaExceededError(LLMError):
    """Credit or a daily quota is used up; waiting for seconds does not help."""


class TransientError(LLMError):
    """A failure that may pass by itself. ``Retry`` acts on this family alone."""

    retryable = True


class RateLimitError(TransientError):
    """Too many requests or tokens for now; ``.retry_after`` says how long, when it is known.

    Args:
        message: As for ``LLMError``.
        provider: As for ``LLMError``.
        original_error: As for ``LLMError``.
        retry_after: Seconds the vendor asked to wait.
        facts: As for ``LLMError``.
    """

    def __init__(
        self,
        message: str,
        provider: str | None = None,
        original_error: Exception | None = None,
        retry_after: float | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, provider, original_error, retry_after=retry_after, **facts)


class RequestTimeoutError(TransientError):
    """No answer within the time allowed.

    Args:
        message: As for ``LLMError``.
        provider: As for ``LLMError``.
        original_error: As for ``LLMError``.
        timeout: The time allowed in seconds, where it is known.
        facts: As for ``LLMError``.
    """

    def __init__(
        self,
        message: str,
        provider: str | None = None,
        original_error: Exception | None = None,
        timeout: float | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, provider, original_error, **facts)
        self.timeout = timeout


class ProviderConnectionError(TransientError):
    """The provider could not be reached, or the connection was lost before an answer."""


class ServiceUnavailableError(TransientError):
    """The provider answered that it cannot answer: overloaded, failing, or not making sense."""


class EmptyResponseError(LLMError):
    """The model ended its turn without text, tool call or refusal."""


class StreamError(LLMError, core.StreamError):
    """A stream broke or was cut after its first chunk; ``.partial`` is the completion so far."""


class StructuredOutputError(LLMError):
    """No answer fitted the type, or none could: it was cut, refused or filtered.

    ``.partial`` is the last answer, ``.errors`` what pydantic said of it (without the input),
    ``.usage`` and ``.cost`` (US dollars, ``None`` when unknown) are those of all ``.attempts``.
    """

    errors: Sequence[Mapping[str, Any]] = ()
    usage: Usage | None = None
    cost: float | None = None
    attempts: int = 0


class ToolLimitError(LLMError):
    """The model still calls tools after ``max_rounds`` rounds.

    ``.run`` holds messages, calls, usage and cost until then; the last calls were not run.
    """


class BudgetExceededError(LLMError):
    """The call could overspend the budget, so it was not made."""


class AllProvidersFailedError(LLMError):
    """Every provider of a fallback failed; the message names each and why.

    ``errors`` has them in the order of the tries. Waiting may help when it may help for one.
    """

    errors: tuple[Exception, ...] = ()


def __getattr__(name: str) -> Any:
    return former_name(__name__, name)
