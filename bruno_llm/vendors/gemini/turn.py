"""Gemini's turns, whole: thought signatures, server-side tools, images, speech, grounding.

Source: Gemini API documentation, "Thought signatures" (each part goes back with its signature, in
the order received, and parts with a signature are not merged), "Grounding with Google Search",
"Image generation".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bruno_llm.completion import Attachment, Citation
from bruno_llm.wire.facts import Facts
from bruno_llm.wire.turn import AnswerParts, History, KeptTurn, TurnFormat, grow, marked, whole

__all__ = ["TURN", "note", "note_part"]

# "Thought signatures", FAQ: what stands for the signature of a call that Gemini did not make.
# litellm encodes it once more.
_STAND_IN = "skip_thought_signature_validator"
_LITELLM_STAND_IN = base64.b64encode(_STAND_IN.encode()).decode()
_PLAIN = {"text", "functionCall", "thought"}
_NOTES = {"groundingMetadata": "grounding", "urlContextMetadata": "url_context"}


def note(candidate: Mapping[str, Any], facts: Facts) -> None:
    """Keep the parts of a candidate; a stream's go behind those that were there."""
    for part in (candidate.get("content") or {}).get("parts") or ():
        note_part(part, facts)
    for name, known in _NOTES.items():
        if candidate.get(name):
            facts.notes[known] = candidate[name]
    tokens = (candidate.get("logprobsResult") or {}).get("chosenCandidates")
    if tokens:
        facts.notes.setdefault("logprobs", []).extend(tokens)


def note_part(part: Mapping[str, Any], facts: Facts) -> None:
    """Keep one part, behind those that were there."""
    last = facts.items[-1] if facts.items else None
    if last is not None and _continues(part, last):
        grow(last, "text", part["text"])
    else:
        facts.items.append(dict(part))


def _continues(part: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    """Whether the part is more of the text before it, and neither is signed."""
    text = {"text", "thought"}
    return (
        set(part) <= text
        and set(last) <= text
        and "text" in part
        and "text" in last
        and bool(part.get("thought")) == bool(last.get("thought"))
    )


def _gather(facts: Facts, text: str) -> AnswerParts:
    parts = whole(facts.items)
    opaque = any(set(part) - _PLAIN for part in parts)
    return AnswerParts(
        native=parts if opaque else (),
        attachments=tuple(_attachments(parts)),
        citations=tuple(_citations(facts.notes.get("grounding") or {}, text)),
    )


def _attachments(parts: Iterable[Mapping[str, Any]]) -> Iterable[Attachment]:
    for part in parts:
        blob = part.get("inlineData")
        if not isinstance(blob, Mapping) or part.get("thought"):
            continue
        try:
            data = base64.b64decode(blob.get("data") or "", validate=True)
        except (binascii.Error, ValueError, TypeError):
            continue
        yield Attachment(str(blob.get("mimeType") or "application/octet-stream"), data)


def _citations(grounding: Mapping[str, Any], text: str) -> Iterable[Citation]:
    """One for each source, at the first words that rest on it."""
    places: dict[int, tuple[int, int]] = {}
    said = text.encode("utf-8", "surrogatepass")
    for support in grounding.get("groundingSupports") or ():
        segment = support.get("segment") or {}
        # Gemini counts bytes of UTF-8, and leaves out a start at 0.
        ends = (segment.get("startIndex") or 0, segment.get("endIndex") or 0)
        start, end = (len(said[:byte].decode("utf-8", "ignore")) for byte in ends)
        for chunk in support.get("groundingChunkIndices") or ():
            places.setdefault(chunk, (start, end))
    for number, chunk in enumerate(grounding.get("groundingChunks") or ()):
        source = next((part for part in chunk.values() if isinstance(part, Mapping)), {})
        begin, end_ = places.get(number, (None, None))
        yield Citation(
            source.get("uri"), source.get("title"), source.get("text"), start=begin, end=end_
        )


def _restore(body: dict[str, Any], history: History) -> None:
    ids: deque[str] = deque()
    for content in body.get("contents") or ():
        parts = content.get("parts") or []
        if content.get("role") == "model":
            for part in parts:
                if part.get("thoughtSignature") == _LITELLM_STAND_IN:
                    part["thoughtSignature"] = _STAND_IN
            content["parts"], turns = _restored(parts, history.kept)
            ids = deque(id_ for turn in turns for id_ in _result_ids(turn))
            continue
        for part in parts:
            result = part.get("functionResponse") or part.get("function_response")
            if result is None:
                continue
            if ids and (id_ := ids.popleft()):
                result["id"] = id_
            if _refers(result.get("response")):
                result["response"] = {"content": json.dumps(result["response"])}


def _refers(value: Any) -> bool:
    """Whether a result has a ``$ref`` in it, as a JSON schema has.

    Gemini takes it for the name of a picture: "The referenced name ... does not match to a
    display_name in the function_response.parts".
    """
    if isinstance(value, Mapping):
        return "$ref" in value or any(map(_refers, value.values()))
    return isinstance(value, list) and any(map(_refers, value))


def _result_ids(turn: KeptTurn) -> Iterable[str]:
    """The vendor's ids of the calls, in the order of the results; empty where it gave none."""
    calls = [item["functionCall"].get("id") or "" for item in turn.items if "functionCall" in item]
    return [id_ if id_ in calls else "" for id_ in turn.results]


def _restored(
    parts: Sequence[dict[str, Any]], kept: Sequence[KeptTurn]
) -> tuple[list[dict[str, Any]], list[KeptTurn]]:
    restored: list[dict[str, Any]] = []
    turns: list[KeptTurn] = []
    given = 0
    for part in parts:
        found = marked(part.get("text"), kept)
        if found is not None:
            before, turn, behind = found
            restored += [{"text": before}] if before else []
            restored += turn.items
            restored += [{"text": behind}] if behind else []
            turns.append(turn)
            given = len(turn.calls)
        elif given and ("functionCall" in part or "function_call" in part):
            given -= 1
        else:
            restored.append(part)
    return restored, turns


TURN = TurnFormat(_gather, _restore)
