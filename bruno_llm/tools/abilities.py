"""bruno-core's abilities as tools: what a model may ask of them, and how they are executed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bruno_core.interfaces.ability import AbilityInterface
from bruno_core.models.ability import (
    AbilityParameter,
    AbilityParameterType,
    AbilityRequest,
    AbilityResponse,
)
from pydantic import ConfigDict, TypeAdapter, ValidationError

from bruno_llm.tools.errors import ToolError

__all__ = ["Executed", "parts_of"]

Executed = Callable[[AbilityRequest, AbilityResponse], None]
"""Told of each execution."""

# A list of bruno-core has no type of its items, and Gemini refuses an array without one.
_SCHEMAS: Mapping[AbilityParameterType, dict[str, Any]] = {
    AbilityParameterType.STRING: {"type": "string"},
    AbilityParameterType.INTEGER: {"type": "integer"},
    AbilityParameterType.FLOAT: {"type": "number"},
    AbilityParameterType.BOOLEAN: {"type": "boolean"},
    AbilityParameterType.LIST: {"type": "array", "items": {"type": "string"}},
    AbilityParameterType.DICT: {"type": "object"},
    AbilityParameterType.ANY: {"type": "string"},
}
_CONSTRAINTS = {
    "min": "minimum",
    "max": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
}
# What a model writes for a number or a switch is often text.
_TYPES: Mapping[AbilityParameterType, TypeAdapter[Any]] = {
    AbilityParameterType.STRING: TypeAdapter(str, config=ConfigDict(coerce_numbers_to_str=True)),
    AbilityParameterType.INTEGER: TypeAdapter(int),
    AbilityParameterType.FLOAT: TypeAdapter(float),
    AbilityParameterType.BOOLEAN: TypeAdapter(bool),
    AbilityParameterType.LIST: TypeAdapter(list[Any]),
    AbilityParameterType.DICT: TypeAdapter(dict[str, Any]),
}
_ACTION = "action"


def parts_of(
    ability: AbilityInterface,
    *,
    user_id: str,
    conversation_id: str | None,
    executed: Executed | None,
) -> tuple[str, str, dict[str, Any], Callable[..., Awaitable[Any]]]:
    """Name, description, JSON schema and function of the tool that an ability makes."""
    metadata = ability.get_metadata()
    actions = [str(action) for action in ability.get_supported_actions()]
    ready = _initializer(ability)

    async def call(**arguments: Any) -> Any:
        action = str(arguments.pop(_ACTION, None) or (actions[0] if actions else "execute"))
        if actions and action not in actions:
            raise ToolError(f"there is no action {action!r}; there are: {', '.join(actions)}")
        request = AbilityRequest(
            ability_name=metadata.name,
            action=action,
            parameters=_read(metadata.parameters, arguments),
            user_id=user_id,
            conversation_id=conversation_id,
        )
        await ready()
        response = await ability.execute(request)
        if executed is not None:
            executed(request, response)
        if not response.success:
            raise ToolError(_failure(response, metadata.parameters, request.parameters))
        return _result(response)

    return (
        metadata.name,
        _described(metadata.description, metadata.examples),
        _schema(metadata.parameters, actions),
        call,
    )


def _initializer(ability: AbilityInterface) -> Callable[[], Awaitable[None]]:
    lock = asyncio.Lock()
    done = False

    async def ready() -> None:
        nonlocal done
        async with lock:
            # bruno-core's own base class says whether it was; of others nobody knows.
            if not done and not getattr(ability, "initialized", False):
                await ability.initialize()
            done = True

    return ready


def _described(description: str, examples: Sequence[str]) -> str:
    return f"{description}\nExamples: {'; '.join(examples)}" if examples else description


def _schema(parameters: Sequence[AbilityParameter], actions: Sequence[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    if len(actions) > 1:
        properties[_ACTION] = {"type": "string", "enum": list(actions)}
    for parameter in parameters:
        schema = {**_SCHEMAS[parameter.param_type], "description": parameter.description}
        schema |= {
            word: parameter.constraints[name]
            for name, word in _CONSTRAINTS.items()
            if name in parameter.constraints
        }
        if parameter.default is not None:
            schema["default"] = parameter.default
        properties[parameter.name] = schema
    # The list is of all actions together: what one of them needs, another may not know.
    required = [_ACTION] if len(actions) > 1 else [p.name for p in parameters if p.required]
    return {"type": "object", "properties": properties, "required": required}


def _read(parameters: Sequence[AbilityParameter], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments in the types that the ability declares.

    Raises:
        ToolError: One cannot be read so.
    """
    types = {parameter.name: _TYPES.get(parameter.param_type) for parameter in parameters}
    read: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in types:
            raise ToolError(f"there is no parameter {name!r}; there are: {', '.join(types)}")
        reader = types[name]
        try:
            read[name] = value if reader is None else reader.validate_python(value)
        except ValidationError as error:
            raise ToolError(f"{name}: {error.errors()[0]['msg']}") from None
    return read


def _failure(
    response: AbilityResponse,
    parameters: Sequence[AbilityParameter],
    given: Mapping[str, Any],
) -> str:
    why = response.error or response.message or "the ability failed"
    # bruno-core's own check says only that something is wrong.
    missing = [p.name for p in parameters if p.required and p.name not in given]
    return f"{why} (missing: {', '.join(missing)})" if missing else why


def _result(response: AbilityResponse) -> Any:
    if not response.data:
        return response.message or "done"
    return {"message": response.message, **response.data} if response.message else response.data
