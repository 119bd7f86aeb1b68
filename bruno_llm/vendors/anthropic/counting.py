"""Anthropic's endpoint that counts a prompt, free of charge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bruno_llm.vendors.counting import CountEndpoint, counting_request

if TYPE_CHECKING:
    import httpx

__all__ = ["COUNT"]

# Anthropic API reference, "Count tokens in a message": what it takes of a message request.
_FIELDS = ("model", "messages", "system", "tools", "tool_choice", "thinking")


def _divert(request: httpx.Request) -> httpx.Request:
    body = json.loads(request.content)
    asked = {name: body[name] for name in _FIELDS if name in body}
    return counting_request(request, f"{request.url.path}/count_tokens", asked)


COUNT = CountEndpoint(_divert, "input_tokens")
