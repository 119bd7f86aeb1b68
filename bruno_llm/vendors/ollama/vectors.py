"""Ollama's own ``/api/embed``.

``litellm.aembedding`` (1.105 to 1.109) asks it with one module-level client for all event loops,
and passes on neither the timeout nor the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bruno_llm.options.params import present
from bruno_llm.vendors.vectors import VectorEndpoint

__all__ = ["VECTORS"]


def _body(
    model: str, texts: Sequence[str], dimensions: int | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    return present({"model": model, "input": list(texts), "dimensions": dimensions})


def _read(payload: Mapping[str, Any]) -> tuple[Sequence[Any], Any]:
    return payload["embeddings"], payload.get("prompt_eval_count")


VECTORS = VectorEndpoint(lambda model: "/api/embed", _body, _read)
