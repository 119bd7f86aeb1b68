"""A refused request, and the shapes in which the vendors write it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class VendorRefusal:
    """What the vendor answers in place of a model's turn.

    Attributes:
        status: The HTTP status.
        message: The sentence that a person reads.
        body: The whole answer.
    """

    status: int
    message: str
    body: Any = field(repr=False)


VendorRefusals = Iterator[VendorRefusal]


def openai_says(
    message: str, param: str | None = None, code: str | None = None, status: int = 400
) -> VendorRefusal:
    """OpenAI's shape, and that of most vendors after it."""
    kind = "invalid_request_error"
    error = {"message": message, "type": kind, "param": param, "code": code}
    return VendorRefusal(status, message, {"error": error})


def anthropic_says(message: str) -> VendorRefusal:
    """Anthropic's shape."""
    error = {"type": "invalid_request_error", "message": message}
    body = {"type": "error", "error": error, "request_id": "req_fakerefused"}
    return VendorRefusal(400, message, body)


def gemini_says(message: str) -> VendorRefusal:
    """Gemini's shape."""
    error = {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}
    return VendorRefusal(400, message, {"error": error})


def ollama_says(message: str, status: int = 400) -> VendorRefusal:
    """Ollama's shape."""
    return VendorRefusal(status, message, {"error": message})


def mistral_says(message: str, kind: str, code: str | None, status: int = 400) -> VendorRefusal:
    """Mistral's shape: not wrapped, the code a number in text."""
    body = {"object": "error", "message": message, "type": kind, "param": None, "code": code}
    return VendorRefusal(status, message, body)


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON array; of anything else none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def member(value: dict[str, Any], name: str) -> dict[str, Any]:
    """The object in a field of a request; an empty one where there is none."""
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def with_neighbours_joined(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages with content blocks, neighbours of one role made one, as Anthropic does."""
    found: list[dict[str, Any]] = []
    for message in messages:
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else dicts(content)
        if found and found[-1]["role"] == message.get("role"):
            found[-1]["content"] += blocks
        else:
            found.append({"role": message.get("role"), "content": [*blocks]})
    return found


def go_kind(value: Any) -> str:
    """What a parser calls the JSON type of ``value``."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    if isinstance(value, bool):
        return "bool"
    return "object" if isinstance(value, dict) else "number"


def an(value: Any) -> str:
    """OpenAI's words for the JSON type of ``value``."""
    if value is None:
        return "null"
    kind = {"bool": "boolean", "number": "integer"}.get(go_kind(value), go_kind(value))
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
