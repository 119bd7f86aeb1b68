"""What the vendors refuse of functions and of the shape of an answer: names and schemas.

Their pages: platform.openai.com/docs/guides/function-calling, .../structured-outputs;
platform.claude.com/docs/en/build-with-claude/structured-outputs ("JSON Schema limitations");
ai.google.dev/gemini-api/docs/function-calling, ai.google.dev/api/generate-content. The words are
from threads, named at each rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bruno_llm.schema import subschemas
from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.refusal import (
    VendorRefusals,
    anthropic_says,
    dicts,
    gemini_says,
    member,
    mistral_says,
    ollama_says,
    openai_says,
)

_OPENAI_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_LONGEST = 64
_ANTHROPIC_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ANTHROPIC_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_GEMINI_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_UNIONS = ("oneOf", "anyOf", "allOf")
# The fields of ai.google.dev/api/caching#Schema.
_GEMINI_SCHEMA = {"type", "format", "title", "description", "nullable", "enum", "maxItems"}
_GEMINI_SCHEMA |= {"minItems", "properties", "required", "minProperties", "maxProperties"}
_GEMINI_SCHEMA |= {"minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering"}
_GEMINI_SCHEMA |= {"default", "items", "minimum", "maximum"}
_GEMINI_BOTH = 3


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all that are in it."""
    if isinstance(schema, dict):
        yield schema
        for _, _, inner in subschemas(schema):
            yield from parts(inner)


def openai_name(name: Any, where: str) -> VendorRefusals:
    """A function's name, where it is defined and where it was called."""
    if not isinstance(name, str):
        return
    if not _OPENAI_NAME.fullmatch(name):
        # junjiem/dify-plugin-agent-mcp_sse#106; of a call mcp-use/mcp-use#90
        yield openai_says(
            f"Invalid '{where}': string does not match pattern. Expected a string that matches "
            "the pattern '^[a-zA-Z0-9_-]+$'.",
            where,
            "invalid_value",
        )
    if len(name) > _LONGEST:
        # the words for another field: openai/codex#14355
        yield openai_says(
            f"Invalid '{where}': string too long. Expected a string with maximum length "
            f"{_LONGEST}, but got a string with length {len(name)} instead.",
            where,
            "string_above_max_length",
        )


def openai_function(function: Mapping[str, Any], param: str) -> VendorRefusals:
    """A function's schema, strict or not."""
    schema, name = member(dict(function), "parameters"), function.get("name")
    refused = (*_UNIONS, "enum", "not")
    if schema and (schema.get("type") != "object" or any(word in schema for word in refused)):
        # chatanywhere/GPT_API_free#403
        yield openai_says(
            f"Invalid schema for function '{name}': schema must have type 'object' and not have "
            "'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level.",
            param,
            "invalid_function_parameters",
        )
    if any(part.get("type") == "array" and not _says_items(part) for part in parts(schema)):
        # sigoden/aichat#1049
        yield openai_says(
            f"Invalid schema for function '{name}': In context=(), array schema missing items.",
            param,
            "invalid_function_parameters",
        )


def _says_items(part: dict[str, Any]) -> bool:
    return "items" in part or "prefixItems" in part


