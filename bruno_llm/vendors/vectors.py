"""Asking a vendor for vectors without litellm, where that asks badly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["VectorEndpoint"]


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
