"""What OpenAI refuses of functions, and the shape in which it refuses.

Its pages: platform.openai.com/docs/guides/function-calling, .../structured-outputs. The words are
from threads, named at each rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bruno_llm.testing.fake.strict.refusal import (
    VendorRefusal,
    VendorRefusals,
    json_kind,
    member,
    schemas_in,
)

OPENAI_NAME = re.compile(r"[a-zA-Z0-9_-]+")
LONGEST_NAME = 64
_UNIONS = ("oneOf", "anyOf", "allOf")


def openai_says(
    message: str, param: str | None = None, code: str | None = None, status: int = 400
) -> VendorRefusal:
    """OpenAI's shape, and that of most vendors after it."""
    kind = "invalid_request_error"
    error = {"message": message, "type": kind, "param": param, "code": code}
    return VendorRefusal(status, message, {"error": error})


def an(value: Any) -> str:
    """OpenAI's words for the JSON type of ``value``."""
    if value is None:
        return "null"
    kind = {"bool": "boolean", "number": "integer"}.get(json_kind(value), json_kind(value))
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def openai_name(name: Any, where: str) -> VendorRefusals:
    """A function's name, where it is defined and where it was called."""
    if not isinstance(name, str):
        return
    if not OPENAI_NAME.fullmatch(name):
        # junjiem/dify-plugin-agent-mcp_sse#106; of a call mcp-use/mcp-use#90
        yield openai_says(
            f"Invalid '{where}': string does not match pattern. Expected a string that matches "
            "the pattern '^[a-zA-Z0-9_-]+$'.",
            where,
            "invalid_value",
        )
    if len(name) > LONGEST_NAME:
        # the words for another field: openai/codex#14355
        yield openai_says(
            f"Invalid '{where}': string too long. Expected a string with maximum length "
            f"{LONGEST_NAME}, but got a string with length {len(name)} instead.",
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
    if any(part.get("type") == "array" and not _says_items(part) for part in schemas_in(schema)):
        # sigoden/aichat#1049
        yield openai_says(
            f"Invalid schema for function '{name}': In context=(), array schema missing items.",
            param,
            "invalid_function_parameters",
        )


def _says_items(part: dict[str, Any]) -> bool:
    return "items" in part or "prefixItems" in part
