"""Tools: functions that a model may call, and the loop that runs them."""

from __future__ import annotations

from bruno_llm.exceptions import ToolLimitError
from bruno_llm.tools.assistant import ToolAssistant
from bruno_llm.tools.calling import ToolFinished, ToolStarted
from bruno_llm.tools.definition import Tool, tool, tools_from_abilities
from bruno_llm.tools.errors import ToolError
from bruno_llm.tools.mcp import tools_from_mcp
from bruno_llm.tools.provider import ToolProvider
from bruno_llm.tools.run import (
    RunEnd,
    RunProgress,
    ToolRun,
    resume_tools,
    run_tools,
    stream_tools,
)

__all__ = [
    "RunEnd",
    "RunProgress",
    "Tool",
    "ToolAssistant",
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
    "tools_from_abilities",
    "tools_from_mcp",
]
