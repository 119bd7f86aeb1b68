"""What one image costs in tokens, by each vendor's published rule.

The size is read from the header of a ``data:`` URL without decoding the picture. A remote URL is
never fetched, so an image of unknown size counts as the most that the vendor charges for one.

Sources: the vision pages of the vendors' documentation (platform.openai.com "Images and vision",
platform.claude.com "Vision", ai.google.dev "Token counting" and "Media resolution"), as of 2026.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable

__all__ = ["ImageRule", "anthropic_images", "gemini_images", "image_size", "openai_images"]

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


def _patches(width: float, height: float, edge: int) -> int:
    return math.ceil(width / edge) * math.ceil(height / edge)


# --------------------------------------------------------------------------------------- OpenAI

# (model name starts with, tokens of the overview, tokens of a 512-pixel tile)
_TILES = (
    ("gpt-4o-mini", 2833, 5667),
    ("gpt-5", 70, 140),
    ("o1", 75, 150),
    ("o3", 75, 150),
    ("computer-use", 65, 129),
    ("", 85, 170),
)
# (pattern of the model name, tokens per 32-pixel patch, most patches, most with detail "high").
# The factor 1.2 of the big models from gpt-5.2 on is not in the guide; users measured it.
_PATCHES = (
    (r"(gpt-4\.1|gpt-5(\.\d+)?)-nano", 2.46, 1536, 1536),
    (r"(gpt-4\.1|gpt-5(\.\d+)?)-mini", 1.62, 1536, 1536),
    (r"o4-mini", 1.72, 1536, 1536),
    (r"gpt-5\.[23]", 1.2, 1536, 1536),
    (r"gpt-5\.4", 1.2, 2500, 2500),
    (r"gpt-(5\.\d|[6-9]|\d\d)(?<!5\.1)", 1.2, 10_000, 2500),
)


def openai_images(model: str) -> ImageRule:
    """The rule of an OpenAI model: tiles of 512 pixels, or patches of 32 for the newer ones.

    ``detail`` ``"auto"`` counts as ``"high"``, which is what the vendor picks for all but tiny
    images.
    """
    for pattern, factor, most, most_high in _PATCHES:
        if re.match(pattern, model):
            return _patch_rule(factor, most, most_high)
    for prefix, base, tile in _TILES:
        if model.startswith(prefix):
            return _tile_rule(base, tile)
    raise AssertionError("the last prefix is empty")  # pragma: no cover


def _tile_rule(base: int, tile: int) -> ImageRule:
    def tokens(size: tuple[int, int] | None, detail: str) -> int:
        if detail == "low":
            return base
        # The largest an image can be after scaling is 2048 x 768: 4 x 2 tiles.
        width, height = size or (2048, 768)
        fit = min(1.0, 2048 / max(width, height))
        fit *= min(1.0, 768 / (min(width, height) * fit))
        # Without the rounding 768.0000001 pixels would be a third row of tiles.
        return base + tile * _patches(round(width * fit, 3), round(height * fit, 3), 512)

    return tokens


def _patch_rule(factor: float, most: int, most_high: int) -> ImageRule:
    def tokens(size: tuple[int, int] | None, detail: str) -> int:
        cap = most_high if detail == "high" else most
        if detail == "low":
            cap = 256  # the image is scaled into 512 x 512 pixels
        patches = cap
        if size:
            patches = _patches(*size, 32)
        if patches > cap and size:
            patches = _shrunk_patches(*size, cap)
        return math.ceil(min(patches, cap) * factor)

    return tokens


def _shrunk_patches(width: int, height: int, cap: int) -> int:
    """Patches after scaling down to ``cap`` and then to a whole number of patches on one side."""
    shrink = math.sqrt(cap * 32**2 / (width * height))
    across, down = width * shrink / 32, height * shrink / 32
    shrink *= min(
        max(1, math.floor(across)) / across,
        max(1, math.floor(down)) / down,
    )
    return _patches(round(width * shrink, 3), round(height * shrink, 3), 32)


# ------------------------------------------------------------------------------------ Anthropic


def anthropic_images(high_resolution: bool) -> ImageRule:
    """The rule of a Claude model: patches of 28 pixels, up to the limits of its tier.

    Args:
        high_resolution: Claude 4.7 and later read 2576 pixels and 4784 tokens, the others 1568
            of both. (Older editions of the same page say ``width * height / 750``, which gives
            the same within the rounding of the edges.)
    """
    edge, most = (2576, 4784) if high_resolution else (1568, 1568)

    def tokens(size: tuple[int, int] | None, detail: str) -> int:
        if size is None:
            return most
        scale = min(1.0, edge / max(size), math.sqrt(most * 28**2 / (size[0] * size[1])))
        return min(most, _patches(size[0] * scale, size[1] * scale, 28))

    return tokens


# --------------------------------------------------------------------------------------- Gemini


def gemini_images(fixed: int | None) -> ImageRule:
    """The rule of a Gemini model: 258 tokens a tile, or a fixed number from Gemini 3 on.

    Up to 384 x 384 pixels an image is one tile. A larger one is cut into squares of its short
    side divided by 1.5 (of 256 pixels at least), each scaled to a tile of 768 pixels.
    """

    def tokens(size: tuple[int, int] | None, detail: str) -> int:
        if fixed is not None:
            return fixed
        if size is None:
            return 258 * 4
        if max(size) <= 384:
            return 258
        return 258 * _patches(*size, max(256, int(min(size) / 1.5)))

    return tokens
