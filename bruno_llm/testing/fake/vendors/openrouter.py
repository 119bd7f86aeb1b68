"""OpenRouter: thinking comes in ``reasoning_details`` besides.

Its page: openrouter.ai/docs/use-cases/reasoning-tokens.
"""

from __future__ import annotations

from typing import Any

from bruno_llm.testing.fake.parts import Thinking
from bruno_llm.testing.fake.vendors.compatible import CompatibleVendor, in_field
from bruno_llm.testing.fake.wire import minted

_as_text = in_field("reasoning")


def _think(message: dict[str, Any], part: Thinking) -> None:
    details = message.setdefault("reasoning_details", [])
    detail = {"format": "anthropic-claude-v1", "index": len(details)}
    if part.redacted:
        details.append({"type": "reasoning.encrypted", "data": minted()} | detail)
    else:
        text = {"type": "reasoning.text", "text": part.text, "signature": minted()}
        details.append(text | detail)
    _as_text(message, part)


OPENROUTER = CompatibleVendor("openrouter", prefix="/api/v1", think=_think)
