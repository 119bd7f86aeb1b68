"""Mistral: what is not as it is at OpenAI.

Its page: docs.mistral.ai/capabilities/reasoning (thinking as a part of ``content``). The words are
from threads, named at each rule.
"""

from __future__ import annotations

import re
from typing import Any

from bruno_llm.testing.fake.parts import Thinking
from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusal, VendorRefusals, dicts, member
from bruno_llm.testing.fake.vendors.compatible import CompatibleVendor
from bruno_llm.testing.fake.vendors.openai.functions import LONGEST_NAME, OPENAI_NAME

_ID = re.compile(r"[A-Za-z0-9]{9}")


def _think(message: dict[str, Any], part: Thinking) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}


def _says(message: str, kind: str, code: str | None, status: int = 400) -> VendorRefusal:
    """Not wrapped, the code a number in text."""
    body = {"object": "error", "message": message, "type": kind, "param": None, "code": code}
    return VendorRefusal(status, message, body)


def _rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    yield from _messages(dicts(request.json.get("messages")), request, memory)
    yield from _functions(request.json)


def _messages(
    messages: list[dict[str, Any]], request: Request, memory: TurnMemory
) -> VendorRefusals:
    order = "invalid_request_message_order"
    calls = 0
    for place, message in enumerate(messages):
        role = message.get("role")
        for name in ("reasoning_content", "thinking_blocks", "reasoning_details", "refusal"):
            if name in message:
                yield _forbidden(message, place, name)
        for call in dicts(message.get("tool_calls")):
            used = str(call.get("id"))
            if not _ID.fullmatch(used) and not memory.turns(request, used):
                # nearai/ironclaw#1241
                yield _says(
                    f"Tool call id was {used} but must be a-z, A-Z, 0-9, with a length of 9.",
                    "invalid_function_call",
                    "3280",
                )
        before = messages[place - 1].get("role") if place else None
        if (role, before) in (("user", "tool"), ("tool", "user"), ("tool", None)):
            # datapizza-labs/datapizza-ai#98, charmbracelet/crush#279
            text = f"Unexpected role '{role}' after role '{before}'"
            yield _says(text if before else f"Unexpected role '{role}'", order, "3230")
        if role == "tool":
            calls -= 1
        else:
            if calls:
                yield _uneven(order)
            calls = len(dicts(message.get("tool_calls")))
    last = messages[-1] if messages else {}
    if last.get("role") == "assistant" and not last.get("prefix") and not calls:
        # 0xPlaygrounds/rig#1130
        yield _says(
            "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
            "assistant",
            order,
            "3230",
        )
    elif calls:
        yield _uneven(order)


def _uneven(order: str) -> VendorRefusal:
    # mistralai/client-ts#106
    return _says("Not the same number of function calls and responses", order, "3230")


def _forbidden(message: dict[str, Any], place: int, name: str) -> VendorRefusal:
    # charmbracelet/crush#1590, BerriAI/litellm#30835; the shape: editor-code-assistant/eca#231
    where = ["body", "messages", place, message.get("role"), name]
    text = "Extra inputs are not permitted"
    detail = {"type": "extra_forbidden", "loc": where, "msg": text, "input": message[name]}
    kind = "invalid_request_error"
    body = {"object": "error", "message": {"detail": [detail]}, "type": kind}
    return VendorRefusal(422, text, body | {"param": None, "code": None})


def _functions(body: dict[str, Any]) -> VendorRefusals:
    """Names, and functions beside a shape."""
    tools = dicts(body.get("tools"))
    for tool in tools:
        name = str(member(tool, "function").get("name"))
        if not OPENAI_NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            # Kochava-Studios/witsy#164
            yield _says(
                f"Function name was {name} but must be a-z, A-Z, 0-9, or contain underscores and "
                "dashes, with a maximum length of 64.",
                "invalid_function_call",
                None,
            )
    if tools and member(body, "response_format").get("type") == "json_schema":
        # agno-agi/agno#2501
        yield _says(
            "Cannot use json_schema response type with tools.", "invalid_request_error", None
        )


MISTRAL = CompatibleVendor(
    "mistral",
    models=("mistral-small-latest", "mistral-embed"),
    think=_think,
    tells_usage=True,
    rules=_rules,
)
