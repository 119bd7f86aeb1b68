"""Embeddings of a vendor: its limits, and its endpoint where litellm asks that badly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["VectorEndpoint", "VectorLimits"]


@dataclass(frozen=True, slots=True)
class VectorLimits:
    """What a vendor takes in one request for vectors, and how long they are.

    Attributes:
        max_batch_size: Texts in one request, ``None`` for any number.
        max_batch_tokens: Tokens in one request, ``None`` for any number.
        dimensions_of: Length of a model's vectors.
    """

    max_batch_size: int | None = None
    max_batch_tokens: int | None = None
    dimensions_of: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VectorEndpoint:
    """A vendor's endpoint for vectors; address and key are those of its list of models.

    Attributes:
        path: Behind the address, for a model.
        body: Of a request for this model, these texts, this many dimensions or ``None``, and the
            options of the call.
        read: The vectors in an answer, and the tokens that it says the texts had.
    """

    path: Callable[[str], str]
    body: Callable[[str, Sequence[str], int | None, Mapping[str, Any]], dict[str, Any]]
    read: Callable[[Mapping[str, Any]], tuple[Sequence[Any], Any]]
