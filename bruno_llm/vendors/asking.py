"""The free requests beside the call path: which models are there, and what can they do.

Plain bounded requests of our own. litellm's ``get_valid_models`` is synchronous and answers with a
made-up list when the server is down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import httpx
from pydantic import SecretStr

from bruno_llm.errors.rules import ErrorRule
from bruno_llm.errors.translate import translate
from bruno_llm.policies.timeouts import within
from bruno_llm.redaction import Redactor, secrets_in_use
from bruno_llm.wire.client import ConnectionLost, WireClient
from bruno_llm.wire.exchange import Exchange

__all__ = ["Asking", "ask_vendor"]

T = TypeVar("T")

TIMEOUT = 5.0
"""Seconds for everything that is asked at once."""


class Asking:
    """Free requests to one vendor, see :func:`ask_vendor`."""

    def __init__(
        self,
        http: WireClient,
        base_url: str,
        headers: Mapping[str, str],
        api_key: SecretStr | None,
        address: SecretStr | None,
    ) -> None:
        self.exchange = Exchange(
            wire=None, timeouts={"read": TIMEOUT}, key=api_key, address=address
        )
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._headers = dict(headers)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object at this path."""
        return await self._ask("GET", path, params=dict(query or {}))

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON object in answer to a JSON body."""
        return await self._ask("POST", path, json=dict(body))

    def refuse(self, fault: str) -> NoReturn:
        """Say that what came is not what was asked for."""
        self.exchange.facts.fault = fault
        raise ValueError(fault)

    async def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        url, exchange = self._base_url + path, self.exchange
        options["headers"] = self._headers
        async with self._http.watching(exchange):
            try:
                response = await self._http.request(method, url, **options)
            except ConnectionLost:
                if not isinstance(exchange.failure, httpx.RemoteProtocolError):
                    raise
                # A kept connection that the server closed meanwhile (llama.cpp: about one in sixty
                # after a stream). Nothing was answered, and asking again is free.
                exchange.failure = None
                response = await self._http.request(method, url, **options)
        response.raise_for_status()
        payload = exchange.payload()
        return payload if isinstance(payload, dict) else self.refuse("it is not a JSON object")


async def ask_vendor(
    question: Callable[[Asking], Awaitable[T]],
    http: WireClient,
    base_url: str,
    headers: Mapping[str, str],
    *,
    provider: str,
    model: str,
    rules: Sequence[ErrorRule],
    hints: Mapping[str, str],
    api_key: SecretStr | None,
    address: SecretStr | None,
    key_from: Callable[[], str | None],
) -> T:
    """Ask a vendor, within 5 seconds for the whole question.

    Raises:
        LLMError: What a call would raise: no connection, a rejected key ...
    """
    ask = Asking(http, base_url, headers, api_key, address)
    try:
        async with within(None, TIMEOUT):
            return await question(ask)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as exc:
        error = translate(
            exc,
            ask.exchange,
            provider=provider,
            model=model,
            rules=tuple(rules),
            redact=Redactor(secrets_in_use(api_key, address)),
            hints=hints,
            key_from=key_from,
        )
    raise error from error.original_error
