"""Ollama's turns, whole: the thinking, and which call a tool's result belongs to.

Source: Ollama documentation, "Tool calling" and "Thinking": an assistant message goes back with
its ``thinking`` and ``tool_calls``, a result names its tool in ``tool_name``. litellm (1.105 to
1.109) strips the ids of the calls and writes no ``tool_name``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.wire.facts import Facts
from bruno_llm.wire.turn import AnswerParts, History, TurnFormat, grow, marked, whole

__all__ = ["TURN", "note"]


def note(payload: Mapping[str, Any], facts: Facts) -> None:
    """Keep the thinking of an answer, or of the next line of a stream."""
    thinking = (payload.get("message") or {}).get("thinking")
    if thinking:
        if not facts.items:
            facts.items.append({})
        grow(facts.items[0], "thinking", thinking)
    if payload.get("logprobs"):
        facts.notes.setdefault("logprobs", []).extend(payload["logprobs"])


def _gather(facts: Facts, text: str) -> AnswerParts:
    return AnswerParts(native=whole(facts.items))


def _restore(body: dict[str, Any], history: History) -> None:
    messages = body.get("messages") or ()
    for message in messages:
        found = marked(message.get("content"), history.kept)
        if found is not None:
            _, turn, _ = found
            message["content"] = turn.text
            message.update(*turn.items)
    names = {turn.get("tool_call_id"): turn.get("name") for turn in history.chat}
    called = [turn for turn in history.chat if turn.get("tool_calls")]
    calling = [message for message in messages if message.get("tool_calls")]
    for calls, message in zip(called, calling, strict=False):
        for given, call in zip(calls["tool_calls"], message["tool_calls"], strict=False):
            if given.get("id"):
                call["id"] = given["id"]
    for message in messages:
        if message.get("role") == "tool" and names.get(message.get("tool_call_id")):
            message["tool_name"] = names[message["tool_call_id"]]


TURN = TurnFormat(_gather, _restore)
