"""What a ``FakeServer`` can be told to answer, and what it remembers of a request."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bruno_llm.completion import ToolCall, Usage
from bruno_llm.exceptions import ConfigurationError

__all__ = ["Fault", "Gate", "Item", "Raw", "Reply", "Request"]

Endpoint = Literal["chat", "embed", "models", "show", "count", "version", "unknown"]
FaultKind = Literal[
    "status",
    "reset",
    "hang",
    "cut",
    "reset_stream",
    "error_event",
    "stall",
    "html",
    "malformed",
    "empty",
]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the server got it.

    Attributes:
        vendor: ``openai``, ``anthropic``, ``gemini``, ``ollama`` or ``unknown``.
        endpoint: What was asked for: ``chat``, ``embed``, ``models``, ``show``, ``count``,
            ``version`` or ``unknown``.
        method: The HTTP method.
        path: The path without the query.
        query: Query parameters, the last value of each.
        headers: Header names in lower case.
        json: The body, parsed; ``None`` when there was none or it was not JSON.
        stream: Whether a stream was asked for.
        model: The model that was asked for.
        at: Real monotonic seconds at which the request had arrived.
    """

    vendor: str
    endpoint: Endpoint
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    # Headers hold keys and the body holds prompts: neither belongs in the output of a failed test.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Any = field(default=None, repr=False)
    stream: bool = False
    model: str = ""
    at: float = 0.0

    @property
    def key(self) -> str | None:
        """The API key that the request carries, in whichever way the vendor wants it."""
        authorization = self.headers.get("authorization", "")
        if authorization.lower().startswith("bearer "):
            return authorization[len("bearer ") :].strip()
        for name in ("x-api-key", "x-goog-api-key"):
            if name in self.headers:
                return self.headers[name]
        return self.query.get("key")


