"""Whether the vendor would answer a request."""

from __future__ import annotations

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusal
from bruno_llm.testing.fake.vendors.registry import WIRES


def judged(request: Request, memory: TurnMemory) -> VendorRefusal | None:
    """The first thing that the vendor would find wrong with a chat request."""
    return next(WIRES[request.wire].refusals(request, memory), None)
