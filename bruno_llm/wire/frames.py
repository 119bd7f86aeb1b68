"""Cutting a streamed body into its JSON events, whatever the TCP packets look like."""

from __future__ import annotations

import json

from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.pieces import Closing
from bruno_llm.wire.shape import read_json
from bruno_llm.wire.think import ThinkTags

__all__ = ["FrameReader"]

_FIELDS = (b"event", b"id", b"retry")
# Line ends for httpx's `aiter_lines`, on which litellm's parsers rest, but not for JSON or for
# server-sent events: raw inside a text they would tear the event in two.
_LINE_ENDS = (
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
    (b"\xc2\x85", b"\\u0085"),
)


class FrameReader:
    """Feed it the bytes of a stream; it notes the facts of each event and gives back the good ones.

    The rules are stricter than those of an SSE browser: an unknown field, or data that is not a
    JSON object of the vendor's shape, is a fault, because it means that bytes were lost or changed
    on the way. What litellm gets to see ends before the fault, so that a reader gets neither a
    text with a hole nor a parser's surprise.

    Attributes:
        direct: Give back the text of an event that is nothing but a piece of it, in place of the
            event; never of the first one, which says who answers.
        pieces: How many events so far brought something of the answer.
    """

    def __init__(self, wire: Format, facts: Facts) -> None:
        self.direct = False
        self.pieces = 0
        self._wire = wire
        self._facts = facts
        self._rest: list[bytes] = []
        self._name = b""
        self._data: list[bytes] = []
        self._closing: Closing | None = None
        self._nothing_yet = True
        self._first = True
        self._page: list[bytes] | None = None
        self._tags = ThinkTags()
        self._may_hold_tags = wire.has_tags

    @property
    def broken(self) -> bool:
        """Whether the stream has gone wrong, so that nothing after this point can be used."""
        return self._facts.fault is not None or self._facts.error is not None

    def feed(self, chunk: bytes) -> list[bytes | str]:
        """Take the next bytes of the body.

        Returns:
            What is whole and right in them, in its order: the bytes of an event, or its text.
        """
        first, *others = chunk.split(b"\n")
        self._rest.append(first)
        if not others:  # a long line: to be looked at when it is whole
            return []
        lines = [b"".join(self._rest), *others]
        self._rest = [lines.pop()]
        return [passed for line in lines if (passed := self._line(line))]

    def close(self) -> bytes | str:
        """Say that the body came to a clean end; the last event when no line end followed it."""
        rest = b"".join(self._rest)
        last = self._line(rest) if rest else b""
        self._line(b"")
        if self._page is not None:
            self._read_page(b"\n".join(self._page))
        facts, wire = self._facts, self._wire
        enough = wire.finish_ends or (wire.usage_ends and facts.has_usage)
        if enough and facts.finish_reason and not self.broken:
            facts.ended = True
        return last

    def _line(self, line: bytes) -> bytes | str:
        facts = self._facts
        if facts.ended or facts.fault is not None or facts.error is not None:
            return b""
        line = line.rstrip(b"\r")
        if self._wire.stream == "ndjson":
            return self._json_line(line)
        if self._page is not None:
            self._page.append(line)
            return b""
        if self._nothing_yet and line[:1] in (b"{", b"["):  # an error, not in a stream's form
            self._page = [line]
            return b""
        self._nothing_yet = self._nothing_yet and not line
        if not line:
            self._name = b""
            if self._data:
                facts.fault = "an event is not JSON"
            return b""
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.strip())
            return self._event()
        if name == b"error":  # llama.cpp's server, in place of a `data` line
            return self._event_of(b'{"error": %b}' % value) or b""
        if name and name not in _FIELDS:
            facts.fault = "a line is no server-sent event"
        elif name == b"event" and not self._wire.bare:
            self._name = line + b"\n"
        return b""

    def _read_page(self, page: bytes) -> None:
        try:
            payload = read_json(page)
        except ValueError:
            payload = None
        if isinstance(payload, list) and payload:  # Gemini wraps the errors of streams
            payload = payload[0]
        self._wire.note(payload, self._facts)
        if not self.broken:
            self._facts.fault = "it is not a stream"

    def _json_line(self, line: bytes) -> bytes | str:
        if not line.strip():
            return b""
        event = self._event_of(line)
        if event is None:
            self._facts.fault = "a line is not JSON"
        return event + b"\n" if isinstance(event, bytes) and event else event or b""

    def _event(self) -> bytes | str:
        # litellm acts on a line, not on the blank one after it: an event may end with any line.
        data = self._data[0]
        if len(self._data) > 1:
            if not self._may_be_whole():
                return b""
            data = b" ".join(self._data)
        if data == b"[DONE]":
            event: bytes | str | None = data
            self._facts.ended = True
        else:
            event = self._event_of(data)
        if event is None:
            if self._closing is not None:  # whatever follows, this will never be JSON
                self._facts.fault = "an event is not JSON"
            return b""
        self._data.clear()
        self._closing = None
        name, self._name = self._name, b""
        if not event or isinstance(event, str):
            return event
        return event + b"\n" if self._wire.bare else b"%bdata: %b\n\n" % (name, event)

    def _may_be_whole(self) -> bool:
        new = self._data[-1:]
        if self._closing is None:
            self._closing, new = Closing(), self._data
        return [self._closing.feed(part) for part in new][-1]

    def _event_of(self, data: bytes) -> bytes | str | None:
        """The event to hand on, empty when it must not be; ``None`` when it is not (yet) JSON."""
        try:
            payload = read_json(data)
        except ValueError:
            return None
        wire, facts = self._wire, self._facts
        if self.direct and not self._first and (self._tags.idle or not self._may_hold_tags):
            text = wire.text(payload, facts) if type(payload) is dict else None
            if text:
                self.pieces += 1
                return text
        self._first = False
        wire.note(payload, facts)
        if facts.fault is not None or facts.error is not None:
            return b""
        self.pieces += wire.brings(payload)
        if wire.readable(payload, self._tags):
            return json.dumps(payload).encode()
        for raw, escaped in _LINE_ENDS:
            data = data.replace(raw, escaped)
        return data
