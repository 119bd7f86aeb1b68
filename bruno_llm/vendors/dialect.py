"""What a vendor takes of JSON schema: in the arguments of tools, and as the shape of an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bruno_llm.schema import Schema, Unfit, flat, strict

__all__ = ["Dialect", "ModelFacts", "Rewrite", "never", "strict_if_it_can"]

Rewrite = Callable[[Schema], dict[str, Any]]
ModelFacts = Mapping[str, Any]


def always(model: str, facts: ModelFacts) -> bool:
    """Yes, whatever the model."""
    return True


def never(model: str, facts: ModelFacts) -> bool:
    """No, whatever the model."""
    return False


def strict_if_it_can(schema: Schema) -> dict[str, Any]:
    """OpenAI's strict form, or the schema as it is where it cannot be said so."""
    try:
        return strict(schema)
    except Unfit:
        return dict(schema)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How schemas are written for a vendor.

    Attributes:
        tool: Rewrites the arguments of a tool.
        answer: Rewrites the shape of an answer; ``Unfit`` where the vendor has no words for it.
        strict_answer: The same for a shape that is to be kept to strictly, ``None`` where there
            is but one way.
        strict_tools: Whether tools made here go in strict mode to a model, where they can.
        plain_keys: It takes letters, digits, ``_``, ``.`` and ``-`` in a tool's parameters.
        with_tools: Whether a model takes tools and the shape of an answer in one request.

    Both are asked with the model's bare name and litellm's facts of it.
    """

    tool: Rewrite = flat
    answer: Rewrite = dict
    strict_answer: Rewrite | None = strict_if_it_can
    strict_tools: Callable[[str, ModelFacts], bool] = never
    plain_keys: bool = False
    with_tools: Callable[[str, ModelFacts], bool] = always
