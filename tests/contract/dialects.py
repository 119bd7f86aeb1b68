"""Cohere and Bedrock in front of a ``FakeServer``: its answers, retold in their formats.

Sources: Cohere API reference, "Chat" and "Chat with streaming"; Amazon Bedrock API reference,
"Converse" and "ConverseStream".
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.canned import aws_events, sse

Json = Mapping[str, Any]
Event = tuple[str, Json]

_COHERE_ENDS = {"stop": "COMPLETE", "tool_calls": "TOOL_CALL"}
_BEDROCK_ENDS = {"stop": "end_turn", "tool_calls": "tool_use"}


def _cohere_usage(usage: Json | None) -> dict[str, Any]:
    if not usage:
        return {}
    counts = {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]}
    return {"usage": {"tokens": counts}}


def _cohere_answer(message: Json, finish: str, usage: Json | None) -> Json:
    content = [{"type": "text", "text": message["content"]}] if message.get("content") else []
    calls = {"tool_calls": message["tool_calls"]} if message.get("tool_calls") else {}
    said = {"role": "assistant", "content": content, **calls}
    end = {"finish_reason": _COHERE_ENDS.get(finish, finish), **_cohere_usage(usage)}
    return {"id": "c1", "message": said, **end}


def _cohere_events(message: Json, finish: str | None, usage: Json | None) -> Iterator[Json]:
    def event(kind: str, index: int = 0, **said: Any) -> Json:
        return {"type": kind, "index": index, "delta": {"message": said}}

    if message.get("content"):
        yield event("content-delta", content={"text": message["content"]})
    for call in message.get("tool_calls") or ():
        yield event("tool-call-start", call["index"], tool_calls=call)
    if finish:
        end = {"finish_reason": _COHERE_ENDS.get(finish, finish), **_cohere_usage(usage)}
        yield {"type": "message-end", "delta": end}


def _bedrock_usage(usage: Json | None) -> dict[str, Any]:
    if not usage:
        return {}
    names = {"prompt": "inputTokens", "completion": "outputTokens", "total": "totalTokens"}
    return {"usage": {names[name]: usage[f"{name}_tokens"] for name in names}}


def _bedrock_answer(message: Json, finish: str, usage: Json | None) -> Json:
    content: list[Json] = [{"text": message["content"]}] if message.get("content") else []
    for call in message.get("tool_calls") or ():
        said = call["function"]
        used = {"name": said["name"], "input": json.loads(said["arguments"])}
        content.append({"toolUse": {"toolUseId": call["id"], **used}})
    output = {"message": {"role": "assistant", "content": content}}
    end = {"stopReason": _BEDROCK_ENDS.get(finish, finish), **_bedrock_usage(usage)}
    return {"output": output, **end, "metrics": {"latencyMs": 5}}


def _bedrock_events(message: Json, finish: str | None, usage: Json | None) -> Iterator[Event]:
    if message.get("content"):
        text = {"text": message["content"]}
        yield "contentBlockDelta", {"contentBlockIndex": 0, "delta": text}
    for call in message.get("tool_calls") or ():
        said, place = call["function"], {"contentBlockIndex": call["index"]}
        if said.get("name"):
            start = {"toolUse": {"toolUseId": call["id"], "name": said["name"]}}
            yield "contentBlockStart", {**place, "start": start}
        if said.get("arguments"):
            delta = {"toolUse": {"input": said["arguments"]}}
            yield "contentBlockDelta", {**place, "delta": delta}
    if finish:
        yield "messageStop", {"stopReason": _BEDROCK_ENDS.get(finish, finish)}
        yield "metadata", {**_bedrock_usage(usage), "metrics": {"latencyMs": 5}}


def _chunks(answer: httpx.Response) -> Iterator[Json]:
    for line in answer.iter_lines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


def _retold(bedrock: bool, answer: httpx.Response, write: Callable[[bytes], Any]) -> None:
    ending: tuple[str | None, Json | None] = (None, None)
    for chunk in _chunks(answer):
        ending = (ending[0], chunk.get("usage") or ending[1])
        for choice in chunk.get("choices") or ():
            ending = (choice.get("finish_reason") or ending[0], ending[1])
            _tell(bedrock, choice["delta"], None, None, write)
    if ending[0]:  # counts come behind the finish reason
        _tell(bedrock, {}, *ending, write)


def _tell(
    bedrock: bool,
    message: Json,
    finish: str | None,
    usage: Json | None,
    write: Callable[[bytes], Any],
) -> None:
    if bedrock:
        write(aws_events(list(_bedrock_events(message, finish, usage))))
    else:
        write(sse(*_cohere_events(message, finish, usage)))


class _Server(ThreadingHTTPServer):
    request_queue_size = 256  # a hundred callers may come at once


@contextmanager
def dialect(openai: str) -> Iterator[str]:
    """The address of a server in both formats, with one in OpenAI's behind it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bedrock = self.path.startswith("/model/")
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            stream = self.path.endswith("/converse-stream") or bool(body.get("stream"))
            asked = {**body, "stream": stream, "stream_options": {"include_usage": True}}
            with (
                suppress(httpx.TransportError, OSError),
                httpx.Client(timeout=60, verify=False, trust_env=False) as client,
                client.stream("POST", f"{openai}/chat/completions", json=asked) as answer,
            ):
                self.send_response(answer.status_code)
                if not answer.is_success:
                    wait = answer.headers.get("retry-after")
                    if wait:
                        self.send_header("retry-after", wait)
                    self.end_headers()
                    self.wfile.write(b'{"message": "Too many requests"}')
                    return
                self.end_headers()
                if stream:
                    _retold(bedrock, answer, self.wfile.write)
                    return
                whole = json.loads(answer.read())
                choice = whole["choices"][0]
                tell = _bedrock_answer if bedrock else _cohere_answer
                told = tell(choice["message"], choice["finish_reason"], whole.get("usage"))
                self.wfile.write(json.dumps(told).encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
