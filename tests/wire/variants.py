"""Answers beside the usual ones: rarer fields, newer events, and servers that differ a little.

They have the form of the samples in the folders here; the bodies are short enough to stand beside
what must come of them. Names, numbers and sentences are invented.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.wire import Sample

__all__ = ["variants"]

_PAGES = {
    "openai": "API reference: Chat Completions, and what servers in its format make of it",
    "anthropic": "API reference: Messages; Streaming messages; Errors",
    "gemini": "API reference: GenerateContentResponse; Guide: Troubleshooting",
    "ollama": "API reference: Generate a chat message",
}


def variants() -> Iterator[Sample]:
    """All of them."""
    for vendor, table in (
        ("openai", {**_OPENAI, **_OPENAI_ERRORS}),
        ("anthropic", _ANTHROPIC),
        ("gemini", _GEMINI),
        ("ollama", _OLLAMA),
    ):
        for name, (answer, expected) in table.items():
            status, headers, body = 200, {"content-type": "application/json"}, answer
            if isinstance(answer, tuple):
                status, *more, body = answer
                headers |= more[0] if more else {}
            if name.startswith("stream_"):
                kind = "application/x-ndjson" if vendor == "ollama" else "text/event-stream"
                headers["content-type"] = kind
            yield Sample(
                vendor,
                name,
                _PAGES[vendor],
                "",
                body,
                stream=name.startswith("stream_"),
                status=status,
                headers=headers,
                expected=expected,
            )


def _json(payload: Any) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()


def _sse(*payloads: Any, names: bool = False, end: bytes = b"") -> bytes:
    events = []
    for payload in payloads:
        head = b"event: " + payload["type"].encode() + b"\n" if names else b""
        events.append(head + b"data: " + _json(payload) + b"\n\n")
    return b"".join(events) + end


def _usage(prompt: int, completion: int, **more: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, **more}


# --- OpenAI's format --------------------------------------------------------------------------

_DONE = b"data: [DONE]\n\n"
_COUNTS = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def _chunk(delta: Any = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}] if delta is not None else []
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
    return {**head, "choices": choices, **more}


def _answer(message: Any, finish: str | None = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    head = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m-1"}
    return _json({**head, "choices": [choice], "usage": _COUNTS, **more})


def _called(*calls: Any) -> bytes:
    """A stream of tool call deltas, each its own chunk."""
    chunks = [_chunk({"tool_calls": [call]}) for call in calls]
    return _sse(*chunks, _chunk({}, "tool_calls"), _chunk(usage=_COUNTS), end=_DONE)


def _function(arguments: Any, name: str | None = None, **more: Any) -> dict[str, Any]:
    named = {"name": name} if name else {}
    return {**more, "type": "function", "function": {**named, "arguments": arguments}}


_TEXT = {"text": "Well then.", "finish_reason": "stop", "usage": _usage(7, 3)}
_LOOK = {"name": "look", "arguments": {"at": "sea"}}
_ASK = {"name": "ask", "arguments": {}}
_TWO = {"text": "", "finish_reason": "tool_calls", "tool_calls": [_LOOK, _ASK]}
_ONE = {"text": "", "finish_reason": "tool_calls", "tool_calls": [_LOOK]}
_WORDS = (_chunk({"role": "assistant", "content": "Well"}), _chunk({"content": " then."}))
_END = (_chunk({}, "stop"), _chunk(usage=_COUNTS))
_FILTERS = {"hate": {"filtered": False, "severity": "safe"}}

_OPENAI: dict[str, tuple[Any, Any]] = {
    # OpenRouter sends comments while it waits for the model.
    "stream_comments": (
        b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" + _sse(*_WORDS, *_END, end=_DONE),
        _TEXT,
    ),
    "stream_no_space": (
        _sse(*_WORDS, *_END, end=_DONE).replace(b"data: ", b"data:"),
        _TEXT,
    ),
    "stream_crlf": (_sse(*_WORDS, *_END, end=_DONE).replace(b"\n", b"\r\n"), _TEXT),
    "stream_one_newline": (
        _sse(*_WORDS, *_END, end=_DONE).replace(b"\n\n", b"\n"),
        _TEXT,
    ),
    "stream_data_in_two_lines": (
        _sse(*_WORDS, *_END, end=_DONE).replace(b', "choices"', b',\ndata: "choices"'),
        _TEXT,
    ),
    "stream_done_without_newline": (_sse(*_WORDS, *_END, end=b"data: [DONE]"), _TEXT),
    "stream_ids_and_retry": (
        b"retry: 3000\n" + _sse(*_WORDS, *_END, end=_DONE).replace(b"data: {", b"id: 1\ndata: {"),
        _TEXT,
    ),
    # vLLM and DeepSeek count on from chunk to chunk; the last count is the one that holds.
    "stream_usage_in_every_chunk": (
        _sse(
            _chunk({"content": "Well"}, usage={**_COUNTS, "completion_tokens": 1}),
            _chunk({"content": " then."}, usage={**_COUNTS, "completion_tokens": 2}),
            _chunk({}, "stop", usage=_COUNTS),
            end=_DONE,
        ),
        _TEXT,
    ),
    "stream_usage_null": (
        _sse(*({**word, "usage": None} for word in _WORDS), *_END, end=_DONE),
        _TEXT,
    ),
    # Azure says first what it thinks of the prompt.
    "stream_prompt_filter_first": (
        _sse(
            _chunk(prompt_filter_results=[{"prompt_index": 0, "content_filter_results": {}}]),
            *_WORDS,
            *_END,
            end=_DONE,
        ),
        _TEXT,
    ),
    # Azure's filter that runs beside the model: events without a delta.
    "stream_filter_beside": (
        _sse(
            _WORDS[0],
            {
                "id": "",
                "object": "",
                "created": 0,
                "model": "",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": None,
                        "content_filter_results": _FILTERS,
                        "content_filter_offsets": {"start_offset": 0, "end_offset": 4},
                    }
                ],
            },
            _WORDS[1],
            *_END,
            end=_DONE,
        ),
        _TEXT,
    ),
    "stream_second_choice": (
        _sse(
            _chunk({"content": "Well"}),
            _chunk(choices=[{"index": 1, "delta": {"content": "Oh"}, "finish_reason": None}]),
            _chunk({"content": " then."}),
            _chunk(choices=[{"index": 1, "delta": {}, "finish_reason": "length"}]),
            *_END,
            end=_DONE,
        ),
        _TEXT,
    ),
    "stream_reasoning_field": (
        _sse(
            _chunk({"reasoning": "Hm, "}), _chunk({"reasoning": "so."}), *_WORDS, *_END, end=_DONE
        ),
        {**_TEXT, "reasoning": "Hm, so."},
    ),
    # OpenRouter repeats the words in its list of details.
    "stream_reasoning_details": (
        _sse(
            _chunk(
                {
                    "content": "",
                    "reasoning": "Hm.",
                    "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}],
                }
            ),
            *_WORDS,
            *_END,
            end=_DONE,
        ),
        {**_TEXT, "reasoning": "Hm."},
    ),
    "stream_content_null": (
        _sse(_chunk({"role": "assistant", "content": None}), *_WORDS, *_END, end=_DONE),
        _TEXT,
    ),
    "stream_delta_null": (
        _sse(
            *_WORDS,
            _chunk(choices=[{"index": 0, "delta": None, "finish_reason": "stop"}]),
            _END[1],
            end=_DONE,
        ),
        _TEXT,
    ),
    "stream_line_separators": (
        _sse(_chunk({"content": "a\u2028b\u2029c\x85d"}), *_END, end=_DONE),
        {**_TEXT, "text": "a\u2028b\u2029c\x85d"},
    ),
    "stream_calls_all_number_0": (
        _called(
            _function('{"at": "sea"}', "look", index=0, id="t1"),
            _function("{}", "ask", index=0, id="t2"),
        ),
        _TWO,
    ),
    "stream_calls_without_numbers": (
        _called(_function('{"at": "sea"}', "look", id="t1"), _function("{}", "ask", id="t2")),
        _TWO,
    ),
    "stream_calls_without_ids": (
        _called(_function('{"at": "sea"}', "look", index=0), _function("{}", "ask", index=0)),
        _TWO,
    ),
    "stream_call_repeats_id_and_name": (
        _called(
            _function('{"at"', "look", index=0, id="t1"),
            _function(': "sea"}', "look", index=0, id="t1"),
        ),
        _ONE,
    ),
    "stream_call_with_a_new_id_in_each_piece": (
        _called(
            _function('{"at"', "look", index=0, id="t1"),
            _function(': "sea"}', index=0, id="t1-b"),
        ),
        _ONE,
    ),
    "stream_call_id_empty_later": (
        _called(
            _function('{"at"', "look", index=0, id="t1"),
            _function(': "sea"}', index=0, id=""),
        ),
        _ONE,
    ),
    "stream_call_arguments_object": (
        _called(_function({"at": "sea"}, "look", index=0, id="t1")),
        _ONE,
    ),
    "stream_call_arguments_null": (
        _called(_function(None, "ask", index=0, id="t1")),
        {**_ONE, "tool_calls": [_ASK]},
    ),
    "stream_call_ends_with_stop": (
        _called(_function('{"at": "sea"}', "look", index=0, id="t1")).replace(
            b'"finish_reason": "tool_calls"', b'"finish_reason": "stop"'
        ),
        _ONE,
    ),
    "stream_function_call": (
        _sse(
            _chunk({"function_call": {"name": "look", "arguments": '{"at"'}}),
            _chunk({"function_call": {"arguments": ': "sea"}'}}),
            _chunk({}, "function_call"),
            end=_DONE,
        ),
        {"text": "", "tool_calls": [_LOOK], "finish_reason": "function_call"},
    ),
    "stream_error_in_a_choice": (
        _sse(
            _WORDS[0],
            _chunk(
                choices=[
                    {
                        "index": 0,
                        "delta": {"content": ""},
                        "finish_reason": "error",
                        "error": {"code": 502, "message": "the upstream went away"},
                    }
                ]
            ),
            end=_DONE,
        ),
        {"error": "StreamError", "partial": "Well", "status": 502},
    ),
    "stream_error_beside_a_choice": (
        _sse(
            _WORDS[0],
            _chunk({"content": ""}, "error", error={"code": 429, "message": "slow down"}),
        ),
        {"error": "StreamError", "partial": "Well", "status": 429},
    ),
    "stream_error_of_old_vllm": (
        _sse({"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}),
        {"error": "InvalidRequestError", "status": 400},
    ),
    "stream_error_line_of_llama_cpp": (
        _sse(_WORDS[0]) + b'error: {"code": 500, "message": "lost the slot"}\n\n',
        {"error": "StreamError", "partial": "Well", "status": 500},
    ),
    "stream_error_then_done": (
        _sse({"error": {"message": "overloaded", "type": "server_error"}}, end=_DONE),
        {"error": "ServiceUnavailableError"},
    ),
    "stream_only_done": (_DONE, {"error": "EmptyResponseError"}),
    "stream_other_finish": (
        _sse(*_WORDS, _chunk({}, "insufficient_system_resource"), end=_DONE),
        {"text": "Well then.", "finish_reason": "other:insufficient_system_resource"},
    ),
    "reasoning_field": (
        _answer({"content": "Well then.", "reasoning": "Hm."}),
        {**_TEXT, "reasoning": "Hm."},
    ),
    "content_in_parts": (
        _answer(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                    {"type": "text", "text": "Well "},
                    {"type": "text", "text": "then."},
                ]
            }
        ),
        _TEXT,
    ),
    "call_arguments_object": (
        _answer(
            {"content": None, "tool_calls": [_function({"at": "sea"}, "look", id="t1")]},
            "tool_calls",
        ),
        _ONE,
    ),
    "call_arguments_broken": (
        _answer(
            {"content": None, "tool_calls": [_function('{"at": "se', "look", id="t1")]},
            "tool_calls",
        ),
        {**_ONE, "tool_calls": [{"name": "look", "arguments": {}}]},
    ),
    "call_ends_with_stop": (
        _answer({"content": None, "tool_calls": [_function('{"at": "sea"}', "look", id="t1")]}),
        _ONE,
    ),
    "calls_null": (_answer({"content": "Well then.", "tool_calls": None, "audio": None}), _TEXT),
    "function_call": (
        _answer(
            {"content": None, "function_call": {"name": "look", "arguments": '{"at": "sea"}'}},
            "function_call",
        ),
        {"text": "", "tool_calls": [_LOOK], "finish_reason": "function_call"},
    ),
    "usage_null": (
        _answer({"content": "Well then."}, usage=None),
        {"text": "Well then.", "usage_estimated": True},
    ),
    "no_finish_reason": (
        _answer({"content": "Well then."}).replace(b', "finish_reason": "stop"', b""),
        {"text": "Well then.", "usage": _usage(7, 3)},
    ),
    "azure_filter_without_message": (
        _json(
            {
                "id": "c-1",
                "object": "chat.completion",
                "created": 1,
                "model": "m-1",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "content_filter",
                        "content_filter_results": {"hate": {"filtered": True, "severity": "high"}},
                    }
                ],
                "usage": {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7},
            }
        ),
        {"text": "", "finish_reason": "content_filter"},
    ),
    "azure_filter_results": (
        _answer({"content": "Well then."}, content_filter_results=_FILTERS),
        _TEXT,
    ),
    "error_at_200": (
        _json({"error": {"code": 429, "message": "try again in 3s"}}),
        {"error": "RateLimitError", "status": 429, "retry_after": 3.0},
    ),
    "error_in_a_choice_at_200": (
        _json(
            {
                "id": "c-1",
                "model": "m-1",
                "choices": [{"index": 0, "error": {"code": 502, "message": "gone"}}],
            }
        ),
        {"error": "ServiceUnavailableError", "status": 502},
    ),
    "error_of_old_vllm_at_200": (
        _json({"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}),
        {"error": "InvalidRequestError", "status": 400},
    ),
}


def _error(status: int, message: str, code: Any = None, kind: str = "", **headers: str) -> Any:
    body = {"error": {"message": message, "type": kind or "error", "param": None, "code": code}}
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, _json(body)


def _limit(words: str) -> Any:
    message = f"Rate limit reached for m-1 in organization o on requests per min. {words}"
    return _error(429, message, "rate_limit_exceeded", "requests")


_OPENAI_ERRORS: dict[str, tuple[Any, Any]] = {
    "error_wait_minutes": (
        _limit("Please try again in 1m2.5s."),
        {"error": "RateLimitError", "retry_after": 62.5},
    ),
    "error_wait_six_minutes": (
        _limit("Please try again in 6m0s."),
        {"error": "RateLimitError", "retry_after": 360.0},
    ),
    "error_wait_milliseconds": (
        _limit("Please try again in 125ms."),
        {"error": "RateLimitError", "retry_after": 0.125},
    ),
    "error_wait_hours": (
        _limit("Please try again in 1h12m0.5s."),
        {"error": "RateLimitError", "retry_after": 4320.5},
    ),
    "error_wait_in_words": (
        _error(429, "Requests have exceeded the limit. Please retry after 24 seconds.", "429"),
        {"error": "RateLimitError", "retry_after": 24.0},
    ),
    "error_wait_header_ms": (
        _error(429, "Slow down.", "rate_limit_exceeded", "tokens", retry_after_ms="1500"),
        {"error": "RateLimitError", "retry_after": 1.5},
    ),
    "error_billing_hard_limit": (
        _error(429, "Billing hard limit has been reached", "billing_hard_limit_reached"),
        {"error": "QuotaExceededError"},
    ),
    "error_quota": (
        _error(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "insufficient_quota",
        ),
        {"error": "QuotaExceededError"},
    ),
    "error_not_active": (
        _error(
            429,
            "Your account is not active, please check your billing details on our website.",
            "billing_not_active",
            "billing_not_active",
        ),
        {"error": "QuotaExceededError"},
    ),
    "error_too_large": (
        _error(
            429,
            "Request too large for m-1 on tokens per min (TPM): Limit 30000, Requested 41000.",
            "rate_limit_exceeded",
            "tokens",
        ),
        {"error": "RateLimitError", "retryable": False},
    ),
    "error_no_balance": (
        _error(402, "Insufficient Balance", "invalid_request_error"),
        {"error": "QuotaExceededError"},
    ),
    "error_azure_filter": (
        _error(
            400,
            "The response was filtered due to the prompt triggering Azure OpenAI's content "
            "management policy.",
            "content_filter",
        ),
        {"error": "ContentFilterError"},
    ),
    "error_not_verified": (
        _error(
            403, "Your organization must be verified to use the model `m-1`.", "model_not_found"
        ),
        {"error": "PermissionDeniedError"},
    ),
    "error_408": (_error(408, "Timed out"), {"error": "RequestTimeoutError", "status": 408}),
    "error_detail_of_fastapi": (
        (422, _json({"detail": [{"loc": ["body"], "msg": "field required"}]})),
        {"error": "InvalidRequestError", "status": 422},
    ),
    "error_503_text": (
        (503, {"content-type": "text/plain", "retry-after": "4"}, b"no healthy upstream"),
        {"error": "ServiceUnavailableError", "retry_after": 4.0},
    ),
    "error_loading_model": (
        _error(503, "Loading model", 503, "unavailable_error"),
        {"error": "ServiceUnavailableError"},
    ),
    "error_context_of_llama_cpp": (
        _error(
            400,
            "request (9000 tokens) exceeds the available context size (8192 tokens), increase it",
            400,
            "exceed_context_size_error",
        ),
        {"error": "ContextLengthExceededError"},
    ),
    "error_context_of_vllm": (
        _error(
            400,
            "This model's maximum context length is 4096 tokens. However, you requested 5000.",
            400,
            "BadRequestError",
        ),
        {"error": "ContextLengthExceededError"},
    ),
    "error_string": (
        (400, _json({"error": "bad things"})),
        {"error": "InvalidRequestError", "status": 400},
    ),
    "error_empty_body": ((500, b""), {"error": "ServiceUnavailableError", "status": 500}),
    "error_deep": ((500, b"[" * 50_000), {"error": "ServiceUnavailableError", "status": 500}),
}

# --- Anthropic --------------------------------------------------------------------------------

_AUSAGE = {"input_tokens": 7, "output_tokens": 3}


def _message(*content: Any, stop: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    return {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": _AUSAGE,
        **more,
    }


def _block(index: int, block: Any, *deltas: Any) -> list[Any]:
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _text_block(index: int, *texts: str) -> list[Any]:
    deltas = [{"type": "text_delta", "text": text} for text in texts]
    return _block(index, {"type": "text", "text": ""}, *deltas)


def _messages(*events: Any, stop: str = "end_turn", usage: Any = None) -> bytes:
    start = {"type": "message_start", "message": _message(stop=None)}
    delta = {"stop_reason": stop, "stop_sequence": None}
    end = {"type": "message_delta", "delta": delta, "usage": usage or {"output_tokens": 3}}
    return _sse(start, *events, end, {"type": "message_stop"}, names=True)


def _failed(status: int, kind: str, message: str, **headers: str) -> Any:
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, _json(error)


def _stop(reason: str, finish: str) -> tuple[Any, Any]:
    body = _messages(*_text_block(0, "Well then."), stop=reason)
    return body, {"text": "Well then.", "finish_reason": finish, "usage": _usage(7, 3)}


_SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search"}
_FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [
        {"type": "web_search_result", "url": "https://example.org", "title": "t", "page_age": None}
    ],
}
_MCP = {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "echo", "server_name": "s"}
_MCP_RESULT = {
    "type": "mcp_tool_result",
    "tool_use_id": "mcptoolu_1",
    "is_error": False,
    "content": [{"type": "text", "text": "hello"}],
}
_USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
_CITED = {
    "type": "char_location",
    "cited_text": "words",
    "document_index": 0,
    "document_title": "t",
    "start_char_index": 0,
    "end_char_index": 5,
}


def _input(*parts: str) -> list[Any]:
    return [{"type": "input_json_delta", "partial_json": part} for part in parts]


_ANTHROPIC: dict[str, tuple[Any, Any]] = {
    "stream_stop_pause_turn": _stop("pause_turn", "other:pause_turn"),
    "stream_stop_refusal": _stop("refusal", "content_filter"),
    "stream_stop_window": _stop("model_context_window_exceeded", "length"),
    "stream_stop_compaction": _stop("compaction", "other:compaction"),
    "stream_stop_sequence": _stop("stop_sequence", "stop"),
    "stream_stop_of_the_future": _stop("bored", "other:bored"),
    "pause_turn": (
        _json(_message({"type": "text", "text": "Wait."}, stop="pause_turn")),
        {"text": "Wait.", "finish_reason": "other:pause_turn"},
    ),
    "window_exceeded": (
        _json(_message({"type": "text", "text": "On"}, stop="model_context_window_exceeded")),
        {"text": "On", "finish_reason": "length"},
    ),
    "mcp": (
        _json(
            _message(
                {"type": "text", "text": "I ask. "},
                {**_MCP, "input": {"say": "hello"}},
                _MCP_RESULT,
                {"type": "text", "text": "It said hello."},
            )
        ),
        {"text": "I ask. It said hello.", "tool_calls": [], "finish_reason": "stop"},
    ),
    "stream_mcp": (
        _messages(
            *_text_block(0, "I ask. "),
            *_block(1, {**_MCP, "input": {}}, *_input('{"say":', ' "hello"}')),
            *_block(2, _MCP_RESULT),
            *_text_block(3, "It said hello."),
        ),
        {"text": "I ask. It said hello.", "tool_calls": [], "finish_reason": "stop"},
    ),
    "server_and_client_tool": (
        _json(
            _message(
                {**_SEARCH, "input": {"query": "sea"}},
                _FOUND,
                {**_USE, "input": {"at": "sea"}},
                stop="tool_use",
            )
        ),
        {"text": "", "tool_calls": [{"id": "toolu_1", **_LOOK}], "finish_reason": "tool_calls"},
    ),
    "stream_server_and_client_tool": (
        _messages(
            *_block(0, {**_SEARCH, "input": {}}, *_input('{"query": "sea"}')),
            *_block(1, _FOUND),
            *_block(2, _USE, *_input('{"at"', ': "sea"}')),
            stop="tool_use",
        ),
        {"text": "", "tool_calls": [{"id": "toolu_1", **_LOOK}], "finish_reason": "tool_calls"},
    ),
    "stream_code_execution": (
        _messages(
            *_block(
                0,
                {
                    "type": "server_tool_use",
                    "id": "srvtoolu_2",
                    "name": "bash_code_execution",
                    "input": {},
                },
                *_input('{"command": "ls"}'),
            ),
            *_block(
                1,
                {
                    "type": "bash_code_execution_tool_result",
                    "tool_use_id": "srvtoolu_2",
                    "content": {
                        "type": "bash_code_execution_result",
                        "stdout": "a",
                        "stderr": "",
                        "return_code": 0,
                        "content": [],
                    },
                },
            ),
            *_text_block(2, "One file."),
        ),
        {"text": "One file.", "tool_calls": [], "finish_reason": "stop"},
    ),
    "stream_tool_without_arguments": (
        _messages(*_block(0, {**_USE, "name": "ask"}, *_input("")), stop="tool_use"),
        {"text": "", "tool_calls": [{"id": "toolu_1", **_ASK}], "finish_reason": "tool_calls"},
    ),
    "stream_tool_without_deltas": (
        _messages(*_block(0, {**_USE, "name": "ask"}), stop="tool_use"),
        {"text": "", "tool_calls": [{"id": "toolu_1", **_ASK}], "finish_reason": "tool_calls"},
    ),
    "stream_tool_cut_by_length": (
        _messages(*_block(0, _USE, *_input('{"at": "se')), stop="max_tokens"),
        {"tool_calls": [{"name": "look", "arguments": {}}], "finish_reason": "length"},
    ),
    "stream_citations": (
        _messages(
            *_block(
                0,
                {"type": "text", "text": "", "citations": []},
                {"type": "citations_delta", "citation": _CITED},
                {"type": "text_delta", "text": "Cited."},
            )
        ),
        {"text": "Cited.", "finish_reason": "stop"},
    ),
    "citations": (
        _json(_message({"type": "text", "text": "Cited.", "citations": [_CITED]})),
        {"text": "Cited.", "finish_reason": "stop"},
    ),
    "redacted_thinking": (
        _json(
            _message(
                {"type": "redacted_thinking", "data": "c2VjcmV0"}, {"type": "text", "text": "Done."}
            )
        ),
        {"text": "Done.", "finish_reason": "stop"},
    ),
    "stream_new_event": (
        _messages(
            {"type": "ping"},
            {"type": "content_block_preview", "index": 0, "preview": {"x": 1}},
            *_text_block(0, "Well", " then."),
        ),
        _TEXT,
    ),
    "stream_new_block": (
        _messages(
            *_block(0, {"type": "hologram", "data": [1]}, {"type": "hologram_delta", "data": [2]}),
            *_text_block(1, "Well then."),
        ),
        _TEXT,
    ),
    "new_block": (
        _json(_message({"type": "hologram", "data": [1]}, {"type": "text", "text": "Well then."})),
        _TEXT,
    ),
    "stream_new_delta": (
        _messages(
            *_block(
                0,
                {"type": "text", "text": ""},
                {"type": "mood_delta", "mood": "good"},
                {"type": "text_delta", "text": "Well then."},
            )
        ),
        _TEXT,
    ),
    "stream_text_in_block_start": (
        _messages(*_block(0, {"type": "text", "text": "Well then."})),
        _TEXT,
    ),
    "stream_usage_at_the_end_only": (
        _messages(
            *_text_block(0, "Well then."),
            usage={
                "input_tokens": 5,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
                "output_tokens": 3,
            },
        ),
        {
            "text": "Well then.",
            "usage": _usage(125, 3, cached_tokens=100, cache_creation_tokens=20),
        },
    ),
    "stream_error_rate_limit": (
        _sse(
            {"type": "message_start", "message": _message(stop=None)},
            *_text_block(0, "Well")[:2],
            {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
            names=True,
        ),
        {"error": "StreamError", "partial": "Well", "status": 429},
    ),
    "stream_error_first": (
        _sse(
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            names=True,
        ),
        {"error": "ServiceUnavailableError", "status": 529},
    ),
    "stream_empty": (_messages(), {"finish_reason": "stop", "error": "EmptyResponseError"}),
    "error_billing": (
        _failed(402, "billing_error", "There is an issue with your billing."),
        {"error": "QuotaExceededError"},
    ),
    "error_usage_limit": (
        _failed(
            400,
            "invalid_request_error",
            "You have reached your specified API usage limits. Access is back on 2026-12-01.",
        ),
        {"error": "QuotaExceededError"},
    ),
    "error_timeout": (
        _failed(504, "timeout_error", "The request timed out."),
        {"error": "RequestTimeoutError", "status": 504},
    ),
    "error_rate_limit": (
        _failed(429, "rate_limit_error", "This would exceed your rate limit", retry_after="9"),
        {"error": "RateLimitError", "retry_after": 9.0},
    ),
    "error_too_long_with_answer": (
        _failed(
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        ),
        {"error": "ContextLengthExceededError"},
    ),
    "error_409": (
        _failed(409, "conflict_error", "The container is in use."),
        {"error": "ServiceUnavailableError", "status": 409},
    ),
    "error_at_200": (
        _failed(200, "overloaded_error", "Overloaded"),
        {"error": "ServiceUnavailableError", "status": 529},
    ),
}

# --- Gemini -----------------------------------------------------------------------------------

_META = {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}


def _body(*parts: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"parts": list(parts), "role": "model"}
    if finish:
        candidate["finishReason"] = finish
    head = {"usageMetadata": _META, "modelVersion": "m-1", "responseId": "r-1"}
    return {"candidates": [candidate], **head, **more}


def _ended(reason: str, finish: str) -> dict[str, tuple[Any, Any]]:
    """A finish reason in a plain answer, and in a stream's last event without content."""
    expected = {"text": "Well then.", "finish_reason": finish, "usage": _usage(7, 3)}
    text = {"text": "Well then."}
    return {
        f"finish_{reason.lower()}": (_json(_body(text, finish=reason)), expected),
        f"stream_finish_{reason.lower()}": (_sse(_body(text), _body(finish=reason)), expected),
    }


