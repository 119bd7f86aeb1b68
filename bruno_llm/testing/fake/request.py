"""What a ``FakeServer`` remembers of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["EndpointName", "Request"]

EndpointName = Literal["chat", "embed", "models", "show", "running", "count", "version", "unknown"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the server got it.

    Attributes:
        vendor: ``openai``, ``anthropic``, ``gemini``, ``ollama``, one of the vendors after OpenAI
            (``deepseek``, ``openrouter`` ...) or ``unknown``.
        endpoint: What was asked for: ``chat``, ``embed``, ``models``, ``show``, ``count``,
            ``version`` or ``unknown``.
        method: The HTTP method.
        path: The path without the query.
        query: Query parameters, the last value of each.
        headers: Header names in lower case.
        json: The body, parsed; ``None`` when there was none or it was not JSON.
        stream: Whether a stream was asked for.
        model: The model that was asked for.
        at: Real monotonic seconds at which the request had arrived.
        wire: The format: ``openai`` (chat completions), ``responses``, ``anthropic``, ``gemini``
            or ``ollama``.
    """

    vendor: str
    endpoint: EndpointName
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    # Headers hold keys and the body holds prompts: neither belongs in the output of a failed test.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Any = field(default=None, repr=False)
    stream: bool = False
    model: str = ""
    at: float = 0.0
    wire: str = ""

    @property
    def key(self) -> str | None:
        """The API key that the request carries, in whichever way the vendor wants it."""
        authorization = self.headers.get("authorization", "")
        if authorization.lower().startswith("bearer "):
            return authorization[len("bearer ") :].strip()
        for name in ("x-api-key", "x-goog-api-key"):
            if name in self.headers:
                return self.headers[name]
        return self.query.get("key")
