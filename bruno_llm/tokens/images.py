"""What one image costs in tokens; the vendors' rules stand in their ``tokens.py``.

The size is read from the header of a ``data:`` URL without decoding the picture. A remote URL is
never fetched, so an image of unknown size counts as the most that the vendor charges for one.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Callable

__all__ = ["ImageRule", "image_size", "in_patches", "patches"]

ImageRule = Callable[[tuple[int, int] | None, str], int]
"""``(size in pixels or None, detail) -> tokens``."""

# A JPEG keeps its size behind the EXIF block (at most 64 KiB) and the thumbnails in it.
_HEADER_CHARS = 400_000


def image_size(url: str) -> tuple[int, int] | None:
    """Width and height in pixels of a ``data:`` URL's PNG, JPEG, GIF or WebP.

    Returns:
        ``None`` for a remote URL, another format or a broken header.
    """
    head, comma, payload = url[: _HEADER_CHARS + 200].partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        return None
    payload = payload[:_HEADER_CHARS]
    try:
        data = base64.b64decode(payload[: len(payload) // 4 * 4])
        size = _size(data)
    except (binascii.Error, struct.error, IndexError):
        return None
    return size if size and min(size) > 0 else None


def _size(data: bytes) -> tuple[int, int] | None:
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        width, height = struct.unpack(">II", data[16:24])
    elif data[:4] == b"GIF8":
        width, height = struct.unpack("<HH", data[6:10])
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        width, height = _webp_size(data)
    elif data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    else:
        return None
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        return width, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte before a marker
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def patches(width: float, height: float, edge: int) -> int:
    """Squares of ``edge`` pixels that cover so many pixels."""
    return math.ceil(width / edge) * math.ceil(height / edge)


def in_patches(edge: int, most: int) -> ImageRule:
    """A token for every 28 pixels square, the image scaled to fit.

    Args:
        edge: Pixels of the longer side, at most.
        most: Tokens, at most.
    """

    def tokens(size: tuple[int, int] | None, detail: str) -> int:
        if size is None:
            return most
        scale = min(1.0, edge / max(size), math.sqrt(most * 28**2 / (size[0] * size[1])))
        return min(most, patches(size[0] * scale, size[1] * scale, 28))

    return tokens
