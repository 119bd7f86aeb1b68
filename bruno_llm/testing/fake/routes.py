"""Which vendor, which of its formats and which of its endpoints a request means."""

from __future__ import annotations

import json
import time
import urllib.parse
from typing import Any

from bruno_llm.testing.fake.http import Incoming
from bruno_llm.testing.fake.message import COMPATIBLE
from bruno_llm.testing.fake.request import EndpointName, Request

_GEMINI_VERBS: dict[str, EndpointName] = {
    "generateContent": "chat",
    "streamGenerateContent": "chat",
    "countTokens": "count",
    "embedContent": "embed",
    "batchEmbedContents": "embed",
}
# Claude on Vertex AI.
_RAW_VERBS = ("rawPredict", "streamRawPredict")
_ENDINGS: dict[str, tuple[str, EndpointName]] = {
    "/chat/completions": ("openai", "chat"),
    "/responses": ("responses", "chat"),
    "/embeddings": ("openai", "embed"),
    "/messages": ("anthropic", "chat"),
    "/messages/count_tokens": ("anthropic", "count"),
    "/api/chat": ("ollama", "chat"),
    "/api/embed": ("ollama", "embed"),
    "/api/tags": ("ollama", "models"),
    "/api/show": ("ollama", "show"),
    "/api/ps": ("ollama", "running"),
    "/api/version": ("ollama", "version"),
}


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
    vendor = "openai" if wire == "responses" else wire
    if vendor == "openai":
        _, first, *_ = [*path.split("/"), ""]
        vendor = first if first in COMPATIBLE else vendor
    stream = False
    if endpoint == "chat":
        if wire == "gemini":
            stream = path.endswith(":streamGenerateContent")
        else:
            # Ollama streams unless it is told not to, the others the other way round.
            stream = bool(fields.get("stream", wire == "ollama"))
    return Request(
        vendor=vendor,
        endpoint=endpoint,
        method=incoming.method,
        path=path,
        query=query,
        headers=incoming.headers,
        json=body,
        stream=stream,
        model=model or str(fields.get("model") or fields.get("name") or ""),
        at=time.monotonic(),
        wire=wire,
    )


def _route(path: str, query: dict[str, str], incoming: Incoming) -> tuple[str, EndpointName, str]:
    base, _, verb = path.rpartition(":")
    if verb in _GEMINI_VERBS:
        # With a base URL of its own the whole path may be `/models/NAME:verb` or `/:verb`.
        return "gemini", _GEMINI_VERBS[verb], base.rpartition("/")[2]
    if verb in _RAW_VERBS and base.rpartition("/")[0].endswith("/publishers/anthropic/models"):
        return "anthropic", "chat", base.rpartition("/")[2]
    for ending, (wire, endpoint) in _ENDINGS.items():
        if path.endswith(ending):
            return wire, endpoint, ""
    before, found, name = path.partition("/models")
    if incoming.method == "GET" and found and (not name or name.startswith("/")):
        return _models_wire(before, query, incoming), "models", name.lstrip("/")
    return "unknown", "unknown", ""


def _models_wire(before: str, query: dict[str, str], incoming: Incoming) -> str:
    if "x-goog-api-key" in incoming.headers or "key" in query or before.endswith("v1beta"):
        return "gemini"
    if "x-api-key" in incoming.headers or "anthropic-version" in incoming.headers:
        return "anthropic"
    return "openai"
