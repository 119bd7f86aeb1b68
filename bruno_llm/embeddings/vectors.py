"""Reads the vectors of an answer."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Vectors", "in_order", "item_field", "vector"]


@dataclass(frozen=True, slots=True)
class Vectors:
    """The part of litellm's ``EmbeddingResponse`` that is read here."""

    data: Sequence[Any]
    usage: Mapping[str, int]
    model: str


def in_order(items: Sequence[Any]) -> list[Any]:
    """The items as the texts were given, whichever came first."""
    return sorted(items, key=lambda item: item_field(item, "index") or 0)


def vector(item: Any) -> list[float]:
    """The vector of one item, also where it is packed in base64."""
    value = item_field(item, "embedding")
    if isinstance(value, str):  # encoding_format="base64": little-endian 32-bit floats
        data = base64.b64decode(value)
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    if any(type(number) not in (float, int) for number in value or ()):
        raise ValueError("a vector holds something else than numbers")
    return [float(number) for number in value or ()]


def item_field(item: Any, name: str) -> Any:
    """A field of an answer's item, which some releases of litellm hand out as a dict."""
    return item.get(name) if isinstance(item, dict) else getattr(item, name, None)
