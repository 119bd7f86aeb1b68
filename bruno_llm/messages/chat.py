"""bruno-core messages on one side, the chat dicts litellm reads on the other.

``Message`` has no fields for tool calls, tool results or images, so they ride in its ``metadata``:

* ``parts``: OpenAI-shaped content parts (images, files) that follow the text;
* ``tool_calls``: the calls of an assistant turn, as ``ToolCall`` or OpenAI-shaped dicts;
* ``tool_call_id`` and ``name``: whose result a tool message is; ``is_error``: that it failed;
* ``native``: what the vendor wants back with the next request, from ``Completion.native``;
* ``text_stands_in``: the content is only there because a ``Message`` may not be empty.

The functions here write them; nobody else needs to know them.
"""

from __future__ import annotations

import base64
import copy
import json
import mimetypes
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from bruno_core.models.message import Message, MessageRole, MessageType

from bruno_llm._runtime.files import read_regular
from bruno_llm.completion import Completion, ToolCall
from bruno_llm.exceptions import InvalidRequestError
from bruno_llm.messages.repair import ChatMessage, joined, merged, paired
from bruno_llm.messages.results import as_result, media_type_of
from bruno_llm.messages.wellformed import check_messages, check_turn, checked_metadata

__all__ = [
    "ChatMessage",
    "as_messages",
    "completion_message",
    "file_message",
    "image_message",
    "messages_of_call",
    "shows_images",
    "texts_of",
    "to_chat",
    "told_in",
    "tool_result",
]

FileSource = str | bytes | PathLike[str]
# Where a part of a message holds a file, or the address of one.
_FILES = frozenset({"url", "image_url", "data", "file_data"})
_BEGINNING = 4096

_SPEAKERS = ("user", "assistant", "system")
# More than any vendor takes in a request (Gemini, 100 MB).
_MOST_BYTES = 100 << 20
_EARLIER = "(earlier messages are not shown)"


def image_message(text: str, *images: FileSource, detail: str | None = None) -> Message:
    """A user message with images for a model that can see.

    Args:
        text: What to say about them.
        images: Each an ``http(s)`` or ``data:`` URL, a path, or the bytes of an image file.
        detail: OpenAI's ``"low"``, ``"high"`` or ``"auto"``.

    Raises:
        InvalidRequestError: A file is not an image, no regular file, over 100 MB, or unreadable.
    """
    parts = []
    for image in images:
        url = _as_url(image, "image/")
        parts.append({"type": "image_url", "image_url": _compact(url=url, detail=detail)})
    return Message(
        role=MessageRole.USER,
        content=text,
        message_type=MessageType.IMAGE,
        metadata={"parts": parts},
    )


def file_message(text: str, *files: FileSource, filename: str | None = None) -> Message:
    """A user message with documents, such as PDFs.

    Args:
        text: What to say about them.
        files: Each an ``http(s)`` or ``data:`` URL, a path, or the bytes of a file.
        filename: The name to show for bytes.

    Raises:
        InvalidRequestError: It is no regular file, over 100 MB, or cannot be read.
    """
    parts = []
    for file in files:
        url = _as_url(file, "")
        name = filename or (Path(file).name if isinstance(file, PathLike) else None)
        key = "file_data" if url.startswith("data:") else "file_id"
        parts.append({"type": "file", "file": _compact(**{key: url}, filename=name)})
    return Message(
        role=MessageRole.USER,
        content=text,
        message_type=MessageType.FILE,
        metadata={"parts": parts},
    )


def completion_message(completion: Completion) -> Message:
    """The assistant message of a completion, for the history.

    It carries the tool calls and what the vendor wants back (``Completion.native``), survives
    JSON, and may be sent to any provider: what is not meant for it stays behind.
    """
    heard = " ".join(filter(None, (part.transcript for part in completion.attachments)))
    said = completion.text or completion.refusal or heard
    metadata: dict[str, Any] = {}
    if completion.native is not None:
        metadata["native"] = copy.deepcopy(dict(completion.native))
    if completion.tool_calls:
        metadata["tool_calls"] = [_call_dict(call) for call in completion.tool_calls]
    if not said or not said.strip():
        names = ", ".join(call.name for call in completion.tool_calls)
        said = f"(called {names})" if names else "(no text)"
        metadata["text_stands_in"] = True
    return Message(role=MessageRole.ASSISTANT, content=said, metadata=metadata)


