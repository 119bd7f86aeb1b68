"""Tools: functions that a model may call, and the loop that runs them."""

from __future__ import annotations

from bruno_llm.exceptions import ToolLimitError
from bruno_llm.tools.calling import ToolFinished, ToolStarted
from bruno_llm.tools.definition import Tool, ToolError, tool
from bruno_llm.tools.provider import ToolProvider
from bruno_llm.tools.run import (
    RunEnd,
    ToolRun,
    resume_tools,
    run_tools,
    stream_tools,
)

__all__ = [
    "RunEnd",
    "Tool",
    "ToolError",
    "ToolFinished",
    "ToolLimitError",
    "ToolProvider",
    "ToolRun",
    "ToolStarted",
    "resume_tools",
    "run_tools",
    "stream_tools",
    "tool",
]
