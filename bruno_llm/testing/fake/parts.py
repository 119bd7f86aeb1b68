"""What an answer is made of, where text, thinking and tool calls do not say enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bruno_llm.completion import ToolCall

__all__ = ["Media", "Part", "ServerTool", "Text", "Thinking"]


@dataclass(frozen=True, slots=True)
class Text:
    """Text of the answer.

    Attributes:
        text: The words.
        citations: Sources, each in the vendor's own shape: Anthropic's ``citations``, OpenAI's
            ``annotations`` (both formats). Gemini tells its sources beside the parts: see
            ``Reply.fields``.
        signed: Gemini: give the part a ``thoughtSignature``.
    """

    text: str
    citations: Sequence[Mapping[str, Any]] = ()
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Thinking:
    """Thinking, with the signature or the encrypted copy that the vendor's format has.

    Attributes:
        text: The words; an OpenAI reasoning item has them as its summary.
        redacted: Nothing to read: Anthropic's ``redacted_thinking``, an OpenAI reasoning item
            without a summary, OpenRouter's ``reasoning.encrypted``. Other formats have none.
    """

    text: str = ""
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class ServerTool:
    """A tool that the vendor ran itself: Anthropic's ``server_tool_use`` with its result, OpenAI's
    items ``web_search_call``, ``file_search_call`` and the like.

    Attributes:
        name: ``web_search``, ``code_execution`` ...
        input: Anthropic: the call's input. OpenAI: further fields of the item.
        result: Anthropic: the result block's ``content``. OpenAI keeps it to itself.
    """

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    result: Any = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or a sound that the model made.

    OpenAI's chat format: ``audio``, or ``images`` as OpenRouter sends them; Responses: an
    ``image_generation_call``; Gemini: ``inlineData``. Anthropic and Ollama have none.

    Attributes:
        data: The bytes.
        media_type: Such as ``image/png`` or ``audio/wav``.
        transcript: The words of a sound.
    """

    data: bytes
    media_type: str
    transcript: str = ""


Part = Text | Thinking | ToolCall | ServerTool | Media | Mapping[str, Any]
"""A mapping is sent as it is: a content block, part or item in the vendor's own shape."""
