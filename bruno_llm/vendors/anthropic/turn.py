"""Anthropic's turns, whole: thinking, server tools and citations as content blocks.

Source: Anthropic documentation, "Extended thinking" (thinking and redacted blocks go back
unchanged and in order; while a tool loop runs, its first assistant turn must begin with one),
"Handling stop reasons" (a paused turn is sent back as it is), "Citations", "Web search tool".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bruno_llm.completion import Citation
from bruno_llm.wire.facts import Facts
from bruno_llm.wire.shape import read_json
from bruno_llm.wire.turn import AnswerParts, History, KeptTurn, TurnFormat, grow, marked, whole

__all__ = ["TURN", "note"]

_GROWS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_THINKING = ("thinking", "redacted_thinking")
_INPUT = "partial_json"


def note(event: Mapping[str, Any], facts: Facts) -> None:
    """Keep the blocks of a message, or what one event of a stream adds to them."""
    kind = event.get("type")
    if kind == "message":
        facts.items.extend(dict(block) for block in event["content"])
    elif kind == "content_block_start":
        facts.items.append(dict(event["content_block"]))
    elif kind == "content_block_delta" and facts.items:
        _add(facts.items[-1], event["delta"])
    elif kind == "content_block_stop" and facts.items:
        _close(facts.items[-1])


def _add(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    kind = delta.get("type")
    if kind in _GROWS:
        grow(block, _GROWS[kind], delta.get(_GROWS[kind]))
    elif kind == "input_json_delta":
        grow(block, _INPUT, delta.get(_INPUT))
    elif kind == "citations_delta" and isinstance(delta.get("citation"), Mapping):
        block["citations"] = cited = block.get("citations") or []
        cited.append(delta["citation"])


def _close(block: dict[str, Any]) -> None:
    if _INPUT not in block:
        return
    raw = whole(block.pop(_INPUT))
    try:
        block["input"] = read_json(raw)
    except ValueError:  # cut by max_tokens; Anthropic, "Fine-grained tool streaming"
        block["input"] = {"INVALID_JSON": raw}


def _gather(facts: Facts, text: str) -> AnswerParts:
    blocks = [block for block in whole(facts.items) if not _is_empty(block)]
    opaque = any(_is_opaque(block) for block in blocks)
    return AnswerParts(native=blocks if opaque else (), citations=tuple(_citations(blocks)))


def _is_empty(block: Mapping[str, Any]) -> bool:
    # Sent back, it is refused: "text content blocks must be non-empty".
    return block.get("type") == "text" and not str(block.get("text") or "").strip()


def _is_opaque(block: Mapping[str, Any]) -> bool:
    if block.get("type") == "text":
        return bool(block.get("citations"))
    return block.get("type") != "tool_use"


def _citations(blocks: Iterable[Mapping[str, Any]]) -> Iterable[Citation]:
    start = 0
    for block in blocks:
        if block.get("type") != "text":
            continue
        end = start + len(block["text"])
        for cited in block.get("citations") or ():
            yield Citation(
                url=cited.get("url") or cited.get("source"),
                title=cited.get("title") or cited.get("document_title"),
                quote=cited.get("cited_text"),
                start=start,
                end=end,
            )
        start = end


def _restore(body: dict[str, Any], history: History) -> None:
    for message in body.get("messages") or ():
        if message.get("role") == "assistant":
            message["content"] = _restored(message.get("content"), history.kept)
    failed = {turn.get("tool_call_id") for turn in history.chat if turn.get("is_error")}
    for block in _blocks(body) if failed else ():
        if block.get("type") == "tool_result" and block.get("tool_use_id") in failed:
            block["is_error"] = True
    if (body.get("thinking") or {}).get("type") == "enabled" and not _begins_with_thinking(body):
        # The loop was begun without thinking or by another vendor. Anthropic refuses it with
        # thinking, and its refusal names this way out.
        del body["thinking"]


def _blocks(body: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for message in body.get("messages") or ():
        content = message.get("content")
        yield from (block for block in (content if isinstance(content, list) else ()))


def _restored(content: Any, kept: Sequence[KeptTurn]) -> Any:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(blocks, list):
        return content
    restored: list[Any] = []
    given: set[str] = set()
    for block in blocks:
        found = marked(block.get("text"), kept)
        if found is not None:
            before, turn, behind = found
            restored += [{"type": "text", "text": before}] if before else []
            restored += turn.items
            restored += [{"type": "text", "text": behind}] if behind else []
            given.update(str(item.get("id")) for item in turn.items)
        elif block.get("type") != "tool_use" or block.get("id") not in given:
            restored.append(block)
    return restored if given else content


def _begins_with_thinking(body: Mapping[str, Any]) -> bool:
    """Whether the tool loop that is under way, if there is one, began with thinking."""
    began = None
    for message in reversed(body.get("messages") or ()):
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        if message.get("role") == "assistant":
            began = blocks
        elif not any(block.get("type") == "tool_result" for block in blocks):
            break
    if not began or not any(block.get("type") == "tool_use" for block in began):
        return True
    return began[0].get("type") in _THINKING


TURN = TurnFormat(_gather, _restore)
