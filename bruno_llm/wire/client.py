"""The HTTP client under litellm: ours, so that timeouts hold and the wire can be read.

litellm hands the same client to every route, but treats it differently on each: Gemini streams
ignore the call's timeout, the httpx route sends a second request when the first connection fails,
and error answers lose their status. Doing those things here does them once for all routes.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from functools import lru_cache, partial
from typing import Any

import httpx

from bruno_llm._runtime.spread import STEPS
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.redaction import bare
from bruno_llm.wire.bodies import MAX_RESPONSE_BYTES, cut, read_error
from bruno_llm.wire.direct import Direct
from bruno_llm.wire.exchange import Elsewhere, Exchange, watched
from bruno_llm.wire.facts import Mender
from bruno_llm.wire.places import KEPT, PLACES, Places
from bruno_llm.wire.shape import read_json
from bruno_llm.wire.size import ENCODINGS, bounded, read
from bruno_llm.wire.tap import tapped
from bruno_llm.wire.think import ThinkTags, may_hold_tags
from bruno_llm.wire.turn import with_body

__all__ = ["ConnectionLost", "WireClient", "prepare", "proxy_variables"]

_LOCAL = ("localhost", "127.0.0.1", "[::1]")


class ConnectionLost(httpx.NetworkError):
    """The server could not be reached or hung up.

    litellm's handler sends the request again when it sees httpx's own ConnectError or
    RemoteProtocolError (``AsyncHTTPHandler.post``); a class it does not know keeps one try one
    request.
    """


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One for all clients: reading the certificates takes 25 ms of the event loop."""
    return httpx.create_ssl_context()


def prepare() -> None:
    """Read the certificates now; what is wrong with them is said when a client is made."""
    with suppress(OSError, ValueError):
        _tls()


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


@lru_cache(maxsize=256)
def _origin(address: str) -> tuple[str, str, int | None]:
    url = httpx.URL(address)
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

    def _init_transport(self, *_: Any, **__: Any) -> httpx.AsyncBaseTransport:
        return self.places.way(partial(Direct, _tls(), KEPT))

    def _init_proxy_transport(self, *args: Any, **settings: Any) -> httpx.AsyncBaseTransport:
        return self.places.way(partial(super()._init_proxy_transport, *args, **settings))

    @asynccontextmanager
    async def watching(self, exchange: Exchange) -> AsyncIterator[None]:
        """Note in ``exchange`` what the requests made inside the block really get.

        A place is held for the first of them, so that no more calls are prepared at a time than can
        be sent, and each in a turn of its own.

        Raises:
            httpx.TransportError: None was free in time, or the client was closed.
        """
        token = watched.set(exchange)
        try:
            try:
                await self.places.take(exchange.timeouts.get("pool"), exchange.waiting)
            except (httpx.TransportError, RuntimeError) as exc:
                exchange.failure = bare(exc)
                if isinstance(exc, httpx.TimeoutException):
                    raise exc from None
                raise ConnectionLost(str(exc)) from exc
            exchange.seat = self.places
            await STEPS.go_on(exchange.waiting)
            yield
        finally:
            watched.reset(token)
            if exchange.seat is not None:
                exchange.seat.line.give_back()
                exchange.seat = None
            if exchange.status is None:  # nothing came past: not to be taken for a silent vendor
                exchange.wire = None

    async def aclose(self) -> None:
        """Close all connections, also those that a closing which was cancelled has left open."""
        await super().aclose()
        await self.places.aclose()

    async def send(self, request: httpx.Request, *, stream: bool = False, **kwargs: Any) -> Any:
        exchange = watched.get()
        if exchange is None:
            answered = await super().send(request, stream=True, **kwargs)
            if stream:
                return bounded(answered, MAX_RESPONSE_BYTES)
            return _with_body(answered, await read(answered, MAX_RESPONSE_BYTES))
        request, mend = _as_it_leaves(request, exchange)
        if exchange.admit is not None:
            await exchange.admit(request)
        try:
            answered = await super().send(request, stream=True, **kwargs)
            exchange.status = answered.status_code
            exchange.headers = dict(answered.headers.items())  # their names in lower case
            if not answered.is_success:
                async with aclosing(bounded(answered, exchange.most)) as response:
                    exchange.body = cut(await read_error(response))
                    return _with_body(answered, exchange.body)
            if stream:
                response, exchange.tap = tapped(bounded(answered, exchange.most), exchange)
                try:
                    await STEPS.go_on(exchange.waiting)
                except BaseException:
                    await response.aclose()
                    raise
                return response
            exchange.body = await read(answered, exchange.most)
            await STEPS.go_on(exchange.waiting)
        except (httpx.TransportError, httpx.DecodingError, RuntimeError) as exc:
            # httpx raises a plain RuntimeError when its client was closed meanwhile.
            exchange.failure = bare(exc)
            if isinstance(exc, httpx.TimeoutException):
                raise exc from None
            raise ConnectionLost(str(exc), request=request) from exc
        return _with_body(answered, _readable(exchange, mend))


def _as_it_leaves(
    request: httpx.Request, exchange: Exchange
) -> tuple[httpx.Request, Mender | None]:
    """litellm's request with what is ours in it, and what mends an answer that nobody reads."""
    asked = (request.url.scheme, request.url.host, request.url.port)
    if exchange.base_url is not None and asked != _origin(exchange.base_url):
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
    wire, options = exchange.wire, exchange.options
    if wire and (wire.asks_with is None or not wire.asks_with.isdisjoint(options)):
        body = read_json(request.content)
        if wire.request(body, options):
            request = with_body(request, body)
    url = request.url
    if url.userinfo or url.query or url.fragment:
        url = url.copy_with(userinfo=b"", query=None, fragment=None)
    exchange.url = str(url)
    request.stream = _Leaving(request.stream, exchange)
    request.extensions = {**request.extensions, "timeout": dict(exchange.timeouts)}
    return request, mend


def _readable(exchange: Exchange, mend: Mender | None) -> bytes:
    """The body of a plain answer as litellm gets it, its facts noted."""
    body, wire = exchange.body, exchange.wire
    if wire is None and mend is None:
        return body
    payload = exchange.payload()
    if wire is None:
        changed = mend is not None and isinstance(payload, dict) and mend(payload)
    else:
        wire.note(payload, exchange.facts)
        if exchange.facts.fault or exchange.facts.error:
            return cut(body)
        changed = wire.readable(payload, ThinkTags() if may_hold_tags(body) else None)
    # httpx would write it in UTF-8, which has no half of a surrogate pair.
    return json.dumps(payload).encode() if changed else body


class _Leaving(httpx.AsyncByteStream):
    """The body of a request, telling when it begins to leave."""

    def __init__(self, body: Any, exchange: Exchange) -> None:
        self._body = body
        self._exchange = exchange

    def __aiter__(self) -> AsyncIterator[bytes]:
        # From here on the end of the request may be on its way, whatever an error says of it.
        self._exchange.left = True
        return aiter(self._body)

    async def aclose(self) -> None:
        await self._body.aclose()


_OF_THE_BODY = ("content-encoding", "content-length", "transfer-encoding")


def _with_body(response: httpx.Response, body: bytes) -> httpx.Response:
    """The response with this body, which is not compressed."""
    headers = response.headers.copy()
    for name in _OF_THE_BODY:
        headers.pop(name, None)
    return httpx.Response(
        response.status_code, headers=headers, content=body, request=response.request
    )
