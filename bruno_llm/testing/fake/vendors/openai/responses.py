"""OpenAI's Responses format, after its API reference: Responses, Streaming events.

platform.openai.com/docs/api-reference/responses, .../responses-streaming. Where a real server does
otherwise than the page, the real one is followed: its ``error`` event has the error as an object
and ``response.failed`` comes after it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from bruno_llm.completion import ToolCall, Usage
from bruno_llm.testing.fake.parts import Media, ServerTool, Text, Thinking
from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.request import EndpointName, Request
from bruno_llm.testing.fake.script import Fault
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusals
from bruno_llm.testing.fake.text import arguments_text
from bruno_llm.testing.fake.vendors.openai.responses_rules import responses_rules
from bruno_llm.testing.fake.vendors.openai.responses_stream import NumberedEvents
from bruno_llm.testing.fake.vendors.openai.wire import OpenAIWire
from bruno_llm.testing.fake.wire import (
    CREATED,
    RenderedTurn,
    Stream,
    compact,
    minted,
    not_in_format,
)

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_PREFIXES = {"web_search": "ws", "file_search": "fs", "code_interpreter": "ci", "mcp": "mcp"}
# What an answer repeats of its request, and what it says where the request says nothing.
_ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


class ResponsesWire(OpenAIWire):
    """Responses of OpenAI; its errors are those of the chat format."""

    name = "responses"
    endings: ClassVar[Mapping[str, EndpointName]] = {"/responses": "chat"}
    listed: ClassVar[Mapping[str, Sequence[str]]] = {}

    def lists_models(self, before: str, query: Mapping[str, str], asked: Mapping[str, str]) -> bool:
        return False  # the same list as that of the chat format

    def refusals(self, request: Request, memory: TurnMemory) -> VendorRefusals:
        yield from responses_rules(request, memory)

    def content(self, reply: Reply, request: Request, serial: int) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        for part in reply.content():
            place = f"fake{serial:06d}{len(items):02d}"
            if isinstance(part, Mapping):
                items.append(dict(part))
            elif isinstance(part, Thinking):
                items.append(_reasoning(part, f"rs_{place}", request))
            elif isinstance(part, Text):
                sources = [dict(source) for source in part.citations]
                text = {"type": "output_text", "annotations": sources}
                text["logprobs"] = _logprobs(reply, request)
                items.append(_message(f"msg_{place}", text | {"text": part.text}))
            elif isinstance(part, ToolCall):
                call = {"arguments": arguments_text(part), "call_id": part.id, "name": part.name}
                items.append(_item(f"fc_{place}", "function_call") | call)
            elif isinstance(part, ServerTool):
                kind = f"{part.name}_call"
                item_id = f"{_PREFIXES.get(part.name, part.name)}_{place}"
                items.append(_item(item_id, kind) | dict(part.input))
            elif isinstance(part, Media) and part.media_type.startswith("image/"):
                image = {
                    "output_format": part.media_type.partition("/")[2],
                    "result": base64.b64encode(part.data).decode("ascii"),
                }
                items.append(_item(f"ig_{place}", "image_generation_call") | image)
            else:
                raise not_in_format(part, "the Responses format")
        if reply.refusal is not None:
            refusal = {"type": "refusal", "refusal": reply.refusal}
            items.append(_message(f"msg_fake{serial:06d}{len(items):02d}", refusal))
        if reply.finish_reason == "length" and items and items[-1]["type"] != "reasoning":
            items[-1]["status"] = "incomplete"
        return items

    def answer(self, turn: RenderedTurn) -> dict[str, Any]:
        return self._response(turn, _status(turn.reply), turn.content)

    def stream(self, turn: RenderedTurn) -> Stream:
        events = NumberedEvents(self.event, turn.reply)
        begun = self._response(turn, "in_progress", [])
        head = events.numbered({"type": "response.created", "response": begun})
        head += events.numbered({"type": "response.in_progress", "response": begun})
        for index, item in enumerate(turn.content):
            events.add(index, item)
        status = _status(turn.reply)
        last = {"type": f"response.{status}", "response": self.answer(turn)}
        return Stream(head, events.pieces, [events.open_end + events.numbered(last)])

    def event(self, body: Any) -> bytes:
        return f"event: {body['type']}\ndata: {compact(body)}\n\n".encode()

    def error_event(self, fault: Fault, turn: RenderedTurn, sent: int) -> bytes:
        text = self.error_text(fault, turn.request)
        error = self.error_body(fault.http_status, text, None)["error"]
        first = {"type": "error", "sequence_number": sent, "error": error}
        failed = self._response(turn, "failed", []) | {"usage": None}
        failed["error"] = {"code": error["code"] or error["type"], "message": error["message"]}
        last = {"type": "response.failed", "sequence_number": sent + 1, "response": failed}
        return self.event(first) + self.event(last)

    def _response(
        self, turn: RenderedTurn, status: str, output: list[dict[str, Any]]
    ) -> dict[str, Any]:
        asked = turn.request.json or {}
        reply = turn.reply
        over = status != "in_progress"
        reason = _INCOMPLETE.get(reply.finish_reason)
        broken = {"code": "server_error", "message": self.messages["server_error"]}
        body = {
            "id": reply.id or f"resp_fake{turn.serial:06d}",
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "background": False,
            "completed_at": CREATED + 1 if status == "completed" else None,
            "error": broken if status == "failed" else None,
            "incomplete_details": {"reason": reason} if status == "incomplete" else None,
            "model": turn.model,
            "output": output,
            "service_tier": turn.service_tier,
            "usage": _usage(reply.usage) if over and reply.usage is not None else None,
        }
        body |= {name: asked.get(name, usual) for name, usual in _ECHOED.items()}
        return body | dict(reply.fields)


def _status(reply: Reply) -> str:
    if reply.finish_reason == "failed":
        return "failed"
    return "incomplete" if reply.finish_reason in _INCOMPLETE else "completed"


def _logprobs(reply: Reply, request: Request) -> list[Any]:
    if "message.output_text.logprobs" not in ((request.json or {}).get("include") or ()):
        return []
    return list((reply.logprobs or {}).get("content") or ())


def _item(item_id: str, kind: str) -> dict[str, Any]:
    return {"id": item_id, "type": kind, "status": "completed"}


def _message(item_id: str, part: dict[str, Any]) -> dict[str, Any]:
    return _item(item_id, "message") | {"role": "assistant", "content": [part]}


def _reasoning(part: Thinking, item_id: str, request: Request) -> dict[str, Any]:
    summary = [] if part.redacted else [{"type": "summary_text", "text": part.text}]
    item: dict[str, Any] = {"id": item_id, "type": "reasoning", "summary": summary}
    # It comes only to those who ask: platform.openai.com/docs/guides/reasoning, "Encrypted
    # reasoning items".
    if "reasoning.encrypted_content" in ((request.json or {}).get("include") or ()):
        item["encrypted_content"] = minted(192)
    return item


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_creation_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
