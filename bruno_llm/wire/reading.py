"""litellm's answers, put right with what the wire said, as values of ours."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bruno_llm.completion import ReasoningDelta, TextDelta, ToolCall, ToolCallDelta, Usage
from bruno_llm.wire.facts import Facts
from bruno_llm.wire.pieces import Closing, Pieces
from bruno_llm.wire.shape import read_json
from bruno_llm.wire.turn import AnswerParts, grow, whole

__all__ = ["Answer", "StreamReader", "read_answer", "read_usage"]

Delta = TextDelta | ReasoningDelta | ToolCallDelta


@dataclass(slots=True)
class Answer:
    """An answer before it is priced: the parts of a ``Completion`` that come off the wire.

    ``raw_usage`` is litellm's usage object, kept because prices need details ours leaves out.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Usage | None = None
    raw_usage: Any = None
    service_tier: str | None = None
    model: str = ""
    id: str | None = None
    parts: AnswerParts = field(default_factory=AnswerParts)

    @property
    def is_empty(self) -> bool:
        """Whether there is neither text nor call nor refusal, and nothing that explains it."""
        said = self.text or self.refusal or self.tool_calls or self.parts.attachments
        return not said and self.finish_reason in (None, "stop", "tool_calls")


def read_answer(response: Any, facts: Facts, *, watched: bool) -> Answer:
    """A plain answer: litellm's ``ModelResponse`` and the wire's facts.

    ``watched`` says that the wire was read; else litellm's word has to do.
    """
    said = _fields(response)
    answer = Answer(model=facts.model or said.get("model") or "")
    # litellm makes an id up where the vendor gives none.
    answer.id = facts.id if watched else said.get("id")
    raw = said.get("usage")
    if raw is not None and (facts.has_usage or not watched):
        # Where the vendor sent nothing, litellm fills in a tokenizer's guess.
        answer.raw_usage, answer.usage = raw, read_usage(raw, facts)
    answer.service_tier = facts.service_tier or _tier(said)
    if not said.get("choices"):
        answer.finish_reason = facts.finish_reason
        return answer
    choice = _fields(said["choices"][0])
    message = _fields(choice.get("message"))
    answer.text = message.get("content") or ""
    thought = message.get("reasoning_content") or message.get("reasoning")
    answer.reasoning = thought if thought and isinstance(thought, str) else "".join(facts.reasoning)
    answer.refusal = "".join(facts.refusal) or message.get("refusal") or ""
    if not watched:
        blocks = [dict(block) for block in message.get("thinking_blocks") or ()]
        answer.parts = AnswerParts(native=blocks)
    calls = [
        _tool_call(_field(call, "id"), function, _field(function, "arguments"))
        for call in message.get("tool_calls") or ()
        if (function := _field(call, "function")) is not None
        and _field(call, "id") not in facts.server_tools
    ]
    legacy = message.get("function_call")
    if legacy is not None and not calls:
        calls = [_tool_call("", legacy, _field(legacy, "arguments"))]
    answer.tool_calls = _wire_calls(facts) if facts.tool_calls else calls
    finish = facts.finish_reason if watched else choice.get("finish_reason")
    answer.finish_reason = _of_calls(finish) if answer.tool_calls else finish
    return answer


