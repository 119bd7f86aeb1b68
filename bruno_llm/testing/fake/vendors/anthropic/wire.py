"""Anthropic's format, after its API reference: Messages, Streaming messages, Models, Errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from bruno_llm.completion import ToolCall, Usage
from bruno_llm.testing.fake.parts import ServerTool, Text, Thinking
from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.request import EndpointName, Request
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusals
from bruno_llm.testing.fake.text import fragments, words
from bruno_llm.testing.fake.vendors.anthropic.rules import anthropic_rules
from bruno_llm.testing.fake.wire import (
    ErrorText,
    RenderedTurn,
    Stream,
    Wire,
    compact,
    minted,
    not_in_format,
    word_count,
)

_TYPES = {
    "invalid_request": "invalid_request_error",
    "invalid_api_key": "authentication_error",
    "permission_denied": "permission_error",
    "model_not_found": "not_found_error",
    "context_length_exceeded": "invalid_request_error",
    "content_filter": "invalid_request_error",
    "request_too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "insufficient_quota": "invalid_request_error",
    "server_error": "api_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
}
_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}

_VERTEX_VERBS = ("rawPredict", "streamRawPredict")


class AnthropicWire(Wire):
    """Messages, token counts and models of Anthropic."""

    name = "anthropic"
    also = ("claude",)
    endings: ClassVar[Mapping[str, EndpointName]] = {
        "/messages": "chat",
        "/messages/count_tokens": "count",
    }
    listed: ClassVar[Mapping[str, Sequence[str]]] = {
        "anthropic": ["claude-sonnet-4-5", "claude-haiku-4-5"]
    }
    messages: ClassVar[Mapping[str, str]] = {
        "invalid_request": "messages: a field has a value that is not allowed",
        "invalid_api_key": "invalid x-api-key",
        "permission_denied": "This API key may not use the requested resource.",
        "model_not_found": "model: {model}",
        "context_length_exceeded": "prompt is too long: 200501 tokens > 200000 maximum",
        "content_filter": "Output blocked by content filtering policy",
        "request_too_large": "Request exceeds the maximum size",
        "rate_limit": "The request would exceed the rate limit of this organization.",
        "insufficient_quota": "Your credit balance is too low to access the Anthropic API.",
        "server_error": "Internal server error",
        "overloaded": "Overloaded",
        "timeout": "Request timed out",
    }

    def endpoint(self, path: str) -> tuple[EndpointName, str] | None:
        base, _, verb = path.rpartition(":")
        before, _, model = base.rpartition("/")
        if verb in _VERTEX_VERBS and before.endswith("/publishers/anthropic/models"):
            return "chat", model
        return super().endpoint(path)

    def lists_models(self, before: str, query: Mapping[str, str], asked: Mapping[str, str]) -> bool:
        return "x-api-key" in asked or "anthropic-version" in asked

    def refusals(self, request: Request, memory: TurnMemory) -> VendorRefusals:
        yield from anthropic_rules(request, memory)

    def headers(self, serial: int) -> dict[str, str]:
        return {"request-id": f"req_fake{serial:06d}"}

    def content(self, reply: Reply, request: Request, serial: int) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        for part in reply.content():
            if isinstance(part, Thinking) and part.redacted:
                blocks.append({"type": "redacted_thinking", "data": minted()})
            elif isinstance(part, Thinking):
                blocks.append({"type": "thinking", "thinking": part.text, "signature": minted()})
            elif isinstance(part, Text):
                cited = {"citations": [dict(source) for source in part.citations]}
                text = {"type": "text", "text": part.text}
                blocks.append(text | (cited if part.citations else {}))
            elif isinstance(part, ToolCall):
                call = {"id": part.id, "name": part.name, "input": dict(part.arguments)}
                blocks.append({"type": "tool_use"} | call)
            elif isinstance(part, ServerTool):
                call_id = f"srvtoolu_fake{serial:06d}{len(blocks):02d}"
                call = {"id": call_id, "name": part.name, "input": dict(part.input)}
                blocks.append({"type": "server_tool_use"} | call)
                result = {"tool_use_id": call_id, "content": part.result}
                blocks.append({"type": f"{part.name}_tool_result"} | result)
            elif isinstance(part, Mapping):
                blocks.append(dict(part))
            else:
                raise not_in_format(part, "Anthropic's format")
        return blocks

    def answer(self, turn: RenderedTurn) -> dict[str, Any]:
        body = self._message(turn) | {"content": turn.content} | _ending(turn.reply)
        if turn.reply.usage is not None:
            body["usage"] = _usage(turn.reply.usage)
        return body | dict(turn.reply.fields)

    def stream(self, turn: RenderedTurn) -> Stream:
        reply = turn.reply
        message = self._message(turn) | {
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }
        if reply.usage is not None:
            message["usage"] = _usage(reply.usage) | {"output_tokens": 1}
        blocks = _Blocks(self)
        for block in turn.content:
            blocks.add(*_unfolded(block, reply))
        ending: dict[str, Any] = {"type": "message_delta", "delta": _ending(reply)}
        if reply.usage is not None:
            ending["usage"] = _usage(reply.usage)
        fields = dict(reply.fields)
        if "usage" in fields:  # it stands beside the delta, and adds to what came before
            ending["usage"] = ending.get("usage", {}) | fields.pop("usage")
        ending["delta"] |= fields
        return Stream(
            self.event({"type": "message_start", "message": message}),
            blocks.pieces,
            [blocks.open_end + self.event(ending), self.event({"type": "message_stop"})],
        )

    def _message(self, turn: RenderedTurn) -> dict[str, Any]:
        return {
            "id": turn.reply.id or f"msg_fake{turn.serial:06d}",
            "type": "message",
            "role": "assistant",
            "model": turn.model,
        }

    def error_body(self, status: int, error: ErrorText, retry_after: float | None) -> Any:
        return {
            "type": "error",
            "error": {"type": _TYPES.get(error.code, error.code), "message": error.message},
            "request_id": "req_fakeerror",
        }

    def event(self, body: Any) -> bytes:
        return f"event: {body['type']}\ndata: {compact(body)}\n\n".encode()

    def other_body(
        self, request: Request, names: Sequence[str], running: Sequence[str], window: int | None
    ) -> dict[str, Any]:
        # A token count: the words of the request's strings.
        return {"input_tokens": word_count(request.json)}

    def models(self, names: Sequence[str], request: Request) -> Any:
        entries = [
            {
                "type": "model",
                "id": name,
                "display_name": name.replace("-", " ").title(),
                "created_at": "2026-01-02T00:00:00Z",
            }
            for name in names
        ]
        if request.model:
            return next((entry for entry in entries if entry["id"] == request.model), None)
        return {
            "data": entries,
            "has_more": False,
            "first_id": names[0] if names else None,
            "last_id": names[-1] if names else None,
        }


_EventList = Sequence[dict[str, Any]]


def _unfolded(block: dict[str, Any], reply: Reply) -> tuple[dict[str, Any], _EventList, _EventList]:
    """The block as it opens, its deltas, and those that close it. Many a block comes whole."""
    kind = block["type"]
    if kind == "thinking":
        deltas = [
            {"type": "thinking_delta", "thinking": piece} for piece in words(block["thinking"])
        ]
        signature = {"type": "signature_delta", "signature": block.get("signature", "")}
        return block | {"thinking": "", "signature": ""}, deltas, [signature]
    if kind == "text":
        start = block | {"text": ""} | ({"citations": []} if block.get("citations") else {})
        cited = [
            {"type": "citations_delta", "citation": source} for source in block.get("citations", ())
        ]
        deltas = [{"type": "text_delta", "text": piece} for piece in reply.cut(block["text"])]
        return start, deltas, cited
    if kind in ("tool_use", "server_tool_use"):
        arguments = reply.arguments_of(block["id"], block["input"])
        deltas = [
            {"type": "input_json_delta", "partial_json": part}
            for part in ("", *fragments(arguments))
        ]
        return block | {"input": {}}, deltas, ()
    return block, (), ()


class _Blocks:
    """Content blocks as events. A block opens with its first piece and closes with the next one."""

    def __init__(self, wire: AnthropicWire) -> None:
        self.pieces: list[bytes] = []
        self.open_end = b""
        self._wire = wire
        self._index = 0

    def add(self, block: dict[str, Any], deltas: _EventList, closing: _EventList) -> None:
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        prefix = self.open_end + self._wire.event(start)
        if self._index == 0:
            prefix += self._wire.event({"type": "ping"})
        first, *rest = [self._delta(delta) for delta in deltas] or [b""]
        self.pieces += [prefix + first, *rest]
        self.open_end = b"".join(self._delta(delta) for delta in closing) + self._wire.event(
            {"type": "content_block_stop", "index": self._index}
        )
        self._index += 1

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self._wire.event(
            {"type": "content_block_delta", "index": self._index, "delta": delta}
        )


def _ending(reply: Reply) -> dict[str, Any]:
    reason = _STOP_REASONS.get(reply.finish_reason, reply.finish_reason)
    if reply.calls() and reply.finish_reason == "stop":
        reason = "tool_use"
    if reply.refusal is not None:
        details = {"type": "refusal", "category": None, "explanation": reply.refusal}
        return {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}
    return {"stop_reason": reason, "stop_sequence": None}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens - usage.cache_creation_tokens,
        "cache_creation_input_tokens": usage.cache_creation_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
        "service_tier": "standard",
    }
