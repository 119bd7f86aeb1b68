"""An answer that a ``FakeServer`` can be told to give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bruno_llm.completion import ToolCall, Usage
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing.fake.gate import Gate
from bruno_llm.testing.fake.text import words

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
            vendor, which is sent as it is.
        usage: What the vendor reports; ``None`` for a vendor that sends no numbers.
        refusal: Words of a refusal (OpenAI's ``refusal``, Anthropic's ``stop_reason``, Gemini's
            ``SAFETY``). Ollama knows no refusal: there it is the text.
        model: The model that answers; the one asked for when ``None``.
        id: The answer's id; made up when ``None``.
        pieces: How a stream cuts the text; words when ``None``.
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
    headers: Mapping[str, str] = field(default_factory=dict)
    gate: Gate | None = None
    delay: float = 0.0

    def __post_init__(self) -> None:
        if self.pieces is not None and "".join(self.pieces) != self.text:
            raise ConfigurationError(
                "Reply: pieces do not make up the text, joined they must be equal to it"
            )

    def text_pieces(self) -> list[str]:
        """The text as a stream sends it."""
        return list(self.pieces) if self.pieces is not None else words(self.text)
