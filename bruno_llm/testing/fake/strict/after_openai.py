"""What the vendors after OpenAI refuse, each in its way. What they share is OpenAI's."""

from __future__ import annotations

import re
from typing import Any

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.functions import mistral_functions
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.strict.openai import tool_rules
from bruno_llm.testing.fake.strict.refusal import (
    VendorRefusal,
    VendorRefusals,
    dicts,
    member,
    mistral_says,
    openai_says,
)

_MISTRAL_ID = re.compile(r"[A-Za-z0-9]{9}")


def after_openai_rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    """Every rule of ``request.vendor`` that this request breaks."""
    messages = dicts(request.json.get("messages"))
    if request.vendor == "mistral":
        yield from _mistral(messages, request, memory)
        yield from mistral_functions(request.json)
        return
    if request.vendor == "groq":
        yield from _groq(messages)
    elif request.vendor == "cerebras":
        yield from _cerebras(messages)
    elif request.vendor in ("deepseek", "moonshot"):
        yield from _reasoning_back(request, messages, memory)
    yield from tool_rules(messages)


def _reasoning_back(
    request: Request, messages: list[dict[str, Any]], memory: TurnMemory
) -> VendorRefusals:
    """api-docs.deepseek.com/guides/thinking_mode, "Tool calls"; Moonshot's K2 guide.

    An empty text is accepted; it must only be there.
    """
    asked = member(request.json, "thinking").get("type")
    for place, message in enumerate(messages):
        calls = dicts(message.get("tool_calls"))
        if not calls or asked == "disabled" or message.get("reasoning_content") is not None:
            continue
        known = memory.turns(request, *(call.get("id") for call in calls))
        thought = any(given.content.get("reasoning_content") for given in known)
        thinks = asked == "enabled" or "reasoner" in request.model or "thinking" in request.model
        if not (thought if known else thinks):
            continue
        if request.vendor == "moonshot":
            # continuedev/continue#11600
            yield openai_says(
                "thinking is enabled but reasoning_content is missing in assistant tool call "
                f"message at index {place}"
            )
        else:
            # hotovo/aider-desk#529, the whole body
            yield openai_says(
                f"Missing `reasoning_content` field in the assistant message at message index "
                f"{place}. For more information, please refer to "
                "https://api-docs.deepseek.com/guides/thinking_mode#tool-calls",
                None,
                "invalid_request_error",
            )


def _groq(messages: list[dict[str, Any]]) -> VendorRefusals:
    for place, message in enumerate(messages):
        for name in ("reasoning_content", "thinking_blocks", "reasoning_details"):
            if name in message:
                # janhq/jan#8136, tashfeenahmed/freellmapi#1070
                yield openai_says(
                    f"'messages.{place}' : for 'role:{message.get('role')}' the following must be "
                    f"satisfied[('messages.{place}' : property '{name}' is unsupported)]"
                )


def _cerebras(messages: list[dict[str, Any]]) -> VendorRefusals:
    for place, message in enumerate(messages):
        for name in ("reasoning_content", "thinking_blocks", "reasoning_details"):
            if name in message:
                # Kilo-Org/kilocode#10375: the error stands alone, without a wrapping "error"
                where = f"messages.{place}.{message.get('role')}.{name}"
                text = f"{where}: property '{where}' is unsupported"
                kind, code = "invalid_request_error", "wrong_api_format"
                body = {"message": text, "type": kind, "param": "validation_error", "code": code}
                yield VendorRefusal(400, text, body)


def _mistral(
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
            if not _MISTRAL_ID.fullmatch(used) and not memory.turns(request, used):
                # nearai/ironclaw#1241
                yield mistral_says(
                    f"Tool call id was {used} but must be a-z, A-Z, 0-9, with a length of 9.",
                    "invalid_function_call",
                    "3280",
                )
        before = messages[place - 1].get("role") if place else None
        if (role, before) in (("user", "tool"), ("tool", "user"), ("tool", None)):
            # datapizza-labs/datapizza-ai#98, charmbracelet/crush#279
            text = f"Unexpected role '{role}' after role '{before}'"
            yield mistral_says(text if before else f"Unexpected role '{role}'", order, "3230")
        if role == "tool":
            calls -= 1
        else:
            if calls:
                yield _uneven(order)
            calls = len(dicts(message.get("tool_calls")))
    last = messages[-1] if messages else {}
    if last.get("role") == "assistant" and not last.get("prefix") and not calls:
        # 0xPlaygrounds/rig#1130
        yield mistral_says(
            "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
            "assistant",
            order,
            "3230",
        )
    elif calls:
        yield _uneven(order)


def _uneven(order: str) -> VendorRefusal:
    # mistralai/client-ts#106
    return mistral_says("Not the same number of function calls and responses", order, "3230")


def _forbidden(message: dict[str, Any], place: int, name: str) -> VendorRefusal:
    # charmbracelet/crush#1590, BerriAI/litellm#30835; the shape: editor-code-assistant/eca#231
    where = ["body", "messages", place, message.get("role"), name]
    text = "Extra inputs are not permitted"
    detail = {"type": "extra_forbidden", "loc": where, "msg": text, "input": message[name]}
    kind = "invalid_request_error"
    body = {"object": "error", "message": {"detail": [detail]}, "type": kind}
    return VendorRefusal(422, text, body | {"param": None, "code": None})
