"""What Anthropic refuses of functions and of the shape of an answer.

Its page: platform.claude.com/docs/en/build-with-claude/structured-outputs ("JSON Schema
limitations"). The words are from threads, named at each rule.
"""

from __future__ import annotations

import re
from typing import Any

from bruno_llm.testing.fake.strict.refusal import (
    VendorRefusal,
    VendorRefusals,
    dicts,
    member,
    schemas_in,
)

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_UNIONS = ("oneOf", "anyOf", "allOf")


def anthropic_says(message: str) -> VendorRefusal:
    """Anthropic's shape."""
    error = {"type": "invalid_request_error", "message": message}
    body = {"type": "error", "error": error, "request_id": "req_fakerefused"}
    return VendorRefusal(400, message, body)


def anthropic_functions(body: dict[str, Any]) -> VendorRefusals:
    """Names, the top of schemas, keys; the shape of an answer."""
    for place, tool in enumerate(dicts(body.get("tools"))):
        schema = tool.get("input_schema")
        if not isinstance(schema, dict):
            continue  # one of the vendor's own
        if not _NAME.fullmatch(str(tool.get("name"))):
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
        if any(not _KEY.fullmatch(key) for key in member(schema, "properties")):
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
    names = [part["$ref"].rpartition("/")[2] for part in schemas_in(schema) if "$ref" in part]
    defined = member(schema, "$defs")
    for name in names:
        inside = [one.get("$ref", "").rpartition("/")[2] for one in schemas_in(defined.get(name))]
        if name not in defined or name in inside:
            # egonSchiele/agency-lang#487, probed
            yield anthropic_says(
                f"Circular reference detected in schema definitions: {name} -> {name}. "
                "Self-referencing or mutually-referencing definitions are not supported."
            )
    for part in schemas_in(schema):
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
