"""One try on the wire: what was asked of it and what came back.

httpx is not imported here, nor by anything else that a provider's class needs: it takes as long as
bruno-core's models.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bruno_llm.exceptions import LLMError
from bruno_llm.wire.bodies import MAX_RESPONSE_BYTES
from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.shape import read_json
from bruno_llm.wire.turn import AnswerParts

if TYPE_CHECKING:
    import httpx

    from bruno_llm.wire.places import Places
    from bruno_llm.wire.tap import Tap

__all__ = ["Elsewhere", "Exchange", "watched"]


class Elsewhere(Exception):
    """litellm was about to ask another server than the one of the call's ``base_url``."""


@dataclass(slots=True)
class Exchange:
    """One try: what was asked of the wire and what came back.

    ``body`` is kept for plain answers and for errors, never for streams. ``timeouts`` are httpx's
    (seconds: connect, read, write, pool) and overrule whatever litellm set. ``url`` is what was
    asked, without secrets. ``base_url`` is the address that was given, if any: no other server is
    asked then. ``divert`` sends another request in place of litellm's. ``wire`` is ``None`` where
    the answer is not read: its format is not known, or litellm went round our client; then
    litellm's word has to do. ``options`` are those of the call, as they were asked for. ``left``
    says that the request began to go out, as far as a vendor can do anything with it. ``tap`` is
    the body of a stream. ``most`` bytes are read of the answer, decompressed; ``None`` for any
    number. ``key`` takes the place of its stand-in, and what is secret in ``address`` is added,
    when the request goes out. ``waiting`` makes what is entered while the request waits for a
    connection; ``seat`` are the places of which one is held for it already. ``admit`` looks at the
    request as it will leave, and raises where it may not; ``refused`` is what it raised.
    """

    wire: Format | None
    timeouts: Mapping[str, float | None]
    url: str = ""
    status: int | None = None
    # A vendor or a proxy may echo keys and prompts: they are not printed with the frames.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    failure: Exception | None = field(default=None, repr=False)
    facts: Facts = field(default_factory=Facts, repr=False)
    divert: Callable[[httpx.Request], httpx.Request] | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    base_url: str | None = field(default=None, repr=False)
    left: bool = False
    most: int | None = MAX_RESPONSE_BYTES
    key: SecretStr | None = None
    address: SecretStr | None = None
    waiting: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext, repr=False)
    admit: Callable[[httpx.Request], Awaitable[None]] | None = field(default=None, repr=False)
    refused: LLMError | None = None
    tap: Tap | None = field(default=None, repr=False)
    seat: Places | None = field(default=None, repr=False)

    @property
    def may_be_billed(self) -> bool:
        """Whether the vendor may bill this try, should it not end with an answer.

        It may where the request went out and no error came back for it.
        """
        if self.status is None:
            return self.left
        return 200 <= self.status < 300 and self.facts.error is None

    async def aclose(self) -> None:
        """Close the connection of a stream, whoever still holds the response."""
        if self.tap is not None:
            await self.tap.aclose()

    @property
    def error_text(self) -> str:
        """The body of an error status; empty for an answer."""
        if self.status is None or 200 <= self.status < 300:
            return ""
        return self.body.decode("utf-8", "replace")

    @property
    def request_id(self) -> str | None:
        """The vendor's id of the request, by which its support finds it."""
        # LiteLLM's proxy hands on the headers of the vendor behind it, and it is who was asked.
        names = ("x-litellm-call-id", "x-request-id", "request-id")
        own = (name for name in self.headers if name.lower().endswith("-correlation-id"))
        found = (self.headers.get(name) for name in (*names, *own))
        return next(filter(None, found), None)

    def parts(self, text: str, without: AnswerParts) -> AnswerParts:
        """What the answer held besides its ``text`` and its tool calls.

        ``without`` is what is known of it where the wire is not read.
        """
        if self.wire is None:
            return without
        parts = self.wire.turn.gather(self.facts, text)
        # A thought that was cut has no signature: it cannot go back.
        whole = bool(self.body) or self.facts.ended
        return parts if whole else replace(parts, native=())

    def payload(self) -> Any:
        """The body as JSON, ``None`` when it is not."""
        try:
            return read_json(self.body)
        except ValueError:
            return None


watched: ContextVar[Exchange | None] = ContextVar("bruno_llm_exchange", default=None)
"""Where the client notes what it sees, set by ``WireClient.watching()``."""
