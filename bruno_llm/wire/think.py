"""Thoughts that a model writes into its answer, between ``<think>`` and ``</think>``.

Models with open weights do so where their server does not part the two. litellm (1.105 to 1.109)
parts them in plain answers alone, and in streams of Ollama only in the first piece.
"""

from __future__ import annotations

import re

__all__ = ["ThinkTags", "may_hold_tags"]

_OPEN = re.compile(r"\s*<(think|thinking)>\s*")


def may_hold_tags(body: bytes) -> bool:
    """Whether the texts in a JSON body may hold such a tag; a quick look that errs on this side."""
    # JSON may spell any letter with \u, and in UTF-16 a zero stands beside each.
    return any(sign in body for sign in (b"<think", b"\\u", b"\0"))


class ThinkTags:
    """Parts one answer, given whole or in pieces of any length.

    Only an answer that begins with the tag is parted, so that one about tags stays as it is. An
    answer whose thought does not end is all thought.
    """

    def __init__(self) -> None:
        self._held: list[str] = []
        self._blank = False
        self._close: str | None = None
        self._looking = True
        self._fresh = False

    @property
    def idle(self) -> bool:
        """The answer holds no thought, or is past it: pieces may pass as they are."""
        return not self._looking and not self._close and not self._fresh

    def stop(self) -> None:
        """The server parts thought and text itself."""
        self._looking = False

    def feed(self, piece: str, *, last: bool = False) -> tuple[str, str]:
        """What this piece adds to the thought and to the text.

        The end of a piece that may be the beginning of a tag is held back until the next one, or
        until the ``last`` one.
        """
        if self._blank and piece.isspace() and not last:
            self._held.append(piece)  # and not looked at again with each that follows
            return "", ""
        text = "".join((*self._held, piece))
        self._held, self._blank = [], False
        if self._looking:
            opened = _OPEN.match(text)
            if opened is None:
                if not last and _may_open(text):
                    self._hold(text, blank=not text.strip())
                    return "", ""
                self._looking = False
                return "", text
            if opened.end() == len(text) and not last:  # more white space may follow
                self._hold(text, blank=True)
                return "", ""
            self._looking, self._close = False, f"</{opened[1]}>"
            text = text[opened.end() :]
        if self._close is not None:
            return self._thought(text, self._close, last)
        return "", self._answer(text)

    def _thought(self, text: str, close: str, last: bool) -> tuple[str, str]:
        thought, found, rest = text.partition(close)
        if found:
            self._close, self._fresh = None, True
            return thought.rstrip(), self._answer(rest)
        if last:
            return text.rstrip(), ""
        # White space before the end of a thought is not part of it.
        sure = text[: len(text) - _beginning(text, close)].rstrip()
        rest = text[len(sure) :]
        self._hold(rest, blank=not rest.strip())
        return sure, ""

    def _hold(self, text: str, *, blank: bool) -> None:
        """Keep a text back; ``blank`` when more white space would not change what it may be."""
        self._held, self._blank = [text], blank

    def _answer(self, text: str) -> str:
        if self._fresh:
            text = text.lstrip()
            self._fresh = not text
        return text


def _may_open(text: str) -> bool:
    start = text.lstrip()
    return any(tag.startswith(start) for tag in ("<think>", "<thinking>"))


def _beginning(text: str, tag: str) -> int:
    """How many characters at the end of a text may be the beginning of the tag."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if tag.startswith(text[-length:]):
            return length
    return 0
