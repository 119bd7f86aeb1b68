"""Cutting a streamed body into its JSON events, whatever the TCP packets look like."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bruno_llm.wire.facts import Facts, Format

__all__ = ["FrameReader"]

_FIELDS = (b"data", b"event", b"id", b"retry")


class FrameReader:
    """Feed it the bytes of a stream; it notes the facts of each event as it completes.

    The rules are stricter than those of an SSE browser: an unknown field, or data that is not a
    JSON object, is a fault, because it means that bytes were lost or changed on the way.
    """

    def __init__(self, wire: Format, facts: Facts) -> None:
        self._wire = wire
        self._facts = facts
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        if self._facts.fault:
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._line(line.rstrip(b"\r"))

    def close(self) -> None:
        """Say that the body came to a clean end."""
        facts = self._facts
        if not facts.fault:
            if self._rest:
                self._line(self._rest.rstrip(b"\r"))
                self._rest = b""
            self._dispatch()
        if self._wire.finish_ends and facts.finish_reason:
            facts.ended = True

    def _line(self, line: bytes) -> None:
        if self._wire.stream == "ndjson":
            if line.strip() and not self._event(line):
                self._facts.fault = "a line that is not JSON"
        elif not line:
            self._dispatch()
        elif line[:1] != b":":
            name, _, value = line.partition(b":")
            if name not in _FIELDS:
                self._facts.fault = "a line that is no server-sent event"
            elif name == b"data":
                self._data.append(value)
                # litellm acts on a line, not on the blank one after it: the facts must be first.
                if self._event(b"\n".join(self._data)):
                    self._data.clear()

    def _dispatch(self) -> None:
        if self._data:
            self._facts.fault = "an event that is not JSON"

    def _event(self, data: bytes) -> bool:
        """Note the facts of one event; false when it is not (yet) one."""
        if data.strip() == b"[DONE]":
            self._facts.ended = True
            return True
        try:
            payload = json.loads(data)
        except ValueError:
            return False
        if isinstance(payload, Mapping):
            self._wire.read(payload, self._facts)
        else:
            self._facts.fault = "an event that is not a JSON object"
        return True
