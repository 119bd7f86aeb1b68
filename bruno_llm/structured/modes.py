"""How an answer of a shape is asked for: the vendor's own mode, a forced tool, or words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

from bruno_llm.chat import Chat
from bruno_llm.completion import Completion
from bruno_llm.exceptions import ConfigurationError, InvalidRequestError
from bruno_llm.schema import OwnFunction, response_format
from bruno_llm.structured.shape import Shape

__all__ = ["Mode", "RefusedModes", "answered", "modes_for", "request_for"]

Mode = Literal["auto", "native", "tool", "prompt"]
_ORDER = ("native", "tool", "prompt")
_TOOL = "answer"
# What a provider's model refused once is not tried again: (model, mode, shape).
_Key = tuple[str, str, str]
_refused: WeakKeyDictionary[Any, set[_Key]] = WeakKeyDictionary()
_ANY_SHAPE = ""


def modes_for(
    provider: Chat, mode: Mode, options: Mapping[str, Any], shape: Shape[Any]
) -> Iterator[str]:
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
        if not _refused.get(provider, set()).isdisjoint(_keys(provider, one, shape)):
            continue
        if one == "native" and (can is None or can.json_schema is False):
            continue
        if one == "tool" and (can is None or can.tools is not True or options.get("tools")):
            continue
        yield one


class RefusedModes:
    """The modes of asking for a shape that a provider has refused.

    A refusal counts once another mode was taken: it may have been about something else. One that
    was said before the request is about the shape; the vendor's is taken for the mode's.
    """

    def __init__(self, provider: Chat, shape: Shape[Any]) -> None:
        self._provider = provider
        self._shape = shape
        self._keys: set[_Key] = set()

    def add(self, mode: str, error: InvalidRequestError) -> None:
        """Note that this mode was refused."""
        shape, every = _keys(self._provider, mode, self._shape)
        self._keys.add(shape if error.status_code is None else every)

    def remember(self) -> None:
        """Keep the refusals: another mode was taken, so they were about the mode."""
        if self._keys:
            _refused.setdefault(self._provider, set()).update(self._keys)


def _keys(provider: Chat, mode: str, shape: Shape[Any]) -> tuple[_Key, _Key]:
    """What is remembered of this shape, and of any."""
    model = str(getattr(provider, "model", ""))
    schema = json.dumps(shape.schema, sort_keys=True, default=str)
    return (model, mode, schema), (model, mode, _ANY_SHAPE)


def request_for(
    mode: str, shape: Shape[Any], messages: Sequence[Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The messages and options that ask for the shape in one mode."""
    if mode == "native":
        return list(messages), {"response_format": response_format(shape.name, shape.schema)}
    if mode == "tool":
        function = OwnFunction(name=_TOOL, description="Give the answer.", parameters=shape.schema)
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
