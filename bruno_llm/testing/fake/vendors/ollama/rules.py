"""What an Ollama server refuses.

Its pages: docs.ollama.com/api, docs.ollama.com/capabilities/tool-calling. It is written in Go, and
a field of another type is told in the words of Go's decoder.
"""

from __future__ import annotations

from typing import Any

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import (
    VendorRefusal,
    VendorRefusals,
    dicts,
    json_kind,
    member,
    schemas_in,
)

_ARGUMENTS = "ChatRequest.messages.tool_calls.function.arguments"


def ollama_says(message: str, status: int = 400) -> VendorRefusal:
    """Ollama's shape."""
    return VendorRefusal(status, message, {"error": message})


def ollama_rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    """Every rule that this request breaks."""
    body = request.json
    stop = member(body, "options").get("stop")
    if stop is not None and not isinstance(stop, list):
        # stavsap/comfyui-ollama#103: it is a 500
        yield ollama_says('option "stop" must be of type array', 500)
    yield from _functions(body)
    names: list[Any] = []
    ids: list[Any] = []
    for place, message in enumerate(dicts(body.get("messages"))):
        content = message.get("content")
        if content is not None and not isinstance(content, str):
            # ollama/ollama#10255
            yield ollama_says(
                f"json: cannot unmarshal {json_kind(content)} into Go struct field "
                "ChatRequest.messages.content of type string"
            )
        for call in dicts(message.get("tool_calls")):
            function = member(call, "function")
            names.append(function.get("name"))
            ids.append(call.get("id"))
            arguments = function.get("arguments", {})
            if not isinstance(arguments, dict):
                # aliasrobotics/cai#76
                yield ollama_says(
                    f"json: cannot unmarshal {json_kind(arguments)} into Go struct field "
                    f"{_ARGUMENTS} of type api.ToolCallFunctionArguments"
                )
        name, used = message.get("tool_name"), message.get("tool_call_id")
        matched = name in names or (used is not None and used in ids)
        if message.get("role") == "tool" and not matched:
            # These words are ours. A real server is silent and gives the model a result of no
            # call; the page has `tool_name` in every tool message.
            yield ollama_says(f"messages[{place}]: no tool call has this result's tool_name")


def _functions(body: dict[str, Any]) -> VendorRefusals:
    """Types that Go does not read, and what a server loses without a word."""
    for tool in dicts(body.get("tools")):
        schema = member(member(tool, "function"), "parameters")
        if not isinstance(schema.get("properties", {}), dict):
            # ollama/ollama#10328
            yield ollama_says(
                "json: cannot unmarshal array into Go struct field "
                ".tools.function.parameters.properties of type map[string]api.ToolProperty"
            )
        if any("$ref" in part for part in schemas_in(schema)):
            # These words are ours. A real server drops it (ollama/ollama#10091).
            yield ollama_says("tools: no field for '$ref' in ToolProperty")
    if body.get("tools") and body.get("format"):
        # These words are ours. A real server calls no tool then (ollama/ollama#13750).
        yield ollama_says("format and tools cannot be used together")
