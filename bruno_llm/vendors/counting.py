"""Asking the vendor to count a prompt: the very request of a call, sent to another endpoint.

litellm builds the request as for a call; on its way out it is turned into a question. So what is
counted is what would be sent, with no second transformation of messages to keep in step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

__all__ = ["CountEndpoint", "counting_request"]


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


def counting_request(request: httpx.Request, path: str, body: Mapping[str, Any]) -> httpx.Request:
    """The request with its key and its time limits, for another path and with another body."""
    import httpx

    headers = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
    url = request.url.copy_with(path=path)
    return httpx.Request(
        "POST", url, headers=headers, json=body, extensions=dict(request.extensions)
    )
