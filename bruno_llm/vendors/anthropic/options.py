"""Options that Anthropic refuses together, said before the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.exceptions import InvalidRequestError

__all__ = ["fit"]

_FREE = (None, "auto", "none")


def fit(options: dict[str, Any]) -> None:
    """Refuse a tool choice that forces a tool while the model thinks.

    Source: Anthropic documentation, "Extended thinking", limits of tool choice: only ``auto`` and
    ``none`` work with it.

    Raises:
        InvalidRequestError: Both were asked for.
    """
    choice = options.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, Mapping) else choice
    if kind not in _FREE and _thinks(options):
        raise InvalidRequestError(
            "Anthropic takes no tool_choice that forces a tool while the model thinks",
            hint="use tool_choice='auto', or leave thinking and reasoning_effort out",
        )


def _thinks(options: Mapping[str, Any]) -> bool:
    thinking = options.get("thinking")
    on = isinstance(thinking, Mapping) and thinking.get("type") not in (None, "disabled")
    return on or options.get("reasoning_effort") not in (None, "none")
