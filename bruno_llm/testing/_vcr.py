"""How vcrpy is set up; imported only when a cassette is used, as vcrpy is an optional library.

vcrpy's own file handling and matching are replaced where they fall short: it opens files in the
locale's encoding, compares JSON bodies as bytes when the content type is not JSON (Ollama's wire),
and its messages do not say which words of a prompt changed.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import yaml
from vcr import VCR
from vcr.cassette import Cassette
from vcr.persisters.filesystem import CassetteNotFoundError
from vcr.record_mode import RecordMode
from vcr.serialize import deserialize, serialize

from bruno_llm.testing.cassettes import CassetteError, find_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from bruno_llm.testing.cassettes import Tape

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
# YAML reads all of these as the end of a line and does not give them back as they were.
LINE_BREAKS = frozenset("\r\x85\u2028\u2029")


def open_cassette(tape: Tape) -> AbstractContextManager[None]:
    """Play or record ``tape`` while the context lasts."""
    secrets: set[str] = set()

    def scrub(request: Any) -> Any:
        return _scrubbed_request(request, secrets)

    vcr = VCR(
        record_mode=RecordMode.ALL if tape.recording else RecordMode.NONE,
        match_on=("method", "path", "query", "json_body"),
        before_record_request=scrub,
        before_record_response=_scrubbed_response,
        decode_compressed_response=True,
        record_on_exception=False,
    )
    vcr.register_matcher("json_body", _same_body)
    vcr.register_serializer("readable", _Serializer(tape))
    vcr.serializer = "readable"
    persister = _Persister(tape)
    vcr.register_persister(persister)
    context = _StrictCassette.use(**vcr.get_merged_config(path=str(tape.path)))
    return _opened(tape, context, persister, secrets)


@contextlib.contextmanager
def _opened(tape: Tape, context: Any, persister: _Persister, secrets: set[str]) -> Iterator[None]:
    with contextlib.suppress(_Abandoned), context as cassette:
        cassette.tape = tape
        yield
        count = len(cassette)
        unplayed = [r for i, r in enumerate(cassette.requests) if not cassette.play_counts[i]]
        if tape.abandoned:
            raise _Abandoned  # vcrpy does not save when an exception passes
        if tape.recording:
            if not count:
                raise CassetteError(f"nothing was recorded for {tape.path}: no request was sent")
            if not tape.recorded_from:
                raise CassetteError(
                    f"{tape.path}: set `cassette.recorded_from` to the server it is recorded from"
                )
        elif tape.unrecorded:
            # Whoever sent it caught even a BaseException.
            raise CassetteError(tape.unrecorded[0])
        elif unplayed:
            missing = "\n".join(f"  {_title(request)}" for request in unplayed)
            raise CassetteError(
                f"{tape.path} was only partly played; {len(unplayed)} of {count} requests were "
                f"never sent:\n{missing}"
            )
    if persister.text is not None:
        _write(tape.path, persister.text, secrets)


def _write(path: Path, text: str, secrets: set[str]) -> None:
    """Write the file whole or not at all, and never with a secret in it."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)  # a server may echo the key in an error
    found = find_secrets(text)
    if found:
        raise CassetteError(f"{path} was not written, it would hold {'; '.join(found)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
    with open(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.chmod(partial, 0o644)  # a temporary file is for its owner alone
    os.replace(partial, path)


class _Abandoned(Exception):
    """Leaves vcrpy's context without saving."""


class _StrictCassette(Cassette):  # type: ignore[misc]  # vcrpy has no type information
    """A cassette that explains, in terms of the JSON sent, why a request is not in it."""

    tape: Tape

    def can_play_response_for(self, request: Any) -> bool:
        if super().can_play_response_for(request):
            return True
        if self.record_mode == RecordMode.NONE:
            raise self.tape.refuse(self._explain(self.filter_request(request)))
        return False

    def _explain(self, request: Any) -> str:
        sent = _lines(request)
        ahead = [r for i, r in enumerate(self.requests) if not self.play_counts[i]]
        if not ahead:
            return f"{_title(request)}: all of its {len(self)} requests were already played"
        recorded = max(
            map(_lines, ahead), key=lambda lines: difflib.SequenceMatcher(a=lines, b=sent).ratio()
        )
        diff = difflib.unified_diff(recorded, sent, "recorded", "sent", n=2, lineterm="")
        return "\n".join([_title(request), *diff])


class _Persister:
    """Reads the file in UTF-8, and keeps the text to be written for later.

    An error while vcrpy saves would leave its patches in place until some garbage collection.
    """

    def __init__(self, tape: Tape) -> None:
        self.text: str | None = None
        self._tape = tape

    def load_cassette(self, path: str, serializer: Any) -> Any:
        if self._tape.recording:
            raise CassetteNotFoundError  # what is there is recorded anew
        try:
            return deserialize(Path(path).read_text("utf-8"), serializer)
        except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            raise CassetteError(f"{path} is not a cassette: {error!r}") from error

    def save_cassette(self, path: str, cassette_dict: Any, serializer: Any) -> None:
        self.text = serialize(cassette_dict, serializer)


class _Serializer:
    """YAML that a reviewer can read: bodies as blocks, and the server on the first line."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def serialize(self, data: dict[str, Any]) -> str:
        whole = {"recorded_from": self._tape.recorded_from, **data}
        # No folding: a secret that is cut in two would not be found.
        return yaml.dump(
            whole, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=float("inf")
        )

    def deserialize(self, text: str) -> dict[str, Any]:
        data: dict[str, Any] = yaml.safe_load(text)
        if not data["recorded_from"]:
            raise ValueError("recorded_from is empty")
        self._tape.recorded_from = data["recorded_from"]
        return data


class _Dumper(yaml.SafeDumper):
    pass


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    block = "\n" in text and LINE_BREAKS.isdisjoint(text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if block else None)


_Dumper.add_representer(str, _represent_text)


def _scrubbed_request(request: Any, secrets: set[str]) -> Any:
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


def _scrubbed_response(response: Any) -> Any:
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


def _same_body(one: Any, other: Any) -> None:
    if _comparable(one) != _comparable(other):  # both have passed _scrubbed_request
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


def _lines(request: Any) -> list[str]:
    return [_title(request), *_text(_comparable(request)).splitlines()]


def _title(request: Any) -> str:
    url = urlsplit(request.uri)
    return f"{request.method} {url.path}{'?' if url.query else ''}{url.query}"


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value or "")
