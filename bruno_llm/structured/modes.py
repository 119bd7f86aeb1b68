"""How an answer of a shape is asked for: the vendor's own mode, a forced tool, or words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

from bruno_llm.chat import Chat
from bruno_llm.completion import Completion
from bruno_llm.exceptions import ConfigurationError, InvalidRequestError
from bruno_llm.structured.shape import Shape, strict

__all__ = ["Mode", "answered", "modes_for", "refused", "request_for"]

Mode = Literal["auto", "native", "tool", "prompt"]
_ORDER = ("native", "tool", "prompt")
_TOOL = "answer"
# What a provider's model refused once is not tried again.
_refused: WeakKeyDictionary[Any, set[tuple[str, str]]] = WeakKeyDictionary()


def modes_for(provider: Chat, mode: Mode, options: Mapping[str, Any]) -> Iterator[str]:
    """The modes to try, in their order.

    Raises:
        ConfigurationError: There is no such mode.
        InvalidRequestError: ``tools=`` beside a mode that is a tool itself.
    """
    if mode not in get_args(Mode):
        raise ConfigurationError(
            f"there is no mode {mode!r}; use one of {', '.join(get_args(Mode))}"
        )
    if "response_format" in options:
        raise ConfigurationError("response_format is made from the type; leave it out")
    if mode == "tool" and options.get("tools"):
        raise InvalidRequestError(
            "mode='tool' asks for the answer by a tool of its own, so tools= cannot be used with it"
        )
    if mode != "auto":
        yield mode
        return
    capabilities = getattr(provider, "capabilities", None)
    can = capabilities() if capabilities is not None else None
    for one in _ORDER:
        if (_model(provider), one) in _refused.get(provider, ()):
            continue
        if one == "native" and (can is None or can.json_schema is False):
            continue
        if one == "tool" and (can is None or can.tools is not True or options.get("tools")):
            continue
        yield one


def refused(provider: Chat, mode: str) -> None:
    """Remember that this model does not take this mode."""
    _refused.setdefault(provider, set()).add((_model(provider), mode))


def _model(provider: Chat) -> str:
    return str(getattr(provider, "model", ""))


def request_for(
    mode: str, shape: Shape[Any], messages: Sequence[Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The messages and options that ask for the shape in one mode."""
    strictly = strict(shape.schema)
    if mode == "native":
        form = {"name": shape.name, "schema": strictly or shape.schema}
        wanted = {"type": "json_schema", "json_schema": {**form, "strict": strictly is not None}}
        return list(messages), {"response_format": wanted}
    if mode == "tool":
        function = {
            "name": _TOOL,
            "description": "Give the answer.",
            "parameters": shape.schema,
        }
        return list(messages), {
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": _TOOL}},
        }
    schema = json.dumps(shape.schema, ensure_ascii=False)
    words = f"Answer with one JSON object that fits this JSON schema, and nothing else:\n{schema}"
    return [*messages, {"role": "system", "content": words}], {}


def answered(mode: str, completion: Completion) -> str | None:
    """The JSON text of an answer, ``None`` when the model called other tools instead."""
    if mode == "tool":
        named = (call.raw_arguments for call in completion.tool_calls if call.name == _TOOL)
        return next(named, completion.text)
    return None if completion.tool_calls and not completion.text else completion.text
