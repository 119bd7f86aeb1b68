"""How Claude counts, measured and from Anthropic's pages."""

from __future__ import annotations

import re

from bruno_llm.tokens.images import in_patches
from bruno_llm.tokens.rules import CountingRules, Family

__all__ = ["TOKENS"]

# Tokens of the system prompt that Anthropic adds when a request has tools: the column for
# tool_choice "auto" in platform.claude.com "Tool use". Key: what the model's version starts with.
_TOOLS: tuple[tuple[tuple[int, ...], str, int], ...] = (
    ((3,), "opus", 530),
    ((3,), "sonnet", 159),
    ((3,), "haiku", 264),
    ((3, 5), "haiku", 264),
    ((3, 5), "", 346),
    ((3, 7), "", 346),
    ((4,), "", 313),
    ((4, 1), "", 313),
    ((4, 5), "", 496),
    ((4, 6), "", 497),
    ((4, 7), "", 675),
    ((4, 8), "", 290),
)
_TOOLS_LATEST = 354

# Pixels of the longer side and tokens that a model reads of an image (platform.claude.com,
# "Vision"). Older editions of that page say ``width * height / 750``, which gives the same within
# the rounding of the edges.
_SHARP = (2576, 4784)  # from Claude 4.7 on
_COARSE = (1568, 1568)


def _version(model: str) -> tuple[int, ...]:
    """``(4, 5)`` for ``claude-sonnet-4-5-20250929`` and ``claude-4.5-sonnet``."""
    found = re.search(r"(?<!\d)(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)", model.partition("claude")[2])
    return tuple(int(part) for part in found.groups() if part) if found else (99,)


def _rules(model: str) -> CountingRules:
    version = _version(model)
    # Claude 4.7 brought a tokenizer that needs up to 1.35 times the tokens for the same text.
    new = version >= (4, 7)
    tools = next(
        (
            tokens
            for known, family, tokens in _TOOLS
            if (version == known or (version[:1] == known and version[1:] == (0,)))
            and family in model
        ),
        _TOOLS_LATEST,
    )
    return CountingRules(
        "o200k_base",
        in_patches(*(_SHARP if new else _COARSE)),
        factor=1.42 if new else 1.13,
        per_message=3,
        reply=3,
        system=3,
        call=32,
        result=24,
        tools=tools,
        per_tool=14,
        per_page=1600,
    )


TOKENS = Family(_rules)
