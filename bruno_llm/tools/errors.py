"""What a tool says to the model when it cannot do what was asked."""

from __future__ import annotations

__all__ = ["ToolError"]


class ToolError(Exception):
    """Raised by a tool to tell the model something: that text is its result.

    Any other exception reaches the model as its type and text, never with a traceback.
    """
