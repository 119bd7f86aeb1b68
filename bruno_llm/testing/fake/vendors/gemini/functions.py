"""What the Gemini API refuses of functions and of the shape of an answer.

Its pages: ai.google.dev/gemini-api/docs/function-calling, ai.google.dev/api/generate-content. The
words are from threads, named at each rule.
"""

from __future__ import annotations

import re
from typing import Any

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.refusal import (
    VendorRefusal,
    VendorRefusals,
    dicts,
    member,
    schemas_in,
)

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
# The fields of ai.google.dev/api/caching#Schema.
_SCHEMA = {"type", "format", "title", "description", "nullable", "enum", "maxItems"}
_SCHEMA |= {"minItems", "properties", "required", "minProperties", "maxProperties"}
_SCHEMA |= {"minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering"}
_SCHEMA |= {"default", "items", "minimum", "maximum"}
_BOTH = 3


def gemini_says(message: str) -> VendorRefusal:
    """Gemini's shape."""
    error = {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}
    return VendorRefusal(400, message, {"error": error})


def gemini_functions(request: Request) -> VendorRefusals:
    """Names, schemas in either of two fields, and functions beside a shape."""
    body = request.json
    tools = dicts(body.get("tools"))
    for place, tool in enumerate(tools):
        group = tool.get("functionDeclarations") or tool.get("function_declarations")
        for index, function in enumerate(dicts(group)):
            where = f"tools[{place}].function_declarations[{index}]"
            yield from _gemini_function(function, where)
    config = member(body, "generationConfig") or member(body, "generation_config")
    mime = config.get("responseMimeType") or config.get("response_mime_type")
    shape = config.get("responseJsonSchema") or config.get("response_json_schema")
    generation = re.search(r"gemini-(\d+)", request.model)
    before = generation is not None and int(generation.group(1)) < _BOTH
    if mime == "application/json" and tools and before:
        # googleapis/python-genai#867; ai.google.dev/gemini-api/docs/structured-output has it for
        # Gemini 3
        yield gemini_says(
            "Function calling with a response mime type: 'application/json' is unsupported"
        )
    if isinstance(shape, dict):
        yield from _gemini_refs(shape)


def _gemini_function(function: dict[str, Any], where: str) -> VendorRefusals:
    if not _NAME.fullmatch(str(function.get("name"))):
        # cline/cline#7339
        yield gemini_says(
            f"* GenerateContentRequest.{where}.name: Invalid function name. Must start with a "
            "letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots "
            "(.), colons (:), or dashes (-), with a maximum length of 64.\n"
        )
    for part in schemas_in(function.get("parameters")):
        for word in part:
            if word not in _SCHEMA:
                # nanbingxyz/5ire#42
                yield gemini_says(
                    f'Invalid JSON payload received. Unknown name "{word}" at \'{where}'
                    ".parameters': Cannot find field."
                )
    schema = function.get("parametersJsonSchema") or function.get("parameters_json_schema")
    for part in schemas_in(schema or function.get("parameters")):
        missing = [name for name in part.get("required") or () if name not in _properties(part)]
        if missing:
            # iBUHub/AIStudioToAPI#154
            yield gemini_says(
                f"* GenerateContentRequest.{where}.parameters.required[0]: property is not "
                "defined\n"
            )
    yield from _gemini_refs(schema)


def _properties(part: dict[str, Any]) -> dict[str, Any]:
    return member(part, "properties")


def _gemini_refs(schema: Any) -> VendorRefusals:
    for part in schemas_in(schema):
        if "$ref" in part and not all(word.startswith("$") for word in part):
            # anomalyco/opencode#12295; ai.google.dev/api/generate-content, responseJsonSchema
            name = part["$ref"].rpartition("/")[2]
            yield gemini_says(
                f"$ref '{name}' was set alongside unsupported fields. If a schema node has $ref "
                "set, then only description and default can be set alongside it"
            )
