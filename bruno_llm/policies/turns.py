"""A conversation as turns: what must stay, what may go, and what would break it.

A turn is a user message with all that follows it up to the next one, so a tool call never loses
its result and what remains starts with a user message.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bruno_llm.completion import Trimmed
from bruno_llm.exceptions import ContextLengthExceededError

__all__ = [
    "HINT",
    "CutConversation",
    "Fitted",
    "Transcript",
    "Turn",
    "cut_into_turns",
    "end_of_orphans",
    "ends",
    "fault_of_result",
    "latest",
]

Transcript = list[dict[str, Any]]

HINT = "shorten the prompt, lower max_tokens or reserve, or take a model with a longer window"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The messages to send, their tokens with the overhead, and what was left out."""

    messages: Transcript
    tokens: int
    trimmed: Trimmed | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    messages: Transcript
    tokens: int


@dataclass(frozen=True, slots=True)
class CutConversation:
    """A conversation cut into what must stay and the turns that may go."""

    system: Transcript
    turns: list[Turn]
    last: Transcript
    kept_tokens: int

    @property
    def tokens(self) -> int:
        return self.kept_tokens + sum(turn.tokens for turn in self.turns)

    def check(self, overhead: int, limit: int) -> None:
        needed = self.kept_tokens + overhead
        if needed > limit:
            raise ContextLengthExceededError(
                f"the system prompt, the last user turn and the tools alone have {needed} tokens, "
                f"{needed - limit} more than the {limit} that fit",
                hint=HINT,
            )

    def fitted(self, turns: Iterable[Turn], overhead: int) -> Fitted:
        kept = list(self.system)
        tokens = self.kept_tokens + overhead
        for turn in turns:
            kept += turn.messages
            tokens += turn.tokens
        return Fitted(kept + self.last, tokens)


def _system_end(messages: Sequence[Mapping[str, Any]]) -> int:
    for index, message in enumerate(messages):
        if message.get("role") not in ("system", "developer"):
            return index
    return len(messages)


def end_of_orphans(messages: Sequence[Mapping[str, Any]]) -> int:
    """Where the tool results end that a rolling window left without their call, else 0.

    Every vendor refuses a conversation that starts with one.
    """
    start = end = _system_end(messages)
    while end < len(messages) and messages[end].get("role") == "tool":
        end += 1
    return end if start < end < len(messages) else 0


def cut_into_turns(messages: Transcript, counts: list[int], start: int) -> CutConversation:
    system = _system_end(messages)
    start = max(start, system)
    starts = [i for i in range(start, len(messages)) if messages[i].get("role") == "user"]
    if not starts:
        # Nobody asked anything: the unit is then a message with its tool results.
        starts = [i for i in range(start, len(messages)) if messages[i].get("role") != "tool"]
    borders = [*starts, len(messages)] if starts else [len(messages)]
    if borders[0] > start:
        borders.insert(0, start)  # a greeting before the first user message
    turns = [
        Turn(messages[begin:end], sum(counts[begin:end]))
        for begin, end in itertools.pairwise(borders)
    ]
    last = turns.pop() if turns else Turn([], 0)
    return CutConversation(
        messages[:system], turns, last.messages, sum(counts[:system]) + last.tokens
    )


def latest(turns: list[Turn], room: int) -> list[Turn]:
    """The longest end of the conversation that has room."""
    index = len(turns)
    while index and turns[index - 1].tokens <= room:
        index -= 1
        room -= turns[index].tokens
    return turns[index:]


def ends(turns: list[Turn], room: int, keep_first: int) -> list[Turn]:
    """The first turns, as far as there is room, and with what is left the latest."""
    # A greeting before the first user message is no turn of the user's, so it may go.
    first = _from_user(turns)
    begin = []
    for turn in first[:keep_first]:
        if turn.tokens > room:
            break
        begin.append(turn)
        room -= turn.tokens
    return begin + latest(first[len(begin) :], room)


def _from_user(turns: list[Turn]) -> list[Turn]:
    """Without a greeting at the start: what was cut begins with the user's words."""
    roles = [turn.messages[0].get("role") for turn in turns[:2]]
    return turns[1:] if roles[1:] == ["user"] and roles[0] != "user" else turns


def fault_of_result(kept: Transcript, given: Transcript, parts: CutConversation) -> str | None:
    """What is wrong with the messages a user's function returned, in words, or ``None``."""
    if kept[: len(parts.system)] != parts.system:
        return "messages without the system prompt at their start"
    body = kept[len(parts.system) :]
    if parts.last and body[len(body) - len(parts.last) :] != parts.last:
        return "messages that do not end with the last user turn"
    calls, orphans = _pairs(kept)
    if orphans - _pairs(given)[1]:
        return "a tool result without its tool call"
    answered = {str(m.get("tool_call_id")) for m in kept if m.get("role") == "tool"}
    had = {str(m.get("tool_call_id")) for m in given if m.get("role") == "tool"}
    if (calls & had) - answered:
        return "a tool call without its result"
    return None


def _pairs(messages: Transcript) -> tuple[set[str], set[str]]:
    """All ids of tool calls, and the ids of tool results that no call right before them has."""
    calls: set[str] = set()
    orphans: set[str] = set()
    waiting: set[str] = set()
    for message in messages:
        if message.get("role") == "tool":
            name = str(message.get("tool_call_id"))
            if name not in waiting:
                orphans.add(name)
            continue
        waiting = {str(call.get("id")) for call in message.get("tool_calls") or ()}
        calls |= waiting
    return calls, orphans
