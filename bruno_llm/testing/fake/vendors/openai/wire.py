"""OpenAI's format, after its API reference: Chat, Streaming, Embeddings, Models, Errors."""

from __future__ import annotations

import base64
import itertools
import struct
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from bruno_llm.completion import Usage
from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.request import EndpointName, Request
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusals
from bruno_llm.testing.fake.vendors.compatible import CompatibleVendor
from bruno_llm.testing.fake.vendors.openai.message import deltas_of, message_of
from bruno_llm.testing.fake.vendors.openai.rules import openai_rules
from bruno_llm.testing.fake.wire import (
    CREATED,
    EmbeddingWire,
    ErrorText,
    RenderedTurn,
    Stream,
    compact,
)

_TYPES = {
    "invalid_request": "invalid_request_error",
    "invalid_api_key": "invalid_request_error",
    "permission_denied": "invalid_request_error",
    "model_not_found": "invalid_request_error",
    "context_length_exceeded": "invalid_request_error",
    "content_filter": "invalid_request_error",
    "request_too_large": "invalid_request_error",
    "rate_limit": "requests",
    "insufficient_quota": "insufficient_quota",
}
_VENDOR_CODES = {
    "invalid_request": None,
    "permission_denied": "unsupported_country_region_territory",
    "rate_limit": "rate_limit_exceeded",
    "server_error": None,
    "overloaded": None,
    "timeout": None,
}

_OPENAI = CompatibleVendor("openai", rules=openai_rules)


class OpenAIWire(EmbeddingWire):
    """Chat completions, embeddings and models of OpenAI."""

    name = "openai"
    base = "/v1"
    endings: ClassVar[Mapping[str, EndpointName]] = {
        "/chat/completions": "chat",
        "/embeddings": "embed",
    }
    listed: ClassVar[Mapping[str, Sequence[str]]] = {
        "openai": ["gpt-5-mini", "gpt-4o-mini", "text-embedding-3-small"]
    }
    messages: ClassVar[Mapping[str, str]] = {
        "invalid_request": "One of the parameters has a value that is not supported.",
        "invalid_api_key": "Incorrect API key provided.",
        "permission_denied": "This country, region or territory is not supported.",
        "model_not_found": "The model `{model}` does not exist or you do not have access to it.",
        "context_length_exceeded": (
            "This model's maximum context length is 8192 tokens, your messages resulted in 9001."
        ),
        "content_filter": "The request was rejected by the safety system.",
        "request_too_large": "The request body is too large.",
        "rate_limit": "Rate limit reached for {model} on requests per min (RPM).",
        "insufficient_quota": "You exceeded your current quota, check your plan and billing.",
        "server_error": "The server had an error while processing the request.",
        "overloaded": "The engine is currently overloaded, try again later.",
        "timeout": "The request timed out.",
    }

    def __init__(self, others: Sequence[CompatibleVendor] = ()) -> None:
        self._vendors = {vendor.name: vendor for vendor in (_OPENAI, *others)}

    def vendor(self, path: str) -> str:
        _, first, *_ = [*path.split("/"), ""]
        return first if first in self._vendors else _OPENAI.name

    def lists_models(self, before: str, query: Mapping[str, str], asked: Mapping[str, str]) -> bool:
        return True  # what others do not know by its headers

    def refusals(self, request: Request, memory: TurnMemory) -> VendorRefusals:
        yield from self._vendors[request.vendor].rules(request, memory)

    def headers(self, serial: int) -> dict[str, str]:
        return {"x-request-id": f"req_fake{serial:06d}"}

    def content(self, reply: Reply, request: Request, serial: int) -> Any:
        return message_of(reply, self._vendors[request.vendor], serial)

    def answer(self, turn: RenderedTurn) -> dict[str, Any]:
        choice = {
            "index": 0,
            "message": turn.content,
            "logprobs": turn.reply.logprobs,
            "finish_reason": _finish(turn.reply),
        }
        body = _head(turn, "chat.completion") | {"choices": [choice]}
        if turn.reply.usage is not None:
            body["usage"] = _usage(turn.reply.usage)
        return body

    def stream(self, turn: RenderedTurn) -> Stream:
        usage = turn.reply.usage
        options = turn.request.json.get("stream_options") or {}
        unasked = self._vendors[turn.request.vendor].tells_usage
        with_usage = unasked or bool(options.get("include_usage"))

        def chunk(
            delta: dict[str, Any] | None, finish: str | None = None, logprobs: Any = None
        ) -> bytes:
            body = _head(turn, "chat.completion.chunk") | {"choices": []}
            if delta is not None:
                body["choices"] = [
                    {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
                ]
            if with_usage:
                last = delta is None and usage is not None
                body["usage"] = _usage(usage) if last and usage else None
            return self.event(body)

        message = turn.content
        opening: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
        if message.get("tool_calls") or message["refusal"] is not None:
            opening["content"] = None
        scores = itertools.chain([turn.reply.logprobs], itertools.repeat(None))
        deltas = deltas_of(message, turn.reply)
        pieces = [chunk(delta, None, score) for delta, score in zip(deltas, scores, strict=False)]
        tail = [chunk({}, _finish(turn.reply))]
        if with_usage and usage is not None:
            tail.append(chunk(None))
        return Stream(chunk(opening), pieces, [*tail, b"data: [DONE]\n\n"])

    def error_body(self, status: int, error: ErrorText, retry_after: float | None) -> Any:
        return {
            "error": {
                "message": error.message,
                "type": _TYPES.get(error.code, "server_error" if status >= 500 else error.code),
                "param": "messages" if error.code == "context_length_exceeded" else None,
                "code": _VENDOR_CODES.get(error.code, error.code),
            }
        }

    def event(self, body: Any) -> bytes:
        return f"data: {compact(body)}\n\n".encode()

    def models(self, names: Sequence[str], request: Request) -> Any:
        entries = [
            {"id": name, "object": "model", "created": CREATED, "owned_by": "system"}
            for name in names
        ]
        if request.model:
            return next((entry for entry in entries if entry["id"] == request.model), None)
        return {"object": "list", "data": entries}

    def embed_inputs(self, request: Request) -> tuple[list[str], int | None]:
        given = request.json.get("input")
        single = isinstance(given, str) or (given and isinstance(given[0], int))
        return [str(text) for text in ([given] if single else given)], request.json.get(
            "dimensions"
        )

    def embed(self, vectors: Sequence[Sequence[float]], request: Request) -> dict[str, Any]:
        packed = request.json.get("encoding_format") == "base64"
        tokens = 4 * len(vectors)
        return {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": _base64(vector) if packed else list(vector),
                }
                for index, vector in enumerate(vectors)
            ],
            "model": request.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }


def _head(turn: RenderedTurn, kind: str) -> dict[str, Any]:
    return {
        "id": turn.reply.id or f"chatcmpl-fake{turn.serial:06d}",
        "object": kind,
        "created": CREATED,
        "model": turn.model,
        "service_tier": turn.service_tier,
        "system_fingerprint": "fp_fake",
    }


def _finish(reply: Reply) -> str:
    return "tool_calls" if reply.calls() and reply.finish_reason == "stop" else reply.finish_reason


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
