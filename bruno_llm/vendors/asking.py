"""The free requests beside the call path: which models are there, and what can they do.

Plain bounded requests of our own. litellm's ``get_valid_models`` is synchronous and answers with a
made-up list when the server is down.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import httpx

from bruno_llm.errors.rules import ErrorRule
from bruno_llm.errors.translate import translate
from bruno_llm.policies.timeouts import within
from bruno_llm.redaction import Redactor
from bruno_llm.wire.client import Exchange, WireClient

__all__ = ["Asking", "asking"]

TIMEOUT = 5.0
"""Seconds for everything that is asked at once."""


class Asking:
    """Free requests to one vendor, see :func:`asking`."""

    def __init__(self, http: WireClient, base_url: str, headers: Mapping[str, str]) -> None:
        self.exchange = Exchange(wire=None, timeouts={"read": TIMEOUT})
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
        try:
            response = await self._http.request(method, url, **options)
        except httpx.RemoteProtocolError:
            # A kept connection that the server closed meanwhile (llama.cpp: about one in sixty
            # after a stream). Nothing was answered, and asking again is free.
            response = await self._http.request(method, url, **options)
        exchange.status, exchange.body = response.status_code, response.content
        exchange.headers = {k.lower(): v for k, v in response.headers.items()}
        response.raise_for_status()
        payload = exchange.payload()
        return payload if isinstance(payload, dict) else self.refuse("it is not a JSON object")


@asynccontextmanager
async def asking(
    http: WireClient,
    base_url: str,
    headers: Mapping[str, str],
    *,
    provider: str,
    model: str,
    rules: Sequence[ErrorRule],
    hints: Mapping[str, str],
    api_key: str | None,
    key_from: Callable[[], str | None],
) -> AsyncIterator[Asking]:
    """Ask a vendor, within 5 seconds for the whole block.

    Raises:
        LLMError: What a call would raise: no connection, a rejected key ...
    """
    ask = Asking(http, base_url, headers)
    try:
        async with within(None, TIMEOUT):
            yield ask
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as exc:
        raise translate(
            exc,
            ask.exchange,
            provider=provider,
            model=model,
            rules=tuple(rules),
            redact=Redactor([api_key] if api_key else []),
            hints=hints,
            key_from=key_from,
        ) from exc