def tool_result(call: ToolCall | str, result: Any, *, name: str | None = None) -> Message:
    """The message that gives a tool's result back to the model.

    Args:
        call: The call it answers, or its id.
        result: A string; anything JSON can hold, and pydantic models, dataclasses, dates and sets;
            an image's bytes, also several or with other things in a list; the exception that the
            tool raised (the model reads its type and its words, and the vendor is told that the
            tool failed where it has a flag for that).
        name: The tool's name, when only the id is given.
    """
    read = as_result(result)
    text = read.text
    metadata: dict[str, Any] = {"is_error": True} if read.is_error else {}
    if read.images:
        metadata["parts"] = [_image_part(media, data) for media, data in read.images]
    if isinstance(call, ToolCall):
        metadata |= {"tool_call_id": call.id, "name": call.name}
    else:
        metadata |= _compact(tool_call_id=call, name=name)
    if not text.strip():
        text = "(empty)"
    return Message(role=MessageRole.TOOL, content=text, metadata=metadata)


def as_messages(
    messages: Sequence[Message | Mapping[str, Any]] | str, prompt: str | None = None
) -> Sequence[Message | Mapping[str, Any]]:
    """The messages of a call; a text, or a prompt in place of messages, is one user message.

    Raises:
        InvalidRequestError: The text is empty, or there are messages and a prompt.
    """
    if prompt is not None:
        if messages:
            raise InvalidRequestError("there are messages and a prompt: give one of them")
        messages = prompt
    if not isinstance(messages, str):
        return messages
    if not messages.strip():
        raise InvalidRequestError("the prompt is empty; give it some text")
    return [Message(role=MessageRole.USER, content=messages)]


def messages_of_call(
    messages: Sequence[Message | Mapping[str, Any]] | str, options: MutableMapping[str, Any]
) -> Sequence[Message | Mapping[str, Any]]:
    """The messages of a call, with a ``prompt`` that is a text taken out of its options.

    Raises:
        InvalidRequestError: As for ``as_messages()``.
    """
    if isinstance(options.get("prompt"), str):
        return as_messages(messages, options.pop("prompt"))
    return as_messages(messages)


def to_chat(
    messages: Sequence[Message | Mapping[str, Any]] | str, system_prompt: str | None = None
) -> list[ChatMessage]:
    """The chat dicts of a conversation, in a shape that every vendor accepts.

    The system prompt and all system messages become one, first. What a rolling window leaves
    behind is repaired without losing text: turns of one role in a row are merged, a result whose
    call is gone becomes a note of the user, a call without its result gets one that says so, and a
    conversation that starts with the assistant gets a user turn before it.

    Args:
        messages: bruno-core messages or OpenAI-shaped dicts, mixed or alone; or a text.
        system_prompt: The provider's own, put before those of the messages.

    Raises:
        InvalidRequestError: No message, only system messages, an unknown role, an empty message.
    """
    if isinstance(messages, str):
        messages = as_messages(messages)
    if type(messages) is not list:
        check_messages(messages)
    system: dict[Any, Any] = {system_prompt: system_prompt} if system_prompt else {}
    turns: list[ChatMessage] = []
    calls = in_a_row = False
    for place, message in enumerate(messages):
        turn = _chat_dict(message, place)
        role = turn["role"]
        if role in ("system", "developer"):
            said = turn["content"]
            system.setdefault(said if isinstance(said, str) else ("parts", repr(said)), said)
            continue
        calls = calls or role in ("tool", "function") or "tool_calls" in turn
        in_a_row = in_a_row or (bool(turns) and turns[-1]["role"] == role)
        turns.append(turn)
    if not turns:
        raise InvalidRequestError(
            "there is nothing to answer: give at least one user message"
            if not system or not messages
            else "there are only system messages: give at least one user message"
        )
    if calls:
        turns = paired(turns)
    if calls or in_a_row:
        turns = merged(turns)
    if turns[0]["role"] == "assistant":
        turns.insert(0, {"role": "user", "content": _EARLIER})
    return [{"role": "system", "content": joined([*system.values()])}, *turns] if system else turns


def shows_images(chat: Iterable[ChatMessage]) -> bool:
    """Whether there is an image in the messages."""
    contents = (message.get("content") for message in chat)
    parts = (part for content in contents if isinstance(content, list) for part in content)
    return any(part.get("type") == "image_url" for part in parts)


