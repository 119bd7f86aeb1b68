"""The free requests beside the call path: is the vendor there, which models does it have.

Plain bounded GETs of our own. litellm's ``get_valid_models`` is synchronous and answers with a
made-up list when the server is down.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from bruno_llm.errors.rules import ErrorRule
from bruno_llm.errors.translate import translate
from bruno_llm.policies.timeouts import within
from bruno_llm.redaction import Redactor
from bruno_llm.wire.client import Exchange, WireClient

__all__ = ["ModelList", "fetch_models", "has_model"]

TIMEOUT = 5.0
"""Seconds for the whole question, all pages included."""

_MOST_PAGES = 20


@dataclass(frozen=True, slots=True)
class ModelList:
    """How a vendor lists its models.

    Attributes:
        url: The vendor's own address, for when the provider has no base_url.
        path: Behind the base URL.
        key_header: The header the key goes into, ``None`` for a local server without keys.
        key_prefix: What stands before the key in it.
        headers: Others the vendor wants.
        items: The field of the answer that holds the models.
        id: The field of a model that holds its name.
        strip: What to take off the front of that name.
        query: For the first page.
        next_page: The field that names the next page, and the query option to send it in.
    """

    url: str
    path: str
    key_header: str | None = None
    key_prefix: str = ""
    headers: Mapping[str, str] | None = None
    items: str = "data"
    id: str = "id"
    strip: str = ""
    query: Mapping[str, str] | None = None
    next_page: tuple[str, str] | None = None


async def fetch_models(
    http: WireClient,
    where: ModelList,
    *,
    base_url: str | None,
    api_key: str | None,
    provider: str,
    rules: tuple[ErrorRule, ...],
    hints: Mapping[str, str],
) -> list[str]:
    """The names of the vendor's models, within 5 seconds.

    Raises:
        LLMError: What a call would raise: no connection, a rejected key ...
    """
    exchange = Exchange(wire=None, timeouts={"read": TIMEOUT})
    try:
        async with within(None, TIMEOUT):
            return await _all_pages(http, where, exchange, base_url or where.url, api_key)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as exc:
        raise translate(
            exc,
            exchange,
            provider=provider,
            model="",
            rules=rules,
            redact=Redactor([api_key] if api_key else []),
            hints=hints,
        ) from exc


def has_model(models: list[str], wanted: str, base_url: str | None) -> bool:
    """Whether the list has the model, knowing the vendors' ways to name one.

    ``llama3.2`` is ``llama3.2:latest`` on Ollama, ``claude-sonnet-4-5`` an alias of the dated name.
    A server on another address that lists a single model serves it under any name (llama.cpp).
    """
    if wanted in models or f"{wanted}:latest" in models:
        return True
    dated = re.compile(re.escape(wanted.removesuffix("-latest")) + r"-(\d{8}|\d{4}-\d\d-\d\d)$")
    if any(dated.match(model) for model in models):
        return True
    return base_url is not None and _is_local(base_url) and len(models) == 1


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


async def _all_pages(
    http: WireClient, where: ModelList, exchange: Exchange, base: str, api_key: str | None
) -> list[str]:
    headers = dict(where.headers or {})
    if where.key_header and api_key:
        headers[where.key_header] = where.key_prefix + api_key
    query = dict(where.query or {})
    names: list[str] = []
    for _ in range(_MOST_PAGES):
        response = await _get(http, base.rstrip("/") + where.path, headers=headers, params=query)
        exchange.status, exchange.body = response.status_code, response.content
        exchange.headers = {k.lower(): v for k, v in response.headers.items()}
        response.raise_for_status()
        page = exchange.payload()
        if not isinstance(page, dict) or not isinstance(page.get(where.items) or [], list):
            exchange.facts.fault = "this is not a list of models"
            raise ValueError("this is not a list of models")
        names += [_name(model, where) for model in page.get(where.items) or ()]
        following = _next(page, where)
        if following is None:
            break
        query |= following
    return names


async def _get(http: WireClient, url: str, **options: Any) -> httpx.Response:
    try:
        return await http.get(url, **options)
    except httpx.RemoteProtocolError:
        # A kept connection that the server closed meanwhile (llama.cpp: about one in sixty after
        # a stream). Nothing was answered, and asking again is free.
        return await http.get(url, **options)


def _name(model: Any, where: ModelList) -> str:
    name = model.get(where.id) if isinstance(model, Mapping) else model
    return str(name).removeprefix(where.strip)


def _next(page: Mapping[str, Any], where: ModelList) -> dict[str, str] | None:
    if where.next_page is None or page.get("has_more") is False:
        return None
    field, option = where.next_page
    value = page.get(field)
    return {option: str(value)} if value else None
