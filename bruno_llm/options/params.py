"""Checks of the options of a call: whether they are known here, within limits, and JSON.

litellm puts every option it does not know straight into the request body, so a misspelt one would
be sent, billed, and ignored. Here unknown names are refused with the nearest known one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from typing_extensions import get_type_hints

from bruno_llm.exceptions import ConfigurationError, InvalidRequestError, LLMError
from bruno_llm.options.arguments import ProviderSettings
from bruno_llm.options.call import (
    AnswerOptions,
    ChatOptions,
    EmbeddingOptions,
    Features,
    OnlyOnCalls,
    RouteOptions,
    Tuning,
    names_of,
)
from bruno_llm.options.checks import nearest, shown_value
from bruno_llm.options.limits import rule_of

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
    "check_options",
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


def check_options(
    options: Mapping[str, Any], where: str, error: type[LLMError] = ConfigurationError
) -> None:
    """Refuse a value that its option cannot have, whoever gave it: constructor, factory or call.

    Args:
        options: Option -> value; ``None`` is no value.
        where: Of what, for the error.
        error: What is raised; names the option and what it may be, never what stands in it.
    """
    allowed = _annotations()
    for name, value in options.items():
        if value is None or name in _CHECKED_ELSEWHERE:
            continue
        rule = rule_of(allowed[name]) if name in allowed else None
        if rule is not None and not rule.allows(value):
            wrong = f"{name}={shown_value(value)} is not allowed: {rule.words}"
        elif isinstance(value, type) or not (held := _not_json(value)):
            continue
        else:
            wrong = f"{name} holds {held}"
        raise error(f"{where}: {wrong}")


# By those who read them; a pydantic class or a function among them is no JSON.
_CHECKED_ELSEWHERE = frozenset({"n", "timeout", "tools"})
_DEEPEST = 100


@cache
def _annotations() -> dict[str, Any]:
    # What call.py imports for type checkers alone.
    unknown = {"BaseModel": Any, "Timeout": Any, "Tool": Any}
    return {
        name: annotation
        for table in (EmbeddingOptions, AnswerOptions)
        for name, annotation in get_type_hints(table, localns=unknown, include_extras=True).items()
    }


def _not_json(root: Any) -> str | None:
    """What there is in the value that no JSON can hold."""
    waiting = [(root, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            return f"itself, or more than {_DEEPEST} levels"
        if isinstance(value, Mapping):
            if not all(isinstance(key, str | int) for key in value):
                return "a key that is no text"
            waiting.extend((inner, depth + 1) for inner in value.values())
        elif isinstance(value, list | tuple):
            waiting.extend((inner, depth + 1) for inner in value)
        elif isinstance(value, float) and not math.isfinite(value):
            return "a number that is not finite"
        elif isinstance(value, str):
            if not value.isascii() and any(_is_half(letter) for letter in value):
                return "half of a surrogate pair, which UTF-8 cannot hold"
        elif not isinstance(value, int | float | None):
            return f"a value of the type {type(value).__name__}, which JSON does not have"
    return None


def _is_half(letter: str) -> bool:
    return "\ud800" <= letter <= "\udfff"


def check_one_answer(n: Any) -> None:
    """Refuse to ask for several answers: they are billed, and a completion has place for one.

    Raises:
        InvalidRequestError: ``n`` is not 1.
    """
    if not (n is None or (isinstance(n, int) and n == 1)):
        raise InvalidRequestError(
            f"n must be 1, not {shown_value(n)}: a completion holds one answer; "
            "call again for another"
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
