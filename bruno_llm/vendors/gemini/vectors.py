"""Google's own ``batchEmbedContents``.

``litellm.aembedding`` (1.105 to 1.109) drops the client it is given here: it shares one among all
event loops, sends a request again on its own, and loses the error's status.
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
    request = present(
        {
            "model": f"models/{model}",
            "outputDimensionality": dimensions,
            "taskType": options.get("input_type"),
        }
    )
    return {"requests": [{**request, "content": {"parts": [{"text": text}]}} for text in texts]}


def _read(payload: Mapping[str, Any]) -> tuple[Sequence[Any], Any]:
    items = [item if isinstance(item, Mapping) else {} for item in payload["embeddings"]]
    vectors = [item.get("values") for item in items]
    return vectors, (payload.get("usageMetadata") or {}).get("promptTokenCount")


VECTORS = VectorEndpoint(lambda model: f"/models/{model}:batchEmbedContents", _body, _read)
