"""How text is cut for a stream."""

from __future__ import annotations

import json
import re

from bruno_llm.completion import ToolCall


def words(text: str) -> list[str]:
    """``text`` cut before each word; joined, the pieces are the text again."""
    return re.findall(r"\s*\S+\s*\Z|\s*\S+|\s+\Z", text)


def fragments(text: str, size: int = 12) -> list[str]:
    """``text`` in pieces of ``size`` characters, as vendors stream JSON arguments."""
    return [text[i : i + size] for i in range(0, len(text), size)]


def arguments_text(call: ToolCall) -> str:
    """A call's arguments as JSON text."""
    return call.raw_arguments or json.dumps(dict(call.arguments))
