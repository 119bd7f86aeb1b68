"""Turns of chat completions, whole: reasoning, audio, images, citations.

Source: OpenAI API reference, "Chat completions" (``audio`` goes back by its id); DeepSeek API
documentation, "Thinking mode" (a turn with tool calls goes back with its ``reasoning_content``);
OpenRouter documentation, "Reasoning tokens" (``reasoning_details`` go back unchanged and in
order).
"""

from __future__ import annotations

import base64
import binascii
import copy
from collections.abc import Iterable, Mapping
from typing import Any

from bruno_llm.completion import Attachment, Citation
from bruno_llm.wire.facts import Facts
from bruno_llm.wire.turn import AnswerParts, History, TurnFormat, grow, marked, whole

__all__ = ["TURN", "attachment_of", "cited", "has_more", "note"]

_TEXTS = ("reasoning_content", "reasoning")
# They refuse calls without it while they think; it may be empty, as of a turn of another vendor.
_WANT_REASONING = ("deepseek", "moonshot")
_BESIDES = (*_TEXTS, "reasoning_details", "audio", "images", "annotations")
_GROWING_DETAILS = ("text", "summary")
_SOUNDS = (
    (b"RIFF", "audio/wav"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)


def has_more(choice: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
    """Whether there is anything in a choice besides a text and tool calls."""
    if isinstance(message.get("content"), list) or choice.get("logprobs"):
        return True
    return any(map(message.get, _BESIDES))


def note(choice: Mapping[str, Any], facts: Facts) -> None:
    """Keep what a choice holds besides its text and its tool calls."""
    message = choice.get("delta") or choice.get("message") or {}
    if not facts.items:
        facts.items.append({})
    kept = facts.items[0]
    for name in _TEXTS:
        if message.get(name):
            grow(kept, name, message[name])
    for detail in _objects(message.get("reasoning_details")):
        _add_detail(kept.setdefault("reasoning_details", []), detail)
    _add_content(kept, message.get("content"))
    audio = message.get("audio")
    if isinstance(audio, Mapping):
        mine = kept.setdefault("audio", {})
        mine["id"] = audio.get("id") or mine.get("id")
        for name in ("data", "transcript"):
            grow(mine, name, audio.get(name))
    for name in ("images", "annotations"):
        found = _objects(message.get(name))
        if found:
            kept.setdefault(name, []).extend(found)
    tokens = (choice.get("logprobs") or {}).get("content")
    if tokens:
        facts.notes.setdefault("logprobs", []).extend(tokens)


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []


def _add_detail(details: list[dict[str, Any]], detail: Mapping[str, Any]) -> None:
    last = details[-1] if details else None
    name = next((name for name in _GROWING_DETAILS if detail.get(name)), None)
    same = last is not None and all(
        detail.get(key) in (None, last.get(key)) for key in ("type", "index", "id")
    )
    if last is None or not same or "data" in detail:
        details.append(dict(detail))
        return
    if name is not None:
        grow(last, name, detail[name])
    grows = (*_GROWING_DETAILS, "type")
    last.update({k: v for k, v in detail.items() if v is not None and k not in grows})


def _add_content(kept: dict[str, Any], content: Any) -> None:
    """Content in parts, as some models send it while they think; then text follows."""
    if isinstance(content, list):
        for part in _objects(content):
            _add_part(kept.setdefault("content", []), part)
    elif content and "content" in kept:
        _add_part(kept["content"], {"type": "text", "text": content})


def _add_part(parts: list[dict[str, Any]], part: Mapping[str, Any]) -> None:
    last = parts[-1] if parts else {}
    if part.get("type") == last.get("type") == "text":
        grow(last, "text", part.get("text"))
    elif part.get("type") == last.get("type") == "thinking":
        for thought in _objects(part.get("thinking")):
            _add_part(last["thinking"], thought)
        last.update({k: v for k, v in part.items() if k not in ("type", "thinking")})
    else:
        parts.append(copy.deepcopy(dict(part)))  # it grows, and the payload must not


def _gather(facts: Facts, text: str) -> AnswerParts:
    if not facts.items or not facts.items[0]:
        return AnswerParts()
    kept = whole(facts.items[0])
    native = {name: kept[name] for name in (*_TEXTS, "reasoning_details") if kept.get(name)}
    if "reasoning_details" in native:  # they say the same, with what makes it count
        native.pop("reasoning", None)
    if any(part.get("type") != "text" for part in kept.get("content") or ()):
        native["content"] = kept["content"]
    audio = kept.get("audio") or {}
    if audio.get("id"):
        native["audio"] = {"id": audio["id"]}
    return AnswerParts(
        native=[native] if native else (),
        attachments=tuple(_attachments(kept)),
        citations=tuple(
            cited(note_.get(str(note_.get("type"))) or note_)
            for note_ in kept.get("annotations") or ()
        ),
    )


def cited(source: Mapping[str, Any]) -> Citation:
    """The citation in an annotation, of a page or of a file."""
    start = source.get("start_index")
    return Citation(
        url=source.get("url"),
        title=source.get("title") if "title" in source else source.get("filename"),
        quote=source.get("content"),
        start=start if isinstance(start, int) else source.get("index"),
        end=source.get("end_index"),
    )


def _attachments(kept: Mapping[str, Any]) -> Iterable[Attachment]:
    audio = kept.get("audio") or {}
    if audio.get("data"):
        data = _decoded(audio["data"])
        media = next((m for magic, m in _SOUNDS if (data or b"").startswith(magic)), "audio/*")
        yield Attachment(media, data, transcript=audio.get("transcript"), id=audio.get("id"))
    for image in kept.get("images") or ():
        address = (image.get("image_url") or {}).get("url")
        if isinstance(address, str):
            yield attachment_of(address)


def attachment_of(address: str, id_: str | None = None) -> Attachment:
    """The image at an address, or in a ``data:`` URL."""
    head, _, data = address.partition(";base64,")
    if not head.startswith("data:"):
        return Attachment("image/*", url=address, id=id_)
    return Attachment(head.removeprefix("data:"), _decoded(data), id=id_)


def _decoded(data: str) -> bytes | None:
    try:
        return base64.b64decode(data)
    except (binascii.Error, ValueError):
        return None


def _restore(body: dict[str, Any], history: History) -> None:
    for message in body.get("messages") or ():
        content = message.get("content")
        texts = [part.get("text") for part in content] if isinstance(content, list) else [content]
        found = next(filter(None, (marked(text, history.kept) for text in texts)), None)
        if found is None:
            continue
        _, turn, _ = found
        message["content"] = turn.text or None
        for fields in turn.items:
            message.update(fields)
        if "audio" in message:  # its words are in it
            message["content"] = None
    if history.route in _WANT_REASONING:
        for message in body.get("messages") or ():
            if message.get("tool_calls"):
                message.setdefault("reasoning_content", "")


TURN = TurnFormat(_gather, _restore)
