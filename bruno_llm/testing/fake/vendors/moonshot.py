"""Moonshot: thinking before a call has to come back (the guide of K2)."""

from __future__ import annotations

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusals
from bruno_llm.testing.fake.vendors.compatible import (
    CompatibleVendor,
    only_tool_rules,
    without_their_thinking,
)
from bruno_llm.testing.fake.vendors.openai.functions import openai_says


def _rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    for place in without_their_thinking(request, memory):
        # continuedev/continue#11600
        yield openai_says(
            "thinking is enabled but reasoning_content is missing in assistant tool call "
            f"message at index {place}"
        )
    yield from only_tool_rules(request, memory)


MOONSHOT = CompatibleVendor("moonshot", rules=_rules)
