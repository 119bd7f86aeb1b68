"""Cerebras: thinking is called ``reasoning``, and refused by its other names."""

from __future__ import annotations

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusal, VendorRefusals, dicts
from bruno_llm.testing.fake.vendors.compatible import (
    OTHER_NAMES,
    CompatibleVendor,
    in_field,
    only_tool_rules,
)


def _rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    for place, message in enumerate(dicts(request.json.get("messages"))):
        for name in OTHER_NAMES:
            if name in message:
                # Kilo-Org/kilocode#10375: the error stands alone, without a wrapping "error"
                where = f"messages.{place}.{message.get('role')}.{name}"
                text = f"{where}: property '{where}' is unsupported"
                kind, code = "invalid_request_error", "wrong_api_format"
                body = {"message": text, "type": kind, "param": "validation_error", "code": code}
                yield VendorRefusal(400, text, body)
    yield from only_tool_rules(request, memory)


CEREBRAS = CompatibleVendor("cerebras", think=in_field("reasoning"), rules=_rules)
