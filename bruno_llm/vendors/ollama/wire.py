"""Ollama's native chat format.

Source: Ollama API documentation, "Generate a chat completion". A stream is one JSON object a
line; the last has ``done: true``.

Read below litellm (1.105 to 1.109) because: parallel tool calls of a stream all get index 0 and
run into each other, a cut stream ends as ``stop``, an ``error`` line is a bad request there, and
thoughts in the text are parted from it in the first piece alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.vendors.ollama import pieces, turn
from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.shape import COUNT, read_json
from bruno_llm.wire.think import ThinkTags

__all__ = ["OLLAMA"]

_FINISH = {"stop": "stop", "length": "length"}


_CALL = {"id": str, "function": {"name": str, "arguments": (Mapping, str)}}
_SHAPE = {
    "model": str,
    "message": {"content": str, "thinking": str, "tool_calls": [_CALL]},
    "done": bool,
    "done_reason": str,
    "prompt_eval_count": COUNT,
    "eval_count": COUNT,
}


def _read(payload: Mapping[str, Any], facts: Facts) -> None:
    message = payload.get("message")
    if message is None:
        facts.fault = "there is no message in it"
        return
    facts.model = payload.get("model")
    turn.note(payload, facts)
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        if not function.get("name"):
            facts.fault = "a tool call has no name"
            return
        arguments = function.get("arguments")
        if isinstance(arguments, str) and not _is_object(arguments):
            facts.fault = "the arguments of a tool call are no object"
            return
        facts.tool_calls.append((call.get("id"), function["name"], arguments))
    if payload.get("done"):
        facts.ended = True
        # Before 0.5 it leaves the prompt out when it has read it before.
        facts.has_usage = None not in (payload.get("eval_count"), payload.get("prompt_eval_count"))
        facts.completion_tokens = payload.get("eval_count")
        reason = payload.get("done_reason") or "stop"
        facts.finish_reason = _FINISH.get(reason, f"other:{reason}")


def _is_object(text: str) -> bool:
    # Other servers in this format send the object as text.
    try:
        return isinstance(read_json(text), dict)
    except ValueError:
        return False


def _part(payload: dict[str, Any], tags: ThinkTags) -> bool:
    message = payload.get("message") or {}
    if message.get("thinking"):
        tags.stop()
        return False
    said = message.get("content") or ""
    thought, text = tags.feed(said, last=bool(payload.get("done")))
    if text == said and not thought:
        return False
    message["content"] = text
    if thought:
        message["thinking"] = thought
    return True


def _mend(payload: dict[str, Any]) -> bool:
    """Keep tags that are part of the text, such as those of an answer about tags.

    litellm's reader of streams takes every ``<think>`` and ``</think>`` away, and what follows the
    first for a thought. It gets them doubled, inside a pair of its own.
    """
    message = payload.get("message") or {}
    said = message.get("content") or ""
    if payload.get("done") or not ("<think>" in said or "</think>" in said):
        return False
    kept = said.replace("<think>", "<th<think>ink>").replace("</think>", "</th</think>ink>")
    message["content"] = f"<think>{kept}</think>"
    return True


def _request(body: dict[str, Any], options: Mapping[str, Any]) -> bool:
    """Put right what litellm sends.

    ``truncate``: the server is to refuse a prompt that does not fit, where it would leave a part
    out without a word. Servers that do not know the field (before 0.12) ignore it.
    """
    body.setdefault("truncate", False)
    for message in body.get("messages") or ():
        if message.get("images") == []:
            del message["images"]
    given = body.get("options")
    if "presence_penalty" in body and isinstance(given, dict):  # litellm has no name for it
        given["presence_penalty"] = body.pop("presence_penalty")
    return True


OLLAMA = Format(
    "ollama",
    ("/api/chat",),
    _read,
    _SHAPE,
    mend=_mend,
    request=_request,
    part=_part,
    text=pieces.text,
    brings=pieces.brings,
    turn=turn.TURN,
    stream="ndjson",
)
