"""What a tool gave back, as a model can read it: text, images, an error."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

__all__ = ["Result", "as_result", "media_type_of"]

_MAGIC = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"%PDF": "application/pdf",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
}
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}


@dataclass(frozen=True, slots=True)
class Result:
    """The text; the images in it, each media type and bytes; whether it tells of a failure."""

    text: str
    images: tuple[tuple[str, bytes], ...] = ()
    is_error: bool = False


def media_type_of(data: bytes) -> str:
    """What the first bytes say they are; ``application/octet-stream`` when they say nothing."""
    if data[:4] == b"RIFF" and data[8:12] in _RIFF:
        return _RIFF[data[8:12]]
    known = (media for magic, media in _MAGIC.items() if data.startswith(magic))
    return next(known, "application/octet-stream")


def as_result(value: Any) -> Result:
    """A tool's return value or the exception it raised.

    A string is the text as it is. Everything else becomes JSON: pydantic models, dataclasses and
    named tuples as objects, sets as lists, dates in ISO 8601, numbers that JSON has not (NaN,
    infinity) as null, what JSON cannot hold at all as its ``str()``. Images (bytes of an image
    file, alone or in a list) stand beside the text.
    """
    if isinstance(value, BaseException):
        return Result(f"{type(value).__name__}: {value}".removesuffix(": "), is_error=True)
    if isinstance(value, str):
        return Result(value)
    images: list[tuple[str, bytes]] = []
    if isinstance(value, list | tuple) or _image(value) is not None:
        several = value if isinstance(value, list | tuple) else [value]
        images = [image for one in several if (image := _image(one)) is not None]
        if images:
            rest = [one for one in several if _image(one) is None]
            value = rest[0] if len(rest) == 1 else rest
            if not rest:
                return Result(_counted(len(images)), tuple(images))
            if isinstance(value, str):
                return Result(value, tuple(images))
    return Result(_json(value), tuple(images))


def _counted(images: int) -> str:
    return "(an image)" if images == 1 else f"({images} images)"


def _image(value: Any) -> tuple[str, bytes] | None:
    if not isinstance(value, bytes | bytearray | memoryview):
        return None
    data = bytes(value)
    media = media_type_of(data)
    return (media, data) if media.startswith("image/") else None


def _json(value: Any) -> str:
    from pydantic_core import to_jsonable_python

    plain = to_jsonable_python(
        _ordered(value),
        bytes_mode="base64",
        inf_nan_mode="constants",
        serialize_unknown=True,
        fallback=str,
    )
    return json.dumps(_finite(plain), ensure_ascii=False, allow_nan=False)


def _ordered(value: Any) -> Any:
    """Sets as sorted lists, so that the same result is the same text each time."""
    if isinstance(value, Set) and not isinstance(value, str):
        return sorted(value, key=repr)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    if isinstance(value, Mapping) and any(not isinstance(name, str) for name in value):
        return {str(name): part for name, part in value.items()}
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list) else value
