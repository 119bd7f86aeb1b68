"""A tool: what a model may call, and what happens when it does."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from bruno_core.interfaces.ability import AbilityInterface
from pydantic import BaseModel, ValidationError

from bruno_llm.exceptions import ConfigurationError, InvalidRequestError
from bruno_llm.schema import OwnFunction, without_nulls
from bruno_llm.tools.abilities import Executed, parts_of
from bruno_llm.tools.errors import ToolError
from bruno_llm.tools.signature import arguments_model, description_of, schema_of

__all__ = ["Tool", "as_tools", "tool", "tool_dicts", "tools_from_abilities"]


@dataclass(frozen=True, eq=False)
class Tool:
    """A function with a name, a description and a JSON schema of its arguments.

    Attributes:
        name: What the model calls it. Vendors take letters, digits, ``_`` and ``-``, at most 64:
            of another name the model sees a clean form, and its calls come back with this one.
        description: When to use it and what comes back; the model decides by this.
        parameters: JSON schema of an object: the arguments.
        call: What runs it, sync or async, with the arguments by name; ``None`` for a tool that
            the caller runs.
        timeout: Seconds a call may take; the model is told when they are over.
        sequential: Calls of one round run one after the other, in the model's order.
        approve: A person has to agree before it runs.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    call: Callable[..., Any] | None = None
    timeout: float | None = None
    sequential: bool = False
    approve: bool = False
    arguments: type[BaseModel] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ConfigurationError(f"a tool needs a name that is text, not {self.name!r}")
        if not self.description or not self.description.strip():
            raise ConfigurationError(
                f"tool {self.name!r} has no description: the model needs one to know when to "
                "call it (a docstring, or description=...)"
            )
        if self.timeout is not None and not self.timeout > 0:
            raise ConfigurationError(f"tool {self.name!r}: timeout must be seconds above 0")

    @classmethod
    def from_function(
        cls,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None = None,
        sequential: bool = False,
        approve: bool = False,
    ) -> Tool:
        """A tool of a function; its schema comes from type hints and the google docstring.

        Raises:
            ConfigurationError: No description, or a parameter without a type.
        """
        if not callable(function):
            raise ConfigurationError(f"a tool needs a function, not {type(function).__name__}")
        name = name or str(getattr(function, "__name__", type(function).__name__))
        arguments = arguments_model(function, name)
        schema = schema_of(arguments)
        schema.pop("description", None)
        return cls(
            name,
            description or description_of(function),
            schema,
            function,
            timeout,
            sequential,
            approve,
            arguments,
        )

    @classmethod
    def from_schema(
        cls,
        name: str,
        description: str,
        parameters: Mapping[str, Any],
        call: Callable[..., Any] | None = None,
        *,
        timeout: float | None = None,
        sequential: bool = False,
        approve: bool = False,
    ) -> Tool:
        """A tool of a JSON schema that is there already.

        Raises:
            ConfigurationError: The schema is not that of an object.
        """
        if not isinstance(parameters, Mapping) or parameters.get("type") != "object":
            raise ConfigurationError(
                f"tool {name!r}: parameters must be a JSON schema with type 'object'"
            )
        return cls(name, description, parameters, call, timeout, sequential, approve)

    @classmethod
    def from_ability(
        cls,
        ability: AbilityInterface,
        *,
        user_id: str,
        conversation_id: str | None = None,
        executed: Executed | None = None,
        timeout: float | None = None,
        approve: bool = False,
    ) -> Tool:
        """A tool of a bruno-core ability; see ``tools_from_abilities()``."""
        name, description, parameters, call = parts_of(
            ability, user_id=user_id, conversation_id=conversation_id, executed=executed
        )
        return cls(name, description, parameters, call, timeout, approve=approve)

    def to_dict(self) -> dict[str, Any]:
        """The tool in OpenAI's form, which every provider takes."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": dict(self.parameters),
            },
        }

    def read(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function takes them.

        Raises:
            ToolError: They do not fit; says which and why, in pydantic's words.
        """
        given: dict[str, Any] = without_nulls(dict(arguments), self.parameters)
        if self.arguments is None:
            return given
        try:
            read = self.arguments.model_validate(given)
        except ValidationError as error:
            wrong = (
                f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}"
                for one in error.errors(include_url=False, include_input=False)
            )
            raise ToolError("wrong arguments: " + "; ".join(wrong)) from None
        return {name: getattr(read, name) for name in type(read).model_fields}

    @property
    def is_async(self) -> bool:
        """Whether its function is awaited; others run in a thread."""
        function = self.call
        while isinstance(function, functools.partial):
            function = function.func
        return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004  an object with an async __call__
        )


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    sequential: bool = False,
    approve: bool = False,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None, /, **options: Any
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a function: ``@tool``, or ``@tool(timeout=5, approve=True)``.

    Args:
        function: The function, when used without parentheses.
        options: As for ``Tool.from_function``.

    Raises:
        ConfigurationError: No description, or a parameter without a type.
    """
    if function is not None:
        return Tool.from_function(function)
    return functools.partial(Tool.from_function, **options)


def as_tools(tools: Sequence[Tool | Callable[..., Any] | Mapping[str, Any]]) -> list[Tool]:
    """The tools among ``tools`` that can be run, in their order; functions become tools.

    A vendor's own built-in tools (dicts without a function) run at the vendor and are left out.

    Raises:
        InvalidRequestError: This is no list, or two tools have one name.
        ConfigurationError: A tool is only a schema, so that nobody could run it.
    """
    if isinstance(tools, str | Mapping | Tool) or not isinstance(tools, Sequence):
        raise InvalidRequestError("tools must be a list of tools, functions or dicts")
    made = [_as_tool(one) for one in tools if not _is_built_in(one)]
    names = [one.name for one in made]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidRequestError(f"two tools are called {twice!r}")
    idle = next((one.name for one in made if one.call is None), None)
    if idle is not None:
        raise ConfigurationError(
            f"tool {idle!r} has no function to run: give Tool.from_schema(..., call=...)"
        )
    return made


def tools_from_abilities(
    abilities: Iterable[AbilityInterface],
    *,
    user_id: str,
    conversation_id: str | None = None,
    executed: Executed | None = None,
) -> list[Tool]:
    """One tool for each ability; its actions are the values of the tool's parameter ``action``.

    An ability that was never initialized is initialized before its first execution. What an
    ability reports as a failure is told to the model.

    Args:
        abilities: bruno-core abilities.
        user_id: On whose behalf they act.
        conversation_id: In which conversation.
        executed: Called after each execution.
    """
    return [
        Tool.from_ability(
            ability, user_id=user_id, conversation_id=conversation_id, executed=executed
        )
        for ability in abilities
    ]


def tool_dicts(tools: Sequence[Any]) -> list[Any]:
    """Tools in OpenAI's form; dicts, also a vendor's own built-in tools, stay as they are."""
    return [one if isinstance(one, Mapping) else _own(_as_tool(one)) for one in tools]


def _own(one: Tool) -> dict[str, Any]:
    form = one.to_dict()
    return {**form, "function": OwnFunction(form["function"])}


def _is_built_in(one: Any) -> bool:
    return isinstance(one, Mapping) and not _function_in(one).get("name")


def _function_in(one: Mapping[str, Any]) -> Mapping[str, Any]:
    function = one.get("function", one)
    return function if isinstance(function, Mapping) else {}


def _as_tool(one: Any) -> Tool:
    if isinstance(one, Tool):
        return one
    if isinstance(one, Mapping):
        function = _function_in(one)
        if function.get("name"):
            parameters = function.get("parameters") or {"type": "object", "properties": {}}
            name = str(function["name"])
            return Tool(name, str(function.get("description") or name), parameters)
    elif callable(one):
        return Tool.from_function(one)
    raise InvalidRequestError(
        "a tool is a Tool, a function, or a dict such as "
        "{'type': 'function', 'function': {'name': ..., 'parameters': {...}}}"
    )
