"""What an Ollama server refuses.

Its pages: docs.ollama.com/api, docs.ollama.com/capabilities/tool-calling. It is written in Go, and
a field of another type is told in the words of Go's decoder.
"""

from __future__ import annotations

from typing import Any

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.functions import ollama_functions
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import (
    VendorRefusals,
    dicts,
    go_kind,
    member,
    ollama_says,
)

_ARGUMENTS = "ChatRequest.messages.tool_calls.function.arguments"


def ollama_rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    """Every rule that this request breaks."""
    body = request.json
    stop = member(body, "options").get("stop")
    if stop is not None and not isinstance(stop, list):
        # stavsap/comfyui-ollama#103: it is a 500
        yield ollama_says('option "stop" must be of type array', 500)
    yield from ollama_functions(body)
    names: list[Any] = []
    ids: list[Any] = []
    for place, message in enumerate(dicts(body.get("messages"))):
        content = message.get("content")
        if content is not None and not isinstance(content, str):
            # ollama/ollama#10255
            yield ollama_says(
                f"json: cannot unmarshal {go_kind(content)} into Go struct field "
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
                    f"json: cannot unmarshal {go_kind(arguments)} into Go struct field "
                    f"{_ARGUMENTS} of type api.ToolCallFunctionArguments"
                )
        name, used = message.get("tool_name"), message.get("tool_call_id")
        matched = name in names or (used is not None and used in ids)
        if message.get("role") == "tool" and not matched:
            # These words are ours. A real server is silent and gives the model a result of no
            # call; the page has `tool_name` in every tool message.
            yield ollama_says(f"messages[{place}]: no tool call has this result's tool_name")
