"""Which options a call may carry.

litellm puts every option it does not know straight into the request body, so a misspelt one would
be sent, billed, and ignored. Here unknown names are refused with the nearest known one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from bruno_llm.exceptions import ConfigurationError, InvalidRequestError
from bruno_llm.options import (
    ChatOptions,
    Features,
    OnlyOnCalls,
    RouteOptions,
    Tuning,
    names_of,
)

__all__ = [
    "CHAT_PARAMS",
    "FEATURES",
    "GENERIC_PARAMS",
    "KNOBS",
    "PER_CALL",
    "check_names",
    "check_tools",
    "present",
    "spelt_out",
]

# `temperature` is a parameter of every call, and so in no TypedDict.
KNOBS = names_of(Tuning) | {"temperature"}
"""Tuning: a model that lacks one still gives a good answer, so it is dropped with a warning."""

FEATURES = names_of(Features)
"""What the answer depends on: a model that lacks one is an error before the request."""

CHAT_PARAMS = KNOBS | names_of(ChatOptions)
"""Options of every provider."""

GENERIC_PARAMS = names_of(RouteOptions)
"""What other litellm routes need, for the generic provider."""

PER_CALL = names_of(OnlyOnCalls)
"""What is said of one call alone."""


def check_names(names: Iterable[str], allowed: Iterable[str], where: str) -> None:
    """Refuse options that nobody would read.

    Raises:
        ConfigurationError: Names the option, the nearest known one, and the way to send it all
            the same (``extra_body``).
    """
    known = sorted(allowed)
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            guess = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}."
            raise ConfigurationError(
                f"{where} has no option {name!r}; {guess} "
                "To send a field of the vendor as it is, use extra_body={...}."
            )


def check_tools(tools: Any) -> None:
    """Refuse what litellm would send as it is.

    Raises:
        InvalidRequestError: ``tools`` is no list of OpenAI-shaped tool dicts.
    """
    if tools is None:
        return
    whole = isinstance(tools, list | tuple) and all(isinstance(tool, Mapping) for tool in tools)
    if not whole:
        raise InvalidRequestError(
            "tools must be a list of dicts such as "
            "{'type': 'function', 'function': {'name': ..., 'parameters': {...}}}"
        )


def spelt_out(options: Mapping[str, Any]) -> dict[str, str]:
    """Each option as ``option`` and as ``option=value``, both pointing to its name."""
    words: dict[str, str] = {}
    for name, value in options.items():
        kind = value.get("type") if isinstance(value, Mapping) else value
        words |= {name: name, f"{name}={kind}": name}
    return words


def present(params: Mapping[str, Any]) -> dict[str, Any]:
    """The options that have a value; vendors refuse a null."""
    return {name: value for name, value in params.items() if value is not None}
