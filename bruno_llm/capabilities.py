"""What a model can do, as far as anyone has written it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Capabilities", "capabilities_of", "common"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do. Hints, not promises: a field is ``None`` where nobody says.

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


def common(several: Sequence[Capabilities]) -> Capabilities:
    """What all of several models can do: as little as the least of them."""

    def all_of(name: str) -> bool | None:
        values = {getattr(one, name) for one in several}
        return False if False in values else None if None in values else True

    def least(name: str) -> int | None:
        values = [value for one in several if (value := getattr(one, name)) is not None]
        return min(values, default=None)

    return Capabilities(
        streaming=all(one.streaming for one in several),
        tools=all_of("tools"),
        vision=all_of("vision"),
        json_schema=all_of("json_schema"),
        reasoning=all_of("reasoning"),
        embeddings=all(one.embeddings for one in several),
        max_input_tokens=least("max_input_tokens"),
        max_output_tokens=least("max_output_tokens"),
        source=", ".join(dict.fromkeys(one.source for one in several)),
    )


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
