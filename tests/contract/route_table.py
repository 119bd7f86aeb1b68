"""What each litellm route can do, measured against a loopback server of its shape.

``python -m tests.contract.route_table`` writes ``docs/routes.md``; the test beside it measures each
row again and compares.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bruno_llm import (
    Completion,
    InvalidRequestError,
    LiteLLMProvider,
    LLMError,
    RateLimitError,
    RequestTimeoutError,
    StreamEnd,
    StreamError,
    Timeout,
    ToolCall,
    Usage,
    _litellm,
)
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.canned import canned
from tests.contract.rows import ROWS, Row

PAGE = Path(__file__).parents[2] / "docs" / "routes.md"
ASK = [{"role": "user", "content": "What is the capital of Norway?"}]
COUNTS = Usage(7, 666, 673)
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "capital",
        "schema": {
            "type": "object",
            "properties": {"only_here": {"type": "string"}},
            "required": ["only_here"],
            "additionalProperties": False,
        },
    },
}


LIMIT = 100
"""Connections of a provider on an event loop."""

Measure = Callable[[Row, FakeServer], Awaitable[str]]


async def streamed(provider: LiteLLMProvider, **options: Any) -> Completion:
    *_, last = [event async for event in provider.stream_events(ASK, **options)]
    assert isinstance(last, StreamEnd)
    return last.completion


async def answers(row: Row, server: FakeServer) -> str:
    """Text, finish reason and the vendor's own counts, plain and streamed, one request each."""
    server.default = Reply("Oslo", usage=COUNTS)
    provider = row.provider(server)
    for completion in (await provider.complete(ASK), await streamed(provider)):
        assert (completion.text, completion.finish_reason) == ("Oslo", "stop")
        assert completion.usage is not None
        counted = (completion.usage.prompt_tokens, completion.usage.completion_tokens)
        assert (counted, completion.usage.estimated) == ((7, 666), False)
    assert len(server.requests) == 2
    return "plain and streamed"


async def facts(row: Row, server: FakeServer) -> str:
    """Who reads the finish reason: litellm has no word for one that it does not know."""
    server.default = Reply("Oslo", finish_reason="odd")
    provider = row.provider(server)
    both = await provider.complete(ASK), await streamed(provider)
    told = {completion.finish_reason for completion in both}
    return "from the wire" if told == {"other:odd"} else "litellm's word"


async def uncounted(row: Row, server: FakeServer) -> str:
    """Whether numbers that the vendor did not send are called an estimate."""
    server.default = Reply("Oslo", usage=None)
    provider = row.provider(server)
    for completion in (await provider.complete(ASK), await streamed(provider)):
        assert completion.usage is not None
        if not completion.usage.estimated:
            return "litellm's word"
    return "an estimate"


async def cuts(row: Row, server: FakeServer) -> str:
    """Whether a stream that ends early is an error, with what came."""
    server.script(Fault.cut(after=2))
    try:
        await streamed(row.provider(server))
    except StreamError as error:
        return "seen" if error.partial is not None and error.partial.text else "seen, text lost"
    return "not seen"


async def silence(row: Row, server: FakeServer) -> str:
    """Whether the timeout ends a call that gets no answer."""
    server.script(Fault.hang(), Fault.hang())
    provider = row.provider(server, timeout=Timeout(read=0.2))
    for ask in (provider.complete(ASK), streamed(provider)):
        try:
            await asyncio.wait_for(ask, 10)
        except RequestTimeoutError:
            continue
        return "no"
    return "ended"


async def errors(row: Row, server: FakeServer) -> str:
    """Whether a 429 arrives with its status and the wait, after one request."""
    server.script(*[Fault.status(429, headers={"retry-after": "7"})] * 2)
    provider = row.provider(server)
    for ask in (provider.complete(ASK), streamed(provider)):
        try:
            await ask
        except RateLimitError as error:
            if (error.status_code, error.retry_after) == (429, 7):
                continue
        return "no"
    assert len(server.requests) == 2
    return "status, wait"


async def tools(row: Row, server: FakeServer) -> str:
    """Whether tools reach the vendor and calls come back."""
    call = ToolCall("call_1", "weather", {"city": "Oslo"}, '{"city": "Oslo"}')
    server.default = Reply("", tool_calls=[call], finish_reason="tool_calls")
    provider = row.provider(server)
    try:
        both = (
            await provider.complete(ASK, tools=[TOOL]),
            await streamed(provider, tools=[TOOL]),
        )
    except InvalidRequestError:
        return "refused"
    for completion in both:
        assert completion.finish_reason == "tool_calls"
        (asked,) = completion.tool_calls
        assert (asked.name, dict(asked.arguments)) == ("weather", {"city": "Oslo"})
    assert all("weather" in json.dumps(request.json) for request in server.requests)
    return "yes"


async def schema(row: Row, server: FakeServer) -> str:
    """Whether a JSON schema reaches the vendor."""
    server.default = Reply('{"only_here": "Oslo"}')
    try:
        await row.provider(server).complete(ASK, response_format=SCHEMA)
    except InvalidRequestError:
        return "refused"
    return "yes" if "only_here" in json.dumps(server.requests[0].json) else "lost"


async def models(row: Row, server: FakeServer) -> str:
    """Whether the vendor can be asked for its models; an assistant starts either way."""
    provider = row.provider(server)
    name = row.model.partition("/")[2]
    server.models = {row.shape: [name], "openai": [name]}
    assert await provider.check_connection()
    try:
        await provider.list_models()
    except LLMError:
        return "cannot be asked"
    return "asked"


