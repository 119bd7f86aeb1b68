"""Whom the fake server plays: the formats, and the vendors that have OpenAI's."""

from __future__ import annotations

from bruno_llm.testing.fake.vendors.anthropic.wire import AnthropicWire
from bruno_llm.testing.fake.vendors.cerebras import CEREBRAS
from bruno_llm.testing.fake.vendors.compatible import CompatibleVendor
from bruno_llm.testing.fake.vendors.deepseek import DEEPSEEK
from bruno_llm.testing.fake.vendors.gemini.wire import GeminiWire
from bruno_llm.testing.fake.vendors.groq import GROQ
from bruno_llm.testing.fake.vendors.mistral import MISTRAL
from bruno_llm.testing.fake.vendors.moonshot import MOONSHOT
from bruno_llm.testing.fake.vendors.ollama.wire import OllamaWire
from bruno_llm.testing.fake.vendors.openai.responses import ResponsesWire
from bruno_llm.testing.fake.vendors.openai.wire import OpenAIWire
from bruno_llm.testing.fake.vendors.openrouter import OPENROUTER
from bruno_llm.testing.fake.vendors.xai import XAI
from bruno_llm.testing.fake.wire import Wire

__all__ = ["COMPATIBLE", "MODELS", "WIRES"]

_AFTER_OPENAI = (CEREBRAS, DEEPSEEK, GROQ, MISTRAL, MOONSHOT, OPENROUTER, XAI)

COMPATIBLE: dict[str, CompatibleVendor] = {vendor.name: vendor for vendor in _AFTER_OPENAI}
"""Vendors that speak OpenAI's chat format, each in its way."""

WIRES: dict[str, Wire] = {
    wire.name: wire
    for wire in (
        AnthropicWire(),
        GeminiWire(),
        OllamaWire(),
        OpenAIWire(_AFTER_OPENAI),
        ResponsesWire(_AFTER_OPENAI),
    )
}
"""The formats, in the order in which they are asked whether a request is theirs."""

MODELS: dict[str, list[str]] = {
    **{vendor: list(names) for wire in WIRES.values() for vendor, names in wire.listed.items()},
    **{vendor.name: list(vendor.models) for vendor in _AFTER_OPENAI},
}
"""What a vendor lists where a test says nothing else."""
