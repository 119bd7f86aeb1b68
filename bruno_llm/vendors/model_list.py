"""Which models a vendor has: where it lists them, and how it names them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from bruno_llm.wire.sealed import stand_in

if TYPE_CHECKING:
    from bruno_llm.vendors.asking import Asking

__all__ = ["ModelList", "has_model", "list_in_openais_format", "list_models"]

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

    def headers_with(self, api_key: SecretStr | None) -> dict[str, str]:
        """The headers of a free request, the stand-in of the key among them."""
        headers = dict(self.headers or {})
        if self.key_header and api_key:
            headers[self.key_header] = self.key_prefix + stand_in(api_key)
        return headers


def list_in_openais_format(url: str) -> ModelList:
    """Where a server in OpenAI's format at this address lists its models."""
    return ModelList(url, "/models", key_header="Authorization", key_prefix="Bearer ")


async def list_models(where: ModelList, ask: Asking) -> list[str]:
    """The names of the vendor's models, all pages of them."""
    query = dict(where.query or {})
    names: list[str] = []
    for _ in range(_MOST_PAGES):
        page = await ask.get(where.path, query)
        models = page.get(where.items) or []
        if not isinstance(models, list):
            ask.refuse("this is not a list of models")
        names += [_name(model, where) for model in models]
        following = _next(page, where)
        if following is None:
            break
        query |= following
    return names


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


def _name(model: Any, where: ModelList) -> str:
    name = model.get(where.id) if isinstance(model, Mapping) else model
    return str(name).removeprefix(where.strip)


def _next(page: Mapping[str, Any], where: ModelList) -> dict[str, str] | None:
    if where.next_page is None or page.get("has_more") is False:
        return None
    field, option = where.next_page
    value = page.get(field)
    return {option: str(value)} if value else None
