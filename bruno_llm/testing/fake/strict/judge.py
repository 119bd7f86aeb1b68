"""Which rules a request is judged by."""

from __future__ import annotations

from collections.abc import Callable

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.after_openai import after_openai_rules
from bruno_llm.testing.fake.strict.anthropic import anthropic_rules
from bruno_llm.testing.fake.strict.gemini import gemini_rules
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.ollama import ollama_rules
from bruno_llm.testing.fake.strict.openai import openai_rules
from bruno_llm.testing.fake.strict.refusal import VendorRefusal, VendorRefusals
from bruno_llm.testing.fake.strict.responses import responses_rules

_RULES: dict[str, Callable[[Request, TurnMemory], VendorRefusals]] = {
    "anthropic": anthropic_rules,
    "gemini": gemini_rules,
    "ollama": ollama_rules,
    "responses": responses_rules,
}


def judged(request: Request, memory: TurnMemory) -> VendorRefusal | None:
    """The first thing that the vendor would find wrong with a chat request."""
    chat = openai_rules if request.vendor == "openai" else after_openai_rules
    return next(_RULES.get(request.wire, chat)(request, memory), None)
