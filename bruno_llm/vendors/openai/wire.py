"""OpenAI's chat completions format, also spoken by llama.cpp, vLLM, Groq and many others.

Source: OpenAI API reference, "Chat completions" and "Streaming". A stream ends with the line
``data: [DONE]``; the frame reader notes it.

Read below litellm (1.105 to 1.109) because: streamed refusals are dropped, a stream that is cut
ends as ``stop``, tool calls may come with ``stop``, and an answer without usage gets an invented
one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bruno_llm.options.params import ONLY_OURS
from bruno_llm.vendors.openai import pieces, turn
from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.shape import COUNT
from bruno_llm.wire.think import ThinkTags

__all__ = ["COMPATIBLE", "OPENAI", "TEXT"]

_FINISH = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",  # at the end of the model's window
    "tool_calls": "tool_calls",
    "function_call": "function_call",
    "content_filter": "content_filter",
}


_FUNCTION = {"name": str, "arguments": (str, Mapping)}
_MESSAGE = {
    "content": (str, list),  # a list of parts, in place of the text
    "refusal": str,
    "reasoning_content": str,
    "reasoning": str,
    "tool_calls": [{"index": int, "id": str, "function": _FUNCTION}],
    "function_call": _FUNCTION,
}
_CHOICE = {"index": int, "delta": _MESSAGE, "message": _MESSAGE, "finish_reason": str}
_USAGE = {
    "prompt_tokens": COUNT,
    "completion_tokens": COUNT,
    "total_tokens": COUNT,
    "prompt_tokens_details": {"cached_tokens": COUNT},
    "completion_tokens_details": {"reasoning_tokens": COUNT},
}
_SHAPE = {"id": str, "model": str, "choices": [_CHOICE], "usage": _USAGE}


def _read(payload: Mapping[str, Any], facts: Facts) -> None:
    if payload.get("object") == "error":  # vLLM before 0.10: the error is the event itself
        facts.error = {"error": payload}
        return
    facts.id = facts.id or payload.get("id") or None
    facts.has_usage = facts.has_usage or bool(payload.get("usage"))
    if tier := payload.get("service_tier"):
        facts.note_tier(tier)
    choices = payload.get("choices")
    if choices is None and not payload.get("usage"):
        facts.fault = "there are no choices in it"
    for choice in choices or ():
        if not choice.get("index"):  # n > 1: the first choice is the answer
            _read_choice(choice, facts)


def _read_choice(choice: Mapping[str, Any], facts: Facts) -> None:
    if choice.get("error"):  # OpenRouter, when the vendor behind it fails on the way
        facts.error = choice
        return
    message = choice.get("delta") or choice.get("message") or {}
    content = message.get("content")
    if isinstance(content, list) and not (content and all(isinstance(p, Mapping) for p in content)):
        facts.fault = "content is neither text nor a list of parts"
        return
    if facts.items or turn.has_more(choice, message):
        turn.note(choice, facts)
    if message.get("refusal"):
        facts.refusal.append(message["refusal"])
    raw = choice.get("finish_reason") or _finish_details(choice)
    if raw:
        facts.finish_reason = _FINISH.get(str(raw), f"other:{raw}")


def _finish_details(choice: Mapping[str, Any]) -> Any:
    # The 2023 vision models said it this way instead of with finish_reason.
    details = choice.get("finish_details")
    return details.get("type") if isinstance(details, Mapping) else None


def _mend(payload: dict[str, Any]) -> bool:
    """Spare litellm what it cannot read; the facts are noted before, and stay as they are."""
    mended = False
    for choice in payload.get("choices") or ():
        message = choice.get("delta") or choice.get("message") or {}
        if isinstance(message.get("content"), list):
            parts = _mappings(message["content"])
            if thought := _thought_of(parts):
                message["reasoning_content"] = thought
            message["content"] = _text_of(parts)
            mended = True
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            if isinstance(function.get("arguments"), Mapping):
                function["arguments"] = json.dumps(function["arguments"])
                mended = True
        if "delta" in choice:
            continue
        if "finish_reason" not in choice:
            choice["finish_reason"] = _finish_details(choice) or "stop"
            mended = True
        if "message" not in choice:  # Azure, when its content filter cut the whole answer
            choice["message"] = {"role": "assistant", "content": None}
            mended = True
    return mended


def _text_of(parts: Sequence[Mapping[str, Any]]) -> str:
    """The text of a message in parts."""
    return "".join(str(part.get("text") or "") for part in parts if part.get("type") == "text")


def _thought_of(parts: Sequence[Mapping[str, Any]]) -> str:
    """The thinking among those parts: itself a list of parts of text."""
    thoughts = (part.get("thinking") for part in parts if part.get("type") == "thinking")
    return "".join(
        thought if isinstance(thought, str) else _text_of(_mappings(thought))
        for thought in thoughts
    )


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _mend_compatible(payload: dict[str, Any]) -> bool:
    """As above; Groq's route of litellm reads ``service_tier`` of plain answers unasked."""
    mended = _mend(payload)
    plain = any("message" in choice for choice in payload.get("choices") or ())
    if plain and "service_tier" not in payload:
        payload["service_tier"] = None
        mended = True
    return mended


def _part(payload: dict[str, Any], tags: ThinkTags) -> bool:
    """The thoughts of models whose server leaves them in the text."""
    parted = False
    for choice in payload.get("choices") or ():
        field = "delta" if "delta" in choice else "message"
        message = choice.get(field) or {}
        if choice.get("index"):
            continue
        if message.get("reasoning_content") or message.get("reasoning"):
            tags.stop()
        said = message.get("content") or ""
        if not isinstance(said, str):
            continue
        ended = field == "message" or bool(choice.get("finish_reason"))
        thought, text = tags.feed(said, last=ended)
        if text != said or thought:
            thoughts = {"reasoning_content": thought} if thought else {}
            choice[field] = {**message, "content": text, **thoughts}
            parted = True
    return parted


def _request(body: dict[str, Any], options: Mapping[str, Any]) -> bool:
    """What litellm takes for its own logging, or does not know of every model."""
    lost = {name: options[name] for name in ONLY_OURS if name in options and name not in body}
    body.update(lost)
    return bool(lost)


_PATHS = ("/chat/completions",)
# A server at a base_url of one's own may leave the last line out, as OpenAI's SDK allows it to.
OPENAI = Format(
    "openai",
    _PATHS,
    _read,
    _SHAPE,
    mend=_mend,
    request=_request,
    asks_with=ONLY_OURS,
    part=_part,
    text=pieces.text,
    brings=pieces.brings,
    turn=turn.TURN,
    usage_ends=True,
    text_arguments=True,
)
COMPATIBLE = replace(
    OPENAI,
    name="openai-compatible",
    mend=_mend_compatible,
    usage_ends=False,
    finish_ends=True,
    text_arguments=False,
)
# OpenAI API reference, "Completions (legacy)": a choice has a ``text`` in place of a message.
TEXT = Format("openai-text", ("/completions",), _read, _SHAPE, finish_ends=True)
