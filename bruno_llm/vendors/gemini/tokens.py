"""How Gemini counts: measured, and ai.google.dev, "Token counting" and "Media resolution"."""

from __future__ import annotations

import re

from bruno_llm.tokens.images import ImageRule, patches
from bruno_llm.tokens.rules import CountingRules, Family

__all__ = ["TOKENS"]


def _rules(model: str) -> CountingRules:
    third = re.search(r"gemini-([3-9]|\d\d)", model) is not None
    gemma = "gemma" in model
    return CountingRules(
        "o200k_base",
        # Gemma: 256 tokens for every image, and a frame around it.
        _images(258 if gemma else 1120 if third else None),
        factor=1.02,
        per_message=1,
        reply=0,
        tools=1,
        call=6,
        result=6,
        per_page=560 if third else 258,
        audio=32,
    )


def _images(fixed: int | None) -> ImageRule:
    """258 tokens a tile, or a fixed number from Gemini 3 on.

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
        return 258 * patches(*size, max(256, int(min(size) / 1.5)))

    return tokens


TOKENS = Family(_rules)
