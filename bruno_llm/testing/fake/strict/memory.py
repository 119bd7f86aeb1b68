"""What a strict server has given, to know it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.refusal import dicts
from bruno_llm.testing.fake.wire import RenderedTurn

# What only the vendor can have made; `reasoning_content` is text, and known by all of it.
_OPAQUE = ("signature", "data", "encrypted_content", "thoughtSignature", "reasoning_content")


@dataclass(frozen=True, slots=True)
class Given:
    """One turn that was given.

    Attributes:
        request: What it answered.
        content: The turn in the vendor's shape, as ``RenderedTurn.content`` says.
    """

    request: Request
    content: Any


class TurnMemory:
    """Turns by the ids in them, and everything opaque that was ever given.

    A vendor knows its own alone: one server plays them all, and what Anthropic signed means nothing
    to Gemini.
    """

    def __init__(self) -> None:
        self._given: dict[tuple[str, str, str], list[Given]] = {}

    def keep(self, turn: RenderedTurn) -> None:
        """Remember a turn; the same id may be given many times."""
        request = turn.request
        given = Given(request, turn.content)
        for block in dicts(turn.content if isinstance(turn.content, list) else [turn.content]):
            opaque = [plain_base64(block[n]) for n in _OPAQUE if isinstance(block.get(n), str)]
            for key in (*opaque, *keys_of(block)):
                place = (request.vendor, request.wire, key)
                self._given.setdefault(place, []).append(given)

    def turns(self, request: Request, *keys: Any) -> list[Given]:
        """The turns of this vendor that had one of these ids, the latest first."""
        asked = [key for key in keys if key and isinstance(key, str)]
        places = [(request.vendor, request.wire, key) for key in asked]
        return [given for place in places for given in self._given.get(place, ())][::-1]

    def knows(self, request: Request, opaque: Any) -> bool:
        """Whether this vendor gave such a signature, encrypted or hidden text."""
        return isinstance(opaque, str) and bool(self.turns(request, plain_base64(opaque)))


def keys_of(block: dict[str, Any]) -> Iterator[str]:
    """The ids by which a part of a turn is found again."""
    if isinstance(block.get("id"), str):
        yield block["id"]
    call = block.get("functionCall") or block.get("function_call")
    if isinstance(call, dict):
        yield gemini_key(call)
    for call in dicts(block.get("tool_calls")):
        if isinstance(call.get("id"), str):
            yield call["id"]


def gemini_key(call: dict[str, Any]) -> str:
    """Gemini's calls have no ids: a call is its name with its arguments."""
    return f"{call.get('name')}:{json.dumps(call.get('args') or {}, sort_keys=True)}"


def plain_base64(text: str) -> str:
    """Both alphabets of base64 say the same."""
    return text.replace("-", "+").replace("_", "/").rstrip("=")
