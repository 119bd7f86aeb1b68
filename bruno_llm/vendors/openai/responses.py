"""OpenAI's responses format, also spoken by Azure, xAI, DeepSeek and GitHub Copilot.

Source: OpenAI API reference, "Responses" and "Streaming events" (a stream ends with
``response.completed``, ``response.incomplete`` or ``response.failed``; an ``error`` event may come
at any time).

litellm (1.105 to 1.109) has a way of its own to this endpoint, which in some releases needs a
package that a base install has not, and in others goes round the client it is given. So litellm
is asked for a chat completion; below it our client sends the request of ``responses_request`` in
its place, and gives litellm each answer and event in the form of a chat completion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bruno_llm.vendors.openai.responses_request import request_body
from bruno_llm.vendors.openai.responses_turn import TURN
from bruno_llm.wire.facts import Facts, Format
from bruno_llm.wire.shape import COUNT

__all__ = ["RESPONSES"]

_CONTENT = {"type": str, "text": str, "refusal": str, "annotations": list}
_ITEM = {
    "type": str,
    "id": str,
    "call_id": str,
    "name": str,
    "arguments": (str, Mapping),
    "content": [_CONTENT],
    "summary": [{"text": str}],
    "encrypted_content": str,
}
_USAGE = {
    "input_tokens": COUNT,
    "output_tokens": COUNT,
    "total_tokens": COUNT,
    "input_tokens_details": {"cached_tokens": COUNT},
    "output_tokens_details": {"reasoning_tokens": COUNT},
}
_RESPONSE = {
    "id": str,
    "model": str,
    "status": str,
    "output": [_ITEM],
    "usage": _USAGE,
    "incomplete_details": {"reason": str},
}
_SHAPE = {
    **_RESPONSE,
    "object": str,
    "type": str,
    "output_index": int,
    "delta": (str, Mapping),
    "item": _ITEM,
    "response": _RESPONSE,
}
_TERMINAL = ("response.completed", "response.incomplete", "response.failed")
_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}


def _read(payload: Mapping[str, Any], facts: Facts) -> None:
    kind = payload.get("type")
    response = payload.get("response")
    if kind == "error":
        facts.error = {"error": payload}
    elif kind is None and payload.get("output") is not None:
        _read_response(payload, facts)
    elif kind is None:
        facts.fault = "there is no output in it"
    elif kind in _TERMINAL and response is None:
        facts.fault = f"a {kind} has no response"
    elif response is not None:
        facts.id, facts.model = response.get("id"), response.get("model")
        if kind in _TERMINAL:
            _read_response(response, facts)
            facts.ended = facts.error is None
    elif kind == "response.output_text.delta":
        _note_scores(facts, payload.get("logprobs"))
    elif kind == "response.refusal.delta":
        facts.refusal.append(payload.get("delta") or "")
    elif kind == "response.output_item.done" and payload.get("item"):
        facts.items.append(payload["item"])


def _read_response(response: Mapping[str, Any], facts: Facts) -> None:
    if response.get("error") or response.get("status") == "failed":
        facts.error = {"error": response.get("error") or {"message": "the response failed"}}
        return
    facts.id, facts.model = response.get("id"), response.get("model")
    facts.has_usage = bool(response.get("usage"))
    facts.note_tier(response.get("service_tier"))
    reason = (response.get("incomplete_details") or {}).get("reason")
    if response.get("status") == "incomplete":
        facts.finish_reason = _INCOMPLETE.get(str(reason), f"other:{reason}")
    elif response.get("status") in ("completed", None):
        facts.finish_reason = "stop"
    else:
        facts.finish_reason = f"other:{response['status']}"
    if response.get("output"):  # some servers leave it empty in the last event of a stream
        facts.items[:] = response["output"]
    facts.refusal = _of(facts.items, "refusal") or facts.refusal
    whole = _of(facts.items, "logprobs")
    if whole:  # the pieces of a stream brought the same
        facts.notes.pop("logprobs", None)
    for scores in whole:
        _note_scores(facts, scores)


def _note_scores(facts: Facts, scores: Any) -> None:
    if isinstance(scores, list) and scores:
        facts.notes.setdefault("logprobs", []).extend(scores)


def _of(items: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    """What stands under this name in the messages of the answer."""
    messages = (item for item in items if item.get("type") == "message")
    parts = (part for item in messages for part in item.get("content") or ())
    return [part[name] for part in parts if part.get(name)]


# --- in the form of a chat completion, for litellm ------------------------------------------------


def _mend(payload: dict[str, Any]) -> bool:
    kind = payload.get("type")
    response = payload.get("response") or {}
    if kind is None:
        chat = _completion(payload)
    else:
        chat = {
            "id": response.get("id") or "",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": response.get("model") or "",
            "choices": _choices(kind, payload),
        }
        if kind in _TERMINAL and response.get("usage"):
            chat["usage"] = _usage(response["usage"])
    payload.clear()
    payload.update(chat)
    return True


def _completion(response: Mapping[str, Any]) -> dict[str, Any]:
    items = response.get("output") or ()
    message: dict[str, Any] = {"role": "assistant", "content": "".join(_of(items, "text"))}
    thought = "\n\n".join(filter(None, map(_thought, items)))
    if thought:
        message["reasoning_content"] = thought
    calls = [_call(item) for item in items if item.get("type") == "function_call"]
    if calls:
        message["tool_calls"] = calls
    chat = {
        "id": response.get("id") or "",
        "object": "chat.completion",
        "created": 0,
        "model": response.get("model") or "",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
    if response.get("usage"):
        chat["usage"] = _usage(response["usage"])
    return chat


def _thought(item: Mapping[str, Any]) -> str:
    if item.get("type") != "reasoning":
        return ""
    parts = item.get("summary") or item.get("content") or ()
    return "\n\n".join(part["text"] for part in parts if part.get("text"))


def _call(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": item.get("call_id") or item.get("id") or "",
        "type": "function",
        "function": {"name": item.get("name") or "", "arguments": item.get("arguments") or ""},
    }


def _choices(kind: str, event: Mapping[str, Any]) -> list[dict[str, Any]]:
    delta: dict[str, Any] = {}
    place = event.get("output_index") or 0
    item = event.get("item") or {}
    if kind == "response.output_text.delta":
        delta = {"content": event.get("delta") or ""}
    elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
        delta = {"reasoning_content": event.get("delta") or ""}
    elif kind == "response.reasoning_summary_part.added" and event.get("summary_index"):
        delta = {"reasoning_content": "\n\n"}
    elif kind == "response.output_item.added" and item.get("type") == "function_call":
        delta = {"tool_calls": [{"index": place, **_call(item)}]}
    elif kind == "response.function_call_arguments.delta":
        delta = {"tool_calls": [{"index": place, "function": {"arguments": event.get("delta")}}]}
    elif kind in _TERMINAL:
        return [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    return [{"index": 0, "delta": delta, "finish_reason": None}] if delta else []


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    prompt, completion = usage.get("input_tokens") or 0, usage.get("output_tokens") or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": usage.get("total_tokens") or prompt + completion,
        "prompt_tokens_details": dict(usage.get("input_tokens_details") or {}),
        "completion_tokens_details": dict(usage.get("output_tokens_details") or {}),
    }


# --- pieces of a stream ---------------------------------------------------------------------------

_OF_A_TEXT = frozenset(
    {"type", "delta", "item_id", "output_index", "content_index", "sequence_number"}
    | {"logprobs", "obfuscation"}
)
_SIGNS = frozenset({"response.created", "response.queued", "response.in_progress", "keepalive"})


def _text(event: dict[str, Any], facts: Facts) -> str | None:
    """The text of an event that is nothing but a piece of it."""
    if event.get("type") != "response.output_text.delta" or not event.keys() <= _OF_A_TEXT:
        return None
    said, place = event.get("delta"), event.get("output_index")
    if event.get("logprobs") or (place is not None and type(place) is not int):
        return None
    return said if type(said) is str else None


def _brings(event: dict[str, Any]) -> bool:
    return event.get("type") not in _SIGNS


RESPONSES = Format(
    "responses",
    ("/responses",),
    _read,
    _SHAPE,
    mend=_mend,
    text=_text,
    brings=_brings,
    turn=TURN,
    build=request_body,
    text_arguments=True,
    tool_images=True,
)
