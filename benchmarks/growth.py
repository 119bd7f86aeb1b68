"""How the CPU time of a stream grows with it: the exponent over three decades, at most 1.1.

python benchmarks/growth.py [name of a case ...] [--decades 3] [--least 100]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import math
import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from bruno_llm import ClaudeProvider, GeminiProvider, LLMError, OllamaProvider, OpenAIProvider

MOST = 1.1
PACKET = 1 << 14
KEY = "benchmark-key"


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def chat(delta: dict[str, Any], finish: str | None = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **fields}
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    return {**head, "choices": [choice]}


def openai(*middle: bytes, finish: str = "stop") -> bytes:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    last = [chat({}, finish), {**chat({}), "choices": [], "usage": usage}]
    return b"".join((sse(chat({"role": "assistant"})), *middle, sse(*last), b"data: [DONE]\n\n"))


def texts(count: int) -> bytes:
    return openai(sse(chat({"content": "word "})) * count)


def thoughts(count: int) -> bytes:
    return openai(sse(chat({"reasoning_content": "hm "})) * count, sse(chat({"content": "x"})))


def tagged(count: int) -> bytes:
    opened, closed = (sse(chat({"content": tag})) for tag in ("<think>", "</think>x"))
    return openai(opened, sse(chat({"content": " "})) * count, closed)


def blanks(count: int) -> bytes:
    return openai(sse(chat({"content": " "})) * count, sse(chat({"content": "x"})))


def refusals(count: int) -> bytes:
    return openai(sse(chat({"refusal": "no "})) * count)


def scores(count: int) -> bytes:
    token = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    return openai(sse(chat({"content": "a"}, logprobs={"content": [token]})) * count)


def line(size: int) -> bytes:
    return openai(sse(chat({"content": "x" * size})))


def endless(size: int) -> bytes:
    return b"data: " + b"x" * size


def data_lines(count: int) -> bytes:
    event = json.dumps(chat({"content": "x", "extra": [1] * count})).encode()
    return openai(b"".join(b"data: %b\n" % part for part in event.split(b" ")) + b"\n")


def broken_lines(count: int) -> bytes:
    return openai(b"data: }\n" * count + b"\n")


def called(delta: dict[str, Any]) -> bytes:
    return sse(chat({"tool_calls": [delta]}))


def arguments(count: int, name: dict[str, str] | None = None) -> bytes:
    first = {"name": "f", "arguments": '{"a": "'}
    begun = called({"index": 0, "id": "call_1", "type": "function", "function": first})
    piece = called({"index": 0, "function": {**(name or {}), "arguments": "x"}})
    ended = called({"index": 0, "function": {"arguments": '"}'}})
    return openai(begun, piece * count, ended, finish="tool_calls")


def named_arguments(count: int) -> bytes:
    return arguments(count, {"name": "f"})


def calls(count: int) -> bytes:
    each = (
        called({"index": n, "id": f"c{n}", "function": {"name": "f", "arguments": "{}"}})
        for n in range(count)
    )
    return openai(*each, finish="tool_calls")


def claude(*blocks: bytes) -> bytes:
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": []}
    return b"".join(
        (
            sse({"type": "message_start", "message": {**message, "usage": usage}}),
            *blocks,
            sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}),
            sse({"type": "message_stop"}),
        )
    )


def block(start: dict[str, Any], delta: dict[str, Any], count: int) -> bytes:
    return (
        sse({"type": "content_block_start", "index": 0, "content_block": start})
        + sse({"type": "content_block_delta", "index": 0, "delta": delta}) * count
        + sse({"type": "content_block_stop", "index": 0})
    )


def claude_texts(count: int) -> bytes:
    text = {"type": "text_delta", "text": "word "}
    return claude(block({"type": "text", "text": ""}, text, count))


def claude_citations(count: int) -> bytes:
    cited = {"type": "citations_delta", "citation": {"url": "http://x", "cited_text": "x"}}
    texted = block({"type": "text", "text": ""}, {"type": "text_delta", "text": "word "}, 1)
    return claude(texted, block({"type": "text", "text": ""}, cited, count))


def claude_arguments(count: int) -> bytes:
    tool = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    return claude(block(tool, {"type": "input_json_delta", "partial_json": " "}, count))


def claude_calls(count: int) -> bytes:
    tool = {"type": "tool_use", "id": "t%d", "name": "f", "input": {}}
    one = block(tool, {"type": "input_json_delta", "partial_json": "{}"}, 1)
    return claude(*(one.replace(b"t%d", b"t%d" % number) for number in range(count)))


def gemini(part: dict[str, Any], count: int) -> bytes:
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    facts = {"usageMetadata": usage, "modelVersion": "gemini-2.5-flash", "responseId": "r"}
    content = {"content": {"parts": [part], "role": "model"}, "index": 0}
    return sse({"candidates": [content], **facts}) * count + sse(
        {"candidates": [{**content, "finishReason": "STOP"}], **facts}
    )


def gemini_texts(count: int) -> bytes:
    return gemini({"text": "word "}, count)


def gemini_calls(count: int) -> bytes:
    return gemini({"functionCall": {"name": "f", "args": {}}}, count)


def ollama(message: dict[str, Any], count: int) -> bytes:
    one = {"model": "llama3.2", "created_at": "x", "message": {"role": "assistant", **message}}
    last = {**one, "message": {"role": "assistant", "content": ""}, "done_reason": "stop"}
    counts = {"prompt_eval_count": 1, "eval_count": 1}
    end = json.dumps({**last, "done": True, **counts}).encode() + b"\n"
    return (json.dumps({**one, "done": False}).encode() + b"\n") * count + end


def ollama_texts(count: int) -> bytes:
    return ollama({"content": "word "}, count)


def ollama_thoughts(count: int) -> bytes:
    return ollama({"content": "", "thinking": "hm "}, count) + b""


def ollama_calls(count: int) -> bytes:
    return ollama(
        {"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}, count
    )


def responses(kind: str, count: int) -> bytes:
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    answer = {"id": "r", "object": "response", "model": "gpt-5", "status": "in_progress"}
    item = {"type": "message", "id": "i", "role": "assistant", "content": []}
    text = {"type": "output_text", "text": "word " * count, "annotations": []}
    done = {**item, "content": [text]}
    delta = {"type": kind, "output_index": 0, "content_index": 0, "delta": "word "}
    whole = {**answer, "status": "completed", "output": [done], "usage": usage}
    return (
        sse({"type": "response.created", "response": answer})
        + sse({"type": "response.output_item.added", "output_index": 0, "item": item})
        + sse(delta) * count
        + sse({"type": "response.output_item.done", "output_index": 0, "item": done})
        + sse({"type": "response.completed", "response": whole})
    )


def responses_texts(count: int) -> bytes:
    return responses("response.output_text.delta", count)


def responses_refusals(count: int) -> bytes:
    return responses("response.refusal.delta", count)


# Each with what a unit of its size is; lines are a thousand times as long as there are chunks.
CASES: dict[str, tuple[Callable[[int], bytes], str, int]] = {
    "chunks of text": (texts, "openai", 1),
    "chunks of text, Claude": (claude_texts, "claude", 1),
    "chunks of text, Gemini": (gemini_texts, "gemini", 1),
    "chunks of text, Ollama": (ollama_texts, "ollama", 1),
    "chunks of text, Responses": (responses_texts, "responses", 1),
    "deltas of a thought": (thoughts, "openai", 1),
    "deltas of a thought, Ollama": (ollama_thoughts, "ollama", 1),
    "white space in a <think>": (tagged, "openai", 1),
    "white space before a text": (blanks, "openai", 1),
    "deltas of a refusal": (refusals, "openai", 1),
    "deltas of a refusal, Responses": (responses_refusals, "responses", 1),
    "logprobs": (scores, "openai", 1),
    "citations, Claude": (claude_citations, "claude", 1),
    "bytes of one line": (line, "openai", 1000),
    "bytes of a line without end": (endless, "openai", 1000),
    "data lines of one event": (data_lines, "openai", 1),
    "data lines that are no event": (broken_lines, "openai", 1),
    "deltas of one tool call": (arguments, "openai", 1),
    "deltas of one tool call, named": (named_arguments, "openai", 1),
    "deltas of one tool call, Claude": (claude_arguments, "claude", 1),
    "tool calls": (calls, "openai", 1),
    "tool calls, Claude": (claude_calls, "claude", 1),
    "tool calls, Gemini": (gemini_calls, "gemini", 1),
    "tool calls, Ollama": (ollama_calls, "ollama", 1),
}


def _serve(pipe: Connection) -> None:
    """Answer each request with the body that the pipe brings."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        length = int(lower.partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        body = pipe.recv_bytes()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        writer.write(b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body))
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(body), PACKET):
                writer.write(body[at : at + PACKET])
                await writer.drain()
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextlib.contextmanager
def server() -> Iterator[tuple[Connection, str]]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours, f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join(10)


