"""The assistant's message in OpenAI's chat format, as OpenAI and the vendors after it write it.

OpenAI's page: platform.openai.com/docs/api-reference/chat (``audio``, ``annotations``). How the
others write thinking stands in their own files.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from bruno_llm.completion import ToolCall
from bruno_llm.testing.fake.parts import Media, Text, Thinking
from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.text import arguments_text, fragments, words
from bruno_llm.testing.fake.vendors.compatible import CompatibleVendor
from bruno_llm.testing.fake.wire import CREATED, not_in_format

_STREAMED = {"role", "content", "refusal", "reasoning", "reasoning_content", "reasoning_details"}
_STREAMED |= {"audio", "tool_calls"}


def message_of(reply: Reply, vendor: CompatibleVendor, serial: int) -> dict[str, Any]:
    """The message that ``vendor`` would give."""
    message: dict[str, Any] = {"role": "assistant", "content": "", "refusal": reply.refusal}
    thoughts: list[dict[str, Any]] = []
    for part in reply.content():
        if isinstance(part, Thinking):
            thought = vendor.think(message, part)
            thoughts += [] if thought is None else [thought]
        elif isinstance(part, Text):
            message["content"] += part.text
            if part.citations:
                message["annotations"] = [dict(source) for source in part.citations]
        elif isinstance(part, ToolCall):
            called = {"name": part.name, "arguments": arguments_text(part)}
            call = {"id": part.id, "type": "function", "function": called}
            message.setdefault("tool_calls", []).append(call)
        elif isinstance(part, Media):
            _show(message, part, serial)
        elif isinstance(part, Mapping):
            message |= part
        else:
            raise not_in_format(part, "OpenAI's chat format")
    if thoughts:
        text = [{"type": "text", "text": message["content"]}] if message["content"] else []
        message["content"] = [*thoughts, *text]
    elif not message["content"]:
        silent = reply.refusal is not None or {"tool_calls", "audio"} & set(message)
        message["content"] = None if silent else ""
    return message | dict(reply.fields)


def _show(message: dict[str, Any], part: Media, serial: int) -> None:
    data = base64.b64encode(part.data).decode("ascii")
    if part.media_type.startswith("audio/"):
        message["audio"] = {
            "id": f"audio_fake{serial:06d}",
            "data": data,
            "transcript": part.transcript,
            "expires_at": CREATED + 3600,
        }
    else:
        url = {"url": f"data:{part.media_type};base64,{data}"}
        message.setdefault("images", []).append({"type": "image_url", "image_url": url})


def deltas_of(message: dict[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    """The message in the pieces of a stream."""
    yield from _thinking_deltas(message)
    content: Any = message["content"]
    parts: list[Any] = [{"type": "text", "text": content or ""}]
    for part in content if isinstance(content, list) else parts:
        if part["type"] == "thinking":
            for piece in words(part["thinking"][0]["text"]):
                thought = {"type": "thinking", "thinking": [{"type": "text", "text": piece}]}
                yield {"content": [thought]}
        else:
            yield from ({"content": piece} for piece in reply.cut(part["text"]))
    yield from ({"refusal": piece} for piece in words(message["refusal"] or ""))
    if "audio" in message:
        audio = message["audio"]
        for piece in words(audio["transcript"]):
            yield {"audio": {"id": audio["id"], "transcript": piece}}
        yield from ({"audio": {"data": part}} for part in fragments(audio["data"], 64))
        yield {"audio": {"expires_at": audio["expires_at"]}}
    for index, call in enumerate(message.get("tool_calls", ())):
        function = {"name": call["function"]["name"], "arguments": ""}
        yield {"tool_calls": [{"index": index} | call | {"function": function}]}
        for part in fragments(call["function"]["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
    others = {name: value for name, value in message.items() if name not in _STREAMED}
    if others:
        yield others


def _thinking_deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "reasoning_details" not in message:
        for field in ("reasoning_content", "reasoning"):
            yield from ({field: piece} for piece in words(message.get(field, "")))
        return
    for detail in message["reasoning_details"]:
        if "text" not in detail:
            yield {"reasoning_details": [detail]}
            continue
        place = {name: detail[name] for name in ("type", "format", "index") if name in detail}
        for piece in words(detail["text"]):
            yield {"reasoning": piece, "reasoning_details": [place | {"text": piece}]}
        # The signature comes last, in a detail of the same index.
        yield {"reasoning_details": [place | {"signature": detail.get("signature")}]}
