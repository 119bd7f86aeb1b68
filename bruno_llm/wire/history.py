"""The history on its way out: what goes back as the vendor gave it, and the rest in a plain form.

The differences between vendors that litellm (1.105 to 1.109) leaves to the caller are few: who
reads broken tool arguments, who takes images from a tool, and whose opaque items these are.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from bruno_llm.wire.facts import Format
from bruno_llm.wire.turn import ChatMessages, KeptTurn, Origin

__all__ = ["outgoing"]

_INVALID = "INVALID_JSON"


def outgoing(
    chat: ChatMessages, origin: Origin | None, form: Format | None
) -> tuple[list[dict[str, Any]], list[KeptTurn]]:
    """The messages for litellm, and the turns that are to be put back below it.

    Args:
        chat: The conversation.
        origin: Where it goes; ``None`` where nobody reads the wire, so that every turn is plain.
        form: The format of that wire.
    """
    text_arguments = form is not None and form.text_arguments
    tool_images = form is not None and form.tool_images
    messages: list[dict[str, Any]] = []
    kept: list[KeptTurn] = []
    shown: list[Any] = []
    for place, turn in enumerate(chat):
        message = {k: v for k, v in turn.items() if k not in ("native", "is_error")}
        if message.get("role") != "tool" and shown:
            messages.append({"role": "user", "content": shown})
            shown = []
        native = turn.get("native")
        if native is not None and origin is not None and origin.takes(native):
            kept.append(_kept(chat, place))
            message["content"] = kept[-1].marker
        elif native is not None and origin is not None and origin.unread.takes(native):
            message["thinking_blocks"] = native["items"]
        if message.get("tool_calls"):
            message["tool_calls"] = [
                _sendable(call, text_arguments) for call in message["tool_calls"]
            ]
        if message.get("role") == "tool" and not tool_images:
            message["content"], images = _without_images(message.get("content"))
            shown = [*shown, *images]
        messages.append(message)
    return [*messages, {"role": "user", "content": shown}] if shown else messages, kept


def _kept(chat: ChatMessages, place: int) -> KeptTurn:
    turn = chat[place]
    text = turn.get("content")
    return KeptTurn(
        marker=f"turn-{uuid.uuid4().hex}",
        items=turn["native"]["items"],
        text=text if isinstance(text, str) else "",
        calls=tuple(str(call.get("id")) for call in turn.get("tool_calls") or ()),
        results=tuple(_results_after(chat, place)),
    )


def _results_after(chat: ChatMessages, place: int) -> Iterator[str]:
    for turn in chat[place + 1 :]:
        if turn.get("role") != "tool":
            return
        yield str(turn.get("tool_call_id"))


def _without_images(content: Any) -> tuple[Any, list[Any]]:
    """A tool's words, and its images to be shown by the user after all results."""
    if not isinstance(content, list):
        return content, []
    text = "\n".join(str(part["text"]) for part in content if part.get("type") == "text")
    return text, [part for part in content if part.get("type") != "text"]


def _sendable(call: Mapping[str, Any], text_arguments: bool) -> dict[str, Any]:
    """The call with arguments that the vendor can read."""
    function = dict(call.get("function") or {})
    raw = function.get("arguments")
    if isinstance(raw, Mapping):
        function["arguments"] = json.dumps(raw, ensure_ascii=False)
    elif raw is None or not str(raw).strip():
        function["arguments"] = "{}"
    elif not text_arguments and not _is_object(str(raw)):
        # Anthropic documentation, "Fine-grained tool streaming": what the model wrote goes back
        # to it in an object of its own.
        function["arguments"] = json.dumps({_INVALID: str(raw)}, ensure_ascii=False)
    return {**call, "function": function}


def _is_object(raw: str) -> bool:
    try:
        return isinstance(json.loads(raw, parse_constant=_refused), dict)
    except (ValueError, RecursionError):
        return False


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
