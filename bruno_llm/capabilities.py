"""What a model can do, as far as anyone has written it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Capabilities", "capabilities_of"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Hints, not promises: ``None`` means that nobody says.

    Attributes:
        streaming: Answers can be streamed.
        tools: It can call functions.
        vision: It can look at images.
        json_schema: It keeps to a JSON schema.
        reasoning: It thinks before it answers.
        embeddings: It is an embedding model.
        max_input_tokens: Its context window, in tokens.
        max_output_tokens: The longest answer, in tokens.
        source: Where this stands.
    """

    streaming: bool = True
    tools: bool | None = None
    vision: bool | None = None
    json_schema: bool | None = None
    reasoning: bool | None = None
    embeddings: bool = False
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    source: str = "unknown"


def capabilities_of(facts: Mapping[str, Any]) -> Capabilities:
    """Reads litellm's entry of a model; an empty one gives only unknowns."""
    if not facts:
        return Capabilities()
    return Capabilities(
        tools=facts.get("supports_function_calling"),
        vision=facts.get("supports_vision"),
        json_schema=facts.get("supports_response_schema"),
        reasoning=facts.get("supports_reasoning"),
        embeddings=facts.get("mode") == "embedding",
        max_input_tokens=_number(facts.get("max_input_tokens")),
        max_output_tokens=_number(facts.get("max_output_tokens")),
        source="litellm's model map",
    )


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
