"""What OpenAI's chat completions refuse.

Its page: platform.openai.com/docs/api-reference/chat/create. The words are from threads, named at
each rule.
"""

from __future__ import annotations

from typing import Any

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusals, dicts, member
from bruno_llm.testing.fake.vendors.openai.functions import (
    an,
    openai_function,
    openai_name,
    openai_says,
)
from bruno_llm.testing.fake.vendors.openai.strict_schema import fault_in_strict

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_FIELDS = {"role", "content", "name"}
# What an assistant's message may have in place of content.
_INSTEAD = ("tool_calls", "function_call", "refusal", "audio")
_ASSISTANT = {*_INSTEAD, "annotations"}


def openai_rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    """Every rule that this request breaks."""
    messages = dicts(request.json.get("messages"))
    if not messages:
        yield openai_says(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
            "empty array instead.",
            "messages",
            "empty_array",
        )
    for place, message in enumerate(messages):
        # OpenAI gives none and takes none; who scripts one plays a server that is like it.
        own = (
            {"reasoning_content"}
            if memory.knows(request, message.get("reasoning_content"))
            else set()
        )
        yield from _message(message, f"messages[{place}]", own)
    yield from tool_rules(messages)
    yield from schema_rules(request.json)


def _message(message: dict[str, Any], where: str, own: set[str]) -> VendorRefusals:
    role = message.get("role")
    if role not in _ROLES:
        named = ", ".join(f"'{name}'" for name in _ROLES[:-1])
        yield openai_says(
            f"Invalid value: '{role}'. Supported values are: {named}, and '{_ROLES[-1]}'.",
            f"{where}.role",
            "invalid_value",
        )
    known = _FIELDS | own | (_ASSISTANT if role == "assistant" else set())
    known |= {"tool_call_id"} if role == "tool" else set()
    for name in message:
        if name not in known:
            yield unknown(f"{where}.{name}")
    if message.get("content") is None and not any(message.get(name) for name in _INSTEAD):
        # run-llama/llama_index#17921
        param = where.replace("[", ".[") + ".content"
        yield openai_says("Invalid value for 'content': expected a string, got null.", param)
    for index, call in enumerate(dicts(message.get("tool_calls"))):
        yield from _call(call, f"{where}.tool_calls[{index}]")


def _call(call: dict[str, Any], where: str) -> VendorRefusals:
    for name in call:
        if name not in ("id", "type", "function", "custom"):
            # songquanpeng/one-api#1319
            yield unknown(f"{where}.{name}")
    yield from openai_name(member(call, "function").get("name"), f"{where}.function.name")
    arguments = member(call, "function").get("arguments", "")
    if not isinstance(arguments, str):
        # aaif-goose/goose-mobile#20
        yield wrong_type(f"{where}.function.arguments", arguments)


def unknown(where: str) -> Any:
    """A field that is not in the reference: songquanpeng/one-api#1319, agent-framework#2203."""
    return openai_says(f"Unknown parameter: '{where}'.", where, "unknown_parameter")


def wrong_type(where: str, value: Any) -> Any:
    """Something else where text must be."""
    return openai_says(
        f"Invalid type for '{where}': expected a string, but got {an(value)} instead.",
        where,
        "invalid_type",
    )


def tool_rules(messages: list[dict[str, Any]]) -> VendorRefusals:
    """Each call has its answer, each answer its call."""
    open_calls: list[Any] = []
    for place, message in enumerate([*messages, {}]):
        if message.get("role") == "tool":
            if message.get("tool_call_id") in open_calls:
                open_calls.remove(message.get("tool_call_id"))
            else:
                # prism-php/prism#175
                yield openai_says(
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'.",
                    f"messages.[{place}].role",
                )
            continue
        if open_calls:
            # aliasrobotics/cai#111, Abraxas-365/langchain-rust#250
            yield openai_says(
                "An assistant message with 'tool_calls' must be followed by tool messages "
                "responding to each 'tool_call_id'. The following tool_call_ids did not have "
                f"response messages: {', '.join(map(str, open_calls))}",
                f"messages.[{place}].role",
            )
        open_calls = [call.get("id") for call in dicts(message.get("tool_calls"))]


def schema_rules(body: dict[str, Any]) -> VendorRefusals:
    """Strict functions and a strict format have schemas of strict mode's kind."""
    for index, tool in enumerate(dicts(body.get("tools"))):
        function = member(tool, "function")
        yield from openai_name(function.get("name"), f"tools[{index}].function.name")
        yield from openai_function(function, f"tools[{index}].function.parameters")
        if function.get("strict"):
            yield from function_schema(function, f"tools[{index}].function.parameters")
    wanted = member(member(body, "response_format"), "json_schema")
    if wanted.get("strict"):
        yield from format_schema(wanted, "response_format")


def function_schema(function: dict[str, Any], param: str) -> VendorRefusals:
    """A function that asks for strict mode."""
    fault = fault_in_strict(function.get("parameters"))
    if fault:
        message = f"Invalid schema for function '{function.get('name')}': {fault}"
        yield openai_says(message, param, "invalid_function_parameters")


def format_schema(wanted: dict[str, Any], param: str) -> VendorRefusals:
    """An answer's format that asks for strict mode."""
    fault = fault_in_strict(wanted.get("schema"))
    if fault:
        message = f"Invalid schema for response_format '{wanted.get('name')}': {fault}"
        yield openai_says(message, param)
