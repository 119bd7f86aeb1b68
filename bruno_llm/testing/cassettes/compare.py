"""A recorded and a sent request side by side: what is kept of each, and what is compared."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from bruno_llm.testing.cassettes.tape import CassetteError

# What is kept of the headers. Allow-lists, because vendors add headers that name an account.
REQUEST_HEADERS = frozenset(
    {"accept", "anthropic-beta", "anthropic-version", "content-type", "openai-beta"}
)
RESPONSE_HEADERS = frozenset(
    {"content-type", "request-id", "retry-after", "retry-after-ms", "x-request-id"}
)
RESPONSE_HEADER_PREFIXES = ("anthropic-ratelimit-", "ratelimit-", "x-ratelimit-")
SECRET_HEADERS = ("api-key", "authorization", "cookie", "x-api-key", "x-goog-api-key")
SECRET_QUERY = frozenset({"access_token", "api_key", "key", "token"})
SHORTEST_SECRET = 8  # a placeholder such as "any" must not be cut out of every word that has it
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
REDACTED = "[redacted]"
# Where the vendor sends no id of a tool call (Ollama, Gemini), litellm makes one: another one in
# each run. Ollama's are UUIDs, Gemini's the first 28 digits of one.
RANDOM_ID = re.compile(
    r'(?P<key>"\w*id": ")(?P<kind>[a-z]+_)?'
    r"(?P<id>[0-9a-f]{28,32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=\")"
)


def scrubbed_request(request: Any, secrets: set[str]) -> Any:
    """The request as it is stored and compared. ``secrets`` gains the keys that it carried."""
    for name in SECRET_HEADERS:
        _, _, credential = _text(request.headers.get(name)).rpartition(" ")
        if len(credential) >= SHORTEST_SECRET:
            secrets.add(credential)
    url = urlsplit(request.uri)
    query = parse_qsl(url.query, keep_blank_values=True)
    secrets |= {v for k, v in query if k in SECRET_QUERY and len(v) >= SHORTEST_SECRET}
    kept = urlencode(sorted((k, v) for k, v in query if k not in SECRET_QUERY))
    # The port of a server on loopback is another one at each run.
    host = "127.0.0.1" if url.hostname in LOOPBACK else url.netloc.rpartition("@")[2]
    request.uri = urlunsplit((url.scheme, host, url.path or "/", kept, ""))
    request.headers = {
        name.lower(): _text(value)
        for name, value in sorted(request.headers.items())
        if name.lower() in REQUEST_HEADERS
    }
    request.body = _readable(request.body)
    return request


def scrubbed_response(response: Any) -> Any:
    headers = {name.lower(): values for name, values in response["headers"].items()}
    if any(value != "identity" for value in headers.get("content-encoding", ())):
        # It would be stored unreadable, and no one could see a secret in it.
        raise CassetteError(f"cannot decompress a response: {headers['content-encoding']}")
    response["headers"] = {
        name: values
        for name, values in sorted(headers.items())
        if name in RESPONSE_HEADERS or name.startswith(RESPONSE_HEADER_PREFIXES)
    }
    return response


def same_body(one: Any, other: Any) -> None:
    if _comparable(one) != _comparable(other):  # both have passed scrubbed_request
        raise AssertionError("the bodies differ")


def _comparable(request: Any) -> Any:
    """The body without what some releases of litellm add and others do not.

    So that one cassette serves them all: 1.105 and 1.106 send Gemini 3 its default temperature,
    1.109 sends Ollama the ids of tool calls.
    """
    try:
        body = json.loads(request.body)
    except (TypeError, ValueError):
        return request.body
    if not isinstance(body, dict):
        return request.body
    path = urlsplit(request.uri).path
    if path.endswith(("generateContent", "streamGenerateContent")):
        config = body.get("generationConfig")
        if isinstance(config, dict) and config.get("temperature") == 1:
            del config["temperature"]
            if not config:
                del body["generationConfig"]
    elif path.endswith("/api/chat"):
        for message in _dicts(body, "messages"):
            for call in _dicts(message, "tool_calls"):
                call.pop("id", None)
    return _readable(body)


def _dicts(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = value.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _readable(body: Any) -> Any:
    """A JSON body with sorted keys, one value to a line; any other body as it is.

    Random ids are numbered, so that what is compared is which of them are the same.
    """
    if isinstance(body, (bytes, str)):
        try:
            body = json.loads(body)
        except ValueError:
            return body
    if isinstance(body, (dict, list)):
        text = json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False)
        return _numbered(text).encode() + b"\n"
    return body


def _numbered(text: str) -> str:
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        place = numbers.setdefault(match["id"], len(numbers) + 1)
        return f"{match['key']}{match['kind'] or ''}[id {place}]"

    return RANDOM_ID.sub(number, text)


def lines(request: Any) -> list[str]:
    return [title(request), *_text(_comparable(request)).splitlines()]


def title(request: Any) -> str:
    url = urlsplit(request.uri)
    return f"{request.method} {url.path}{'?' if url.query else ''}{url.query}"


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value or "")
