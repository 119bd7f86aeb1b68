"""Texts and JSON that arrive in pieces."""

from __future__ import annotations

import re

__all__ = ["Closing", "Pieces"]

_OUTSIDE = re.compile(rb'["\[\]{}]')
_INSIDE = re.compile(rb'["\\]')


_BLOCK = 512


class Pieces(list[str]):
    """A text that arrives in pieces; adding to a string would copy it each time.

    They are joined once in a while: 100,000 pieces of a word each are 6 MB, and their text 0.5 MB.
    """

    _joined = 0

    def add(self, piece: str) -> None:
        """Put a piece behind those that were there."""
        self.append(piece)
        if len(self) - self._joined >= _BLOCK:
            self[self._joined :] = ["".join(self[self._joined :])]
            self._joined += 1


class Closing:
    """Says when everything that was opened is closed again, looking at each byte once.

    Parsing anew with each piece takes the square of the time: an event of 10,000 ``data`` lines
    took 2 s. A text that is closed and no JSON stays so, whatever follows.
    """

    def __init__(self) -> None:
        self._open = 0
        self._in_string = False
        self._skip = False

    def feed(self, piece: bytes) -> bool:
        """Take the next bytes; whether they may end the value."""
        at = 0
        if self._skip and piece:
            at, self._skip = 1, False
        while True:
            found = (_INSIDE if self._in_string else _OUTSIDE).search(piece, at)
            if found is None:
                return self._open <= 0 and not self._in_string
            sign, at = found.group(), found.end()
            if sign == b'"':
                self._in_string = not self._in_string
            elif sign == b"\\":
                self._skip = at == len(piece)
                at += 1
            else:
                self._open += 1 if sign in b"[{" else -1
