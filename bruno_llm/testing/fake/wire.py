"""What ``FakeServer`` asks of a vendor's wire format; each has a folder under ``vendors/``."""

from __future__ import annotations

import base64
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing.fake.parts import Part
from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.request import EndpointName, Request
from bruno_llm.testing.fake.script import Fault

if TYPE_CHECKING:
    from bruno_llm.testing.fake.strict.memory import TurnMemory
    from bruno_llm.testing.fake.strict.refusal import VendorRefusals

CREATED = 1_767_323_045
"""Epoch seconds that every answer claims to be made at: answers are the same in every run."""

CREATED_TEXT = "2026-01-02T03:04:05.000000Z"

_CODES = {
    400: "invalid_request",
    401: "invalid_api_key",
    403: "permission_denied",
    404: "model_not_found",
    408: "timeout",
    413: "request_too_large",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}


@dataclass(slots=True)
class Stream:
    """The bytes of a streamed answer.

    ``head`` goes out with the first piece, ``pieces`` carry the content, ``tail`` is the
    end that a cut stream lacks.
    """

    head: bytes = b""
    pieces: list[bytes] = field(default_factory=list)
    tail: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RenderedTurn:
    """One answer on its way out.

    ``content`` is the model's turn in the vendor's shape, as a client has to send it back: content
    blocks (Anthropic), parts (Gemini), output items (Responses) or the message (the others).
    """

    reply: Reply
    request: Request
    serial: int
    content: Any

    @property
    def model(self) -> str:
        """The model that answers."""
        return self.reply.model or self.request.model

    @property
    def service_tier(self) -> str:
        """OpenAI's word for the tier that serves."""
        asked = (self.request.json or {}).get("service_tier")
        tier = self.reply.service_tier or asked
        return tier if isinstance(tier, str) and tier != "auto" else "default"


@dataclass(frozen=True, slots=True)
class ErrorText:
    """The words of an error and the vendor's name for it."""

    code: str
    message: str


class Wire(ABC):
    """One vendor's format."""

    name: ClassVar[str]
    base: ClassVar[str] = ""
    """The end of the base URL that clients want."""
    also: ClassVar[Sequence[str]] = ()
    """Other names of its base URL."""
    endings: ClassVar[Mapping[str, EndpointName]]
    """The ends of its paths, with what is asked for there."""
    listed: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Models of the vendors that have this format, where a test names none."""
    stream_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    json_type: ClassVar[str] = "application/json"
    messages: ClassVar[Mapping[str, str]]
    """The usual sentence of every portable error code; ``{model}`` is filled in."""

    @abstractmethod
    def content(self, reply: Reply, request: Request, serial: int) -> Any:
        """The model's turn in the vendor's shape: what ``RenderedTurn.content`` says."""

    @abstractmethod
    def answer(self, turn: RenderedTurn) -> dict[str, Any]:
        """The body of a plain answer."""

    @abstractmethod
    def stream(self, turn: RenderedTurn) -> Stream:
        """The events of a streamed answer."""

    @abstractmethod
    def error_body(self, status: int, error: ErrorText, retry_after: float | None) -> Any:
        """The body of an error answer."""

    @abstractmethod
    def event(self, body: Any) -> bytes:
        """One object as one event of a stream."""

    @abstractmethod
    def models(self, names: Sequence[str], request: Request) -> Any:
        """The list of models, or ``None`` when the one that is asked for is not there."""

    @abstractmethod
    def refusals(self, request: Request, memory: TurnMemory) -> VendorRefusals:
        """Every rule of the vendor that a chat request breaks."""

    def endpoint(self, path: str) -> tuple[EndpointName, str] | None:
        """What is asked for at this path, and the model if the path names it."""
        found = (what for ending, what in self.endings.items() if path.endswith(ending))
        return next(((what, "") for what in found), None)

    def lists_models(self, before: str, query: Mapping[str, str], asked: Mapping[str, str]) -> bool:
        """Whether ``GET <before>/models`` with these headers is meant for this vendor."""
        return False

    def vendor(self, path: str) -> str:
        """Which of the vendors that have this format is meant."""
        return self.name

    def streams(self, path: str, body: Mapping[str, Any]) -> bool:
        """Whether a chat request asks for a stream."""
        return bool(body.get("stream"))

    def other_body(
        self, request: Request, names: Sequence[str], running: Sequence[str], window: int | None
    ) -> Any:
        """The answer of an endpoint that no script writes and that not every vendor has.

        ``names`` are models that it lists, ``running`` those that were asked something.
        """
        raise NotImplementedError(request.endpoint)

    def headers(self, serial: int) -> dict[str, str]:
        """Headers that every answer of the vendor carries."""
        return {}

    def retry_headers(self, retry_after: float) -> dict[str, str]:
        """How the vendor's headers tell how long to wait."""
        return {"retry-after": number(retry_after)}

    def error_event(self, fault: Fault, turn: RenderedTurn, sent: int) -> bytes:
        """An error in the middle of a stream, behind ``sent`` events."""
        error = self.error_text(fault, turn.request)
        return self.event(self.error_body(fault.http_status, error, None))

    def wrong_key(self, request: Request) -> Fault:
        """What the vendor says to a key it does not know, or to none."""
        return Fault.status(401)

    def error_text(self, fault: Fault, request: Request) -> ErrorText:
        """The code (portable, or the script's own word) and the sentence of a fault."""
        code = fault.code or _CODES.get(
            fault.http_status, "invalid_request" if fault.http_status < 500 else "server_error"
        )
        usual = self.messages.get(code, self.messages["server_error"])
        return ErrorText(code, fault.message or usual.replace("{model}", request.model))


class EmbeddingWire(Wire):
    """A vendor that also has embeddings."""

    @abstractmethod
    def embed(self, vectors: Sequence[Sequence[float]], request: Request) -> dict[str, Any]:
        """The answer to an embedding request."""

    @abstractmethod
    def embed_inputs(self, request: Request) -> tuple[list[str], int | None]:
        """The texts to embed, and how many dimensions were asked for."""


def minted(size: int = 48) -> str:
    """A signature or an encrypted text: opaque, and another one each time."""
    return base64.b64encode(os.urandom(size)).decode("ascii")


def not_in_format(part: Part, name: str) -> ConfigurationError:
    """The error of a script that asks a format for what it does not have."""
    return ConfigurationError(f"Reply: {name} has no {type(part).__name__}, leave it out of parts")


def number(value: float) -> str:
    """Seconds without a needless fraction."""
    return f"{value:g}"


def compact(body: Any) -> str:
    """JSON as the vendors send it in streams: on one line, with the letters as they are."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def word_count(body: Any) -> int:
    """A stand-in for a token count: the words of all strings in ``body``."""
    if isinstance(body, str):
        return len(body.split())
    if isinstance(body, Mapping):
        return sum(word_count(value) for value in body.values())
    if isinstance(body, list):
        return sum(word_count(value) for value in body)
    return 0
