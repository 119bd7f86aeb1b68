"""From whatever went wrong below to one error of ours.

What happened is read from the wire first (the true status, headers and body), from the chain of
causes where there is no wire record, and from litellm's own exception class never: those classes
change with its releases and often with the route. Then the HTTP status decides, and after it the
vendor's rules, which look at the words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from bruno_llm import _clock
from bruno_llm.exceptions import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthExceededError,
    InvalidRequestError,
    LLMError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderConnectionError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from bruno_llm.policies.timeouts import LimitReached
from bruno_llm.wire.client import Exchange
from bruno_llm.wire.shape import read_json

__all__ = ["ErrorRule", "Redactor", "UpstreamError", "retry_after_of", "translate"]

_LONGEST = 400
# httpx's classes, the field of ``Timeout`` behind each, and what was not to be had in that time.
_HTTP_LIMITS: Sequence[tuple[type[Exception], str, str]] = (
    (httpx.ConnectTimeout, "connect", "no connection within"),
    (httpx.ReadTimeout, "read", "nothing arrived for"),
    (httpx.WriteTimeout, "read", "nothing could be sent for"),
)


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """One thing a vendor says in words that its HTTP status does not say.

    Attributes:
        error: The class to raise.
        pattern: A case-insensitive regular expression over the error body.
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
        r"|exceeds? the (available |model's )?context|input token count.*exceeds"
        r"|exceed_context_size|input length and .max_tokens. exceed|context window",
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
        r"api[ _]key[ _](not valid|invalid|expired)|invalid[ _]api[ _]key|incorrect api key",
        (400, 401, 403),
    ),
    ErrorRule(
        ModelNotFoundError,
        r"model_not_found|invalid model id|the (requested )?model .{0,100}does not exist",
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


class UpstreamError(Exception):
    """Stands for a cause whose own text held a key or a prompt; the text here is redacted."""


class Redactor:
    """Takes keys and prompts out of texts that leave the package.

    Args:
        secrets: Keys in use; removed wherever they appear.
        prompts: Message texts of the call; removed when a vendor echoes them.
    """

    # The shapes of the vendors' keys, for one that is not ours (an echoed header, a proxy's key).
    _KEY = re.compile(
        r"\b(sk-[\w-]{8,}|AIza[\w-]{20,}|gsk_\w{8,}|xai-\w{8,})|(?<=Bearer )[\w.~+/=-]{8,}"
    )
    _SHORTEST_PROMPT = 12
    _NEVER_ESCAPED = re.compile(rf"[\w ,.:;()?!-]{{{_SHORTEST_PROMPT},}}", re.ASCII)

    def __init__(self, secrets: Sequence[str] = (), prompts: Sequence[str] = ()) -> None:
        self._secrets = [s for s in secrets if len(s) > 5]
        long = (prompt for prompt in prompts if len(prompt) >= self._SHORTEST_PROMPT)
        self._prompts = sorted({form for p in long for form in self._forms(p)}, key=len)[::-1]

    def __call__(self, text: str) -> str:
        """The text without them."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        for form in self._prompts:
            text = text.replace(form, "[prompt]")
        return self._KEY.sub("[key]", text)

    def _forms(self, prompt: str) -> Iterator[str]:
        """The ways a prompt is quoted: in JSON, in Python's ``repr``, and escaped any other way."""
        for text in (
            prompt,
            json.dumps(prompt)[1:-1],
            json.dumps(prompt, ensure_ascii=False)[1:-1],
        ):
            yield text
            yield repr(text)[1:-1]
            yield repr(text.encode("utf-8", "replace"))[2:-1]
        # Whatever escaped it, and however often, these runs of characters are the same.
        yield from self._NEVER_ESCAPED.findall(prompt)

    def cause(self, error: BaseException) -> BaseException:
        """The error itself when its whole chain is clean, else a stand-in that is."""
        seen: BaseException | None = error
        for seen in _chain(error):
            text = f"{seen!s} {seen!r}"
            if self(text) != text:
                stand_in = UpstreamError(f"{type(seen).__name__}: {_one_line(self(str(seen)))}")
                stand_in.__suppress_context__ = True
                return stand_in
        return error


def translate(
    error: BaseException | None,
    exchange: Exchange,
    *,
    provider: str,
    model: str,
    rules: Sequence[ErrorRule] = (),
    redact: Redactor | None = None,
    hints: Mapping[str, str] | None = None,
) -> LLMError:
    """The error of ours for one failed try.

    Args:
        error: What was caught, ``None`` when only the wire says that it failed.
        exchange: The wire's record of the try.
        provider: Our name of the provider.
        model: The model that was asked.
        rules: The vendor's rules; tried before the common ones.
        redact: Removes keys and prompts.
        hints: By error class name, what the user can do.

    Returns:
        The error, with status, retry_after (seconds), request_id and hint where known; to be
        raised from its ``original_error``.
    """
    redact = redact or Redactor()
    status, text = _what_the_wire_says(exchange)
    # Where the wire was read, it knows better than an exception of those who could not read it.
    read = exchange.status is not None and (exchange.wire is not None or exchange.body)
    if status is None and not text and exchange.failure is None and error and not read:
        status, text = _what_the_chain_says(error)
    kind, hint, retryable = _classify(status, text, error, exchange, (*rules, *COMMON_RULES))
    hint = hint or (hints or {}).get(kind.__name__)
    message = _message(text) or _without_answer(kind, error, exchange)
    if error is not None:
        error = redact.cause(error)
    result = kind(
        _one_line(redact(message)),
        provider,
        error if isinstance(error, Exception) else None,
        model=model,
        status_code=status,
        retry_after=retry_after_of(exchange.headers, text),
        request_id=request_id_of(exchange.headers),
        hint=hint.format(model=model) if hint else None,
    )
    if retryable is not None:
        result.retryable = retryable
    return result


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """The vendor's id of a request, by which its support finds it."""
    return headers.get("x-request-id") or headers.get("request-id")


def _what_the_wire_says(exchange: Exchange) -> tuple[int | None, str]:
    event = exchange.facts.error
    if event is None and exchange.body and not exchange.error_text:
        payload = exchange.payload()  # an answer whose format is not read can hold one too
        event = payload if isinstance(payload, Mapping) and payload.get("error") else None
    if event is not None:
        inner = event.get("error")
        return _status_in(inner), json.dumps(event, ensure_ascii=False)
    if exchange.status is not None and not 200 <= exchange.status < 300:
        return exchange.status, exchange.error_text
    return None, ""


def _status_in(error: Any) -> int | None:
    if not isinstance(error, Mapping):
        return None
    code = str(error.get("code"))
    if re.fullmatch("[45][0-9][0-9]", code):
        return int(code)
    words = (str(error.get(name)).lower() for name in ("type", "status", "code"))
    return next((_STATUS_OF_TYPE[word] for word in words if word in _STATUS_OF_TYPE), None)


def _what_the_chain_says(error: BaseException) -> tuple[int | None, str]:
    # The class on top is litellm's reading; the first status below it is the vendor's.
    chain = list(_chain(error))
    for link in (*chain[1:], *chain[:1]):
        status = getattr(link, "status_code", None)
        if isinstance(status, int) and 400 <= status < 600:
            return status, str(getattr(link, "message", link))
    return None, ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = getattr(link, "original_exception", None) or link.__cause__ or link.__context__


def _classify(
    status: int | None,
    text: str,
    error: BaseException | None,
    exchange: Exchange,
    rules: Sequence[ErrorRule],
) -> tuple[type[LLMError], str | None, bool | None]:
    if status is None and not text:
        return _without_status(error, exchange), None, None
    for rule in rules:
        if rule.matches(status, text):
            return rule.error, rule.hint, rule.retryable
    if status is None:
        return ServiceUnavailableError, None, None
    if status == 404 and _message(text) is None:
        hint = "the address has no such page: check base_url"
        return InvalidRequestError, hint, None
    if status in _BY_STATUS:
        return _BY_STATUS[status], None, None
    if 300 <= status < 400:
        hint = "the address redirects elsewhere, and keys do not follow: set base_url to its target"
        return InvalidRequestError, hint, None
    return (InvalidRequestError if status < 500 else ServiceUnavailableError), None, None


def _without_status(error: BaseException | None, exchange: Exchange) -> type[LLMError]:
    links = [*([exchange.failure] if exchange.failure else []), *(_chain(error) if error else ())]
    if any(isinstance(link, httpx.TimeoutException | TimeoutError) for link in links):
        return RequestTimeoutError
    if any(isinstance(link, httpx.TransportError | ConnectionError) for link in links):
        return ProviderConnectionError
    if exchange.status is None and error is not None and not exchange.facts.fault:
        # It never came to a request: litellm refused the call.
        return InvalidRequestError
    return ServiceUnavailableError


def _without_answer(kind: type[LLMError], error: BaseException | None, exchange: Exchange) -> str:
    if kind is RequestTimeoutError:
        return _which_limit(error, exchange)
    if kind is ProviderConnectionError:
        said = str(exchange.failure or "").strip()
        return f"could not talk to the server: {said}" if said else "could not talk to the server"
    if exchange.facts.fault:
        return f"the answer makes no sense: {exchange.facts.fault}"
    if exchange.status is not None and 200 <= exchange.status < 300:
        return "the answer could not be read"
    if exchange.status is not None:
        return f"HTTP {exchange.status}"
    said = getattr(error, "message", None) or str(error or "")
    return re.sub(r"^(litellm\.)?\w+(Error|Exception): ", "", str(said)) or "the call failed"


def _which_limit(error: BaseException | None, exchange: Exchange) -> str:
    """Says which field of ``Timeout`` ended the try, because that is what the user may change."""
    links = [*([exchange.failure] if exchange.failure else []), *(_chain(error) if error else ())]
    for link in links:
        if isinstance(link, LimitReached):
            return str(link)
        for kind, name, what in _HTTP_LIMITS:
            seconds = exchange.timeouts.get(name)
            if isinstance(link, kind) and seconds is not None:
                return f"{what} {seconds:g} s (timeout: {name})"
    return "no answer in time"


_HTML = re.compile(r"<(!doctype|html|head|body|title)\b", re.IGNORECASE)


def _message(text: str) -> str | None:
    """The vendor's own sentence in an error body, ``None`` when the body has none."""
    text = text.strip()
    if not text:
        return None
    if _HTML.search(text):
        return None
    try:
        payload = read_json(text)
    except ValueError:
        return text
    if isinstance(payload, list) and payload:  # Gemini wraps the error of a streamed request
        payload = payload[0]
    if isinstance(payload, str):
        return payload
    if not isinstance(payload, Mapping):
        return None
    inner = payload.get("error", payload)
    if isinstance(inner, str):
        return inner
    for name in ("message", "detail", "msg"):
        value = inner.get(name) if isinstance(inner, Mapping) else None
        if isinstance(value, str) and value:
            return value
    return text


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|h|m|s))", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_RETRY_DELAY = re.compile(r'"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)s"')
_TRY_AGAIN = re.compile(
    r"(?:try again|retry) (?:in|after) ((?:\d+(?:\.\d+)?\s?(?:ms|h|m|s)[a-z]*)+)", re.IGNORECASE
)


def retry_after_of(headers: Mapping[str, str], text: str = "") -> float | None:
    """Seconds the vendor asks to wait: from its headers, its error body or its words.

    ``headers`` have lower-case names. Understands ``retry-after-ms``, ``retry-after`` in seconds
    or as an HTTP date, Google's ``RetryInfo``, and "try again in 1m20s".
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            return max(0.0, float(value) * scale)
        except ValueError:
            pass
        if value and name == "retry-after":
            try:
                return max(0.0, parsedate_to_datetime(value).timestamp() - _clock.now())
            except ValueError:
                pass
    if found := _RETRY_DELAY.search(text):
        return float(found[1])
    if found := _TRY_AGAIN.search(text):
        parts = _DURATION.findall(found[1].replace(" ", ""))
        return sum(float(amount) * _SECONDS[unit.lower()] for amount, unit in parts)
    return None