def told_in(chat: Iterable[ChatMessage]) -> list[str]:
    """Every text in the messages, for those who must not let one out; of files their beginnings."""
    texts: list[str] = []
    for message in chat:
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            texts.extend(value[:_BEGINNING] for value in _strings(part, _FILES))
        texts.extend(_strings(message.get("tool_calls"), {"arguments"}))
    return texts_of(chat) + texts


def texts_of(chat: Iterable[ChatMessage]) -> list[str]:
    """What the messages say in words."""
    texts: list[str] = []
    for message in chat:
        content = message.get("content")
        if isinstance(content, str):
            texts.append(content)
        elif isinstance(content, list):
            texts.extend(p["text"] for p in content if isinstance(p.get("text"), str))
        if message.get("native"):
            texts.extend(_strings(message["native"].get("items")))
    return texts


def _strings(value: Any, under: Collection[str] | None = None) -> Iterator[str]:
    """The texts in a value, or those that stand in it under such a name."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(inner, str) and under is not None and name not in under:
                continue
            yield from _strings(inner, under)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, under)
    elif isinstance(value, str):
        yield value


def _chat_dict(message: Message | Mapping[str, Any], place: int) -> ChatMessage:
    if isinstance(message, Mapping):  # asked first: pydantic takes its time to say no
        turn = dict(message)
    elif isinstance(message, Message):
        turn = _from_bruno(message)
    else:
        raise InvalidRequestError(
            f"message {place} is a {type(message).__name__}; give a bruno_core Message or a dict"
        )
    role = turn.get("role")
    if isinstance(role, MessageRole):
        role = turn["role"] = role.value
    said = turn.get("content")
    plain = len(turn) == 2 and role in _SPEAKERS and isinstance(said, str) and said.isascii()
    if plain and said and not said.isspace():
        return turn  # as nearly all are: there is nothing to put right
    check_turn(turn, place)
    calls = turn.get("tool_calls")
    if calls:
        turn["tool_calls"] = [_call_dict(call) for call in calls]
    content = turn.get("content")
    if isinstance(content, tuple):
        content = turn["content"] = list(content)
    if content is None or (isinstance(content, str) and not content.strip()):
        if role == "assistant" and (calls or turn.get("function_call")):
            turn.pop("content", None)
        elif role == "assistant" and turn.get("native"):
            turn["content"] = "(no text)"
        elif role in ("tool", "function"):
            turn["content"] = "(empty)"
        else:
            raise InvalidRequestError(f"message {place} ({role}) is empty; give it some text")
    return {name: value for name, value in turn.items() if value is not None}


def _from_bruno(message: Message) -> ChatMessage:
    metadata = checked_metadata(message.metadata)
    turn: ChatMessage = {"role": message.role, "content": message.content}
    parts = metadata.get("parts")
    if parts:
        turn["content"] = [{"type": "text", "text": message.content}, *parts]
    if message.role == MessageRole.ASSISTANT and metadata.get("tool_calls"):
        turn["tool_calls"] = metadata["tool_calls"]
        if metadata.get("text_stands_in"):
            del turn["content"]
    if message.role == MessageRole.ASSISTANT and isinstance(metadata.get("native"), Mapping):
        turn["native"] = metadata["native"]
    if message.role in (MessageRole.TOOL, MessageRole.FUNCTION):
        names = ("tool_call_id", "name", "is_error")
        turn |= _compact(**{name: metadata.get(name) for name in names})
    return turn


def _call_dict(call: ToolCall | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(call, ToolCall):
        return dict(call)
    arguments = call.raw_arguments or json.dumps(dict(call.arguments), ensure_ascii=False)
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _as_url(source: FileSource, kind: str) -> str:
    if isinstance(source, str) and source.startswith(("http://", "https://", "data:")):
        return source
    if isinstance(source, bytes):
        media = media_type_of(source)
        data = source
    else:
        path = Path(source)
        try:
            data, _ = read_regular(path, _MOST_BYTES)
        except OSError as exc:
            raise InvalidRequestError(f"cannot read {path.name}: {exc.strerror}") from exc
        media = mimetypes.guess_type(path.name)[0] or media_type_of(data)
    if not media.startswith(kind):
        raise InvalidRequestError(f"this is {media}, not an image; use file_message() for files")
    return _data_url(media, data)


def _data_url(media: str, data: bytes) -> str:
    return f"data:{media};base64,{base64.b64encode(data).decode('ascii')}"


def _image_part(media: str, data: bytes) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": _data_url(media, data)}}


def _compact(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
