"""The key of a call stays sealed until our client puts the request on the wire.

litellm and the SDKs below it keep what they are given as the key in local variables, client
objects and log records. They are given a stand-in that is no secret, and :class:`WireClient` puts
the key in its place, in whatever header or query option it arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    import httpx

    from bruno_llm.wire.exchange import Exchange

__all__ = ["stand_in", "unsealed"]

_STAND_IN = "the-key-is-put-in-on-the-wire"
# litellm chooses Anthropic's header by how the key begins: "sk-ant-oat" is a token, "sk-ant-api" a
# key (litellm's ``llms/anthropic/common_utils.py``).
_TELLING, _TELLS = "sk-ant-", 10


def stand_in(key: SecretStr) -> str:
    """What others are given in place of the key."""
    value = key.get_secret_value()
    return f"{value[:_TELLS]}-{_STAND_IN}" if value.startswith(_TELLING) else _STAND_IN


def unsealed(request: httpx.Request, exchange: Exchange) -> httpx.Request:
    """The request with the key of the call where its stand-in is; the other one stays as it was.

    From the call's ``address`` come the user, the password and the query that were taken off it.
    """
    key, address = exchange.key, exchange.address
    if key is None and address is None:
        return request
    url, headers = request.url, request.headers
    if key is not None:
        seal, value = stand_in(key), key.get_secret_value()
        mark, plain = seal.encode(), value.encode()
        headers = headers.copy()
        for name, given in request.headers.raw:
            if mark in given:
                headers[name.decode()] = given.replace(mark, plain).decode()
        if mark in url.query:
            params = [(k, v.replace(seal, value)) for k, v in url.params.multi_items()]
            url = url.copy_with(params=params)
    import httpx  # later than the module: a provider's class needs only the stand-in

    sent = httpx.Request(
        request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
    )
    if address is not None:
        whole = httpx.URL(address.get_secret_value())
        sent.url = url.copy_merge_params(whole.params)
        if whole.userinfo:
            next(httpx.BasicAuth(whole.username, whole.password).auth_flow(sent))
    return sent
