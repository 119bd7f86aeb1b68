"""FakeServer(strict=True): no request breaks its rules, whatever JSON it holds."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.judge import judged
from bruno_llm.testing.fake.strict.memory import TurnMemory

NAMES = """
messages role content type text thinking signature data id name input tool_use_id tool_calls
function arguments tool_call_id output call_id contents parts functionCall functionResponse args
response thoughtSignature reasoning_content tool_name options stop tools strict parameters
properties required items encrypted_content summary source media_type tool_choice format
json_schema response_format schema
"""
FIELDS = NAMES.split()
LISTS = ("messages", "contents", "input", "tools")
WORDS: tuple[Any, ...] = ("assistant", "user", "tool", "model", "tool_use", "tool_result")
WORDS += ("thinking", "redacted_thinking", "function_call", "function_call_output", "reasoning")
WORDS += ("text", "image", "base64", "enabled", "", None, True, 1, 2.5)
VENDORS = (
    ("openai", "openai"),
    ("openai", "responses"),
    ("anthropic", "anthropic"),
    ("gemini", "gemini"),
    ("ollama", "ollama"),
    *((vendor, "openai") for vendor in ("mistral", "deepseek", "groq", "cerebras")),
)


def anything(dice: random.Random, depth: int) -> Any:
    chance = dice.random()
    if depth > 5 or chance < 0.35:
        return dice.choice(WORDS)
    if chance < 0.6:
        return [anything(dice, depth + 1) for _ in range(dice.randint(0, 4))]
    return {dice.choice(FIELDS): anything(dice, depth + 1) for _ in range(dice.randint(0, 6))}


def turn(dice: random.Random) -> dict[str, Any]:
    """A message that is nearly right."""
    blocks = [
        {name: anything(dice, 4) for name in dice.sample(FIELDS, 4)} | {"type": dice.choice(WORDS)}
        for _ in range(dice.randint(0, 3))
    ]
    place = dice.choice(("content", "parts", "tool_calls"))
    return {"role": dice.choice(WORDS[:4]), "type": dice.choice(WORDS), place: blocks}


@pytest.mark.parametrize(("vendor", "wire"), VENDORS)
def test_any_json_is_judged(vendor: str, wire: str) -> None:
    dice = random.Random(f"{vendor} {wire}")
    refused = 0
    for _ in range(300):
        body = {name: anything(dice, 2) for name in dice.sample(FIELDS, 12)}
        body |= {name: [turn(dice) for _ in range(3)] for name in LISTS if dice.random() < 0.8}
        request = Request(vendor, "chat", "POST", "/", json=body, model="gemini-3", wire=wire)
        refusal = judged(request, TurnMemory())
        if refusal is not None:
            refused += 1
            assert refusal.message
            assert 400 <= refusal.status <= 500
            assert json.loads(json.dumps(refusal.body))
    assert refused > 30
