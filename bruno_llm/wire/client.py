"""The HTTP client under litellm: ours, so that timeouts hold and the wire can be read.

litellm hands the same client to every route, but treats it differently on each: Gemini streams
ignore the call's timeout, the httpx route sends a second request when the first connection fails,
and error answers lose their status. Doing those things here does them once for all routes.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

from bruno_llm.exceptions import ConfigurationError, LLMError
from bruno_llm.redaction import bare
from bruno_llm.wire.bodies import cut, read_error
from bruno_llm.wire.facts import Facts, Format, Mender
from bruno_llm.wire.places import KEPT, PLACES, UNSEAL, WAITING, WHOLE, Places
from bruno_llm.wire.sealed import unsealed
from bruno_llm.wire.shape import read_json
from bruno_llm.wire.size import ENCODINGS, MAX_RESPONSE_BYTES, bounded
from bruno_llm.wire.tap import Tap, tapped
from bruno_llm.wire.think import ThinkTags, may_hold_tags
from bruno_llm.wire.turn import Parts, with_body

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ConnectionLost", "Elsewhere", "Exchange", "WireClient", "proxy_variables", "watching"]

_LOCAL = ("localhost", "127.0.0.1", "[::1]")


class ConnectionLost(httpx.NetworkError):
    """The server could not be reached or hung up.

    litellm's handler sends the request again when it sees httpx's own ConnectError or
    RemoteProtocolError (``AsyncHTTPHandler.post``); a class it does not know keeps one try one
    request.
    """


class Elsewhere(Exception):
    """litellm was about to ask another server than the one of the call's ``base_url``."""


@dataclass(slots=True)
class Exchange:
    """One try: what was asked of the wire and what came back.

    ``body`` is kept for plain answers and for errors, never for streams. ``timeouts`` are httpx's
    (seconds: connect, read, write, pool) and overrule whatever litellm set. ``url`` is what was
    asked, without secrets. ``base_url`` is the address that was given, if any: no other server is
    asked then. ``divert`` sends another request in place of litellm's. ``wire`` is ``None`` where
    the answer is not read: its format is not known, or litellm went round our client; then
    litellm's word has to do. ``options`` are those of the call, as they were asked for. ``left``
    says that the request began to go out, as far as a vendor can do anything with it. ``tap`` is
    the body of a stream. ``most`` bytes are read of the answer, decompressed; ``None`` for any
    number. ``key`` takes the place of its stand-in, and what is secret in ``address`` is added,
    when the request goes out. ``waiting`` makes what is entered while the request waits for a
    connection. ``admit`` looks at the request as it will leave, and raises where it may not;
    ``refused`` is what it raised.
    """

    wire: Format | None
    timeouts: Mapping[str, float | None]
    url: str = ""
    status: int | None = None
    # A vendor or a proxy may echo keys and prompts: they are not printed with the frames.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    failure: Exception | None = field(default=None, repr=False)
    facts: Facts = field(default_factory=Facts, repr=False)
    divert: Callable[[httpx.Request], httpx.Request] | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    base_url: str | None = field(default=None, repr=False)
    left: bool = False
    most: int | None = MAX_RESPONSE_BYTES
    key: SecretStr | None = None
    address: SecretStr | None = None
    waiting: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext, repr=False)
    admit: Callable[[httpx.Request], Awaitable[None]] | None = field(default=None, repr=False)
    refused: LLMError | None = None
    tap: Tap | None = field(default=None, repr=False)

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Told by httpx's transport where it is."""
        # From here on the end of the request may be on its way, whatever an error says of it.
        self.left = self.left or event.endswith("send_request_body.started")

    @property
    def may_be_billed(self) -> bool:
        """Whether the vendor may bill this try, should it not end with an answer.

        It may where the request went out and no error came back for it.
        """
        if self.status is None:
            return self.left
        return 200 <= self.status < 300 and self.facts.error is None

    async def aclose(self) -> None:
        """Close the connection of a stream, whoever still holds the response."""
        if self.tap is not None:
            await self.tap.aclose()

    @property
    def error_text(self) -> str:
        """The body of an error status; empty for an answer."""
        if self.status is None or 200 <= self.status < 300:
            return ""
        return self.body.decode("utf-8", "replace")

    @property
    def request_id(self) -> str | None:
        """The vendor's id of the request, by which its support finds it."""
        # LiteLLM's proxy hands on the headers of the vendor behind it, and it is who was asked.
        names = ("x-litellm-call-id", "x-request-id", "request-id", "mistral-correlation-id")
        return next((self.headers[name] for name in names if self.headers.get(name)), None)

    def parts(self, text: str, without: Parts) -> Parts:
        """What the answer held besides its ``text`` and its tool calls.

        ``without`` is what is known of it where the wire is not read.
        """
        if self.wire is None:
            return without
        parts = self.wire.turn.gather(self.facts, text)
        # A thought that was cut has no signature: it cannot go back.
        whole = bool(self.body) or self.facts.ended
        return parts if whole else replace(parts, native=())

    def payload(self) -> Any:
        """The body as JSON, ``None`` when it is not."""
        try:
            return read_json(self.body)
        except ValueError:
            return None


_watched: ContextVar[Exchange | None] = ContextVar("bruno_llm_exchange", default=None)


