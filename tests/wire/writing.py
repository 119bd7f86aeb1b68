"""Writes answers of one's own as the four vendors stream them, for tests that make up thousands.

Independent of ``bruno_llm.testing``, so that a mistake there cannot hide one in the readers. The
shapes are those of the samples in this folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PLAIN", "STREAM", "Call", "Said", "event_of"]


@dataclass(frozen=True)
class Call:
    """A tool call with its arguments."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """What a model said, in the pieces of its stream: ``("text" | "reasoning", words)`` or a call.

    ``finish`` is ``stop`` or ``length``; ``ascii`` escapes everything else in the JSON text.
    """

    pieces: Sequence[tuple[str, str] | Call]
    finish: str = "stop"
    prompt_tokens: int = 7
    completion_tokens: int = 5
    model: str = "m-1"
    id: str = "answer-1"
    ascii: bool = False
    calls: list[Call] = field(init=False)

    def __post_init__(self) -> None:
        calls = [piece for piece in self.pieces if isinstance(piece, Call)]
        object.__setattr__(self, "calls", calls)

    def words(self, kind: str) -> str:
        """The whole ``text`` or ``reasoning``."""
        return "".join(p[1] for p in self.pieces if not isinstance(p, Call) and p[0] == kind)


def event_of(payload: Any, said: Said, *, name: str | None = None, stream: str = "sse") -> bytes:
    """One event as bytes."""
    data = json.dumps(payload, ensure_ascii=said.ascii).encode()
    if stream == "ndjson":
        return data + b"\n"
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + data + b"\n\n"


def _halves(call: Call, said: Said) -> list[str]:
    text = json.dumps(call.arguments, ensure_ascii=said.ascii)
    return [text[: len(text) // 2], text[len(text) // 2 :]]


def _openai(said: Said) -> list[bytes]:
    def chunk(delta: Any = None, **more: Any) -> bytes:
        choices = [{"index": 0, "delta": delta, "finish_reason": None}] if delta is not None else []
        body = {"id": said.id, "object": "chat.completion.chunk", "created": 1, "model": said.model}
        if "finish_reason" in more:
            choices[0]["finish_reason"] = more.pop("finish_reason")
        return event_of({**body, "choices": choices, **more}, said)

    events = [chunk({"role": "assistant", "content": ""})]
    index = 0
    for piece in said.pieces:
        if isinstance(piece, Call):
            first = {"id": piece.id, "type": "function"}
            function = {"name": piece.name, "arguments": ""}
            events.append(chunk({"tool_calls": [{"index": index, **first, "function": function}]}))
            for half in _halves(piece, said):
                call = {"index": index, "function": {"arguments": half}}
                events.append(chunk({"tool_calls": [call]}))
            index += 1
        else:
            key = {"text": "content", "reasoning": "reasoning_content"}[piece[0]]
            events.append(chunk({key: piece[1]}))
    events.append(chunk({}, finish_reason=_openai_finish(said)))
    events.append(chunk(usage=_openai_usage(said)))
    return [*events, b"data: [DONE]\n\n"]


def _openai_finish(said: Said) -> str:
    return "tool_calls" if said.calls and said.finish == "stop" else said.finish


def _openai_usage(said: Said) -> dict[str, int]:
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "total_tokens": said.prompt_tokens + said.completion_tokens,
    }


def _openai_plain(said: Said) -> Any:
    message = {
        "role": "assistant",
        "content": said.words("text") or None,
        "refusal": None,
        "reasoning_content": said.words("reasoning") or None,
    }
    if said.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in said.calls
        ]
    return {
        "id": said.id,
        "object": "chat.completion",
        "created": 1,
        "model": said.model,
        "choices": [{"index": 0, "message": message, "finish_reason": _openai_finish(said)}],
        "usage": _openai_usage(said),
    }


def _anthropic_finish(said: Said) -> str:
    return {"stop": "tool_use" if said.calls else "end_turn", "length": "max_tokens"}[said.finish]


def _anthropic(said: Said) -> list[bytes]:
    def event(kind: str, **more: Any) -> bytes:
        return event_of({"type": kind, **more}, said, name=kind)

    message = {**_anthropic_plain(said), "content": [], "stop_reason": None}
    message["usage"] = {"input_tokens": said.prompt_tokens, "output_tokens": 1}
    events = [event("message_start", message=message), event("ping")]
    for index, piece in enumerate(said.pieces):
        block, deltas = _anthropic_block(piece, said)
        events.append(event("content_block_start", index=index, content_block=block))
        events += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
        events.append(event("content_block_stop", index=index))
    delta = {"stop_reason": _anthropic_finish(said), "stop_sequence": None}
    usage = {"output_tokens": said.completion_tokens}
    return [*events, event("message_delta", delta=delta, usage=usage), event("message_stop")]


def _anthropic_block(piece: tuple[str, str] | Call, said: Said) -> tuple[Any, list[Any]]:
    if isinstance(piece, Call):
        block = {"type": "tool_use", "id": piece.id, "name": piece.name, "input": {}}
        parts = _halves(piece, said)
        return block, [{"type": "input_json_delta", "partial_json": part} for part in parts]
    if piece[0] == "text":
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece[1]}]
    block = {"type": "thinking", "thinking": "", "signature": ""}
    return block, [
        {"type": "thinking_delta", "thinking": piece[1]},
        {"type": "signature_delta", "signature": "c2ln"},
    ]


def _anthropic_plain(said: Said) -> dict[str, Any]:
    content: list[Any] = []
    for piece in said.pieces:
        if isinstance(piece, Call):
            call = {"id": piece.id, "name": piece.name, "input": dict(piece.arguments)}
            content.append({"type": "tool_use", **call})
        elif piece[0] == "text":
            content.append({"type": "text", "text": piece[1]})
        else:
            content.append({"type": "thinking", "thinking": piece[1], "signature": "c2ln"})
    return {
        "id": said.id,
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": content,
        "stop_reason": _anthropic_finish(said),
        "stop_sequence": None,
        "usage": {"input_tokens": said.prompt_tokens, "output_tokens": said.completion_tokens},
    }


def _gemini_part(piece: tuple[str, str] | Call) -> dict[str, Any]:
    if isinstance(piece, Call):
        call = {"id": piece.id, "name": piece.name, "args": dict(piece.arguments)}
        return {"functionCall": call}
    return {"text": piece[1], **({"thought": True} if piece[0] == "reasoning" else {})}


def _gemini_body(parts: Sequence[Any], said: Said, finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage = {
        "promptTokenCount": said.prompt_tokens,
        "candidatesTokenCount": said.completion_tokens,
        "totalTokenCount": said.prompt_tokens + said.completion_tokens,
    }
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": said.model,
        "responseId": said.id,
    }


_GEMINI_FINISH = {"stop": "STOP", "length": "MAX_TOKENS"}


def _gemini(said: Said) -> list[bytes]:
    events = [event_of(_gemini_body([_gemini_part(p)], said, None), said) for p in said.pieces]
    last = _gemini_body([{"text": ""}], said, _GEMINI_FINISH[said.finish])
    return [*events, event_of(last, said)]


def _gemini_plain(said: Said) -> Any:
    parts = [_gemini_part(piece) for piece in said.pieces]
    return _gemini_body(parts, said, _GEMINI_FINISH[said.finish])


def _ollama_call(call: Call) -> dict[str, Any]:
    return {"id": call.id, "function": {"name": call.name, "arguments": dict(call.arguments)}}


def _ollama_body(message: Any, said: Said) -> dict[str, Any]:
    message = {"role": "assistant", **message}
    stamp = "2026-01-02T03:04:05Z"
    return {"model": said.model, "created_at": stamp, "message": message, "done": False}


def _ollama_end(said: Said) -> dict[str, Any]:
    counts = {"prompt_eval_count": said.prompt_tokens, "eval_count": said.completion_tokens}
    return {"done_reason": said.finish, "done": True, "total_duration": 9, **counts}


def _ollama(said: Said) -> list[bytes]:
    lines = []
    for piece in said.pieces:
        if isinstance(piece, Call):
            message: dict[str, Any] = {"content": "", "tool_calls": [_ollama_call(piece)]}
        elif piece[0] == "text":
            message = {"content": piece[1]}
        else:
            message = {"content": "", "thinking": piece[1]}
        lines.append(_ollama_body(message, said))
    lines.append({**_ollama_body({"content": ""}, said), **_ollama_end(said)})
    return [event_of(line, said, stream="ndjson") for line in lines]


def _ollama_plain(said: Said) -> Any:
    message: dict[str, Any] = {"content": said.words("text")}
    if thinking := said.words("reasoning"):
        message["thinking"] = thinking
    if said.calls:
        message["tool_calls"] = [_ollama_call(call) for call in said.calls]
    return {**_ollama_body(message, said), **_ollama_end(said)}


STREAM: Mapping[str, Callable[[Said], list[bytes]]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "ollama": _ollama,
}
PLAIN: Mapping[str, Callable[[Said], Any]] = {
    "openai": _openai_plain,
    "anthropic": _anthropic_plain,
    "gemini": _gemini_plain,
    "ollama": _ollama_plain,
}