def providers(url: str) -> dict[str, Any]:
    common: dict[str, Any] = {"api_key": KEY, "retry": None, "max_response_bytes": None}
    return {
        "openai": OpenAIProvider("gpt-4o-mini", base_url=f"{url}/v1", **common),
        "responses": OpenAIProvider("gpt-5", api="responses", base_url=f"{url}/v1", **common),
        "claude": ClaudeProvider(base_url=url, **common),
        "gemini": GeminiProvider("gemini-2.5-flash", base_url=url, **common),
        "ollama": OllamaProvider("llama3.2", base_url=url, **common),
    }


async def seconds(provider: Any, pipe: Connection, body: bytes) -> float:
    """CPU seconds of one stream, until its end or the error that it ends with."""
    gc.collect()
    sending = asyncio.get_running_loop().run_in_executor(None, pipe.send_bytes, body)
    began = time.process_time()
    with contextlib.suppress(LLMError):
        async for _ in provider.stream_events("Hi"):
            pass
    took = time.process_time() - began
    await sending
    return took


def exponent(sizes: list[int], times: list[float]) -> float:
    """The slope of the straight line through the logarithms."""
    xs, ys = [math.log(size) for size in sizes], [math.log(t) for t in times]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    above = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return above / sum((x - mean_x) ** 2 for x in xs)


