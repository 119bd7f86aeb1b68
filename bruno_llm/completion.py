"""The values of a call: what a model answered, what it used, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Attachment",
    "Citation",
    "Completion",
    "ReasoningDelta",
    "StreamEnd",
    "StreamEvent",
    "StreamRestart",
    "TextDelta",
    "ToolCall",
    "ToolCallDelta",
    "Trimmed",
    "Usage",
]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, as the vendor bills them.

    ``prompt_tokens`` is everything billed as input (cache reads, cache writes and the tokens of
    server-side tools included); ``completion_tokens`` includes thinking. ``estimated`` means that
    the vendor sent no numbers and these were counted here.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    cache_creation_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        """The tokens of both; estimated when either is."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.total_tokens + other.total_tokens,
            self.cached_tokens + other.cached_tokens,
            self.cache_creation_tokens + other.cache_creation_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.estimated or other.estimated,
        )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call the model asks for.

    ``raw_arguments`` is the model's JSON as it came. When it is broken, ``arguments`` is empty
    and the text is still there to repair or to send back.
    """

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    raw_arguments: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something the model made that is no text: speech, an image.

    Attributes:
        media_type: Such as ``image/png`` or ``audio/wav``; ``audio/*`` where neither the vendor
            nor the bytes say which.
        data: The bytes, ``None`` when the vendor gave only an address.
        url: The address, ``None`` when the vendor gave the bytes.
        transcript: The words of speech, where the vendor sends them.
        id: The vendor's name for it, by which a later turn can refer to it.
    """

    media_type: str
    data: bytes | None = field(default=None, repr=False)
    url: str | None = None
    transcript: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that the answer rests on.

    Attributes:
        url: Its address, ``None`` for a document of one's own.
        title: Its name, as far as the vendor gives one.
        quote: The source's own words.
        start: Where in the completion's ``text`` the words begin that rest on it (characters),
            ``None`` when the vendor does not say.
        end: Where they end.
    """

    url: str | None = None
    title: str | None = None
    quote: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What the context window left out of the messages before they were sent.

    ``messages`` and ``tokens`` count what was dropped; ``strategy`` says how it was chosen.
    """

    messages: int
    tokens: int
    strategy: str


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer with its facts.

    Attributes:
        text: The answer; empty when the model only called tools or refused.
        tool_calls: Calls the client must make. Calls that the vendor runs itself are not here.
        finish_reason: ``stop``, ``length``, ``tool_calls``, ``content_filter`` or ``other``; the
            last with the vendor's own word after a colon (``other:UNEXPECTED_TOOL_CALL``).
        usage: Tokens used, ``None`` only when nothing could be counted.
        cost: US dollars; ``None`` when the price is unknown, ``0.0`` for a local model or a hit.
        model: The model that answered, as the vendor names it.
        provider: Name of the provider.
        id: The vendor's id of the answer.
        reasoning: The model's thinking, where the vendor shows it.
        refusal: The words of a refusal, where the vendor marks it as one.
        latency: Seconds from the request to the whole answer.
        cached: The answer came from the cache and cost nothing.
        trimmed: What the context window left out, ``None`` when everything was sent.
        metadata: Facts of one vendor or one policy: ``request_id``; ``prompt_cut`` when Ollama
            left a part of the prompt out; ``failures`` of a fallback; ``logprobs`` in the
            vendor's form; ``grounding`` and ``url_context`` of Gemini.
        native: What the vendor wants back with the next request (signed thinking, reasoning
            items, server-tool blocks), with its origin; ``None`` where text and tool calls say
            it all. Opaque and JSON-safe; ``completion_message()`` carries it.
        attachments: Audio and images that the model made.
        citations: The sources it names.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    cost: float | None = None
    model: str = ""
    provider: str = ""
    id: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    latency: float = 0.0
    cached: bool = False
    trimmed: Trimmed | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    native: Mapping[str, Any] | None = field(default=None, repr=False)
    attachments: tuple[Attachment, ...] = ()
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next piece of the model's thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """The next piece of a tool call; pieces with the same ``index`` belong together.

    ``id`` and ``name`` come with the first piece; ``arguments`` is a fragment of JSON text.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class StreamRestart:
    """Another provider starts the answer again: forget the pieces before this event."""

    provider: str
    reason: str


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The last event of a stream that came to its natural end."""

    completion: Completion


StreamEvent = TextDelta | ReasoningDelta | ToolCallDelta | StreamRestart | StreamEnd
