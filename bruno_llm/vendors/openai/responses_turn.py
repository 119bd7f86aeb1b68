"""Turns of the responses format, whole: every output item, in its order.

Source: OpenAI documentation, "Reasoning models" (reasoning items go back with the calls that
followed them; with ``store=False`` by their ``encrypted_content``), "Conversation state".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bruno_llm.completion import Attachment, Citation
from bruno_llm.vendors.openai.turn import attachment_of, cited
from bruno_llm.wire.facts import Facts
from bruno_llm.wire.turn import AnswerParts, TurnFormat

__all__ = ["TURN"]

_PLAIN = ("message", "function_call")


def _gather(facts: Facts, text: str) -> AnswerParts:
    items = facts.items
    # A message may say which part of the answer it is; a request without that is worse answered.
    opaque = any(item.get("type") not in _PLAIN or item.get("phase") for item in items)
    return AnswerParts(
        native=items if opaque else (),
        attachments=tuple(_attachments(items)),
        citations=tuple(_citations(items)),
        paid_uses=_paid_uses(items),
    )


def _paid_uses(items: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How often each tool was used that is billed by use.

    Source: OpenAI documentation, "Web search" (only the action ``search`` is billed, opening a
    page is not), "Pricing" (file search by call, the code interpreter by container).
    """
    kinds = [str(item.get("type")) for item in items]
    containers = {
        str(item.get("container_id"))
        for item in items
        if item.get("type") == "code_interpreter_call"
    }
    uses = {
        "web_search": sum(map(_searches, items)),
        "file_search": kinds.count("file_search_call"),
        "code_interpreter": len(containers),
    }
    return {name: count for name, count in uses.items() if count}


def _searches(item: Mapping[str, Any]) -> bool:
    action = item.get("action")
    kind = action.get("type") if isinstance(action, Mapping) else None
    return item.get("type") == "web_search_call" and kind in (None, "search")


def _texts(items: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for item in items:
        if item.get("type") == "message":
            yield from (part for part in item.get("content") or () if part.get("text"))


def _citations(items: Sequence[Mapping[str, Any]]) -> Iterable[Citation]:
    start = 0
    for part in _texts(items):
        for note in part.get("annotations") or ():
            found = cited(note)
            yield Citation(
                found.url,
                found.title,
                found.quote,
                start=None if found.start is None else start + found.start,
                end=None if found.end is None else start + found.end,
            )
        start += len(part["text"])


def _attachments(items: Iterable[Mapping[str, Any]]) -> Iterable[Attachment]:
    for item in items:
        if item.get("type") == "image_generation_call" and item.get("result"):
            kind = item.get("output_format") or "png"
            yield attachment_of(f"data:image/{kind};base64,{item['result']}", item.get("id"))
        if item.get("type") == "code_interpreter_call":
            for output in item.get("outputs") or ():
                if output.get("type") == "image" and output.get("url"):
                    yield attachment_of(output["url"])


TURN = TurnFormat(_gather)
