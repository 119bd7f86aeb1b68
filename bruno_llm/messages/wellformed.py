"""Checks that messages are well formed: roles, contents, calls of tools.

Checked before anything is made of it: a value of the wrong type would break in code that expects
the right one, in the middle of a call, and look like a fault of that code or of the vendor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bruno_llm.completion import ToolCall
from bruno_llm.exceptions import InvalidRequestError

__all__ = ["check_messages", "check_turn", "checked_metadata"]

ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def check_messages(messages: Any) -> None:
    """Refuse what is no list of messages.

    Raises:
        InvalidRequestError: It is one message, or nothing that holds messages.
    """
    if isinstance(messages, Mapping) or hasattr(messages, "role"):
        raise InvalidRequestError("messages must be a list of messages, not one")
    if isinstance(messages, bytes | bytearray) or not isinstance(messages, Iterable):
        raise _wrong("messages", "a list of messages or a text", messages)


def check_turn(turn: Mapping[str, Any], place: int) -> None:
    """Refuse a chat dict that no vendor can be sent.

    Args:
        turn: The dict.
        place: Which of the messages it is, for the error.

    Raises:
        InvalidRequestError: Names the field and what it must be, never what stands in it.
    """
    role, where = turn.get("role"), f"message {place}"
    if not isinstance(role, str) or role not in ROLES:
        shown = repr(role) if isinstance(role, str | None) else f"of type {type(role).__name__}"
        raise InvalidRequestError(f"{where} has the role {shown}; use one of {', '.join(ROLES)}")
    content = turn.get("content")
    if isinstance(content, str):
        if not content.isascii():
            _check_text(content, f"{where}: content")
    elif isinstance(content, list | tuple):
        for part in content:
            _check_part(part, f"{where}: a part of its content")
    elif content is not None:
        raise _wrong(f"{where}: content", "a text or a list of parts", content)
    if turn.keys() <= _PLAIN:
        return
    for name in ("name", "tool_call_id"):
        if not isinstance(turn.get(name), str | None):
            raise _wrong(f"{where}: {name}", "a text", turn[name])
    for name in ("native", "function_call"):
        if not isinstance(turn.get(name), Mapping | None):
            raise _wrong(f"{where}: {name}", "a dict", turn[name])
    calls = turn.get("tool_calls")
    if not isinstance(calls, list | tuple | None):
        raise _wrong(f"{where}: tool_calls", "a list of calls", calls)
    for call in calls or ():
        _check_call(call, f"{where}: a tool call")


def checked_metadata(metadata: Any) -> Mapping[str, Any]:
    """The metadata of a bruno-core message; ``model_construct()`` makes one with anything in it.

    Raises:
        InvalidRequestError: It is no dict, or its ``parts`` are no list.
    """
    if not isinstance(metadata, Mapping | None):
        raise _wrong("metadata of a message", "a dict", metadata)
    parts = (metadata or {}).get("parts")
    if not isinstance(parts, list | tuple | None):
        raise _wrong("metadata['parts'] of a message", "a list of parts", parts)
    return metadata or {}


_PLAIN = {"role", "content"}


def _check_part(part: Any, where: str) -> None:
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        raise _wrong(where, "a dict such as {'type': 'text', 'text': ...}", part)
    if part["type"] == "text":
        text = part.get("text")
        if not isinstance(text, str):
            raise _wrong(f"{where}: text", "a text", text)
        _check_text(text, where)
    elif part["type"] == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, Mapping) else image
        if not isinstance(url, str):
            raise _wrong(f"{where}: image_url", "a dict such as {'url': ...}", image)


def _check_text(text: str, where: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        pass
    else:
        return
    # Outside of the handler, whose error holds the whole text.
    raise InvalidRequestError(
        f"{where} holds half of a surrogate pair, which UTF-8 cannot hold",
        hint="text.encode('utf-8', 'replace').decode()",
    )


def _check_call(call: Any, where: str) -> None:
    if isinstance(call, ToolCall):
        return
    if not isinstance(call, Mapping):
        raise _wrong(where, "a ToolCall or a dict", call)
    if not isinstance(call.get("id"), str | None):
        raise _wrong(f"{where}: id", "a text", call["id"])
    function = call.get("function")
    if function is None and call.get("type", "function") != "function":
        return  # a kind of the vendor's own
    if not isinstance(function, Mapping):
        raise _wrong(f"{where}: function", "a dict with name and arguments", function)
    if not isinstance(function.get("name"), str):
        raise _wrong(f"{where}: its name", "a text", function.get("name"))
    if not isinstance(function.get("arguments"), str | Mapping | None):
        raise _wrong(f"{where}: its arguments", "JSON text or a dict", function["arguments"])


def _wrong(what: str, must: str, value: Any) -> InvalidRequestError:
    kind = "nothing" if value is None else type(value).__name__
    return InvalidRequestError(f"{what} must be {must}, not {kind}")
