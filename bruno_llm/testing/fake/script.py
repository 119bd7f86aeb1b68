"""What else a ``FakeServer`` can be told to do: fail, or send bytes as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bruno_llm.testing.fake.gate import Gate
from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.request import Request

__all__ = ["Fault", "Item", "Raw"]

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
