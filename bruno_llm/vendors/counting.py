"""Asking the vendor to count a prompt: the very request of a call, sent to another endpoint.

litellm builds the request as for a call; on its way out it is turned into a question. So what is
counted is what would be sent, with no second transformation of messages to keep in step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

__all__ = ["ANTHROPIC_COUNT", "GEMINI_COUNT", "CountEndpoint"]


@dataclass(frozen=True, slots=True)
class CountEndpoint:
    """A vendor's endpoint that counts.

    ``divert`` turns the request of a call into the question; ``field`` holds the answer's count.
    """

    divert: Callable[[httpx.Request], httpx.Request]
    field: str

    def count(self, payload: Any) -> int | None:
        """The prompt tokens in the vendor's answer, ``None`` when there are none."""
        value = payload.get(self.field) if isinstance(payload, Mapping) else None
        return value if isinstance(value, int) else None


# Anthropic API reference, "Count tokens in a message": what it takes of a message request.
_ANTHROPIC_FIELDS = ("model", "messages", "system", "tools", "tool_choice", "thinking")


def _anthropic(request: httpx.Request) -> httpx.Request:
    body = json.loads(request.content)
    question = {name: body[name] for name in _ANTHROPIC_FIELDS if name in body}
    return _asked(request, f"{request.url.path}/count_tokens", question)


def _gemini(request: httpx.Request) -> httpx.Request:
    """Gemini API reference, "models.countTokens" with ``generateContentRequest``."""
    model, _, _ = request.url.path.rpartition(":")
    name = f"models/{model.rsplit('/', 1)[-1]}"
    body = json.loads(request.content)
    return _asked(
        request, f"{model}:countTokens", {"generateContentRequest": {"model": name, **body}}
    )


def _asked(request: httpx.Request, path: str, question: Mapping[str, Any]) -> httpx.Request:
    headers = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
    url = request.url.copy_with(path=path)
    return httpx.Request(
        "POST", url, headers=headers, json=question, extensions=dict(request.extensions)
    )


ANTHROPIC_COUNT = CountEndpoint(_anthropic, "input_tokens")
GEMINI_COUNT = CountEndpoint(_gemini, "totalTokens")
