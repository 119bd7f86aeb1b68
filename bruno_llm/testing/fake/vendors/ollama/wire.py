"""Ollama's format, after its API reference: Chat, Embeddings, Tags, Show, Version, Errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from bruno_llm.completion import ToolCall
from bruno_llm.testing.fake.parts import Text, Thinking
from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.request import EndpointName, Request
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusals
from bruno_llm.testing.fake.text import words
from bruno_llm.testing.fake.vendors.ollama.rules import ollama_rules
from bruno_llm.testing.fake.wire import (
    CREATED_TEXT,
    EmbeddingWire,
    ErrorText,
    RenderedTurn,
    Stream,
    compact,
    not_in_format,
)

_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "3.2B",
    "quantization_level": "Q4_K_M",
}
_DONE_REASONS = {"tool_calls": "stop", "content_filter": "stop"}


class OllamaWire(EmbeddingWire):
    """The chat, embedding and model endpoints of an Ollama server."""

    name = "ollama"
    endings: ClassVar[Mapping[str, EndpointName]] = {
        "/api/chat": "chat",
        "/api/embed": "embed",
        "/api/tags": "models",
        "/api/show": "show",
        "/api/ps": "running",
        "/api/version": "version",
    }
    listed: ClassVar[Mapping[str, Sequence[str]]] = {
        "ollama": ["llama3.2:latest", "nomic-embed-text:latest"]
    }
    stream_type = "application/x-ndjson"
    json_type = "application/json; charset=utf-8"
    messages: ClassVar[Mapping[str, str]] = {
        "invalid_request": "invalid options",
        "invalid_api_key": "unauthorized",
        "permission_denied": "this model requires a subscription",
        "model_not_found": "model '{model}' not found",
        "context_length_exceeded": "the input length exceeds the context length",
        "content_filter": "the request was blocked",
        "request_too_large": "http: request body too large",
        "rate_limit": "too many requests",
        "insufficient_quota": "you have reached your usage limit, upgrade for higher limits",
        "server_error": "the model runner has stopped unexpectedly",
        "overloaded": "server busy, please try again. maximum pending requests exceeded",
        "timeout": "timed out while waiting for the model to load",
    }

    def streams(self, path: str, body: Mapping[str, Any]) -> bool:
        return bool(body.get("stream", True))

    def refusals(self, request: Request, memory: TurnMemory) -> VendorRefusals:
        yield from ollama_rules(request, memory)

    def content(self, reply: Reply, request: Request, serial: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": reply.refusal or ""}
        for part in reply.content():
            if isinstance(part, Thinking):
                message["thinking"] = message.get("thinking", "") + part.text
            elif isinstance(part, Text):
                message["content"] += part.text if reply.refusal is None else ""
            elif isinstance(part, ToolCall):
                calls = message.setdefault("tool_calls", [])
                called = {"index": len(calls), "name": part.name, "arguments": dict(part.arguments)}
                calls.append({"id": part.id, "function": called})
            elif isinstance(part, Mapping):
                message |= part
            else:
                raise not_in_format(part, "Ollama's format")
        return message | dict(reply.fields)

    def answer(self, turn: RenderedTurn) -> dict[str, Any]:
        return _line(turn, turn.content) | _ending(turn.reply)

    def stream(self, turn: RenderedTurn) -> Stream:
        def piece(content: str = "", **fields: Any) -> bytes:
            message = {"role": "assistant", "content": content} | fields
            return self.event(_line(turn, message) | {"done": False})

        message = turn.content
        text = message["content"]
        cut = turn.reply.cut if turn.reply.refusal is None else words
        pieces = [piece(thinking=part) for part in words(message.get("thinking", ""))]
        pieces += [piece(part) for part in cut(text)]
        pieces += [piece(tool_calls=[call]) for call in message.get("tool_calls", ())]
        whole = {"role", "content", "thinking", "tool_calls"}
        others = {name: value for name, value in message.items() if name not in whole}
        last = _line(turn, {"role": "assistant", "content": ""} | others) | _ending(turn.reply)
        return Stream(b"", pieces, [self.event(last)])

    def error_body(self, status: int, error: ErrorText, retry_after: float | None) -> Any:
        return {"error": error.message}

    def event(self, body: Any) -> bytes:
        return f"{compact(body)}\n".encode()

    def models(self, names: Sequence[str], request: Request) -> Any:
        return {
            "models": [
                {
                    "name": name,
                    "model": name,
                    "modified_at": CREATED_TEXT,
                    "size": 2_019_393_189,
                    "digest": f"{index:064x}",
                    "details": _DETAILS,
                }
                for index, name in enumerate(names, start=1)
            ]
        }

    def other_body(
        self, request: Request, names: Sequence[str], running: Sequence[str], window: int | None
    ) -> Any:
        if request.endpoint == "version":
            return {"version": "0.12.6"}
        if request.endpoint == "running":
            return self._running(running, window)
        return self._show(names, request)

    def _show(self, names: Sequence[str], request: Request) -> Any:
        """What is known of one model, or ``None`` when it has not been pulled."""
        if request.model not in names and f"{request.model}:latest" not in names:
            return None
        embeds = "embed" in request.model
        return {
            "modelfile": f"FROM {request.model}",
            "template": "{{ .Prompt }}",
            "details": _DETAILS,
            "model_info": {"general.architecture": "llama", "llama.context_length": 131_072},
            "capabilities": ["embedding"] if embeds else ["completion", "tools"],
            "modified_at": CREATED_TEXT,
        }

    def _running(self, names: Sequence[str], window: int | None) -> Any:
        """The models in memory, each with its context since the server says so."""
        known = {} if window is None else {"context_length": window}
        full = (name if ":" in name else f"{name}:latest" for name in names)
        return {
            "models": [
                {"name": name, "model": name, "size": 2_019_393_189, "size_vram": 0} | known
                for name in full
            ]
        }

    def embed_inputs(self, request: Request) -> tuple[list[str], int | None]:
        given = request.json.get("input")
        return [given] if isinstance(given, str) else list(given), request.json.get("dimensions")

    def embed(self, vectors: Sequence[Sequence[float]], request: Request) -> dict[str, Any]:
        return {
            "model": request.model,
            "embeddings": [list(vector) for vector in vectors],
            "total_duration": 12_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": 4 * len(vectors),
        }


def _line(turn: RenderedTurn, message: dict[str, Any]) -> dict[str, Any]:
    return {"model": turn.model, "created_at": CREATED_TEXT, "message": message}


def _ending(reply: Reply) -> dict[str, Any]:
    body: dict[str, Any] = {
        "done": True,
        "done_reason": _DONE_REASONS.get(reply.finish_reason, reply.finish_reason),
        "total_duration": 250_000_000,
        "load_duration": 10_000_000,
    }
    if reply.usage is not None:
        body |= {
            "prompt_eval_count": reply.usage.prompt_tokens,
            "prompt_eval_duration": 40_000_000,
            "eval_count": reply.usage.completion_tokens,
            "eval_duration": 200_000_000,
        }
    return body
