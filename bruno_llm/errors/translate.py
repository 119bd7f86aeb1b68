"""Translates what went wrong below into one error of ours: by status, exception and words.

What happened is read from the wire first (the true status, headers and body), from the chain of
causes where there is no wire record, and from litellm's own exception class never: those classes
change with its releases and often with the route. Then the HTTP status decides, and after it the
vendor's rules (``rules.py``), which look at the words. How long to wait is read in
``retry_after.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

import httpx

from bruno_llm.errors.retry_after import retry_after_of
from bruno_llm.errors.rules import COMMON_RULES, ErrorRule, class_of, status_in
from bruno_llm.exceptions import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    LLMError,
    ProviderConnectionError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from bruno_llm.policies.timeouts import LimitReached
from bruno_llm.redaction import Redactor, causes, one_line
from bruno_llm.wire.bodies import cut
from bruno_llm.wire.client import proxy_variables
from bruno_llm.wire.exchange import Elsewhere, Exchange
from bruno_llm.wire.shape import read_json
from bruno_llm.wire.size import ResponseTooLarge

__all__ = ["translate"]

# httpx's classes, the field of ``Timeout`` behind each, and what was not to be had in that time.
_HTTP_LIMITS: Sequence[tuple[type[Exception], str, str]] = (
    (httpx.ConnectTimeout, "connect", "no connection within"),
    (httpx.ReadTimeout, "read", "nothing arrived for"),
    (httpx.WriteTimeout, "read", "nothing could be sent for"),
    (httpx.PoolTimeout, "pool", "no connection of this provider was free for"),
)


def translate(
    error: BaseException | None,
    exchange: Exchange,
    *,
    provider: str,
    model: str,
    rules: Sequence[ErrorRule] = (),
    redact: Redactor | None = None,
    hints: Mapping[str, str] | None = None,
    called: str | None = None,
    key_from: Callable[[], str | None] | None = None,
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
        called: The model's name at the vendor, for the hints, where ``model`` is litellm's.
        key_from: Says where the key came from; asked when the vendor refused it.

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
    hint = hint or (hints or {}).get(kind.__name__) or _what_to_install(kind, error)
    hint = hint.format(model=called or model) if hint else None
    if key_from is not None and status is not None and issubclass(kind, AuthenticationError):
        hint = "; ".join(filter(None, (hint, key_from()))) or None
    message = _message(text) or _without_answer(kind, error, exchange)
    if _is_no_page(status, text) and exchange.url:
        message = f"{message} ({exchange.url})"
    if error is not None:
        error = redact.cause(error)
    result = kind(
        one_line(redact(message)),
        provider,
        error if isinstance(error, Exception) else None,
        model=model,
        status_code=status,
        retry_after=retry_after_of(exchange.headers, text),
        request_id=exchange.request_id,
        hint=hint,
    )
    if retryable is not None:
        result.retryable = retryable
    return result


def _what_the_wire_says(exchange: Exchange) -> tuple[int | None, str]:
    event = exchange.facts.error
    if event is None and exchange.body and not exchange.error_text:
        payload = exchange.payload()  # an answer whose format is not read can hold one too
        event = payload if isinstance(payload, Mapping) and payload.get("error") else None
    if event is not None:
        inner = event.get("error")
        text = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
        return status_in(inner), cut(text).decode("utf-8", "replace")
    if exchange.status is not None and not 200 <= exchange.status < 300:
        return exchange.status, exchange.error_text
    return None, ""


def _what_the_chain_says(error: BaseException) -> tuple[int | None, str]:
    # The class on top is litellm's reading; the first status below it is the vendor's.
    chain = list(causes(error))
    for link in (*chain[1:], *chain[:1]):
        status = getattr(link, "status_code", None)
        if isinstance(status, int) and 400 <= status < 600:
            if status >= 500 and _own_fault(error) is not None:
                break  # what the code on this side could not do, litellm and the SDK call a 500
            return status, str(getattr(link, "message", link))
    return None, ""


def _own_fault(error: BaseException | None) -> BaseException | None:
    """What broke in Python on this side: no vendor and no network was in it."""
    links = list(causes(error))[1:] if error is not None else []
    if any(isinstance(link, httpx.HTTPError | OSError) for link in links):
        return None
    builtin = (link for link in reversed(links) if type(link).__module__ == "builtins")
    return next(builtin, None)


def _classify(
    status: int | None,
    text: str,
    error: BaseException | None,
    exchange: Exchange,
    rules: Sequence[ErrorRule],
) -> tuple[type[LLMError], str | None, bool | None]:
    if status is None and not text and isinstance(exchange.failure, ResponseTooLarge):
        return ServiceUnavailableError, _LET_IN_MORE, False
    if status is None and not text:
        if isinstance(exchange.failure, httpx.PoolTimeout):
            return RequestTimeoutError, _MORE_PLACES, False  # a retry would stand behind all others
        return _without_status(error, exchange), None, None
    for rule in rules:
        if rule.matches(status, text):
            return rule.error, rule.hint, rule.retryable
    if status is None:
        return ServiceUnavailableError, None, None
    if _is_no_page(status, text):
        return InvalidRequestError, "the address has no such page: check base_url", None
    if 300 <= status < 400:
        hint = "the address redirects elsewhere, and keys do not follow: set base_url to its target"
        return InvalidRequestError, hint, None
    return class_of(status), None, None


_LET_IN_MORE = "max_response_bytes=... lets in more"
_MORE_PLACES = "ask fewer at a time, or allow more by RateLimit(concurrency=...)"
_NO_PAGE = re.compile(
    r"(404 )?(error )?((page|file|path|resource|url) )?not found\.?"
    r"|method not allowed|invalid url .*",
    re.IGNORECASE,
)


def _is_no_page(status: int | None, text: str) -> bool:
    """Whether the server has nothing at that address, as against not having the model."""
    said = _message(text)
    return status in (404, 405) and (said is None or _NO_PAGE.fullmatch(said.strip()) is not None)


def _without_status(error: BaseException | None, exchange: Exchange) -> type[LLMError]:
    if isinstance(exchange.failure, httpx.DecodingError):
        return ServiceUnavailableError
    links = [*([exchange.failure] if exchange.failure else []), *(causes(error) if error else ())]
    if isinstance(exchange.failure, Elsewhere):
        return ConfigurationError
    if any(isinstance(link, httpx.ProxyError) and "407" in str(link) for link in links):
        return ConfigurationError
    if any(isinstance(link, httpx.TimeoutException | TimeoutError) for link in links):
        return RequestTimeoutError
    if any(isinstance(link, httpx.TransportError | ConnectionError) for link in links):
        return ProviderConnectionError
    if exchange.status is None and error is not None and not exchange.facts.fault:
        # It never came to a request: litellm refused the call, or could not make it.
        missing = any(isinstance(link, ImportError) for link in links)
        return ConfigurationError if missing else InvalidRequestError
    return ServiceUnavailableError


def _without_answer(kind: type[LLMError], error: BaseException | None, exchange: Exchange) -> str:
    if kind is RequestTimeoutError:
        return _which_limit(error, exchange)
    if kind is ProviderConnectionError:
        said = str(exchange.failure or "").strip()
        where = f"the server at {exchange.url}" if exchange.url else "the server"
        return f"could not talk to {where}: {said}" if said else f"could not talk to {where}"
    if isinstance(exchange.failure, httpx.DecodingError):
        return str(exchange.failure)
    fault = _own_fault(error)
    if isinstance(exchange.failure, Elsewhere):
        return str(exchange.failure)
    if kind is ConfigurationError and not isinstance(fault, ImportError):
        return f"the proxy of the environment ({proxy_variables()}) wants a user and a password"
    if exchange.facts.fault:
        return f"the answer makes no sense: {exchange.facts.fault}"
    if exchange.status is not None and 200 <= exchange.status < 300:
        return "the answer could not be read"
    if exchange.status is not None:
        return f"HTTP {exchange.status}"
    if isinstance(fault, ImportError):
        return f"this route needs a Python package that is not installed: {fault}"
    if fault is not None:
        return f"the request could not be made from what was given: {type(fault).__name__}: {fault}"
    said = getattr(error, "message", None) or str(error or "")
    return _LITELLM_CLASS.sub("", str(said)) or "the call failed"


def _what_to_install(kind: type[LLMError], error: BaseException | None) -> str | None:
    fault = _own_fault(error)
    if kind is not ConfigurationError or not isinstance(fault, ImportError) or not fault.name:
        return None
    package = fault.name.partition(".")[0]
    return f"pip install {_PACKAGES.get(package, package)}"


def _which_limit(error: BaseException | None, exchange: Exchange) -> str:
    """Says which field of ``Timeout`` ended the try, because that is what the user may change."""
    links = [*([exchange.failure] if exchange.failure else []), *(causes(error) if error else ())]
    for link in links:
        if isinstance(link, LimitReached):
            return str(link)
        for kind, name, what in _HTTP_LIMITS:
            seconds = exchange.timeouts.get(name)
            if isinstance(link, kind) and seconds is not None:
                return f"{what} {seconds:g} s (timeout: {name})"
    return "no answer in time"


# What litellm puts before the words of others, and behind them.
_LITELLM_CLASS = re.compile(r"^((litellm\.)?\w+(Error|Exception): )+")
# Behind these: its own code, and the caller's messages as they were given.
_TRACEBACK = "Traceback (most recent call last)"
_QUOTED_MESSAGES = "Received Messages="
# Packages whose name is not the module's: vertex_ai/ imports google.auth.
_PACKAGES = {"google": "'litellm[google]'", "PIL": "pillow", "yaml": "PyYAML"}
_HTML = re.compile(r"<(!doctype|html|head|body|title)\b", re.IGNORECASE)


def _message(text: str) -> str | None:
    """The vendor's own sentence in an error body, ``None`` when the body has none."""
    text = text.partition(_TRACEBACK)[0].partition(_QUOTED_MESSAGES)[0]
    text = _LITELLM_CLASS.sub("", text.strip())
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