async def measure(names: list[str], least: int, decades: int) -> bool:
    good = True
    with server() as (pipe, url):
        all_of_them = providers(url)
        counts = [least * 10**decade for decade in range(decades + 1)]
        for vendor, make in (
            ("openai", texts),
            ("responses", responses_texts),
            ("claude", claude_texts),
            ("gemini", gemini_texts),
            ("ollama", ollama_texts),
        ):
            await seconds(all_of_them[vendor], pipe, make(1))  # imports and connects
        for name in names:
            make, vendor, unit = CASES[name]
            times = [await seconds(all_of_them[vendor], pipe, make(n * unit)) for n in counts]
            slope, last = exponent(counts, times), math.log10(times[-1] / times[-2])
            good = good and slope <= MOST
            spent = "  ".join(f"{1000 * t:9.1f}" for t in times)
            print(f"  {name:<34}{spent} ms   n^{slope:.2f}, at the end n^{last:.2f}", flush=True)
        for provider in all_of_them.values():
            await provider.aclose()
    return good


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(CASES))
    parser.add_argument("--least", type=int, default=100)
    parser.add_argument("--decades", type=int, default=3)
    given = parser.parse_args()
    print(f"CPU of one stream of {given.least} to {given.least * 10**given.decades}")
    if not asyncio.run(measure(given.names, given.least, given.decades)):
        raise SystemExit(f"something grows faster than n^{MOST}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # pydantic's, about litellm's models
    main()
