"""Messages in and out: bruno-core's to chat dicts, odd histories repaired, results of tools."""

from __future__ import annotations

from bruno_llm.messages.chat import (
    completion_message,
    file_message,
    image_message,
    tool_result,
)

__all__ = ["completion_message", "file_message", "image_message", "tool_result"]
