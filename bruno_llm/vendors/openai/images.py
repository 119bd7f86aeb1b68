"""What one image costs in tokens at OpenAI.

Source: platform.openai.com, "Images and vision", as of 2026.
"""

from __future__ import annotations

import math
import re

from bruno_llm.tokens.images import ImageRule, patches

__all__ = ["images_of"]

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


def images_of(model: str) -> ImageRule:
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
        return base + tile * patches(round(width * fit, 3), round(height * fit, 3), 512)

    return tokens


def _patch_rule(factor: float, most: int, most_high: int) -> ImageRule:
    def tokens(size: tuple[int, int] | None, detail: str) -> int:
        cap = most_high if detail == "high" else most
        if detail == "low":
            cap = 256  # the image is scaled into 512 x 512 pixels
        needed = cap
        if size:
            needed = patches(*size, 32)
        if needed > cap and size:
            needed = _shrunk_patches(*size, cap)
        return math.ceil(min(needed, cap) * factor)

    return tokens


def _shrunk_patches(width: int, height: int, cap: int) -> int:
    """Patches after scaling down to ``cap`` and then to a whole number of patches on one side."""
    shrink = math.sqrt(cap * 32**2 / (width * height))
    across, down = width * shrink / 32, height * shrink / 32
    shrink *= min(
        max(1, math.floor(across)) / across,
        max(1, math.floor(down)) / down,
    )
    return patches(round(width * shrink, 3), round(height * shrink, 3), 32)
