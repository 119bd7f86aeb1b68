"""Mistral's chat completions: OpenAI's format, and where it differs.

Source: Mistral API reference, "Chat completion", and Mistral documentation, "Reasoning". Content
may be a list of parts, thoughts among them, and ``model_length`` a finish reason: both are read
with OpenAI's format, because whoever serves these models sends them so. An answer always has its
usage, and a stream ends with ``data: [DONE]``. Ids of tool calls are nine letters or digits, and
others are refused (error 3280, "Tool call id was ... but must be a-z, A-Z, 0-9, with a length of
9"), so those that a conversation brings from elsewhere are changed on their way out. A user's
message straight after the results of tools is refused too (error 3230, "Unexpected role 'user'
after role 'tool'"): the model has to speak between them, so a turn of one word stands there.
litellm (1.105 to 1.109) sends both as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from bruno_llm.vendors.openai import wire as openai

__all__ = ["MISTRAL"]

_ID = re.compile(r"[a-zA-Z0-9]{9}")
# Mistral wants text or calls in every turn of the model, so it cannot be empty.
_NOTED = {"role": "assistant", "content": "Noted."}


def _request(body: dict[str, Any], options: Mapping[str, Any]) -> bool:
    changed = False
    for holder, name in _ids(body):
        given = holder.get(name)
        if isinstance(given, str) and not _ID.fullmatch(given):
            holder[name] = _short(given)
            changed = True
    messages = body.get("messages") or []
    for place in range(len(messages) - 1, 0, -1):
        if [message.get("role") for message in messages[place - 1 : place + 1]] == ["tool", "user"]:
            messages.insert(place, dict(_NOTED))
            changed = True
    return changed


def _ids(body: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Where the ids of tool calls stand: with the call, and with its result."""
    for message in body.get("messages") or ():
        yield message, "tool_call_id"
        for call in message.get("tool_calls") or ():
            yield call, "id"


def _short(given: str) -> str:
    """Nine characters that stand for an id, always the same, so that a result finds its call."""
    return sha256(given.encode()).hexdigest()[:9]


MISTRAL = replace(
    openai.OPENAI, name="mistral", request=_request, asks_with=None, text_arguments=False
)
