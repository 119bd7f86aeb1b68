"""Tools and shapes of answers in the vendor's form, and calls of tools back in the caller's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bruno_llm.completion import ToolCall, ToolCallDelta
from bruno_llm.exceptions import InvalidRequestError
from bruno_llm.messages.chat import ChatMessage
from bruno_llm.schema import (
    OwnFunction,
    Schema,
    Unfit,
    clean_keys,
    clean_name,
    clean_names,
    response_format,
    strict,
    without_nulls,
)
from bruno_llm.vendors.dialect import Dialect

if TYPE_CHECKING:
    from bruno_llm.wire.reading import Delta

__all__ = ["Forms", "fit_schemas", "renamed"]

_SHAPES = ("json_schema", "json_object")


@dataclass(frozen=True, slots=True)
class Forms:
    """The tools of one call as the vendor gets them, and the way back to the caller's names.

    Attributes:
        names: The caller's name by the one that was sent, where they differ.
        declared: Schemas as they were declared, by the name that was sent, where null was allowed
            for what may be left out.
        keys: The caller's parameters by the ones that were sent, by the tool's name as sent.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    declared: Mapping[str, Schema] = field(default_factory=dict)
    keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def restored(self, call: ToolCall) -> ToolCall:
        """The call as the caller knows the tool; the raw arguments stay what the model wrote."""
        keys, schema = self.keys.get(call.name), self.declared.get(call.name)
        if keys is not None:
            arguments = {keys.get(key, key): value for key, value in call.arguments.items()}
            call = dataclasses.replace(call, arguments=arguments)
        if schema is not None:
            arguments = without_nulls(dict(call.arguments), schema)
            call = dataclasses.replace(call, arguments=arguments)
        name = self.names.get(call.name)
        return call if name is None else dataclasses.replace(call, name=name)

    def told(self, delta: Delta) -> Delta:
        """A piece of a stream with the caller's name of the tool."""
        if not isinstance(delta, ToolCallDelta) or delta.name not in self.names:
            return delta
        return dataclasses.replace(delta, name=self.names[delta.name or ""])


def fit_schemas(
    options: dict[str, Any], dialect: Dialect, model: str, facts: Mapping[str, Any]
) -> Forms:
    """Write the tools and the shape of the answer as the vendor takes them.

    Args:
        options: Of the call, tools in OpenAI's form; changed in place.
        dialect: The vendor's.
        model: Its bare name.
        facts: litellm's facts of the model.

    Raises:
        InvalidRequestError: The vendor has no way to say it; names the field.
    """
    form = options.get("response_format")
    if form is not None:
        form = options["response_format"] = _answer(form, dialect)
        shaped = isinstance(form, Mapping) and form.get("type") in _SHAPES
        if shaped and options.get("tools") and not dialect.with_tools(model, facts):
            raise InvalidRequestError(
                "the model does not take tools and a shape of its answer in one request",
                hint="ask for the shape after the tools, or use generate_as(mode='prompt')",
            )
    if not options.get("tools"):
        return Forms()
    functions = [tool["function"]["name"] for tool in options["tools"] if _is_function(tool)]
    names = clean_names(functions)
    strictly = dialect.strict_tools(model, facts)
    declared: dict[str, Schema] = {}
    keys: dict[str, Mapping[str, str]] = {}
    tools: list[Any] = []
    for tool in options["tools"]:
        if not _is_function(tool):
            tools.append(tool)
            continue
        function = _function(tool["function"], names, dialect, strictly)
        if strictly and function.get("strict"):
            declared[function["name"]] = tool["function"].get("parameters") or {}
        if dialect.plain_keys and (renamed_keys := _with_plain_keys(function)):
            keys[function["name"]] = renamed_keys
        tools.append({**tool, "function": function})
    options["tools"] = tools
    choice = options.get("tool_choice")
    if isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping):
        wanted = choice["function"].get("name")
        named = {**choice["function"], "name": names.get(wanted, wanted)}
        options["tool_choice"] = {**choice, "function": named}
    return Forms({sent: name for name, sent in names.items() if sent != name}, declared, keys)


def renamed(chat: Sequence[ChatMessage], forms: Forms) -> list[ChatMessage]:
    """The messages with tools called as they are called in this request."""
    sent = {name: clean for clean, name in forms.names.items()}

    def name_of(name: Any) -> Any:
        return sent.get(name) or clean_name(name) if isinstance(name, str) and name else name

    return [_renamed(turn, name_of) for turn in chat]


def _renamed(turn: ChatMessage, name_of: Any) -> ChatMessage:
    if turn.get("role") == "tool" and "name" in turn:
        return {**turn, "name": name_of(turn["name"])}
    calls = turn.get("tool_calls")
    if not calls:
        return turn
    return {**turn, "tool_calls": [_called(call, name_of) for call in calls]}


def _called(call: Mapping[str, Any], name_of: Any) -> Mapping[str, Any]:
    function = call.get("function")
    if not isinstance(function, Mapping):
        return call
    return {**call, "function": {**function, "name": name_of(function.get("name"))}}


def _is_function(tool: Mapping[str, Any]) -> bool:
    function = tool.get("function")
    return tool.get("type") == "function" and isinstance(function, Mapping)


def _function(
    function: Mapping[str, Any], names: Mapping[str, str], dialect: Dialect, strictly: bool
) -> dict[str, Any]:
    made = {**function, "name": names[function["name"]]}
    parameters = function.get("parameters")
    if not isinstance(parameters, Mapping):
        return made
    own = isinstance(function, OwnFunction)
    try:
        made["parameters"] = dialect.tool(parameters)
        if strictly and (own or function.get("strict")):
            made |= {"parameters": strict(made["parameters"]), "strict": True}
    except Unfit as unfit:
        if not own:  # of our own, strict mode is but a wish
            raise InvalidRequestError(
                f"the vendor does not take tool {function['name']!r}: {unfit}"
            ) from None
    return made


def _with_plain_keys(function: dict[str, Any]) -> dict[str, str]:
    """Rename the parameters that need it; the caller's by what they are now."""
    schema = function.get("parameters")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    clean = clean_keys(properties or ())
    found = {sent: name for name, sent in clean.items() if sent != name}
    if found and isinstance(schema, Mapping):
        function["parameters"] = {
            **schema,
            "properties": {clean[name]: part for name, part in schema["properties"].items()},
            "required": [clean.get(name, name) for name in schema.get("required") or ()],
        }
    return found


def _answer(form: Any, dialect: Dialect) -> Any:
    if isinstance(form, type):
        from bruno_llm.tools.signature import schema_of  # what reads classes is needed here alone

        form = response_format(form.__name__, schema_of(form))
    if not isinstance(form, Mapping) or form.get("type") != "json_schema":
        return form
    # Chat completions wrap it; the responses endpoint does not.
    inner = form.get("json_schema", form)
    if not isinstance(inner, Mapping) or not isinstance(inner.get("schema"), Mapping):
        return form
    rewrite = dialect.answer
    if inner.get("strict") and dialect.strict_answer is not None:
        rewrite = dialect.strict_answer
    try:
        made = {**inner, "schema": rewrite(inner["schema"])}
    except Unfit as unfit:
        raise InvalidRequestError(f"the vendor does not take this shape: {unfit}") from None
    return {**form, "json_schema": made} if "json_schema" in form else made
