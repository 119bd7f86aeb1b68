"""Which vendor, which of its formats and which of its endpoints a request means."""

from __future__ import annotations

import json
import time
import urllib.parse
from typing import Any

from bruno_llm.testing.fake.http import Incoming
from bruno_llm.testing.fake.request import EndpointName, Request
from bruno_llm.testing.fake.vendors.registry import WIRES
from bruno_llm.testing.fake.wire import Wire


def identify(incoming: Incoming) -> Request:
    """Read a request. A path that belongs to no vendor gives the vendor ``unknown``."""
    split = urllib.parse.urlsplit(incoming.target)
    path = urllib.parse.unquote(split.path)
    query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
    try:
        body: Any = json.loads(incoming.body) if incoming.body else None
    except ValueError:
        body = None
    fields = body if isinstance(body, dict) else {}
    wire, endpoint, model = _route(path, query, incoming)
    return Request(
        vendor="unknown" if wire is None else wire.vendor(path),
        endpoint=endpoint,
        method=incoming.method,
        path=path,
        query=query,
        headers=incoming.headers,
        json=body,
        stream=endpoint == "chat" and wire is not None and wire.streams(path, fields),
        model=model or str(fields.get("model") or fields.get("name") or ""),
        at=time.monotonic(),
        wire="unknown" if wire is None else wire.name,
    )


def _route(
    path: str, query: dict[str, str], incoming: Incoming
) -> tuple[Wire | None, EndpointName, str]:
    for wire in WIRES.values():
        found = wire.endpoint(path)
        if found is not None:
            return wire, *found
    before, found_models, name = path.partition("/models")
    if incoming.method == "GET" and found_models and (not name or name.startswith("/")):
        for wire in WIRES.values():
            if wire.lists_models(before, query, incoming.headers):
                return wire, "models", name.lstrip("/")
    return None, "unknown", ""
