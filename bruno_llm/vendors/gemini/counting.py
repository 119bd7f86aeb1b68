"""Gemini's endpoint that counts a prompt, free of charge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bruno_llm.vendors.counting import CountEndpoint, counting_request

if TYPE_CHECKING:
    import httpx

__all__ = ["COUNT"]


def _divert(request: httpx.Request) -> httpx.Request:
    """Gemini API reference, "models.countTokens" with ``generateContentRequest``."""
    model, _, _ = request.url.path.rpartition(":")
    name = f"models/{model.rsplit('/', 1)[-1]}"
    body = {"generateContentRequest": {"model": name, **json.loads(request.content)}}
    return counting_request(request, f"{model}:countTokens", body)


COUNT = CountEndpoint(_divert, "totalTokens")