class StreamReader:
    """Turns a stream's chunks into deltas, and adds them up to an answer.

    Args:
        facts: The wire's record, filled while the chunks arrive.
        watched: Whether the wire is read.
    """

    def __init__(self, facts: Facts, *, watched: bool) -> None:
        self._facts = facts
        self._watched = watched
        self._text = Pieces()
        self._reasoning = Pieces()
        self._calls: list[_OpenCall] = []
        self._by_id: dict[str, _OpenCall] = {}
        self._current: dict[Any, _OpenCall] = {}
        self._skipped: set[Any] = set()
        self._wire_calls = 0
        self._wire_thought = 0
        self._finish: str | None = None
        self._raw_usage: Any = None
        self._blocks: list[dict[str, Any]] = []
        self._model = ""
        self._id: str | None = None
        self._tier: str | None = None

    def add(self, delta: TextDelta) -> None:
        """Take note of a text that came straight from the wire."""
        self._text.add(delta.text)

    def deltas(self, chunk: Any) -> Iterator[Delta]:
        """What this chunk of litellm's adds for the reader."""
        self._model = _field(chunk, "model") or self._model
        self._id = self._id or _field(chunk, "id")
        self._tier = _tier(chunk) or self._tier
        self._raw_usage = _field(chunk, "usage") or self._raw_usage
        for choice in _field(chunk, "choices") or ():
            if _field(choice, "index") or 0:
                continue
            self._finish = _field(choice, "finish_reason") or self._finish
            delta = _field(choice, "delta")
            if delta is not None:
                yield from self._read_delta(delta)

    def answer(self) -> Answer:
        """Everything so far."""
        facts = self._facts
        answer = Answer(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            refusal="".join(facts.refusal),
            tool_calls=[call.closed() for call in self._calls],
            model=self._model,
            id=facts.id if self._watched else self._id,
            parts=AnswerParts(native=whole(self._blocks) if self._finish else ()),
            service_tier=facts.service_tier or self._tier,
        )
        finish = facts.finish_reason if self._watched else self._finish
        answer.finish_reason = _of_calls(finish) if answer.tool_calls else finish
        raw = self._raw_usage if facts.usage is None else facts.usage()
        if raw is not None and (facts.has_usage or not self._watched):
            answer.raw_usage, answer.usage = raw, read_usage(raw, facts)
        return answer

    def _read_delta(self, delta: Any) -> Iterator[Delta]:
        reasoning = _reasoning(delta) or "".join(self._facts.reasoning[self._wire_thought :])
        self._wire_thought = len(self._facts.reasoning)
        if reasoning:
            self._reasoning.add(reasoning)
            yield ReasoningDelta(reasoning)
        if not self._watched:
            for block in _field(delta, "thinking_blocks") or ():
                _add_block(self._blocks, block)
        text = _field(delta, "content")
        if text:
            self._text.add(text)
            yield TextDelta(text)
        calls = _field(delta, "tool_calls") or ()
        if self._facts.tool_calls:
            # The wire is read ahead of litellm: only as many as this chunk brings are due.
            yield from self._read_wire_calls(len(calls))
            return
        for call in calls:
            function = _field(call, "function")
            yield from self._read_call(
                _field(call, "index") or 0, _field(call, "id"), function, self._facts.server_tools
            )
        legacy = _field(delta, "function_call")
        if legacy is not None:
            yield from self._read_call("function_call", "", legacy, ())

    def _read_call(
        self, key: Any, id_: str | None, function: Any, server_tools: Any
    ) -> Iterator[Delta]:
        if id_ and id_ in server_tools:
            self._skipped.add(key)
        elif id_:
            self._skipped.discard(key)
        if key in self._skipped:
            return
        name, arguments = _field(function, "name"), _field(function, "arguments") or ""
        call = self._current.get(key)
        if call is None or (name and call.is_another(id_, arguments)):
            call = self._current[key] = self._by_id.get(id_ or "") or self._opened()
        new_name = name if name and not call.name else None
        new_id = id_ if id_ and not call.id else None
        if new_id:
            call.id = new_id
            self._by_id.setdefault(new_id, call)
        call.name = call.name or name or ""
        if arguments:
            call.add(arguments)
        if new_id or new_name or arguments:
            yield ToolCallDelta(call.index, new_id, new_name, arguments)

    def _opened(self) -> _OpenCall:
        self._calls.append(_OpenCall(len(self._calls)))
        return self._calls[-1]

    def _read_wire_calls(self, count: int) -> Iterator[Delta]:
        due = slice(self._wire_calls, self._wire_calls + count)
        self._wire_calls += count
        for id_, name, arguments in self._facts.tool_calls[due]:
            call = _OpenCall(len(self._calls), id_ or _new_id(), name)
            call.add(_as_json(arguments))
            self._calls.append(call)
            yield ToolCallDelta(call.index, call.id, name, call.arguments[0])