@contextmanager
def watching(exchange: Exchange) -> Iterator[Exchange]:
    """Note in ``exchange`` what the requests made inside the block really get."""
    token = _watched.set(exchange)
    try:
        yield exchange
    finally:
        _watched.reset(token)
        if exchange.status is None:  # nothing came past: not to be taken for a silent vendor
            exchange.wire = None


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One for all clients: reading the certificates takes 25 ms of the event loop."""
    return httpx.create_ssl_context()


_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def _set(names: Sequence[str]) -> str:
    found = [name for name in names if os.environ.get(name) or os.environ.get(name.lower())]
    return ", ".join(found or names)


def proxy_variables() -> str:
    """The names of the variables that set a proxy now; all there are when none does."""
    return _set(_PROXIES)


def _broken(names: Sequence[str], error: Exception) -> ConfigurationError:
    # The address of a proxy may hold a password, and httpx quotes it.
    what = type(error).__name__ if names is _PROXIES else str(error)
    return ConfigurationError(f"{_set(names)} cannot be used: {what}")


def _origin(url: httpx.URL | str) -> tuple[str, str, int | None]:
    url = httpx.URL(url)
    return url.scheme, url.host, url.port


class WireClient(httpx.AsyncClient):
    """httpx's client, noting each exchange on its way.

    A model server on this machine is never behind a proxy, so the proxy variables of the
    environment apply to other hosts only. Redirects are not followed: the key would travel with
    them.

    Args:
        places: Requests on the wire, and connections, at a time; further ones wait in a fair line.
    """

    def __init__(self, places: int = PLACES) -> None:
        self.places = Places(places)
        try:
            verify = _tls()
        except (OSError, ValueError) as exc:
            raise _broken(_CERTIFICATES, exc) from exc
        try:
            super().__init__(
                verify=verify,
                headers={"accept-encoding": ENCODINGS},
                follow_redirects=False,
                mounts={f"all://{host}": None for host in _LOCAL},
                limits=httpx.Limits(
                    max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEPT
                ),
            )
        except (ImportError, ValueError, httpx.InvalidURL) as exc:  # SOCKS wants a package
            raise _broken(_PROXIES, exc) from exc

    def _init_transport(self, *args: Any, **settings: Any) -> httpx.AsyncBaseTransport:
        return self.places.way(partial(super()._init_transport, *args, **settings))

    def _init_proxy_transport(self, *args: Any, **settings: Any) -> httpx.AsyncBaseTransport:
        return self.places.way(partial(super()._init_proxy_transport, *args, **settings))

    async def send(self, request: httpx.Request, *, stream: bool = False, **kwargs: Any) -> Any:
        exchange = _watched.get()
        if exchange is None:
            answered = await super().send(request, stream=True, **kwargs)
            response = bounded(answered, MAX_RESPONSE_BYTES)
            return response if stream else await _whole(response)
        if exchange.base_url is not None and _origin(request.url) != _origin(exchange.base_url):
            exchange.failure = Elsewhere(
                f"litellm asks {request.url.host} here, whatever base_url says: leave it out"
            )
            raise exchange.failure
        if exchange.divert is not None:
            request = exchange.divert(request)
        mend: Mender | None = None
        if exchange.wire and not request.url.path.endswith(exchange.wire.paths):
            ends = exchange.wire.unread.items()
            mend = next((mend for end, mend in ends if request.url.path.endswith(end)), None)
            exchange.wire = None
        if exchange.wire and exchange.wire.changes(exchange.options):
            body = read_json(request.content)
            if exchange.wire.request(body, exchange.options):
                request = with_body(request, body)
        if exchange.admit is not None:
            await exchange.admit(request)
        exchange.url = str(request.url.copy_with(userinfo=b"", query=None, fragment=None))
        ours = {"timeout": dict(exchange.timeouts), "trace": exchange.trace}
        ours |= {WAITING: exchange.waiting, WHOLE: lambda: exchange.facts.ended}
        if exchange.key is not None or exchange.address is not None:
            ours[UNSEAL] = partial(unsealed, key=exchange.key, address=exchange.address)
        request.extensions = {**request.extensions, **ours}
        try:
            answered = await super().send(request, stream=True, **kwargs)
            response = bounded(answered, exchange.most)
            exchange.status = response.status_code
            exchange.headers = {k.lower(): v for k, v in response.headers.items()}
            if stream and response.is_success:
                read, exchange.tap = tapped(response, exchange)
                return read
            async with aclosing(response):
                if not response.is_success:
                    exchange.body = cut(await read_error(response))
                    return _with_body(response, exchange.body)
                exchange.body = (await _whole(response)).content
        except (httpx.TransportError, httpx.DecodingError, RuntimeError) as exc:
            # httpx raises a plain RuntimeError when its client was closed meanwhile.
            exchange.failure = bare(exc)
            if isinstance(exc, httpx.TimeoutException):
                raise exc from None
            raise ConnectionLost(str(exc), request=request) from exc
        return _mended(exchange, response, mend) if mend else _read_body(exchange, response)


def _mended(exchange: Exchange, response: httpx.Response, mend: Mender) -> httpx.Response:
    payload = exchange.payload()
    if not isinstance(payload, dict) or not mend(payload):
        return response
    return _with_body(response, json.dumps(payload).encode())


async def _whole(response: httpx.Response) -> httpx.Response:
    try:
        await response.aread()
    finally:
        await response.aclose()
    return response


def _read_body(exchange: Exchange, response: httpx.Response) -> httpx.Response:
    if exchange.wire is None or not response.is_success:
        return response
    payload = exchange.payload()
    exchange.wire.note(payload, exchange.facts)
    if exchange.facts.fault or exchange.facts.error:
        return _with_body(response, cut(exchange.body))
    tags = ThinkTags() if may_hold_tags(exchange.body) else None
    if not exchange.wire.readable(payload, tags):
        return response
    # httpx would write it in UTF-8, which has no half of a surrogate pair.
    return _with_body(response, json.dumps(payload).encode())


def _with_body(response: httpx.Response, body: bytes) -> httpx.Response:
    """The response with another body."""
    return httpx.Response(
        response.status_code, headers=response.headers, content=body, request=response.request
    )
