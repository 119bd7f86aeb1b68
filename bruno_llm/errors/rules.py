"""What says which error it is: the HTTP status, and words of vendors as data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bruno_llm.exceptions import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthExceededError,
    InvalidRequestError,
    LLMError,
    ModelNotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
)

__all__ = ["COMMON_RULES", "ErrorRule", "class_of", "status_in"]


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """One thing a vendor says in words that its HTTP status does not say.

    Attributes:
        error: The class to raise.
        pattern: A case-insensitive regular expression over the error body. Give every repetition
            a bound (``.{0,100}``, not ``.*``): a server may send any body.
        status: The HTTP statuses it applies to; empty for any.
        hint: What the user can do, with ``{model}`` filled in.
        retryable: Overrides the class where waiting does not help.
    """

    error: type[LLMError]
    pattern: str
    status: tuple[int, ...] = ()
    hint: str | None = None
    retryable: bool | None = None

    def matches(self, status: int | None, text: str) -> bool:
        """Whether this rule says what happened."""
        if self.status and status not in self.status:
            return False
        return re.search(self.pattern, text, re.IGNORECASE) is not None


# Words that mean the same with every vendor that uses them.
COMMON_RULES: Sequence[ErrorRule] = (
    ErrorRule(
        ContextLengthExceededError,
        r"context_length_exceeded|maximum context length|prompt is too long"
        r"|exceeds? the (available |model's )?context|input token count.{0,100}exceeds"
        r"|exceed_context_size|input length and .max_tokens. exceed|context window"
        # Bedrock's models, each in its own words.
        r"|input tokens exceeded|input is too long for requested model"
        r"|number of input tokens exceeds|expected maxLength: \d+, actual",
        (400, 413, 422, 500),
        hint="shorten the conversation, or give the provider window=ContextWindow()",
    ),
    ErrorRule(
        ContentFilterError,
        r"content[ _]filter|content management policy|content policy|invalid_prompt"
        r"|flagged as potentially|safety system",
        (400, 403, 422),
    ),
    ErrorRule(
        QuotaExceededError,
        r"insufficient_quota|credit balance is too low|credits are depleted|insufficient balance"
        r"|billing.{0,20}(limit|hard|not.active)|exceeded your (monthly|account) |spending limit"
        r"|reached your .{0,20}usage limit",
        (400, 402, 403, 429),
        hint="add credit or raise the limit at the provider",
    ),
    ErrorRule(
        RateLimitError,
        r"request too large",
        (413, 429),
        hint="the request alone is above the tokens-per-minute limit: make it smaller",
        retryable=False,
    ),
    ErrorRule(
        AuthenticationError,
        # LiteLLM's proxy. Without a database it knows its master key alone.
        r"litellm virtual key expected|no api key passed in|no connected db",
        (400, 401, 403),
        hint="the proxy wants a virtual key: give api_key=..., or set LITELLM_PROXY_API_KEY",
    ),
    ErrorRule(
        AuthenticationError,
        r"api[ _]key[ _](not valid|invalid|expired)|invalid[ _]api[ _]key|incorrect api key",
        (400, 401, 403),
    ),
    ErrorRule(
        ModelNotFoundError,
        r"model_not_found|invalid model (id|name)|the (requested )?model .{0,100}does not exist",
        (400,),
    ),
    ErrorRule(
        PermissionDeniedError,
        r"unsupported_country|not available in your (country|region)"
        r"|(country|user location).{0,60}not supported|organization has been disabled",
        (400, 403),
    ),
)

_BY_STATUS: Mapping[int, type[LLMError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: QuotaExceededError,
    403: PermissionDeniedError,
    404: ModelNotFoundError,
    408: RequestTimeoutError,
    409: ServiceUnavailableError,
    425: ServiceUnavailableError,
    429: RateLimitError,
    504: RequestTimeoutError,
}

# Statuses of error events inside a 200 stream, by the vendor's own words for them
# (Anthropic API reference, "Errors"; Google RPC codes).
_STATUS_OF_TYPE = {
    "overloaded_error": 529,
    "api_error": 500,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "timeout_error": 504,
    "billing_error": 402,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "server_error": 500,
    "unavailable": 503,
    "resource_exhausted": 429,
    "internal": 500,
    "deadline_exceeded": 504,
    "permission_denied": 403,
    "unauthenticated": 401,
    "not_found": 404,
    "invalid_argument": 400,
}


def class_of(status: int) -> type[LLMError]:
    """The class of an HTTP status that no rule knows better."""
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return InvalidRequestError if status < 500 else ServiceUnavailableError


def status_in(error: Any) -> int | None:
    """The HTTP status that an error event stands for: ``{"type": "overloaded_error"}`` is 529."""
    if not isinstance(error, Mapping):
        return None
    code = str(error.get("code"))
    if re.fullmatch("[45][0-9][0-9]", code):
        return int(code)
    words = (str(error.get(name)).lower() for name in ("type", "status", "code"))
    return next((_STATUS_OF_TYPE[word] for word in words if word in _STATUS_OF_TYPE), None)