_FINISHES = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        [
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "MODEL_ARMOR",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
        ],
        "content_filter",
    ),
    **{
        reason: f"other:{reason}"
        for reason in (
            "LANGUAGE",
            "OTHER",
            "MALFORMED_FUNCTION_CALL",
            "UNEXPECTED_TOOL_CALL",
            "TOO_MANY_TOOL_CALLS",
            "MISSING_THOUGHT_SIGNATURE",
            "MALFORMED_RESPONSE",
            "NO_IMAGE",
            "IMAGE_OTHER",
        )
    },
}
_GTEXT = {"text": "Well then."}
_GCALL = {"functionCall": {"name": "look", "args": {"at": "sea"}}}


def _google(status: int, code: str, message: str, *details: Any, many: bool = False) -> Any:
    error = {"error": {"code": status, "message": message, "status": code}}
    if details:
        error["error"]["details"] = list(details)
    return status, _json([error] if many else error)


_RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12.5s"}


def _violation(quota: str) -> dict[str, Any]:
    kind = "type.googleapis.com/google.rpc.QuotaFailure"
    return {"@type": kind, "violations": [{"quotaId": quota, "quotaValue": "15"}]}


_GEMINI: dict[str, tuple[Any, Any]] = {
    name: sample
    for reason, finish in _FINISHES.items()
    for name, sample in _ended(reason, finish).items()
} | {
    "stream_usage_after_finish": (
        _sse(
            {**_body(_GTEXT, finish="STOP"), "usageMetadata": {"promptTokenCount": 7}},
            {"usageMetadata": _META, "modelVersion": "m-1"},
        ),
        _TEXT,
    ),
    "code_execution": (
        _json(
            _body(
                {"text": "I compute. "},
                {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
                {"text": "It is 1."},
                finish="STOP",
            )
        ),
        {"text": "I compute. It is 1.", "tool_calls": [], "finish_reason": "stop"},
    ),
    "stream_code_execution": (
        _sse(
            _body({"text": "I compute. "}),
            _body({"executableCode": {"language": "PYTHON", "code": "print(1)"}}),
            _body({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}),
            _body({"text": "It is 1."}, finish="STOP"),
        ),
        {"text": "I compute. It is 1.", "tool_calls": [], "finish_reason": "stop"},
    ),
    "image_beside_text": (
        _json(
            _body(_GTEXT, {"inlineData": {"mimeType": "image/png", "data": "aQ=="}}, finish="STOP")
        ),
        _TEXT,
    ),
    "thought": (
        _json(_body({"text": "Hm.", "thought": True}, _GTEXT, finish="STOP")),
        {**_TEXT, "reasoning": "Hm."},
    ),
    "stream_signature": (
        _sse(
            _body(_GTEXT),
            _body({"text": "", "thoughtSignature": "c2ln"}, finish="STOP"),
        ),
        _TEXT,
    ),
    "call": (
        _json(_body(_GCALL, finish="STOP")),
        _ONE,
    ),
    "call_without_args": (
        _json(_body({"functionCall": {"name": "ask"}}, finish="STOP")),
        {**_ONE, "tool_calls": [_ASK]},
    ),
    "stream_call_without_args": (
        _sse(_body({"functionCall": {"name": "ask"}}), _body(finish="STOP")),
        {**_ONE, "tool_calls": [_ASK]},
    ),
    "stream_two_calls": (
        _sse(_body(_GCALL), _body({"functionCall": {"name": "ask", "args": {}}}, finish="STOP")),
        _TWO,
    ),
    "stream_two_calls_in_one_event": (
        _sse(_body(_GCALL, {"functionCall": {"name": "ask", "args": {}}}, finish="STOP")),
        _TWO,
    ),
    "candidates": (
        _json(
            {
                **_body(_GTEXT, finish="STOP"),
                "candidates": [
                    _body(_GTEXT, finish="STOP")["candidates"][0],
                    {**_body({"text": "Oh."}, finish="SAFETY")["candidates"][0], "index": 1},
                ],
            }
        ),
        _TEXT,
    ),
    "stream_blocked": (
        _sse({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": _META}),
        {"text": "", "finish_reason": "content_filter", "error": "ContentFilterError"},
    ),
    "stream_only_filter": (
        _sse(_body(finish="PROHIBITED_CONTENT")),
        {"text": "", "finish_reason": "content_filter"},
    ),
    "no_usage": (
        _json({"candidates": _body(_GTEXT, finish="STOP")["candidates"]}),
        {"text": "Well then.", "usage_estimated": True},
    ),
    "stream_crlf": (
        _sse(_body({"text": "Well"}), _body({"text": " then."}, finish="STOP")).replace(
            b"\n", b"\r\n"
        ),
        _TEXT,
    ),
    "error_retry_info": (
        _google(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", _violation("APerMinute-B"), _RETRY),
        {"error": "RateLimitError", "retry_after": 12.5},
    ),
    "stream_error_429_in_a_list": (
        _google(
            429, "RESOURCE_EXHAUSTED", "Exceeded.", _violation("APerMinute"), _RETRY, many=True
        ),
        {"error": "RateLimitError", "retry_after": 12.5, "status": 429},
    ),
    "error_per_day": (
        _google(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", _violation("APerDayB"), _RETRY),
        {"error": "QuotaExceededError"},
    ),
    "stream_error_per_day_in_a_list": (
        _google(429, "RESOURCE_EXHAUSTED", "Exceeded.", _violation("APerDayB"), many=True),
        {"error": "QuotaExceededError", "status": 429},
    ),
    "error_retry_in_words": (
        _google(429, "RESOURCE_EXHAUSTED", "Quota exceeded. Please retry in 33.25s."),
        {"error": "RateLimitError", "retry_after": 33.25},
    ),
    "error_no_credit": (
        _google(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
        {"error": "QuotaExceededError"},
    ),
    "error_location": (
        _google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        {"error": "PermissionDeniedError"},
    ),
    "error_expired_key": (
        _google(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."),
        {"error": "AuthenticationError"},
    ),
    "error_499": (
        _google(499, "CANCELLED", "The operation was cancelled."),
        {"error": "LLMError", "status": 499},
    ),
    "stream_error_in_a_list_at_200": (
        b'[{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}]',
        {"error": "ServiceUnavailableError", "status": 503},
    ),
    "stream_error_at_200": (
        _sse(_body({"text": "Well"}), {"error": {"code": 429, "message": "no", "status": "X"}}),
        {"error": "StreamError", "partial": "Well", "status": 429},
    ),
}

# --- Ollama -----------------------------------------------------------------------------------


def _line(content: str = "", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **message}
    return {"model": "m-1", "created_at": "2026-01-02T03:04:05Z", "message": said, "done": False}


def _last(reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    counts = {"prompt_eval_count": 7, "eval_count": 3}
    end = {"done": True, "done_reason": reason} if reason else {"done": True}
    return {**_line(), **end, **counts, **more}


def _lines(*payloads: Any) -> bytes:
    return b"".join(_json(payload) + b"\n" for payload in payloads)


def _without(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in names}


_OCALL = {"function": {"name": "look", "arguments": {"at": "sea"}}}
_OASK = {"function": {"index": 1, "name": "ask", "arguments": {}}}

_OLLAMA: dict[str, tuple[Any, Any]] = {
    "stream_load": (
        _lines(_without(_last("load"), "prompt_eval_count", "eval_count")),
        {"text": "", "finish_reason": "other:load"},
    ),
    "stream_unload": (
        _lines(_without(_last("unload"), "prompt_eval_count", "eval_count")),
        {"text": "", "finish_reason": "other:unload"},
    ),
    "stream_no_reason": (_lines(_line("Well"), _line(" then."), _last(None)), _TEXT),
    "stream_no_counts": (
        _lines(_line("Well then."), _without(_last(), "prompt_eval_count", "eval_count")),
        {"text": "Well then.", "usage_estimated": True},
    ),
    "stream_prompt_was_cached": (
        _lines(_line("Well then."), _without(_last(), "prompt_eval_count")),
        {"text": "Well then.", "finish_reason": "stop"},
    ),
    "stream_text_in_the_last_line": (
        _lines(_line("Well"), {**_last(), "message": {"role": "assistant", "content": " then."}}),
        _TEXT,
    ),
    "stream_thinking_beside_text": (
        _lines(_line("", thinking="Hm."), _line("Well then."), _last()),
        {**_TEXT, "reasoning": "Hm."},
    ),
    "stream_calls_in_two_lines": (
        _lines(_line(tool_calls=[_OCALL]), _line(tool_calls=[_OASK]), _last()),
        _TWO,
    ),
    "stream_calls_in_one_line": (_lines(_line(tool_calls=[_OCALL, _OASK]), _last()), _TWO),
    "stream_call_with_id": (
        _lines(_line(tool_calls=[{"id": "call_9", **_OCALL}]), _last()),
        {**_ONE, "tool_calls": [{"id": "call_9", **_LOOK}]},
    ),
    "stream_call_arguments_text": (
        _lines(
            _line(tool_calls=[{"function": {"name": "look", "arguments": '{"at": "sea"}'}}]),
            _last(),
        ),
        _ONE,
    ),
    "stream_call_in_the_last_line": (
        _lines(
            {**_last(), "message": {"role": "assistant", "content": "", "tool_calls": [_OCALL]}}
        ),
        _ONE,
    ),
    "stream_blank_lines": (_lines(_line("Well then."), _last()).replace(b"\n", b"\n\n"), _TEXT),
    "stream_crlf": (_lines(_line("Well then."), _last()).replace(b"\n", b"\r\n"), _TEXT),
    "stream_no_last_newline": (_lines(_line("Well then."), _last()).rstrip(b"\n"), _TEXT),
    "stream_line_separators": (
        _lines(_line("a\u2028b\u2029c\x85d"), _last()),
        {**_TEXT, "text": "a\u2028b\u2029c\x85d"},
    ),
    "stream_error_line": (
        _lines(_line("Well"), {"error": "an error was encountered while running the model"}),
        {"error": "StreamError", "partial": "Well"},
    ),
    "error_line_at_200": (
        _lines({"error": "llama runner process has terminated: exit status 2"}),
        {"error": "ServiceUnavailableError"},
    ),
    "think_words_are_text": (
        _json({**_last(), "message": {"role": "assistant", "content": "Well then."}}),
        _TEXT,
    ),
    "images_null": (
        _json(
            {**_last(), "message": {"role": "assistant", "content": "Well then.", "images": None}}
        ),
        _TEXT,
    ),
    "error_busy": (
        (
            503,
            _json({"error": "server busy, please try again.  maximum pending requests exceeded"}),
        ),
        {"error": "ServiceUnavailableError", "status": 503},
    ),
    "error_no_vision": (
        (400, _json({"error": "this model is missing data required for image input"})),
        {"error": "InvalidRequestError"},
    ),
    "error_no_memory": (
        (500, _json({"error": "model requires more system memory (9 GiB) than is available"})),
        {"error": "ServiceUnavailableError", "status": 500},
    ),
    "error_unauthorized": (
        (401, _json({"error": "unauthorized"})),
        {"error": "AuthenticationError"},
    ),
}
