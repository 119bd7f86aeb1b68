"""FakeServer(strict=True): what the vendors refuse of functions and of the shape of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bruno_llm.testing import FakeServer
from tests.strict_client import Client

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
LIST = {"type": "object", "properties": {"tags": {"type": "array"}}}
UNION = {**CITY, "anyOf": [{"required": ["city"]}]}
NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N", "description": "d"}}}
NODE["$defs"] = {"N": {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}}
CLOSED = {**CITY, "additionalProperties": False}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(strict=True) as running:
        yield running


def body(vendor: str, name: str, schema: Any, **more: Any) -> dict[str, Any]:
    """A request with one function."""
    if vendor == "gemini":
        declared = [{"name": name, "description": "d", more.pop("field", "parameters"): schema}]
        contents = [{"role": "user", "parts": [{"text": "Hi"}]}]
        return {"contents": contents, "tools": [{"functionDeclarations": declared}], **more}
    messages = [{"role": "user", "content": "Hi"}]
    if vendor == "anthropic":
        tools: list[Any] = [{"name": name, "input_schema": schema}]
        return {"messages": messages, "max_tokens": 9, "tools": tools, **more}
    function = {"name": name, "parameters": schema, **more.pop("function", {})}
    if vendor == "responses":
        tools = [{"type": "function", **function}]
        return {"input": messages, "tools": tools, **more}
    return {"messages": messages, "tools": [{"type": "function", "function": function}], **more}


JSON = {"type": "json_schema", "json_schema": {"name": "x", "schema": CLOSED}}
SHAPE = {"responseMimeType": "application/json", "responseJsonSchema": CITY}


def shape(schema: Any) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


@pytest.mark.parametrize(
    ("vendor", "name", "schema", "more", "words"),
    [
        ("openai", "a.b", CITY, {}, "the pattern '^[a-zA-Z0-9_-]+$'"),
        ("openai", "a" * 65, CITY, {}, "got a string with length 65"),
        ("openai", "a", UNION, {}, "not have 'oneOf'/'anyOf'/'allOf'"),
        ("openai", "a", LIST, {}, "array schema missing items"),
        ("responses", "a.b", CITY, {}, "Invalid 'tools[0].name'"),
        ("responses", "a", LIST, {}, "array schema missing items"),
        ("anthropic", "a.b", CITY, {}, "tools.0.custom.name: String should match"),
        ("anthropic", "a", UNION, {}, "at the top level"),
        ("anthropic", "a", {"properties": {"a[b]": {}}}, {}, "Property keys should match"),
        ("anthropic", "a", CITY, shape(NODE), "Circular reference detected"),
        ("anthropic", "a", CITY, shape(CITY), "explicitly set to false"),
        ("anthropic", "a", CITY, shape({**CLOSED, "properties": {}}), "without properties"),
        ("anthropic", "a", CITY, shape({**CLOSED, "properties": {"a": {}}}), "must have a type"),
        ("anthropic", "a", CITY, shape({**CLOSED, "oneOf": []}), "'oneOf' is not supported"),
        ("anthropic", "a", CITY, shape({**CLOSED, "prefixItems": []}), "'prefixItems' is not"),
        ("gemini", "2nd", CITY, {}, "Must start with a letter or an underscore"),
        ("gemini", "a", CLOSED, {}, 'Unknown name "additionalProperties"'),
        ("gemini", "a", {**CITY, "required": ["x"]}, {}, "required[0]: property is not defined"),
        ("gemini", "a", NODE, {"field": "parametersJsonSchema"}, "alongside unsupported fields"),
        ("gemini", "a", CITY, {"generationConfig": SHAPE}, "'application/json' is unsupported"),
        ("mistral", "a.b", CITY, {}, "Function name was a.b but must be"),
        ("mistral", "a", CITY, {"response_format": JSON}, "Cannot use json_schema"),
        ("ollama", "a", {"type": "object", "properties": []}, {}, "cannot unmarshal array"),
        ("ollama", "a", NODE, {}, "no field for '$ref'"),
        ("ollama", "a", CITY, {"format": CITY}, "cannot be used together"),
    ],
)
def test_what_is_refused(
    server: FakeServer, vendor: str, name: str, schema: Any, more: Any, words: str
) -> None:
    client = Client(server, vendor, "gemini-2.5-flash")
    assert words in client.refused(body(vendor, name, schema, **more))
    server.refusals.clear()
    client.accepted(body(vendor, "get_city", CITY))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "array", "items": {}, "uniqueItems": True}, "'uniqueItems' is not permitted"),
        ({"type": "string", "format": "uri"}, "'uri' is not a valid format"),
        ({"$ref": "#/$defs/N", "description": "d"}, "$ref cannot have keywords"),
        ({"description": "anything"}, "must have a 'type' key"),
    ],
)
def test_what_strict_mode_refuses(server: FakeServer, part: Any, words: str) -> None:
    strictly = {**CLOSED, "properties": {"city": part}}
    client = Client(server, "openai")
    assert words in client.refused(body("openai", "a", strictly, function={"strict": True}))
    server.refusals.clear()
    client.accepted(body("openai", "a", CLOSED, function={"strict": True}))


def test_gemini_3_takes_both(server: FakeServer) -> None:
    client = Client(server, "gemini", "gemini-3-flash-preview")
    client.accepted(body("gemini", "a", CITY, generationConfig=SHAPE))
