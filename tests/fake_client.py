"""Raw requests to a FakeServer, and its streams read by the letter of each format."""

from __future__ import annotations

import json
from typing import Any

from bruno_llm.completion import ToolCall, Usage
from bruno_llm.testing import FakeServer
from tests import wire

VENDORS = wire.VENDORS
FORMATS = (*VENDORS, "responses")
# No proxy of the environment, and no reading of certificates for every test.
PLAIN: dict[str, Any] = {"trust_env": False, "verify": False}
CALLS = (
    ToolCall("call_1", "get_weather", {"city": "Tromsø"}),
    ToolCall("call_2", "get_time", {}),
)
USAGE = Usage(100, 40, 140, cached_tokens=30, cache_creation_tokens=10, reasoning_tokens=15)


def ask(vendor: str, *, stream: bool = False, key: str = "secret", **fields: Any) -> dict[str, Any]:
    """The arguments of an HTTP request for a chat."""
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    if vendor == "gemini":
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        path, headers = f"/v1beta/models/gemini-2.5-flash:{verb}", {"x-goog-api-key": key}
    else:
        body |= {"model": "a-model", "stream": stream}
        path = {
            "openai": "/v1/chat/completions",
            "responses": "/v1/responses",
            "anthropic": "/v1/messages",
            "ollama": "/api/chat",
        }[vendor]
        headers = (
            {"x-api-key": key} if vendor == "anthropic" else {"authorization": f"Bearer {key}"}
        )
    return {"method": "POST", "url": path, "json": body, "headers": headers}


def events(vendor: str, body: bytes) -> list[Any]:
    """The objects of a streamed body, read by the letter of the format."""
    text = body.decode("utf-8")
    if vendor == "ollama":
        return [json.loads(line) for line in text.splitlines()]
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block]
    found = []
    for block in blocks:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        if lines["data"] != "[DONE]":
            found.append(json.loads(lines["data"]))
            assert lines.get("event") == (
                found[-1]["type"] if vendor in ("anthropic", "responses") else None
            )
    return found


def ask_at(server: FakeServer, vendor: str, **fields: Any) -> dict[str, Any]:
    """:func:`ask` with the server's address."""
    request = ask(vendor, **fields)
    return request | {"url": server.url + request["url"]}
