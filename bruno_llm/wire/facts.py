"""The facts of one answer as they stand on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bruno_llm.wire.shape import ShapeCheck, WireShape, misfit
from bruno_llm.wire.think import ThinkTags
from bruno_llm.wire.turn import TurnFormat

__all__ = ["Asker", "Builder", "Facts", "Format", "Mender", "Parter", "Reader"]


@dataclass(slots=True)
class Facts:
    """Filled by a vendor's reader while the answer passes by.

    Attributes:
        id: The vendor's id of the answer.
        model: The model that answered, where litellm only repeats what was asked for.
        finish_reason: In the words of the completion (``stop``, ``length``, ...), ``None`` while
            the model is still talking.
        ended: The vendor's own sign that the answer is whole was seen.
        has_usage: The vendor sent token counts.
        prompt_tokens: Everything billed as input, where litellm may leave a part out.
        completion_tokens: The vendor's own count of the answer, where it sent no other.
        reasoning_tokens: The vendor's own count of the thinking, where litellm makes one up.
        cached_tokens: The part of the prompt that was read from a cache, where litellm drops it.
        service_tier: The tier that served the answer, in the vendor's word.
        usage: The counts so far, of the last event that went past litellm, in OpenAI's words.
        reasoning: The words of the thinking, piece by piece, where litellm drops them.
        refusal: The words of a refusal, piece by piece.
        server_tools: Ids of tool calls that the vendor ran itself.
        tool_calls: Whole tool calls as (id, name, arguments), where litellm garbles them.
        items: The parts of the answer as the vendor gave them (blocks, parts, output items), put
            together again where they came in pieces.
        notes: Further facts under the names they get in the completion's metadata.
        error: An error the vendor sent inside a 200 answer.
        fault: Why the bytes cannot be a whole answer of this vendor.
    """

    id: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    ended: bool = False
    has_usage: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    service_tier: str | None = None
    usage: Callable[[], Mapping[str, Any]] | None = None
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    server_tools: set[str] = field(default_factory=set)
    tool_calls: list[tuple[str | None, str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    fault: str | None = None

    def note_tier(self, tier: Any) -> None:
        """Take the tier that served the answer, where the vendor says it."""
        if isinstance(tier, str) and tier:
            self.service_tier = tier


Reader = Callable[[Mapping[str, Any], Facts], None]
"""Notes the facts of one JSON object: a whole plain answer, or one event of a stream."""


Mender = Callable[[dict[str, Any]], bool]
"""Changes an answer or event to what litellm can read; true when it changed something."""


Parter = Callable[[dict[str, Any], ThinkTags], bool]
"""Moves the thoughts in the text of an answer or event to their own field; true when it did."""

Teller = Callable[[dict[str, Any], Facts], str | None]
"""The text of an event of a stream that is nothing but a piece of it, its facts noted; ``None`` for
any other event, and where there is a doubt."""

Judge = Callable[[dict[str, Any]], bool]
"""Whether an event brings something of the answer, as against a sign of life or a beginning."""

Builder = Callable[..., dict[str, Any]]
"""Makes the whole body of a request out of (model, chat, kept turns, options, ``reasons=``)."""


Asker = Callable[[dict[str, Any], Mapping[str, Any]], bool]
"""Changes the body of a request, which litellm made of those options, to what the vendor takes."""


def _as_litellm_says(body: dict[str, Any], options: Mapping[str, Any]) -> bool:
    return False


def _as_is(payload: dict[str, Any]) -> bool:
    return False


def _never(payload: dict[str, Any], facts: Facts) -> str | None:
    return None


def _always(payload: dict[str, Any]) -> bool:
    return True


def _no_tags(payload: dict[str, Any], tags: ThinkTags) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Format:
    """How one vendor frames its answers.

    ``paths`` are the ends of the URLs that answer so (litellm may take another endpoint of the
    same vendor, such as OpenAI's responses). ``shape`` is what is documented of an answer or event.
    ``request`` changes the body of a request, on its way out, to what the vendor takes;
    ``asks_with`` are the options without which it changes nothing, ``None`` for no such rule.
    ``part`` finds the thoughts of models that write them into their text.
    ``text`` and ``brings`` look at the events of streams.
    ``turn`` says how the answer is kept whole. ``build`` makes the request where litellm's is of
    another format. ``stream`` is ``"sse"`` or ``"ndjson"``. ``finish_ends`` accepts a finish reason
    as the end of a stream, for servers that send no sign of their own after it; ``usage_ends``
    wants the usage besides, where that is the last thing but the sign. ``bare`` gives litellm the
    events of a stream without ``data:`` before them, where its parser takes them so. ``unread`` is
    what is changed in plain answers at the ends of other URLs, which are litellm's alone to read.
    With ``text_arguments`` the vendor takes arguments of tool calls that are no JSON, and with
    ``tool_images`` images in the result of a tool.
    """

    name: str
    paths: tuple[str, ...]
    read: Reader
    shape: WireShape
    mend: Mender = _as_is
    request: Asker = _as_litellm_says
    asks_with: frozenset[str] | None = None
    part: Parter = _no_tags
    text: Teller = _never
    brings: Judge = _always
    turn: TurnFormat = field(default_factory=TurnFormat)
    build: Builder | None = None
    stream: str = "sse"
    finish_ends: bool = False
    usage_ends: bool = False
    bare: bool = False
    unread: Mapping[str, Mender] = field(default_factory=dict)
    text_arguments: bool = False
    tool_images: bool = False
    _check: ShapeCheck = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_check", ShapeCheck(self.shape))

    @property
    def has_tags(self) -> bool:
        """Whether a text may hold thoughts."""
        return self.part is not _no_tags

    @property
    def tells(self) -> bool:
        """Whether it finds texts in the events of a stream."""
        return self.text is not _never

    def note(self, payload: Any, facts: Facts) -> None:
        """Note the facts of a whole plain answer or of one event, or what is wrong with it."""
        if not isinstance(payload, Mapping):
            facts.fault = "it is not a JSON object"
        elif payload.get("error"):
            facts.error = payload
        elif not self._check.fits(payload, strict=True) and (fault := misfit(payload, self.shape)):
            facts.fault = fault
        else:
            self.read(payload, facts)

    def readable(self, payload: dict[str, Any], tags: ThinkTags | None) -> bool:
        """Make litellm read an answer or event right; true when that changed it.

        ``tags`` is ``None`` for an answer that holds none.
        """
        parted = tags is not None and not tags.idle and self.part(payload, tags)
        return self.mend(payload) or parted