@dataclass(slots=True)
class _OpenCall:
    index: int
    id: str = ""
    name: str = ""
    arguments: Pieces = field(default_factory=Pieces)
    _closing: Closing = field(default_factory=Closing)
    _new: list[str] | None = None
    _closed: bool | None = None

    def add(self, arguments: str) -> None:
        """The next piece of its arguments."""
        self.arguments.add(arguments)
        if self._new is not None:
            self._new.append(arguments)

    def is_another(self, id_: str | None, arguments: str) -> bool:
        """Whether a named piece starts the next call, of a server that numbers them all alike."""
        if id_ and self.id:
            return id_ != self.id
        # Without ids: a second name, and arguments behind an object that is closed already.
        return bool(self.name and arguments) and self._is_object()

    def _is_object(self) -> bool:
        new = "".join(self.arguments if self._new is None else self._new)
        self._new = []
        may_be = self._closing.feed(new.encode("utf-8", "surrogatepass"))
        if new.strip() and self._closed is not None:
            self._closed = False  # there is more behind it
        elif new.strip() and may_be:
            self._closed = _is_object("".join(self.arguments))
        return bool(self._closed)

    def closed(self) -> ToolCall:
        raw = "".join(self.arguments)
        return ToolCall(self.id, self.name, _arguments(raw), raw)


def read_usage(raw: Any, facts: Facts | None = None) -> Usage:
    """litellm's or OpenAI's usage object as ours.

    In ``facts`` are the vendor's own counts where ``raw`` may leave out a part or make it up.
    """
    counts, facts = _fields(raw), facts or Facts()
    prompt = facts.prompt_tokens
    if prompt is None:
        prompt = counts.get("prompt_tokens") or 0
    completion = counts.get("completion_tokens") or 0
    reasoning = facts.reasoning_tokens
    if reasoning is None:
        details = _fields(counts.get("completion_tokens_details"))
        reasoning = details.get("reasoning_tokens") or 0
    total = counts.get("total_tokens") or prompt + completion
    cache = _fields(counts.get("prompt_tokens_details"))
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=max(total, prompt + completion),
        cached_tokens=facts.cached_tokens or cache.get("cached_tokens") or 0,
        cache_creation_tokens=cache.get("cache_creation_tokens")
        or counts.get("cache_creation_input_tokens")
        or 0,
        reasoning_tokens=reasoning,
    )


def _of_calls(reason: str | None) -> str | None:
    # Some vendors end a turn of tool calls with `stop`, and some with nothing.
    return "tool_calls" if reason in ("stop", None) else reason


def _wire_calls(facts: Facts) -> list[ToolCall]:
    read = []
    for id_, name, arguments in facts.tool_calls:
        raw = _as_json(arguments)
        read.append(ToolCall(id_ or _new_id(), name, _arguments(raw), raw))
    return read


def _tool_call(id_: Any, function: Any, raw: Any) -> ToolCall:
    text = _as_json(raw)
    return ToolCall(str(id_ or ""), _field(function, "name") or "", _arguments(text), text)


def _add_block(blocks: list[dict[str, Any]], piece: Mapping[str, Any]) -> None:
    """Put litellm's pieces of a thinking block together; its signature is the last of them."""
    last = blocks[-1] if blocks else None
    if last is None or last.get("signature") or piece.get("type") != "thinking":
        blocks.append(dict(piece))
        return
    for name in ("thinking", "signature"):
        grow(last, name, piece.get(name))


def _as_json(arguments: Any) -> str:
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments if arguments is not None else {}, ensure_ascii=False)


def _arguments(raw: str) -> Mapping[str, Any]:
    try:
        arguments = read_json(raw) if raw.strip() else {}
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def _is_object(raw: str) -> bool:
    try:
        return isinstance(read_json(raw), dict)
    except ValueError:
        return False


def _new_id() -> str:
    return f"call_{uuid.uuid4().hex}"


def _reasoning(message: Any) -> str:
    text = _field(message, "reasoning_content") or _field(message, "reasoning")
    return text if isinstance(text, str) else ""


def _tier(response: Any) -> str | None:
    # Gemini's stands in a header, which litellm reads.
    tier = _field(response, "service_tier")
    return tier if isinstance(tier, str) else None


def _fields(value: Any) -> Mapping[str, Any]:
    """All of one of litellm's values: a pydantic object, a plain dict, or nothing.

    Asking pydantic for an attribute that is not there takes ten times as long as for one that is.
    """
    if isinstance(value, Mapping):
        return value
    own, more = getattr(value, "__dict__", {}), getattr(value, "__pydantic_extra__", None)
    return {**own, **more} if more else own


def _field(value: Any, name: str) -> Any:
    """litellm mixes pydantic objects, plain dicts and missing attributes."""
    if isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None)
