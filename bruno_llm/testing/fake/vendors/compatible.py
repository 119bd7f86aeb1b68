"""What distinguishes the vendors that speak OpenAI's chat format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bruno_llm.testing.fake.parts import Thinking
from bruno_llm.testing.fake.strict.refusal import VendorRefusals, dicts, member
from bruno_llm.testing.fake.vendors.openai.rules import tool_rules

if TYPE_CHECKING:
    from bruno_llm.testing.fake.request import Request
    from bruno_llm.testing.fake.strict.memory import TurnMemory

__all__ = [
    "OTHER_NAMES",
    "CompatibleVendor",
    "in_field",
    "only_tool_rules",
    "without_their_thinking",
]

OTHER_NAMES = ("reasoning_content", "thinking_blocks", "reasoning_details")
"""Fields for thinking that servers who call it ``reasoning`` refuse."""

Think = Callable[[dict[str, Any], Thinking], "dict[str, Any] | None"]
"""Writes a thought into a message, or returns it as a part of the message's content."""


def in_field(name: str) -> Think:
    """Thoughts as a text in one field of the message."""

    def think(message: dict[str, Any], part: Thinking) -> None:
        message[name] = message.get(name, "") + part.text

    return think


_in_reasoning_content = in_field("reasoning_content")


def only_tool_rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    """No rules but OpenAI's about calls and their results."""
    yield from tool_rules(dicts(request.json.get("messages")))


def without_their_thinking(request: Request, memory: TurnMemory) -> Iterator[int]:
    """Places of messages with calls whose ``reasoning_content`` did not come back.

    An empty text is accepted; it must only be there.
    """
    asked = member(request.json, "thinking").get("type")
    for place, message in enumerate(dicts(request.json.get("messages"))):
        calls = dicts(message.get("tool_calls"))
        if not calls or asked == "disabled" or message.get("reasoning_content") is not None:
            continue
        known = memory.turns(request, *(call.get("id") for call in calls))
        thought = any(given.content.get("reasoning_content") for given in known)
        thinks = asked == "enabled" or "reasoner" in request.model or "thinking" in request.model
        if thought if known else thinks:
            yield place


@dataclass(frozen=True, slots=True)
class CompatibleVendor:
    """A vendor that speaks OpenAI's chat format.

    Attributes:
        name: The vendor's name, and the first word of its paths on the fake server.
        prefix: What stands between that and OpenAI's own paths.
        models: Models that the server lists.
        think: How it writes thinking.
        tells_usage: Its streams tell the tokens without being asked to.
        rules: What it refuses.
    """

    name: str
    prefix: str = "/v1"
    models: Sequence[str] = ()
    think: Think = _in_reasoning_content
    tells_usage: bool = False
    rules: Callable[[Request, TurnMemory], VendorRefusals] = only_tool_rules
