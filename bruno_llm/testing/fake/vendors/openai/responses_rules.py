"""What OpenAI's Responses refuse.

Its pages: platform.openai.com/docs/api-reference/responses/create, .../docs/guides/reasoning
("Keeping reasoning items in context"). The words are from threads, named at each rule.
"""

from __future__ import annotations

from typing import Any

from bruno_llm.testing.fake.request import Request
from bruno_llm.testing.fake.strict.memory import Given, TurnMemory
from bruno_llm.testing.fake.strict.refusal import VendorRefusals, dicts, member
from bruno_llm.testing.fake.vendors.openai.functions import (
    openai_function,
    openai_name,
    openai_says,
)
from bruno_llm.testing.fake.vendors.openai.rules import (
    format_schema,
    function_schema,
    unknown,
    wrong_type,
)

_FIELDS = {
    "message": {"role", "content", "phase"},
    "function_call": {"arguments", "call_id", "name", "namespace", "caller"},
    "function_call_output": {"call_id", "output"},
    "reasoning": {"summary", "content", "encrypted_content"},
}
_EVERYWHERE = {"type", "id", "status"}
_LONGEST_CALL_ID = 64
_PREFIXES = {"function_call": "fc", "message": "msg", "reasoning": "rs"}


def responses_rules(request: Request, memory: TurnMemory) -> VendorRefusals:
    """Every rule that this request breaks."""
    body = request.json
    items = dicts(body.get("input"))
    # The vendors after OpenAI (xAI, DeepSeek) have ids of other kinds and take items apart.
    openai = request.vendor == "openai"
    for place, item in enumerate(items):
        yield from _item(item, f"input[{place}]")
        if openai:
            yield from _ids(item, f"input[{place}]")
    if not body.get("previous_response_id") and not body.get("conversation"):
        yield from _pairs(items)
    for place, item in enumerate(items if openai else ()):
        if item.get("type") == "reasoning":
            yield from _encrypted(item, request, memory)
        yield from _together(items, place, memory.turns(request, item.get("id")))
    for index, tool in enumerate(dicts(body.get("tools"))):
        if tool.get("type") != "function":
            continue
        yield from openai_name(tool.get("name"), f"tools[{index}].name")
        yield from openai_function(tool, f"tools[{index}].parameters")
        if tool.get("strict"):
            yield from function_schema(tool, f"tools[{index}].parameters")
    wanted = member(member(body, "text"), "format")
    if wanted.get("type") == "json_schema" and wanted.get("strict"):
        yield from format_schema(wanted, "text.format.schema")


def _item(item: dict[str, Any], where: str) -> VendorRefusals:
    kind = str(item.get("type", "message"))
    for name in item:
        if kind in _FIELDS and name not in _FIELDS[kind] | _EVERYWHERE:
            # microsoft/agent-framework#2203
            yield unknown(f"{where}.{name}")
    if kind == "function_call":
        yield from openai_name(item.get("name"), f"{where}.name")
    if kind == "function_call" and not isinstance(item.get("arguments"), str):
        yield wrong_type(f"{where}.arguments", item.get("arguments"))


def _ids(item: dict[str, Any], where: str) -> VendorRefusals:
    kind = str(item.get("type", "message"))
    used, item_id = str(item.get("call_id", "")), item.get("id")
    if len(used) > _LONGEST_CALL_ID:
        # openai/codex#14355, RooCodeInc/Roo-Code#10763
        yield openai_says(
            f"Invalid '{where}.call_id': string too long. Expected a string with maximum length "
            f"{_LONGEST_CALL_ID}, but got a string with length {len(used)} instead.",
            f"{where}.call_id",
            "string_above_max_length",
        )
    prefix = _PREFIXES.get(kind)
    if prefix and item_id is not None and not str(item_id).startswith(prefix):
        # nodetool-ai/nodetool#4252, openai/codex#33176, jlcodes99/cockpit-tools#2090
        yield openai_says(
            f"Invalid '{where}.id': '{item_id}'. Expected an ID that begins with '{prefix}'.",
            f"{where}.id",
            "invalid_value",
        )


def _pairs(items: list[dict[str, Any]]) -> VendorRefusals:
    called: list[Any] = []
    answered: list[Any] = []
    for item in items:
        if item.get("type") == "function_call":
            called.append(item.get("call_id"))
        elif item.get("type") == "function_call_output":
            answered.append(item.get("call_id"))
            if item.get("call_id") not in called:
                # microsoft/vscode#320060
                yield openai_says(
                    "No tool call found for function call output with call_id "
                    f"{item.get('call_id')}.",
                    "input",
                )
    for call_id in called:
        if call_id not in answered:
            # router-for-me/CLIProxyAPI#2368
            yield openai_says(f"No tool output found for function call {call_id}.", "input")


def _encrypted(item: dict[str, Any], request: Request, memory: TurnMemory) -> VendorRefusals:
    text, item_id = item.get("encrypted_content"), item.get("id")
    known = memory.turns(request, item_id)
    if text and not memory.knows(request, text):
        # openai/codex#8145, copilot-api#363
        yield openai_says(
            f"The encrypted content {text[:4]}...{text[-4:]} could not be verified. Reason: "
            "Encrypted content could not be decrypted or parsed.",
            None,
            "invalid_encrypted_content",
        )
    if item_id and not text and not any(_stored(given) for given in known):
        # can1357/oh-my-pi#41
        yield openai_says(
            f"Item with id '{item_id}' not found. Items are not persisted when `store` is set to "
            "false. Try again with `store` set to true, or remove this item from your input.",
            "input",
            status=404,
        )


def _stored(given: Given) -> bool:
    return given.request.json.get("store") is not False


def _together(items: list[dict[str, Any]], place: int, known: list[Given]) -> VendorRefusals:
    """A reasoning item and what came of it belong together, as long as they have their ids."""
    item = items[place]
    item_id = item.get("id")
    if not known:
        return
    output = known[0].content
    at = next(n for n, one in enumerate(output) if one.get("id") == item_id)
    if item.get("type") == "reasoning":
        follows = items[place + 1].get("type") if place + 1 < len(items) else None
        wanted = output[at + 1].get("type") if at + 1 < len(output) else follows
        if follows != wanted:
            # continuedev/continue#8933, vercel/ai#7099
            yield openai_says(
                f"Item '{item_id}' of type 'reasoning' was provided without its required "
                "following item.",
                "input",
            )
        return
    needed = [one["id"] for one in output[:at] if one.get("type") == "reasoning"][-1:]
    if needed and needed[0] not in [one.get("id") for one in items[:place]]:
        # VRSEN/agency-swarm#367, mastra-ai/mastra#8738; without its own id it may come alone:
        # laravel/ai#1052
        yield openai_says(
            f"Item '{item_id}' of type '{item.get('type')}' was provided without its required "
            f"'reasoning' item: '{needed[0]}'.",
            "input",
        )
