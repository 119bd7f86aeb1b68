"""The vectors that embedding requests get."""

from __future__ import annotations

import hashlib
import itertools
import math
import struct

__all__ = ["embedding_of"]


def embedding_of(text: str, dimensions: int = 8) -> list[float]:
    """The vector that ``FakeServer`` answers for ``text``: unit length, the same in every run.

    The numbers are exact in 32 bits, so that a client that asked for base64 gets the same ones.
    """
    digits = itertools.count()
    raw: list[float] = []
    while len(raw) < dimensions:
        block = hashlib.sha256(f"{next(digits)}:{text}".encode()).digest()
        raw += [byte / 127.5 - 1.0 for byte in block]
    raw = raw[:dimensions]
    length = math.sqrt(sum(value * value for value in raw))
    packed = struct.pack(f"<{dimensions}f", *(value / length for value in raw))
    return list(struct.unpack(f"<{dimensions}f", packed))
