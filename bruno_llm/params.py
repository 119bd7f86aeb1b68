"""Which options a call may carry.

litellm puts every option it does not know straight into the request body, so a misspelt one would
be sent, billed, and ignored. Here unknown names are refused with the nearest known one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bruno_llm.arguments import ProviderSettings
from bruno_llm.checks import nearest
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
    "NAMED",
    "ONLY_OURS",
    "PER_CALL",
    "SETTINGS",
    "check_names",
    "check_one_answer",
    "present",
    "spelt_out",
    "whole_tools",
]

# `temperature` is a parameter of every call, and so in no TypedDict.
KNOBS = names_of(Tuning) | {"temperature"}
"""Tuning: a model that lacks one still gives a good answer, so it is dropped with a warning."""

ONLY_OURS = frozenset({"metadata", "prompt_cache_retention"})
"""Knobs that litellm loses: the wire in OpenAI's format writes them, the vendors' ``lacks`` say who
does not take them."""

FEATURES = names_of(Features)
"""What the answer depends on: a model that lacks one is an error before the request."""

CHAT_PARAMS = KNOBS | names_of(ChatOptions)
"""Options of every provider."""

GENERIC_PARAMS = names_of(RouteOptions)
"""What other litellm routes need, for the generic provider."""

PER_CALL = names_of(OnlyOnCalls)
"""What is said of one call alone."""

SETTINGS = names_of(ProviderSettings)
"""What a provider's constructor takes besides."""

NAMED = frozenset({"temperature", "max_tokens", "messages"})
"""What a call takes besides."""


def check_names(
    names: Iterable[str], allowed: Iterable[str], where: str, near: Iterable[str] = ()
) -> None:
    """Refuse options that nobody would read.

    Args:
        names: The options that were given.
        allowed: The options that there are.
        where: Of what, for the error.
        near: Further names that may have been meant.

    Raises:
        ConfigurationError: Names the option, the nearest known one, and the way to send it all
            the same (``extra_body``).
    """
    known = frozenset(allowed)
    for name in names:
        if name == "stream":
            raise ConfigurationError(
                f"{where} has no option 'stream': use llm.stream() or llm.stream_events()"
            )
        if name not in known:
            guess = nearest(name, known | frozenset(near))
            raise ConfigurationError(
                f"{where} has no option {name!r}{guess}",
                hint="to send a field of the vendor as it is, use extra_body={...}",
            )


def check_one_answer(n: Any) -> None:
    """Refuse to ask for several answers: they are billed, and a completion has place for one.

    Raises:
        InvalidRequestError: ``n`` is not 1.
    """
    if n not in (None, 1):
        raise InvalidRequestError(
            f"n must be 1, not {n!r}: a completion holds one answer; call again for another"
        )


def whole_tools(tools: Any) -> list[Mapping[str, Any]]:
    """Tools in OpenAI's form; litellm would send what it is given as it is.

    A function may come bare (``name``, ``description``, ``parameters``), as many guides write it
    and as bruno-abilities' ``to_function_schema()`` gives it, with or without
    ``"type": "function"``, and with Anthropic's ``input_schema`` for ``parameters``. A vendor's
    own tools (another ``type``, or no ``name``) are left as they are.

    Raises:
        InvalidRequestError: ``tools`` is no list of dicts, or a function has no name.
    """
    if not isinstance(tools, list | tuple) or not all(isinstance(tool, Mapping) for tool in tools):
        raise InvalidRequestError(f"tools must be a list of dicts such as {_TOOL}")
    return [_whole_tool(tool) for tool in tools]


_TOOL = "{'type': 'function', 'function': {'name': ..., 'parameters': {...}}}"


def _whole_tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    kind, function = tool.get("type", "function"), tool.get("function")
    if kind != "function" or (function is None and "name" not in tool and "type" not in tool):
        return tool
    around: dict[str, Any] = {}
    if function is None:
        function = dict(tool)
        function.pop("type", None)
        # Marks of the tool itself, such as where Anthropic's cache ends.
        around = {name: function.pop(name) for name in ("cache_control",) if name in function}
        if "input_schema" in function:
            function["parameters"] = function.pop("input_schema")
    else:
        around = {name: value for name, value in tool.items() if name != "function"}
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise InvalidRequestError(f"a tool has no name; give it as {_TOOL}")
    return {**around, "type": "function", "function": function}


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
