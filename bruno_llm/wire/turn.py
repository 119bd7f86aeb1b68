"""A turn, whole: what a vendor gave in one answer goes back to it with the next request.

Signed thinking, thought signatures, reasoning items and server-tool blocks mean something to the
vendor alone, and some vendors refuse the next request without them. litellm (1.105 to 1.109) drops
or rewrites them, on each route in another way. So they are read below it, and put back below it:
above it such a turn is a marker with its plain tool calls, which litellm can check and pair; in
the body that litellm built, the vendor's own items take the marker's place, unchanged and in order.

A turn that came from elsewhere goes as its text and its tool calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bruno_llm.completion import Attachment, Citation
from bruno_llm.wire.pieces import Pieces

if TYPE_CHECKING:
    import httpx

    from bruno_llm.wire.facts import Facts

__all__ = [
    "AnswerParts",
    "ChatMessages",
    "History",
    "KeptTurn",
    "Origin",
    "TurnFormat",
    "grow",
    "marked",
    "restored",
    "whole",
    "with_body",
]

ChatMessages = Sequence[Mapping[str, Any]]
_FAMILY = re.compile(r"[a-z]+(?:-?\d+(?:\.\d+)?)?")


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """What a whole answer held besides its text and its tool calls.

    ``native`` is what the vendor wants back, empty when the plain turn says it all. ``paid_uses``
    counts the uses of the vendor's own tools that it bills by use, by the tool's name.
    """

    native: Sequence[Mapping[str, Any]] = ()
    attachments: tuple[Attachment, ...] = ()
    citations: tuple[Citation, ...] = ()
    paid_uses: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """One assistant turn of the history that goes back as its vendor gave it.

    Attributes:
        marker: The text that stands for it in the request that litellm builds.
        items: The vendor's own items.
        text: What the plain turn says, should the marker be all that is left of it.
        calls: Ids of its tool calls.
        results: Ids of the calls whose results follow it, in their order.
    """

    marker: str
    items: Sequence[Any]
    text: str = ""
    calls: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """What the body of a request was made of.

    Attributes:
        chat: The conversation.
        kept: Its turns that go back as their vendor gave them.
        route: litellm's route that the request takes.
    """

    chat: ChatMessages
    kept: Sequence[KeptTurn] = ()
    route: str = ""


def _as_it_is(body: dict[str, Any], history: History) -> None:
    pass


def _nothing(facts: Facts, text: str) -> AnswerParts:
    return AnswerParts()


@dataclass(frozen=True, slots=True)
class TurnFormat:
    """How one vendor's turns are read whole, and put back.

    ``gather`` makes the parts of a whole answer out of the facts and the answer's text.
    ``restore`` changes the body of a request: the kept turns take the place of their markers.
    """

    gather: Callable[[Facts, str], AnswerParts] = _nothing
    restore: Callable[[dict[str, Any], History], None] = _as_it_is


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a turn comes from: its wire format, litellm's route, the model that was asked."""

    wire: str
    route: str
    model: str

    @property
    def unread(self) -> Origin:
        """This origin, for an answer whose wire nobody read: its items are in litellm's form."""
        return Origin("litellm", self.route, self.model)

    def native(self, items: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        """The items with their origin, for the next request; ``None`` when there are none."""
        if not items:
            return None
        named = {"wire": self.wire, "route": self.route, "model": self.model}
        return {**named, "items": [dict(item) for item in items]}

    def takes(self, native: Any) -> bool:
        """Whether these items came from here: the same wire, route and family of models.

        A signature is good for the models that share its key; other models of the same vendor
        may refuse it, so the family is the name up to its first number (``gpt-5.4``, ``gemini-3``,
        ``claude``).
        """
        if not isinstance(native, Mapping) or not isinstance(native.get("items"), list):
            return False
        here = (self.wire, self.route, _family(self.model))
        return here == (native.get("wire"), native.get("route"), _family(native.get("model")))


def _family(model: Any) -> str:
    name = str(model).lower().rsplit("/", 1)[-1]
    found = _FAMILY.match(name)
    return found.group().rstrip("-") if found else name


def restored(
    request: httpx.Request,
    form: TurnFormat | None,
    history: History,
    fields: Mapping[str, Any],
) -> httpx.Request:
    """The request with the kept turns in its body, and with these fields."""
    body = {**json.loads(request.content), **fields}
    if form is not None:
        form.restore(body, history)
    # Were litellm to build a body of another form, no vendor must read our markers.
    return with_body(request, _swept(body, history.kept) if history.kept else body)


def with_body(
    request: httpx.Request, body: Mapping[str, Any], path: str | None = None
) -> httpx.Request:
    """The request with another body, and perhaps for another path of the same server."""
    import httpx

    headers = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
    url = request.url if path is None else request.url.copy_with(path=path)
    return httpx.Request(
        request.method,
        url,
        headers=headers,
        # httpx would write it in UTF-8, which has no half of a surrogate pair.
        content=json.dumps(body).encode(),
        extensions=dict(request.extensions),
    )


def _swept(value: Any, kept: Sequence[KeptTurn]) -> Any:
    if isinstance(value, str):
        for turn in kept:
            if turn.marker in value:
                value = value.replace(turn.marker, turn.text or "(no text)")
        return value
    if isinstance(value, list):
        return [_swept(item, kept) for item in value]
    if isinstance(value, dict):
        return {name: _swept(item, kept) for name, item in value.items()}
    return value


def marked(text: Any, kept: Sequence[KeptTurn]) -> tuple[str, KeptTurn, str] | None:
    """The kept turn whose marker stands in this text, with what stands before and behind it."""
    if not isinstance(text, str):
        return None
    for turn in kept:
        before, found, behind = text.partition(turn.marker)
        if found:
            return before.strip(), turn, behind.strip()
    return None


def grow(item: dict[str, Any], name: str, piece: Any) -> None:
    """Add a piece to a text of the item."""
    if not isinstance(piece, str) or not piece:
        return
    old = item.get(name)
    if not isinstance(old, Pieces):
        old = item[name] = Pieces([old] if isinstance(old, str) and old else [])
    old.add(piece)


def whole(value: Any) -> Any:
    """The value with its ``Pieces`` as plain texts."""
    if isinstance(value, Pieces):
        return "".join(value)
    if isinstance(value, Mapping):
        return {name: whole(part) for name, part in value.items()}
    return [whole(part) for part in value] if isinstance(value, list) else value