async def cost(row: Row, server: FakeServer) -> str:
    """Where the price of an answer with known counts is from."""
    server.default = Reply("Oslo", usage=COUNTS, headers=row.headers)
    row = replace(row, model=row.priced or row.model)
    if row.counts:
        with canned() as vendor:
            said = {"role": "assistant", "content": "Oslo"}
            counts = {"prompt_tokens": 7, "completion_tokens": 666, **row.counts}
            vendor.says({"choices": [{"message": said, "index": 0}], "usage": counts})
            billed = (await row.provider(server, base_url=vendor.url).complete(ASK)).cost
        return "the server's word" if billed == 0.25 else "not the server's word"
    provider = row.provider(server)
    costs = [(await provider.complete(ASK)).cost]
    if "x-litellm-response-cost" in row.headers:  # of a stream, it is said with the usage
        return "the server's word" if costs == [0.25] else "not the server's word"
    costs.append((await streamed(provider)).cost)
    if costs == [None, None]:
        return "not known"
    if costs == [0, 0]:
        return "nothing"
    litellm = await _litellm.load()
    amounts = litellm.cost_per_token(
        model=row.model,
        prompt_tokens=COUNTS.prompt_tokens,
        completion_tokens=COUNTS.completion_tokens,
    )
    same = all(cost is not None and math.isclose(cost, sum(amounts)) for cost in costs)
    return "litellm's map" if same else "another price"


async def connections(row: Row, server: FakeServer) -> str:
    """How many calls are under way at once, when more than the limit are begun."""
    gate = server.gate()
    server.default = Reply("Oslo", gate=gate)
    provider = row.provider(server)
    calls = [asyncio.ensure_future(provider.generate(ASK)) for _ in range(LIMIT + 3)]
    try:
        await server.wait_for(lambda: server.peak >= LIMIT, timeout=60)
    finally:
        gate.set()
    assert await asyncio.gather(*calls) == ["Oslo"] * len(calls)
    await provider.aclose()
    return f"{server.peak} at once"


COLUMNS: dict[str, Measure] = {
    "answers": answers,
    "facts": facts,
    "usage": uncounted,
    "cut stream": cuts,
    "silence": silence,
    "errors": errors,
    "tools": tools,
    "schema": schema,
    "models": models,
    "cost": cost,
    "connections": connections,
}


async def measured(
    row: Row, start: Callable[[], AbstractContextManager[FakeServer]], without: Sequence[str] = ()
) -> dict[str, str]:
    """The row of the table, by column; each fact on a server of its own."""
    cells = {}
    for name, measure in COLUMNS.items():
        if name not in without:
            with start() as server, row.ready(server) as one:
                cells[name] = await measure(one, server)
    return cells


def written() -> dict[str, dict[str, str]]:
    """The table of the page, by row and column."""
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]
    return {name.strip("`"): dict(zip(COLUMNS, told, strict=True)) for name, *told in cells}


HEAD = """# Routes

What each route of litellm can do through `LiteLLMProvider`, measured against a server on this
machine in the shape of the vendor: `python -m tests.contract.route_table` writes this page, and a
test measures every row again.

- **answers**: text, finish reason and the vendor's own counts arrive, in one request.
- **facts**: whether finish reason, usage and the end of a stream are read from what the vendor
  sent, or are what litellm makes of it.
- **usage**: what is made of an answer without counts: *an estimate*, which says that it is one.
- **cut stream**: an end before the vendor's own sign of the end is a `StreamError` with what came.
- **silence**: `Timeout` ends a call that gets no answer.
- **errors**: a 429 is a `RateLimitError` with its status and the wait that the vendor asks for.
- **tools**, **schema**: they reach the vendor, and calls come back. *Refused*: an error before the
  request, because litellm knows that the route has none.
- **models**: the vendor is asked for its list by `list_models()` and `check_connection()`; where it
  cannot be asked, `check_connection()` does not stop an assistant from starting.
- **cost**: where the price of an answer with known counts is from, of a model that has one, if any
  of this route has. A table of our own wins where litellm's map says something else. *The server's
  word*: what OpenRouter, or LiteLLM's proxy, says that it billed (the proxy of a stream where it is
  set to say so).
- **connections**: how many calls of one provider are under way at the server when more are begun on
  one event loop; the others wait.

Cohere and Bedrock have wires of their own, and more tests (`tests/test_vendor_routes.py`). The rows
of Vertex AI sign in at a server on this machine too.

With a `base_url` nobody else is asked, on any route that litellm lists
(`tests/test_nothing_elsewhere.py`). These routes take no `base_url`: `bytez/`,
`microsoft_365_copilot/`, `replicate/`, `sagemaker/`, `sagemaker_chat/`, `sagemaker_nova/`. litellm
has their address written into it, and a call that gives another is a `ConfigurationError` before
anything is sent. Some routes sign in elsewhere first, as their vendor wants it: `bedrock/` and
`sagemaker/` without credentials of Amazon in the call or the environment, `vertex_ai/` at Google,
`azure/` without a key at Microsoft, `watsonx/` at IBM (`WATSONX_IAM_URL`), `gigachat/` at Sber
(`GIGACHAT_AUTH_URL`), and `chatgpt/` and `github_copilot/` with a browser.

"""


def page(rows: Mapping[str, Mapping[str, str]]) -> str:
    """The whole page."""
    head = ["route", *COLUMNS]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| `{row}` | {' | '.join(cells.values())} |" for row, cells in rows.items()]
    return HEAD + "\n".join(lines) + "\n"


async def _main() -> None:
    rows = {str(row): await measured(row, FakeServer) for row in ROWS}
    PAGE.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_main())
