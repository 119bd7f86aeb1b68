"""The question of ``bruno-llm ask``: its words, standard input, files and images."""

from __future__ import annotations

import mimetypes
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import click

__all__ = ["messages_of", "read_piped"]


def read_piped(*, wait: bool) -> str:
    """What was piped or redirected into the program, ``""`` when nothing was.

    Args:
        wait: Whether standard input is all there is: then any kind but a terminal is read.
            Otherwise only a pipe or a file is, because a program started in the background may
            have an input that never ends.

    Raises:
        click.UsageError: It is not UTF-8 text.
    """
    if sys.stdin is None or sys.stdin.isatty() or not (wait or _is_given(sys.stdin)):
        return ""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise click.UsageError(
            "standard input is not UTF-8 text; give documents with --file, images with --image."
        ) from None


def _is_given(stream: TextIO) -> bool:
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except OSError:
        return True  # not a descriptor: some program passed an object in
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def messages_of(question: str, files: Sequence[str], images: Sequence[str]) -> list[Any]:
    """The user's turn: text files go into the text, documents and images beside it.

    Raises:
        click.UsageError: A file cannot be read, is empty, or is not an image.
    """
    from bruno_core.models.message import Message, MessageRole

    from bruno_llm.exceptions import InvalidRequestError
    from bruno_llm.messages.chat import file_message, image_message

    texts, pictures, documents = [question], list(images), []
    for name in files:
        path = Path(name)
        if (mimetypes.guess_type(path.name)[0] or "").startswith("image/"):
            pictures.append(name)
        elif (text := _text_of(path)) is not None:
            texts.append(f"File {path.name}:\n\n{text}")
        else:
            documents.append(path)
    asked = "\n\n".join(texts)
    messages = []
    try:
        if documents:
            messages.append(file_message("The attached documents:", *documents))
        if pictures:
            messages.append(image_message(asked, *pictures))
        else:
            messages.append(Message(role=MessageRole.USER, content=asked))
    except InvalidRequestError as error:
        raise click.UsageError(error.message) from None
    return messages


def _text_of(path: Path) -> str | None:
    data = path.read_bytes()
    if not data.strip():
        raise click.UsageError(f"{path.name} is empty.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text or data.startswith(b"%PDF") else text
