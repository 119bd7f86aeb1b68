"""The arguments of a function as a pydantic model, and that model as a JSON schema."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, create_model
from pydantic.json_schema import GenerateJsonSchema

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.schema import Schema, mapped, topped

__all__ = ["Untitled", "arguments_model", "description_of", "schema_of", "without_titles"]

_MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Untitled(GenerateJsonSchema):
    """pydantic's schema without the titles that only repeat the names: they cost tokens."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model, as tools and structured output send it."""
    return topped(without_titles(model.model_json_schema(schema_generator=Untitled)))


def description_of(function: Callable[..., Any]) -> str:
    """What the docstring says before its sections, ``""`` where there is none."""
    parsed = _docstring(function)
    parts = (parsed.short_description, parsed.long_description)
    return "\n\n".join(part.strip() for part in parts if part)


def arguments_model(function: Callable[..., Any], name: str) -> type[BaseModel]:
    """The model that reads a call's arguments: type hints, defaults, and the docstring's words.

    Args:
        function: Sync or async; a bound method too.
        name: The tool's name, for errors.

    Raises:
        ConfigurationError: A parameter has no type, or one that no JSON can carry.
    """
    hints = _hints(function, name)
    said = {param.arg_name: param.description for param in _docstring(function).params}
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in _MANY:
            raise ConfigurationError(
                f"tool {name!r}: a model cannot fill *{parameter.name}; name each parameter"
            )
        if parameter.name not in hints:
            raise ConfigurationError(f"tool {name!r}: parameter {parameter.name!r} has no type")
        required = parameter.default is inspect.Parameter.empty
        default = ... if required else parameter.default
        fields[parameter.name] = (
            hints[parameter.name],
            Field(default, description=said.get(parameter.name)),
        )
    try:
        model: type[BaseModel] = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
        schema_of(model)
    except (PydanticUserError, NameError) as error:
        why = str(error).splitlines()[0]
        raise ConfigurationError(f"tool {name!r}: a parameter has no JSON schema: {why}") from error
    return model


def _hints(function: Callable[..., Any], name: str) -> Mapping[str, Any]:
    try:
        return get_type_hints(_routine(function), include_extras=True)
    except NameError as error:
        raise ConfigurationError(
            f"tool {name!r}: a type is not known where the function is defined: {error}"
        ) from error


def _docstring(function: Callable[..., Any]) -> Any:
    from docstring_parser import DocstringStyle, parse

    return parse(inspect.getdoc(_routine(function)) or "", DocstringStyle.GOOGLE)


def _routine(function: Callable[..., Any]) -> Callable[..., Any]:
    """What an object that can be called runs."""
    return function if inspect.isroutine(function) else type(function).__call__


def without_titles(schema: Schema) -> dict[str, Any]:
    """Without the titles of models; a property that is called ``title`` stays."""

    def change(part: dict[str, Any]) -> dict[str, Any]:
        return {word: value for word, value in part.items() if word != "title"}

    made: dict[str, Any] = mapped(schema, change)
    return made
