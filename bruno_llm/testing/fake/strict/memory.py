"""What a strict server has given, to know it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.refusal import dicts
from bruno_llm.testing.fake.wire import Turn


@dataclass(frozen=True, slots=True)
class Given:
    """One turn that was given.

    Attributes:
        request: What it answered.
        content: The turn in the vendor's shape, as ``Turn.content`` says.
    """

    request: Request
    content: Any


class Memory:
    """Turns by the ids in them, and everything opaque that was ever signed."""

    def __init__(self) -> None:
        self.opaque: dict[str, dict[str, Any]] = {}
        self._by_id: dict[str, list[Given]] = {}

    def keep(self, turn: Turn) -> None:
        """Remember a turn; the same id may be given many times."""
        given = Given(turn.request, turn.content)
        whole = turn.content if isinstance(turn.content, list) else [turn.content]
        for block in dicts(whole):
            for name in ("signature", "data", "encrypted_content", "thoughtSignature"):
                if isinstance(block.get(name), str):
                    self.opaque[plain_base64(block[name])] = block
            for key in keys_of(block):
                self._by_id.setdefault(key, []).append(given)

    def turns(self, *keys: str | None) -> list[Given]:
        """The turns that had one of these ids, the latest first."""
        found = [given for key in keys if key for given in self._by_id.get(key, ())]
        return found[::-1]

    def knows(self, opaque: Any) -> dict[str, Any] | None:
        """What a signature or an encrypted text was given with."""
        return self.opaque.get(plain_base64(opaque)) if isinstance(opaque, str) else None


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
