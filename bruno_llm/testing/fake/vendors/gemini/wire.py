"""Gemini's format, after its API reference: Generating content, Models, Embeddings, Tokens."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from bruno_llm.completion import ToolCall, Usage
from bruno_llm.testing.fake.parts import Media, Part, Text, Thinking
from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.request import EndpointName, Request
from bruno_llm.testing.fake.script import Fault
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusals
from bruno_llm.testing.fake.text import words
from bruno_llm.testing.fake.vendors.gemini.rules import SIGNING, gemini_rules
from bruno_llm.testing.fake.wire import (
    EmbeddingWire,
    ErrorText,
    RenderedTurn,
    Stream,
    compact,
    minted,
    not_in_format,
    number,
    word_count,
)

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_FINISH_REASONS = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}
_TYPE = "type.googleapis.com/google.rpc."


class GeminiWire(EmbeddingWire):
    """generateContent and its neighbours of the Gemini API."""

    name = "gemini"
    endings: ClassVar[Mapping[str, EndpointName]] = {
        ":generateContent": "chat",
        ":streamGenerateContent": "chat",
        ":countTokens": "count",
        ":embedContent": "embed",
        ":batchEmbedContents": "embed",
    }
    listed: ClassVar[Mapping[str, Sequence[str]]] = {
        "gemini": ["gemini-2.5-flash", "gemini-embedding-001"]
    }
    stream_type = "text/event-stream"
    json_type = "application/json; charset=UTF-8"
    messages: ClassVar[Mapping[str, str]] = {
        "invalid_request": "Request contains an invalid argument.",
        "invalid_api_key": "API key not valid. Please pass a valid API key.",
        "permission_denied": "The caller may not use this method.",
        "model_not_found": "models/{model} is not found for API version v1beta.",
        "context_length_exceeded": (
            "The input token count (1048600) exceeds the maximum number of tokens allowed "
            "(1048576)."
        ),
        "content_filter": "The request was blocked by a safety filter.",
        "request_too_large": "Request payload size exceeds the limit.",
        "rate_limit": "Resource has been exhausted, requests per minute.",
        "insufficient_quota": "You exceeded your current quota, requests per day.",
        "server_error": "An internal error has occurred.",
        "overloaded": "The model is overloaded. Try again later.",
        "timeout": "Deadline expired before the operation could complete.",
    }

    def endpoint(self, path: str) -> tuple[EndpointName, str] | None:
        found = super().endpoint(path)
        # With a base URL of its own the whole path may be `/models/NAME:verb` or `/:verb`.
        return found and (found[0], path.rpartition(":")[0].rpartition("/")[2])

    def lists_models(self, before: str, query: Mapping[str, str], asked: Mapping[str, str]) -> bool:
        return "x-goog-api-key" in asked or "key" in query or before.endswith("v1beta")

    def streams(self, path: str, body: Mapping[str, Any]) -> bool:
        return path.endswith(":streamGenerateContent")

    def refusals(self, request: Request, memory: TurnMemory) -> VendorRefusals:
        yield from gemini_rules(request, memory)

    def content(self, reply: Reply, request: Request, serial: int) -> list[dict[str, Any]]:
        parts = [_part(part) for part in reply.content()]
        if reply.signed or (reply.signed is None and SIGNING.search(reply.model or request.model)):
            calls = [part for part in parts if "functionCall" in part]
            texts = [part for part in parts if "text" in part and not part.get("thought")]
            # Of parallel calls the first one alone is signed. A text may be, and only some are.
            for part in calls[:1] or (texts[-1:] if reply.signed else []):
                part.setdefault("thoughtSignature", minted())
        return parts

    def answer(self, turn: RenderedTurn) -> dict[str, Any]:
        return self._ended(turn, turn.content)

    def stream(self, turn: RenderedTurn) -> Stream:
        parts: list[dict[str, Any]] = []
        closing: list[dict[str, Any]] = []
        for part in turn.content:
            if "text" not in part:
                parts.append(part)
            elif part.get("thought"):
                parts += [{"text": piece, "thought": True} for piece in words(part["text"])]
            else:
                parts += [{"text": piece} for piece in turn.reply.cut(part["text"])]
                # A signature of text comes behind it, with an empty text of its own.
                closing = [part | {"text": ""}]
                if "thoughtSignature" in part and part is not turn.content[-1]:
                    parts += closing
                    closing = [{"text": ""}]
        return Stream(
            b"",
            [self.event(_chunk(turn, [part])) for part in parts],
            [self.event(self._ended(turn, closing))],
        )

    def _ended(self, turn: RenderedTurn, parts: list[dict[str, Any]]) -> dict[str, Any]:
        body = _chunk(turn, parts, finish=True)
        body["candidates"][0] |= turn.reply.fields
        if turn.reply.usage is not None:
            body["usageMetadata"] = _usage(turn.reply.usage)
        return body

    def error_body(self, status: int, error: ErrorText, retry_after: float | None) -> Any:
        body: dict[str, Any] = {
            "code": status,
            "message": error.message,
            "status": _STATUSES.get(status, "UNKNOWN"),
        }
        details: list[dict[str, Any]] = []
        if error.code == "invalid_api_key":
            details.append(
                {
                    "@type": f"{_TYPE}ErrorInfo",
                    "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                }
            )
        if error.code in ("rate_limit", "insufficient_quota"):
            period = "PerDay" if error.code == "insufficient_quota" else "PerMinute"
            violation = {
                "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
                "quotaId": f"GenerateRequests{period}PerProjectPerModel",
            }
            details.append({"@type": f"{_TYPE}QuotaFailure", "violations": [violation]})
        if retry_after is not None:
            details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{number(retry_after)}s"})
        if details:
            body["details"] = details
        return {"error": body}

    def retry_headers(self, retry_after: float) -> dict[str, str]:
        return {}

    def wrong_key(self, request: Request) -> Fault:
        if request.key is None:
            return Fault.status(403)
        return Fault.status(400, code="invalid_api_key")

    def event(self, body: Any) -> bytes:
        return f"data: {compact(body)}\r\n\r\n".encode()

    def other_body(
        self, request: Request, names: Sequence[str], running: Sequence[str], window: int | None
    ) -> dict[str, Any]:
        # A token count: the words of the request's strings.
        return {"totalTokens": word_count(request.json)}

    def models(self, names: Sequence[str], request: Request) -> Any:
        entries = [
            {
                "name": f"models/{name}",
                "version": "001",
                "displayName": name.replace("-", " ").title(),
                "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536,
                "supportedGenerationMethods": (
                    ["embedContent", "batchEmbedContents"]
                    if "embedding" in name
                    else ["generateContent", "countTokens"]
                ),
            }
            for name in names
        ]
        if request.model:
            wanted = f"models/{request.model}"
            return next((entry for entry in entries if entry["name"] == wanted), None)
        return {"models": entries}

    def embed_inputs(self, request: Request) -> tuple[list[str], int | None]:
        requests = request.json.get("requests") or [request.json]
        texts = ["".join(part.get("text", "") for part in r["content"]["parts"]) for r in requests]
        first = requests[0]
        config = first.get("embedContentConfig") or {}
        return texts, first.get("outputDimensionality") or config.get("outputDimensionality")

    def embed(self, vectors: Sequence[Sequence[float]], request: Request) -> dict[str, Any]:
        values = [{"values": list(vector)} for vector in vectors]
        if request.path.endswith(":batchEmbedContents"):
            return {"embeddings": values}
        return {"embedding": values[0]}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Thinking):
        return {"text": part.text, "thought": True}
    if isinstance(part, Text):
        signature = {"thoughtSignature": minted()} if part.signed else {}
        return {"text": part.text} | signature
    if isinstance(part, ToolCall):
        return {"functionCall": {"name": part.name, "args": dict(part.arguments)}}
    if isinstance(part, Media):
        data = base64.b64encode(part.data).decode("ascii")
        return {"inlineData": {"mimeType": part.media_type, "data": data}}
    if isinstance(part, Mapping):
        return dict(part)
    raise not_in_format(part, "Gemini's format")


def _chunk(
    turn: RenderedTurn, parts: list[dict[str, Any]], *, finish: bool = False
) -> dict[str, Any]:
    reply = turn.reply
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"role": "model", "parts": parts}
    if finish:
        candidate["finishReason"] = _FINISH_REASONS.get(reply.finish_reason, reply.finish_reason)
        if reply.refusal is not None:
            candidate["finishReason"] = "SAFETY"
            candidate["finishMessage"] = reply.refusal
    return {
        "candidates": [candidate],
        "modelVersion": turn.model,
        "responseId": reply.id or f"fake{turn.serial:06d}",
    }


def _usage(usage: Usage) -> dict[str, Any]:
    body: dict[str, Any] = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": usage.completion_tokens - usage.reasoning_tokens,
        "totalTokenCount": usage.prompt_tokens + usage.completion_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.prompt_tokens}],
    }
    if usage.reasoning_tokens:
        body["thoughtsTokenCount"] = usage.reasoning_tokens
    if usage.cached_tokens:
        body["cachedContentTokenCount"] = usage.cached_tokens
    return body
