"""DeepSeek: thinking before a call has to come back.

Its page: api-docs.deepseek.com/guides/thinking_mode ("Tool calls").
"""

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
        # hotovo/aider-desk#529, the whole body
        yield openai_says(
            f"Missing `reasoning_content` field in the assistant message at message index {place}. "
            "For more information, please refer to "
            "https://api-docs.deepseek.com/guides/thinking_mode#tool-calls",
            None,
            "invalid_request_error",
        )
    yield from only_tool_rules(request, memory)


DEEPSEEK = CompatibleVendor("deepseek", prefix="", rules=_rules)
