"""How a prompt is billed in tokens, as data; each vendor's stands in its ``tokens.py``.

How far the estimates are off stands in ``docs/context.md``; ``benchmarks/token_estimates.py``
measures it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bruno_llm.tokens.images import ImageRule, in_patches

__all__ = ["OPEN_WEIGHTS", "CountingRules", "Family"]


@dataclass(frozen=True, slots=True)
class CountingRules:
    """How a vendor bills a prompt, in tokens.

    ``factor`` turns tokens of ``encoding`` into the vendor's. The other numbers are the vendor's
    own tokens: ``per_message`` with its role, ``reply`` for what opens the answer, ``system`` and
    ``name`` on top of a message that has one, ``call`` and ``result`` around a tool call and its
    result, ``tools`` once and ``per_tool`` each for tool definitions, ``beside_system`` less where
    these share a frame with the system prompt, ``per_page`` of a document and ``audio`` per second.
    ``shown`` writes tool definitions as the model sees them, where that is not their JSON.
    """

    encoding: str
    images: ImageRule
    factor: float = 1.0
    exact: bool = False
    per_message: int = 4
    reply: int = 3
    system: int = 0
    name: int = 1
    call: int = 9
    result: int = 2
    tools: int = 9
    per_tool: int = 0
    beside_system: int = 0
    shown: Callable[[Sequence[Mapping[str, Any]]], str] | None = None
    per_page: int = 1000
    audio: int = 10


OPEN_WEIGHTS = CountingRules(
    "cl100k_base",
    in_patches(edge=1568, most=1568),  # patches of 28 pixels, as in the Qwen family
    factor=1.02,
    per_message=5,
    reply=5,
    tools=120,
    call=20,
    result=6,
)
"""Llama, Qwen, Gemma and the like, and every model of which no more is known. Each has its own
tokenizer and chat template; cl100k_base is the nearest to the most of them."""


@dataclass(frozen=True, slots=True)
class Family:
    """How the models of a vendor are counted.

    Attributes:
        rules: The rules of one model, by its name in small letters without a vendor's prefix;
            ``None`` for a name that may be another vendor's.
        otherwise: The rules of a name that is no other vendor's either.
    """

    rules: Callable[[str], CountingRules | None]
    otherwise: CountingRules = OPEN_WEIGHTS