def anthropic_functions(body: dict[str, Any]) -> VendorRefusals:
    """Names, the top of schemas, keys; the shape of an answer."""
    for place, tool in enumerate(dicts(body.get("tools"))):
        schema = tool.get("input_schema")
        if not isinstance(schema, dict):
            continue  # one of the vendor's own
        if not _ANTHROPIC_NAME.fullmatch(str(tool.get("name"))):
            # modelcontextprotocol#1345
            yield anthropic_says(
                f"tools.{place}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )
        if any(word in schema for word in _UNIONS):
            # anthropics/claude-code#5973
            yield anthropic_says(
                f"tools.{place}.custom.input_schema: input_schema does not support oneOf, allOf, "
                "or anyOf at the top level"
            )
        if any(not _ANTHROPIC_KEY.fullmatch(key) for key in member(schema, "properties")):
            # ComposioHQ/composio#3067; that it is the top alone: aws-solutions-library-samples/
            # accelerated-intelligent-document-processing-on-aws#709
            yield anthropic_says(
                f"tools.{place}.custom.input_schema.properties: Property keys should match "
                "pattern '^[a-zA-Z0-9_.-]{1,64}$'"
            )
    form = member(member(body, "output_config"), "format") or member(body, "output_format")
    if isinstance(form.get("schema"), dict):
        yield from _anthropic_shape(form["schema"])


def _anthropic_shape(schema: dict[str, Any]) -> VendorRefusals:
    names = [part["$ref"].rpartition("/")[2] for part in parts(schema) if "$ref" in part]
    defined = member(schema, "$defs")
    for name in names:
        inside = [one.get("$ref", "").rpartition("/")[2] for one in parts(defined.get(name))]
        if name not in defined or name in inside:
            # egonSchiele/agency-lang#487, probed
            yield anthropic_says(
                f"Circular reference detected in schema definitions: {name} -> {name}. "
                "Self-referencing or mutually-referencing definitions are not supported."
            )
    for part in parts(schema):
        if part.get("type") == "object" and part.get("additionalProperties") is not False:
            # ax-llm/ax#458
            yield anthropic_says(
                "output_format.schema: For 'object' type, 'additionalProperties' must be "
                "explicitly set to false"
            )
        if part.get("type") == "object" and not part.get("properties"):
            # These words are ours. A real server writes an object that is always empty.
            yield anthropic_says("output_format.schema: an object without properties")
        if "oneOf" in part:
            # litellm's words for it, in its AnthropicConfig
            yield anthropic_says("output_format.schema: Schema type 'oneOf' is not supported")
        if not part:
            # These words are ours; Anthropic's own client refuses it (its transform_schema).
            yield anthropic_says("output_format.schema: a schema must have a type")
        if "prefixItems" in part:
            # These words are ours; the page does not have it among what is supported.
            yield anthropic_says("output_format.schema: 'prefixItems' is not supported")


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
    before = generation is not None and int(generation.group(1)) < _GEMINI_BOTH
    if mime == "application/json" and tools and before:
        # googleapis/python-genai#867; ai.google.dev/gemini-api/docs/structured-output has it for
        # Gemini 3
        yield gemini_says(
            "Function calling with a response mime type: 'application/json' is unsupported"
        )
    if isinstance(shape, dict):
        yield from _gemini_refs(shape)


def _gemini_function(function: dict[str, Any], where: str) -> VendorRefusals:
    if not _GEMINI_NAME.fullmatch(str(function.get("name"))):
        # cline/cline#7339
        yield gemini_says(
            f"* GenerateContentRequest.{where}.name: Invalid function name. Must start with a "
            "letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots "
            "(.), colons (:), or dashes (-), with a maximum length of 64.\n"
        )
    for part in parts(function.get("parameters")):
        for word in part:
            if word not in _GEMINI_SCHEMA:
                # nanbingxyz/5ire#42
                yield gemini_says(
                    f'Invalid JSON payload received. Unknown name "{word}" at \'{where}'
                    ".parameters': Cannot find field."
                )
    schema = function.get("parametersJsonSchema") or function.get("parameters_json_schema")
    for part in parts(schema or function.get("parameters")):
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
    for part in parts(schema):
        if "$ref" in part and not all(word.startswith("$") for word in part):
            # anomalyco/opencode#12295; ai.google.dev/api/generate-content, responseJsonSchema
            name = part["$ref"].rpartition("/")[2]
            yield gemini_says(
                f"$ref '{name}' was set alongside unsupported fields. If a schema node has $ref "
                "set, then only description and default can be set alongside it"
            )


def mistral_functions(body: dict[str, Any]) -> VendorRefusals:
    """Names, and functions beside a shape."""
    tools = dicts(body.get("tools"))
    for tool in tools:
        name = str(member(tool, "function").get("name"))
        if not _OPENAI_NAME.fullmatch(name) or len(name) > _LONGEST:
            # Kochava-Studios/witsy#164
            yield mistral_says(
                f"Function name was {name} but must be a-z, A-Z, 0-9, or contain underscores and "
                "dashes, with a maximum length of 64.",
                "invalid_function_call",
                None,
            )
    if tools and member(body, "response_format").get("type") == "json_schema":
        # agno-agi/agno#2501
        yield mistral_says(
            "Cannot use json_schema response type with tools.", "invalid_request_error", None
        )


def ollama_functions(body: dict[str, Any]) -> VendorRefusals:
    """Types that Go does not read, and what a server loses without a word."""
    for tool in dicts(body.get("tools")):
        schema = member(member(tool, "function"), "parameters")
        if not isinstance(schema.get("properties", {}), dict):
            # ollama/ollama#10328
            yield ollama_says(
                "json: cannot unmarshal array into Go struct field "
                ".tools.function.parameters.properties of type map[string]api.ToolProperty"
            )
        if any("$ref" in part for part in parts(schema)):
            # These words are ours. A real server drops it (ollama/ollama#10091).
            yield ollama_says("tools: no field for '$ref' in ToolProperty")
    if body.get("tools") and body.get("format"):
        # These words are ours. A real server calls no tool then (ollama/ollama#13750).
        yield ollama_says("format and tools cannot be used together")
