"""What is a secret, and how it is hidden: the one place that knows.

A name that holds a secret (:func:`is_secret_name`), a key as it may be shown (:func:`mask`), an
address without its password (:func:`hide_url_secrets`), any text without the keys and prompts of a
call (:class:`Redactor`), and an error without the frames that hold them (:func:`bare`,
:func:`keeps_secrets`).
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, SupportsIndex, TypeVar, cast
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import SecretStr

from bruno_llm.exceptions import LLMError

__all__ = [
    "Hidden",
    "Redactor",
    "UpstreamError",
    "argument_of",
    "bare",
    "causes",
    "hidden",
    "hidden_in",
    "hide_url_secrets",
    "is_secret_name",
    "keeps_secrets",
    "mask",
    "name_in",
    "one_line",
    "secrets_in_use",
]

_SECRET_NAME = re.compile(
    r"(^|[_-])(key|token|secret|password|passwd|credentials?|authorization|auth|cookie)$"
    r"|secret|password|credential|authorization",
    re.IGNORECASE,
)
# The keys of the vendors begin like this, and no model's name does; other keys are one long run of
# letters and digits.
_KEY_START = re.compile(
    r"(bearer |sk[-_]|key-|AIza|AQ\.|gsk_|xai-|hf_|nvapi-|pplx-|r8_|fw_|csk-|AKIA|gh[opsu]_"
    r"|github_pat_)",
    re.IGNORECASE,
)
_KEY_RUN = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9]{32,}")
# "http://box:11434", and "box:11434": a tag of Ollama ("phi4:14b") is no port.
_ADDRESS = re.compile(r"https?://.*|[\w.-]+:\d{4,5}(/.*)?", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]*@")
_SHOWN = 4
_SHORTEST_SHOWN = 12
_LONGEST_LINE = 400
_TRACEBACK = "Traceback (most recent call last)"
E = TypeVar("E", bound=BaseException)
P = ParamSpec("P")
T = TypeVar("T")
# Headers whose values are no secret, and whose values a vendor quotes when they are wrong.
_OPEN_HEADERS = {
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "http-referer",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "user-agent",
    "x-title",
}
# Of a text that leaves the package: ten times what is shown, so that a replaced prompt is not all.
_LONGEST_LOOKED_AT = 4096
_LONGEST_PIECE = 64


def is_secret_name(name: str) -> bool:
    """Whether a setting of that name holds a secret: ``api_key``, ``x-api-key``, ``token``."""
    return _SECRET_NAME.search(name) is not None


def argument_of(text: str) -> str | None:
    """Where a text belongs that was given as a model's name: ``api_key`` or ``base_url``.

    bruno-llm 0.2.0 took these two as its first argument, where the model stands now.

    Returns:
        The keyword; ``None`` for what may name a model.
    """
    last = text.rpartition("/")[2]  # behind a route: "openai/sk-..."
    if _KEY_START.match(text) or _KEY_START.match(last) or _KEY_RUN.fullmatch(text):
        return "api_key"
    return "base_url" if _ADDRESS.fullmatch(text) else None


def mask(key: SecretStr | str) -> str:
    """The key as it may be shown: its last four characters, none of a key under 12 characters."""
    text = key.get_secret_value() if isinstance(key, SecretStr) else key
    shown = len(text) >= _SHORTEST_SHOWN and text.isascii() and text.isprintable()
    return "****" + text[-_SHOWN:] if shown else "****"


def hide_url_secrets(url: str) -> str:
    """The URL without its user, password and query."""
    shown, mark, _ = _USER_INFO.sub("****@", url).partition("?")
    return f"{shown}?****" if mark else shown


def one_line(text: str) -> str:
    """The text on one line of at most 400 characters, as the message of an error."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error itself and what it came from, the newest first; ends also where a chain loops."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = getattr(link, "original_exception", None) or link.__cause__ or link.__context__


class Hidden(str):
    """A text that is used as any other and is not printed with the variables of a frame."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'****'"

    def __getitem__(self, at: SupportsIndex | slice) -> str:
        return Hidden(super().__getitem__(at))  # loggers print the beginning of a long text


def hidden(value: Any, name: str = "") -> Any:
    """The value with each text that stands under a secret name as ``Hidden``, at any depth."""
    if isinstance(value, Mapping):
        return {key: hidden(inner, name_in(name, str(key))) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(inner, name) for inner in value]
    return Hidden(value) if isinstance(value, str) and is_secret_name(name) else value


def name_in(outer: str, name: str) -> str:
    """The name of what stands in something of another name, for :func:`is_secret_name`.

    Extra headers count as secret, but for those of which everybody knows the values.
    """
    return "secret" if outer == "extra_headers" and name.lower() not in _OPEN_HEADERS else name


def hidden_in(value: Any) -> Iterator[str]:
    """The texts that :func:`hidden` has hidden."""
    if isinstance(value, Hidden):
        yield str(value)
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from hidden_in(inner)


def bare(error: E) -> E:
    """The error and all it came from, without their frames.

    Loggers print the local variables of frames (rich, structlog, pytest ``-l``), and those of
    litellm and of an HTTP client hold keys, prompts and headers. Nor does a traceback then print
    what an error came from by the way: 190 lines of litellm's.
    """
    for link in _links(error):
        link.__traceback__ = None
        link.__suppress_context__ = True
    return error


def keeps_secrets(function: Callable[P, T]) -> Callable[P, T]:
    """The function, with an ``LLMError`` out of it having no frame that holds its arguments.

    For constructors and functions that are given secrets: a logger that prints the variables of
    frames would print the key of ``OpenAIProvider(api_key=..., temperature=9)`` as it was given.
    """
    if iscoroutinefunction(function):

        @wraps(function)
        async def asked(*args: Any, **kwargs: Any) -> Any:
            try:
                return await function(*args, **kwargs)
            except LLMError as error:
                failed = bare(error)
            del args, kwargs
            raise failed

        return cast("Callable[P, T]", asked)

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except LLMError as error:
            failed = bare(error)
        del args, kwargs
        raise failed

    return called


def _links(error: BaseException) -> Iterator[BaseException]:
    """The error itself and everything that hangs on it."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        link = todo.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            todo += [link.__cause__, link.__context__, getattr(link, "original_exception", None)]
            todo += getattr(link, "exceptions", ())


