"""Groq: thinking is called ``reasoning``, and refused by its other names.

Its page: console.groq.com/docs/reasoning.
"""

from __future__ import annotations

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusals, dicts
from bruno_llm.testing.fake.vendors.compatible import (
    OTHER_NAMES,
    CompatibleVendor,
    in_field,
    only_tool_rules,
)
from bruno_llm.testing.fake.vendors.openai.functions import openai_says


def _rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    for place, message in enumerate(dicts(request.json.get("messages"))):
        for name in OTHER_NAMES:
            if name in message:
                # janhq/jan#8136, tashfeenahmed/freellmapi#1070
                yield openai_says(
                    f"'messages.{place}' : for 'role:{message.get('role')}' the following must be "
                    f"satisfied[('messages.{place}' : property '{name}' is unsupported)]"
                )
    yield from only_tool_rules(request, memory)


GROQ = CompatibleVendor("groq", prefix="/openai/v1", think=in_field("reasoning"), rules=_rules)