class Gate:
    """Holds answers back until the test lets them go; made by ``FakeServer.gate()``.

    A stream stops behind its first piece, a plain answer before its first byte. The same gate can
    hold many answers at once. All methods may be called from any thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = asyncio.Event()
        self._open = False
        self._steps = 0

    def set(self) -> None:
        """Let everything through, for good."""
        self._open = True
        self._announce()

    def step(self, pieces: int = 1) -> None:
        """Let each answer that is held here go on by ``pieces`` more pieces."""
        self._steps += pieces
        self._announce()

    def is_set(self) -> bool:
        """Whether everything may pass."""
        return self._open

    def _announce(self) -> None:
        # After the server has closed nobody waits any more.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def passed(self, pieces: int) -> None:
        """Wait, on the server's loop, until ``pieces`` pieces may be behind the gate."""
        while not self._open and self._steps < pieces:
            self._changed.clear()
            await self._changed.wait()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in the field's words; the server renders it in the vendor's format.

    Attributes:
        text: The answer.
        reasoning: The thinking before it. OpenAI's own servers never send theirs; it is rendered
            as ``reasoning_content``, as OpenAI-compatible servers do.
        tool_calls: Calls that the model wants. ``raw_arguments`` wins over ``arguments`` where the
            vendor sends JSON text; with calls, ``finish_reason="stop"`` becomes the vendor's word
            for tool calls where it has one.
        finish_reason: ``stop``, ``length``, ``tool_calls``, ``content_filter``, or a word of the
            vendor, which is sent as it is.
        usage: What the vendor reports; ``None`` for a vendor that sends no numbers.
        refusal: Words of a refusal (OpenAI's ``refusal``, Anthropic's ``stop_reason``, Gemini's
            ``SAFETY``). Ollama knows no refusal: there it is the text.
        model: The model that answers; the one asked for when ``None``.
        id: The answer's id; made up when ``None``.
        pieces: How a stream cuts the text; words when ``None``.
        headers: Response headers to add.
        gate: Holds a stream behind its first piece and a plain answer before its first byte.
        delay: Real seconds between two pieces of a stream, for a slow one.
    """

    text: str = "Hello"
    reasoning: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    finish_reason: str = "stop"
    usage: Usage | None = field(
        default_factory=lambda: Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)
    )
    refusal: str | None = None
    model: str | None = None
    id: str | None = None
    pieces: Sequence[str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    gate: Gate | None = None
    delay: float = 0.0

    def __post_init__(self) -> None:
        if self.pieces is not None and "".join(self.pieces) != self.text:
            raise ConfigurationError(
                "Reply: pieces do not make up the text, joined they must be equal to it"
            )

    def text_pieces(self) -> list[str]:
        """The text as a stream sends it."""
        return list(self.pieces) if self.pieces is not None else words(self.text)


_LONG_ANSWER = Reply(text="This answer has many words and a test breaks it on its way")


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure. Make one with the class methods below; each says what the client sees.

    ``after`` counts pieces of the streamed answer. With 0 nothing but the status line and the
    headers goes before the fault. A request for a plain answer gets the nearest thing: a body that
    ends in the middle (``cut``, ``reset_stream``, ``stall``) or an error status (``error_event``).

    ``code`` is a word that every vendor's format has a rendering of: ``invalid_request``,
    ``invalid_api_key``, ``permission_denied``, ``model_not_found``, ``context_length_exceeded``,
    ``content_filter``, ``request_too_large``, ``rate_limit``, ``insufficient_quota``,
    ``server_error``, ``overloaded``, ``timeout``. Without one the status decides. Any other word is
    sent as it is, where the vendor keeps its code.
    """

    kind: FaultKind
    http_status: int = 200
    retry_after: float | str | None = None
    message: str | None = None
    code: str | None = None
    after: int = 0
    reply: Reply = _LONG_ANSWER
    gate: Gate | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def status(
        cls,
        status: int,
        retry_after: float | str | None = None,
        message: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fault:
        """An error status with a body of the vendor's shape.

        Args:
            status: The HTTP status.
            retry_after: Seconds to wait, told the vendor's way (Gemini: ``RetryInfo`` in the body,
                the others: a ``Retry-After`` header). A string, such as an HTTP date, always goes
                into the header.
            message: The error's text in place of the usual one.
            code: One of the words of this class, or a vendor's own.
            headers: Response headers to add.
        """
        return cls(
            "status",
            http_status=status,
            retry_after=retry_after,
            message=message,
            code=code,
            headers=dict(headers or {}),
        )

    @classmethod
    def reset(cls) -> Fault:
        """The connection is reset before any byte."""
        return cls("reset")

    @classmethod
    def hang(cls) -> Fault:
        """No answer until the server closes or the client leaves."""
        return cls("hang")

    @classmethod
    def cut(cls, after: int = 1, *, reply: Reply = _LONG_ANSWER) -> Fault:
        """The stream ends in good order, only too early: no terminal event."""
        return cls("cut", after=after, reply=reply)

    @classmethod
    def reset_stream(
        cls, after: int = 1, *, reply: Reply = _LONG_ANSWER, gate: Gate | None = None
    ) -> Fault:
        """The connection is reset in mid-stream, at once or when ``gate`` opens."""
        return cls("reset_stream", after=after, reply=reply, gate=gate)

    @classmethod
    def error_event(
        cls,
        after: int = 1,
        *,
        status: int = 503,
        message: str | None = None,
        code: str | None = None,
        reply: Reply = _LONG_ANSWER,
    ) -> Fault:
        """The vendor reports an error in mid-stream, then the stream ends."""
        return cls(
            "error_event", http_status=status, message=message, code=code, after=after, reply=reply
        )

    @classmethod
    def stall(cls, after: int = 1, *, reply: Reply = _LONG_ANSWER) -> Fault:
        """The stream falls silent and the connection stays open."""
        return cls("stall", after=after, reply=reply)

    @classmethod
    def html(cls, status: int = 200) -> Fault:
        """A page of some proxy in place of the vendor's answer."""
        return cls("html", http_status=status)

    @classmethod
    def malformed(cls, after: int = 1, *, reply: Reply = _LONG_ANSWER) -> Fault:
        """Broken JSON at status 200; in a stream one broken event, the rest being right."""
        return cls("malformed", after=after, reply=reply)

    @classmethod
    def empty(cls) -> Fault:
        """A valid answer without text, tool call or refusal."""
        return cls("empty", reply=Reply(text=""))


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes as they are, for everything that the other items cannot say.

    Attributes:
        status: The HTTP status.
        headers: The response headers; the length or the chunked encoding is added.
        body: ``bytes`` go out with their length; a list goes out chunked, one TCP write for each.
        drop: Reset the connection after the body instead of ending it.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Sequence[bytes] = b""
    drop: bool = False


Item = Reply | Fault | Raw | Callable[[Request], Any]
"""What can be scripted. A callable gets the request and returns one of the others."""


def words(text: str) -> list[str]:
    """``text`` cut before each word; joined, the pieces are the text again."""
    return re.findall(r"\s*\S+\s*\Z|\s*\S+|\s+\Z", text)


def fragments(text: str, size: int = 12) -> list[str]:
    """``text`` in pieces of ``size`` characters, as vendors stream JSON arguments."""
    return [text[i : i + size] for i in range(0, len(text), size)]


def arguments_text(call: ToolCall) -> str:
    """A call's arguments as JSON text."""
    return call.raw_arguments or json.dumps(dict(call.arguments))