class UpstreamError(Exception):
    """Stands for a cause whose own text held a key, a prompt or frames; here is what is left."""


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
    # Runs that no escaping changes, in pieces: an echo that was cut has most of them whole.
    _NEVER_ESCAPED = re.compile(rf"[\w ,.:;()?!-]{{{_SHORTEST_PROMPT},{_LONGEST_PIECE}}}", re.ASCII)

    def __init__(self, secrets: Sequence[str] = (), prompts: Sequence[str] = ()) -> None:
        self._secrets = [form for s in secrets if len(s) > 5 for form in _forms_of(s)]
        self._texts = [prompt for prompt in prompts if len(prompt) >= self._SHORTEST_PROMPT]

    def __call__(self, text: str) -> str:
        """The text without them; of a long one the first 4,000 characters."""
        cut = len(text) > _LONGEST_LOOKED_AT
        text = text[:_LONGEST_LOOKED_AT]
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        found = sorted(self._found(text))
        if cut:  # the piece of a prompt or key in which the cut fell is not known as one
            text = text[: -2 * _LONGEST_PIECE]
        parts: list[str] = []
        at = 0
        for start, end in found:
            if start > at or not parts:
                parts += [text[at:start], "[prompt]"]
            at = max(at, end)
        shown = self._KEY.sub("[key]", "".join(parts) + text[at:])
        return f"{shown}…" if cut else shown

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Where prompts stand: pieces of one that repeats itself lie across each other."""
        for form in self._prompts:
            at = text.find(form)
            while at >= 0:
                yield at, at + len(form)
                at = text.find(form, at + 1)

    @cached_property
    def _prompts(self) -> frozenset[str]:
        return frozenset(form for text in self._texts for form in self._forms(text))

    def _forms(self, prompt: str) -> Iterator[str]:
        """The ways a prompt is quoted: in JSON, in Python's ``repr``, and escaped any other way."""
        # Of a longer one, no more than its beginning can be in what is looked at.
        start = prompt[:_LONGEST_LOOKED_AT]
        for text in (start, json.dumps(start)[1:-1], json.dumps(start, ensure_ascii=False)[1:-1]):
            for form in (text, repr(text)[1:-1], repr(text.encode("utf-8", "replace"))[2:-1]):
                if len(form) < _LONGEST_LOOKED_AT:
                    yield form
                for at in range(0, len(form) - self._SHORTEST_PROMPT, _LONGEST_PIECE):
                    yield form[at : at + _LONGEST_PIECE]
        yield from self._NEVER_ESCAPED.findall(prompt)

    def cause(self, error: BaseException) -> BaseException:
        """The error itself, bare, when its whole chain is clean, else a stand-in that is."""
        for seen in _links(error):
            text = f"{seen!s} {seen!r}"
            if len(text) > _LONGEST_LOOKED_AT or _TRACEBACK in text or self(text) != text:
                said = self(str(seen)).partition(_TRACEBACK)[0]
                return UpstreamError(f"{type(seen).__name__}: {one_line(said)}")
        return bare(error)


def _forms_of(secret: str) -> list[str]:
    """The ways a secret is quoted: as it is, in JSON, by Python, in an address, on one line."""
    in_json, by_python = json.dumps(secret)[1:-1], repr(secret)[1:-1]
    in_bytes = repr(secret.encode("utf-8", "replace"))[2:-1]
    forms = (secret, in_json, by_python, in_bytes, quote(secret, safe=""), " ".join(secret.split()))
    return sorted(set(forms), key=len, reverse=True)


def secrets_in_use(
    api_key: SecretStr | None, address: SecretStr | None = None, options: Any = None
) -> list[str]:
    """What must not stand in an error of a call.

    Args:
        api_key: Its key. Those of the environment count too: on many routes litellm takes one.
        address: The address, if there is a password or a query in it.
        options: Its options, hidden.
    """
    found = [api_key.get_secret_value()] if api_key else []
    found += [v for k, v in os.environ.items() if k.endswith(("_API_KEY", "_TOKEN"))]
    found += hidden_in(options)
    if address is not None:
        parts = urlsplit(address.get_secret_value())
        user = parts.netloc.rpartition("@")[0]
        found += [user, unquote(user), parts.username or "", parts.password or "", parts.query]
        found += [unquote(parts.password or ""), base64.b64encode(unquote(user).encode()).decode()]
        found += [value for _, value in parse_qsl(parts.query)]
    return found
