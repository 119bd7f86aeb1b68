"""An answer that a ``FakeServer`` can be told to give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bruno_llm.completion import ToolCall, Usage
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing.fake.gate import Gate
from bruno_llm.testing.fake.parts import Part, Text, Thinking
from bruno_llm.testing.fake.text import arguments_text, words

__all__ = ["Reply"]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in the field's words; the server renders it in the vendor's format.

    Attributes:
        text: The answer.
        reasoning: The thinking before it. OpenAI's own servers never send theirs; it is rendered
            as ``reasoning_content``, as OpenAI-compatible servers do.
        tool_calls: Calls that the model wants. ``raw_arguments`` wins over ``arguments`` where the
            vendor sends JSON text; with calls, ``finish_reason="stop"`` becomes the vendor's word
            for tool calls where it has one.
        finish_reason: ``stop``, ``length``, ``tool_calls``, ``content_filter``, or a word of the
            vendor, which is sent as it is (``pause_turn``). ``failed``: a Responses answer with
            the status of that name.
        usage: What the vendor reports; ``None`` for a vendor that sends no numbers.
        refusal: Words of a refusal (OpenAI's ``refusal``, Anthropic's ``stop_reason``, Gemini's
            ``SAFETY``). Ollama knows no refusal: there it is the text.
        model: The model that answers; the one asked for when ``None``.
        id: The answer's id; made up when ``None``.
        pieces: How a stream cuts the text; words when ``None``.
        parts: The whole answer piece by piece, in its order, in place of ``text``, ``reasoning``
            and ``tool_calls``: :class:`Text`, :class:`Thinking`, :class:`ServerTool`,
            :class:`Media`, ``ToolCall``, or mappings in the vendor's own shape.
        fields: Fields of the vendor's own to add: to the message (OpenAI's and Ollama's format:
            ``annotations``, ``reasoning_details``), the candidate (Gemini: ``groundingMetadata``)
            or the whole answer (Anthropic, Responses).
        signed: Gemini: whether the first function call, or the last text where there is none, has
            a ``thoughtSignature``; ``None`` does what the vendor does: Gemini 3 and later sign
            their calls.
        service_tier: OpenAI's two formats: the tier that serves; the one asked for when ``None``.
        logprobs: OpenAI's two formats: the choice's ``logprobs``, in a stream with its first
            piece; on the Responses endpoint its ``content``, for those who ask for it. Gemini's
            ``logprobsResult`` goes into ``fields``.
        headers: Response headers to add.
        gate: Holds a stream behind its first piece and a plain answer before its first byte.
        delay: Real seconds between two pieces of a stream, for a slow one.
    """

    text: str = "Hello"
    reasoning: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    finish_reason: str = "stop"
    usage: Usage | None = field(
        default_factory=lambda: Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)
    )
    refusal: str | None = None
    model: str | None = None
    id: str | None = None
    pieces: Sequence[str] | None = None
    parts: Sequence[Part] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    signed: bool | None = None
    service_tier: str | None = None
    logprobs: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    gate: Gate | None = None
    delay: float = 0.0

    def __post_init__(self) -> None:
        if self.parts is not None and (
            self.text != "Hello" or self.reasoning is not None or self.tool_calls or self.pieces
        ):
            raise ConfigurationError(
                "Reply: parts are the whole answer, leave out text, reasoning, tool_calls, pieces"
            )
        if self.pieces is not None and "".join(self.pieces) != self.text:
            raise ConfigurationError(
                "Reply: pieces do not make up the text, joined they must be equal to it"
            )

    def content(self) -> list[Part]:
        """The answer as parts, in the order in which a vendor sends them."""
        if self.parts is not None:
            return list(self.parts)
        thinking: list[Part] = [] if self.reasoning is None else [Thinking(self.reasoning)]
        text: list[Part] = [Text(self.text)] if self.text else []
        return [*thinking, *text, *self.tool_calls]

    def calls(self) -> list[ToolCall]:
        """The tool calls among the parts."""
        return [part for part in self.content() if isinstance(part, ToolCall)]

    def arguments_of(self, call_id: str, arguments: Mapping[str, Any]) -> str:
        """The arguments of a call as JSON text, broken where the script has them broken."""
        call = next((call for call in self.calls() if call.id == call_id), None)
        return arguments_text(call or ToolCall(call_id, "", arguments))

    def cut(self, text: str) -> list[str]:
        """``text`` of the answer as a stream sends it."""
        return list(self.pieces) if self.pieces is not None else words(text)

    def text_pieces(self) -> list[str]:
        """The text as a stream sends it."""
        return self.cut(self.text)
