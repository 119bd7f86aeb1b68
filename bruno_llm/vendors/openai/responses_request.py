"""A chat call as a request of the responses endpoint.

Source: OpenAI API reference, "Create a model response"; OpenAI documentation, "Migrate to the
Responses API" (which field became which).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bruno_llm.wire.turn import ChatMessages, KeptTurn, marked

__all__ = ["request_body"]

Fields = dict[str, Any]
# What litellm needs to know and the vendor must not.
_NOT_SENT = ("extra_headers", "extra_body", "api_version", "azure_ad_token", "api")


def request_body(
    model: str,
    chat: ChatMessages,
    kept: Sequence[KeptTurn],
    options: Mapping[str, Any],
    *,
    reasons: bool,
) -> Fields:
    """The body of the request; ``reasons``: the model thinks, as far as anyone knows.

    Nothing is stored at the vendor unless the caller says so; then the reasoning comes back to
    us encrypted, to be sent along with the next request.
    """
    body: Fields = {"model": model, "input": [], "store": False}
    if reasons:
        body["include"] = ["reasoning.encrypted_content"]
    for message in chat:
        body["input"] += _items(message, kept)
    for name, value in options.items():
        if name in _FIELDS:
            _FIELDS[name](body, value)
        elif name not in _NOT_SENT:
            body[name] = value
    return {**body, **(options.get("extra_body") or {})}


# --- messages -------------------------------------------------------------------------------------


def _items(message: Mapping[str, Any], kept: Sequence[KeptTurn]) -> list[Fields]:
    role, content = message.get("role"), message.get("content")
    if role == "tool":
        output = _parts(content) if isinstance(content, list) else content
        return [
            {
                "type": "function_call_output",
                "call_id": message.get("tool_call_id"),
                "output": output,
            }
        ]
    if role != "assistant":
        parts = _parts(content) if isinstance(content, list) else content
        return [{"role": role, "content": parts}]
    found = marked(content, kept)
    if found is not None:
        return [_sendable(item) for item in found[1].items if not _is_bare(item)]
    said = _said(content)
    items: list[Fields] = [{"role": "assistant", "content": said}] if said else []
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        items.append(
            {
                "type": "function_call",
                "call_id": call.get("id"),
                "name": function.get("name"),
                "arguments": function.get("arguments") or "{}",
            }
        )
    return items


def _sendable(item: Mapping[str, Any]) -> Fields:
    # "Unknown parameter: status", of a reasoning item that says it has none.
    return {k: v for k, v in item.items() if not (k == "status" and v is None)}


def _is_bare(item: Mapping[str, Any]) -> bool:
    """A reasoning item with nothing in it but an id, by which nobody stored it."""
    held = ("encrypted_content", "summary", "content")
    return item.get("type") == "reasoning" and not any(item.get(name) for name in held)


def _said(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content)
    return content or ""


def _parts(content: Iterable[Mapping[str, Any]]) -> list[Fields]:
    return [_part(part) for part in content]


def _part(part: Mapping[str, Any]) -> Fields:
    kind = part.get("type")
    if kind == "text":
        return {"type": "input_text", "text": part.get("text")}
    if kind == "image_url":
        image = part.get("image_url") or {}
        image = {"url": image} if isinstance(image, str) else image
        url, detail = image.get("url"), image.get("detail")
        return {"type": "input_image", "image_url": url, "detail": detail or "auto"}
    if kind == "file":
        file = dict(part.get("file") or {})
        address = file.get("file_id")
        if isinstance(address, str) and address.startswith(("http://", "https://")):
            file["file_url"] = file.pop("file_id")
        if file.get("file_data"):
            file.setdefault("filename", "file")
        return {"type": "input_file", **file}
    return dict(part)


# --- options --------------------------------------------------------------------------------------


def _named(name: str) -> Callable[[Fields, Any], None]:
    def put(body: Fields, value: Any) -> None:
        body[name] = value

    return put


def _tools(body: Fields, tools: Iterable[Mapping[str, Any]]) -> None:
    body["tools"] = [*body.get("tools", ()), *map(_tool, tools)]


def _tool(tool: Mapping[str, Any]) -> Fields:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, Mapping):
        return dict(tool)  # a built-in one, or in this form already
    # What chat completions take as not strict is strict here, unless it is said.
    return {"type": "function", **function, "strict": bool(function.get("strict"))}


def _tool_choice(body: Fields, choice: Any) -> None:
    function = choice.get("function") if isinstance(choice, Mapping) else None
    named = {"type": "function", "name": function["name"]} if function else choice
    body["tool_choice"] = named


def _effort(body: Fields, effort: Any) -> None:
    given = dict(effort) if isinstance(effort, Mapping) else {"effort": effort}
    body["reasoning"] = {**given, **body.get("reasoning", {})}


def _reasoning(body: Fields, given: Mapping[str, Any]) -> None:
    body["reasoning"] = {**body.get("reasoning", {}), **given}


def _verbosity(body: Fields, value: Any) -> None:
    body["text"] = {**body.get("text", {}), "verbosity": value}


def _text(body: Fields, given: Mapping[str, Any]) -> None:
    body["text"] = {**body.get("text", {}), **given}


def _format(body: Fields, form: Any) -> None:
    if isinstance(form, type):
        from openai.lib._pydantic import to_strict_json_schema

        schema = to_strict_json_schema(form)
        form = {"type": "json_schema", "name": form.__name__, "schema": schema, "strict": True}
    elif isinstance(form.get("json_schema"), Mapping):
        form = {"type": "json_schema", **form["json_schema"]}
    body["text"] = {**body.get("text", {}), "format": dict(form)}


def _search(body: Fields, given: Mapping[str, Any]) -> None:
    body["tools"] = [*body.get("tools", ()), {"type": "web_search", **given}]


def _logprobs(body: Fields, wanted: Any) -> None:
    if wanted:
        _include(body, ["message.output_text.logprobs"])


def _include(body: Fields, wanted: Sequence[str]) -> None:
    body["include"] = list(dict.fromkeys([*body.get("include", ()), *wanted]))


_FIELDS: Mapping[str, Callable[[Fields, Any], None]] = {
    "max_tokens": _named("max_output_tokens"),
    "max_completion_tokens": _named("max_output_tokens"),
    "tools": _tools,
    "tool_choice": _tool_choice,
    "reasoning_effort": _effort,
    "reasoning": _reasoning,
    "verbosity": _verbosity,
    "text": _text,
    "response_format": _format,
    "web_search_options": _search,
    "logprobs": _logprobs,
    "include": _include,
}
