"""What the Gemini API refuses.

Its pages: ai.google.dev/gemini-api/docs/thought-signatures, .../function-calling. The words are
from threads, named at each rule.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.memory import TurnMemory, gemini_key
from bruno_llm.testing.fake.strict.refusal import VendorRefusals, dicts
from bruno_llm.testing.fake.vendors.gemini.functions import gemini_functions, gemini_says

SIGNING = re.compile(r"gemini-(?:[3-9]|\d\d)")
"""The models that sign each step's first function call, and want it back."""

# The page names them for calls that no Gemini model made ("FAQs"). The field is bytes, so that
# clients also send them in base64.
_STAND_INS = {"context_engineering_is_the_way_to_go", "skip_thought_signature_validator"}
_STAND_INS |= {base64.b64encode(text.encode()).decode() for text in _STAND_INS}
_DATA = {"text", "inlineData", "fileData", "functionCall", "functionResponse"}
_DATA |= {"executableCode", "codeExecutionResult", "toolCall", "toolResponse"}
_PART = _DATA | {"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"}


def gemini_rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    """Every rule that this request breaks."""
    contents = dicts(request.json.get("contents"))
    for place, content in enumerate(contents):
        yield from _content(content, f"contents[{place}]", place)
        yield from _references(content)
    yield from _turns(contents)
    yield from gemini_functions(request)
    if SIGNING.search(request.model):
        yield from _signatures(contents, request, memory)


def _parts(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts with the names of the page: the API takes both spellings."""
    return [
        {_camel(name): value for name, value in part.items()}
        for part in dicts(content.get("parts"))
    ]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _of(content: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [part[kind] for part in _parts(content) if isinstance(part.get(kind), dict)]


def _content(content: dict[str, Any], where: str, place: int) -> VendorRefusals:
    if content.get("role") not in (None, "user", "model", "function"):
        # Its old word; the field's page says "Must be either 'user' or 'model'".
        yield gemini_says("Please use a valid role: user, model.")
    for name in set(content) - {"role", "parts"}:
        yield _unknown(name, where)
    if not _parts(content):
        # egoist/chatwise-releases#250
        yield gemini_says(
            f"* GenerateContentRequest.{where}.parts: contents.parts must not be empty.\n"
        )
    for index, part in enumerate(_parts(content)):
        for name in part:
            if name not in _PART:
                yield _unknown(name, f"{where}.parts[{index}]")
        if not _DATA & set(part):
            # boldsoftware/sketch#68
            yield gemini_says(
                f"* GenerateContentRequest.{where}.parts[{index}].data: required oneof field "
                "'data' must have one initialized field\n"
            )
        yield from _struct(part, "functionCall", "args", f"{where}.parts[{index}].function_call")
        yield from _struct(
            part, "functionResponse", "response", f"{where}.parts[{index}].function_response"
        )


def _unknown(name: str, where: str) -> Any:
    # davidmh in gera2ld/ai.nvim#13
    return gemini_says(
        f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."
    )


def _struct(part: dict[str, Any], kind: str, field: str, where: str) -> VendorRefusals:
    inner = part.get(kind)
    if isinstance(inner, dict) and not isinstance(inner.get(field, {}), dict):
        # The words for another field: agno-agi/agno#2649; that it is a Struct: AstrBot#7216.
        yield gemini_says(
            f"Invalid value at '{where}.{field}' (type.googleapis.com/google.protobuf.Struct), "
            f'"{inner[field]}"'
        )


def _references(content: dict[str, Any]) -> VendorRefusals:
    for result in _of(content, "functionResponse"):
        found = re.search(r'"\$ref": "([^"]*)"', json.dumps(result.get("response")))
        if found and not result.get("parts"):
            # twentyhq/twenty#19412
            yield gemini_says(
                f"The referenced name `{found.group(1)}` in function_response.response does not "
                "match to a display_name in the function_response.parts."
            )


def _turns(contents: list[dict[str, Any]]) -> VendorRefusals:
    called = 0
    for place, content in enumerate(contents):
        calls, responses = _of(content, "functionCall"), _of(content, "functionResponse")
        if responses and not called:
            # langchain-ai/langchain#27799
            yield gemini_says(
                "Please ensure that function response turn comes immediately after a function "
                "call turn."
            )
        elif called != len(responses):
            yield _uneven()
        before = contents[place - 1].get("role", "user") if place else None
        if calls and before not in ("user", "function"):
            # google-gemini/gemini-cli#11814
            yield gemini_says(
                "Please ensure that function call turn comes immediately after a user turn or "
                "after a function response turn."
            )
        called = len(calls)
    if called:
        yield _uneven()


def _uneven() -> Any:
    # microsoft/vscode#299295, google-gemini/gemini-cli#2347
    return gemini_says(
        "Please ensure that the number of function response parts is equal to the number of "
        "function call parts of the function call turn."
    )


def _signatures(
    contents: list[dict[str, Any]], request: Request, memory: TurnMemory
) -> VendorRefusals:
    start = 0
    for place, content in enumerate(contents):
        if content.get("role") != "model" and not _of(content, "functionResponse"):
            start = place
    for place, content in enumerate(contents):
        for part in _parts(content):
            signature = part.get("thoughtSignature")
            known = signature in _STAND_INS or memory.knows(request, signature)
            if signature and not known:
                # google-gemini/gemini-cli#13467
                yield gemini_says("Corrupted thought signature.")
        calls = [part for part in _parts(content) if isinstance(part.get("functionCall"), dict)]
        # Each step of the turn that goes on, the first of parallel calls: the page.
        if place < start or not calls or calls[0].get("thoughtSignature"):
            continue
        call = calls[0]["functionCall"]
        turns = memory.turns(request, gemini_key(call))
        # A script may have given it unsigned.
        if turns and not any(_signed(given.content) for given in turns):
            continue
        # harryjduke in nanbingxyz/5ire#405
        yield gemini_says(
            "Function call is missing a thought_signature in functionCall parts. This is required "
            "for tools to work correctly, and missing thought_signature may lead to degraded "
            "model performance. Additional data, function call "
            f"`default_api:{call.get('name')}` , position {place + 1}. Please refer to "
            "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
        )


def _signed(parts: list[dict[str, Any]]) -> bool:
    return any("functionCall" in part and "thoughtSignature" in part for part in parts)
