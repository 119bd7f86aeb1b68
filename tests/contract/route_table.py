"""What each litellm route can do, measured against a loopback server of its shape.

``python -m tests.contract.route_table`` writes ``docs/routes.md``; the test beside it measures each
row again and compares.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bruno_llm import (
    Completion,
    InvalidRequestError,
    LiteLLMProvider,
    LLMError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
    StreamEnd,
    StreamError,
    Timeout,
    ToolCall,
    Usage,
)
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.dialects import dialect
from tests.google_account import google_account

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


AMAZON = {
    "api_key": None,
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
    "aws_region_name": "us-east-1",
}

UNASKED = "mistral"
"""Of the shape that counts streams without being asked to; litellm does not ask these vendors."""


@dataclass(frozen=True)
class Row:
    """A route, and how it is pointed at the server."""

    model: str
    shape: str = "openai"
    bare: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    """In the table, where the route has several rows."""
    google: bool = False
    """Signs in at Google."""
    retold: str | None = None
    """Answered in a format of its own, at this path of the server that retells the answers."""

    def provider(self, server: FakeServer, **more: Any) -> LiteLLMProvider:
        url = server.url if self.bare else server.base_url(self.shape)
        settings = {"api_key": "k" * 20, "base_url": url, "retry": None, **self.options, **more}
        return LiteLLMProvider(self.model, **settings)

    @contextmanager
    def ready(self, server: FakeServer) -> Iterator[Row]:
        """The row with what it needs beside the server."""
        with ExitStack() as beside:
            more = beside.enter_context(google_account()) if self.google else {}
            if self.retold is not None:
                address = beside.enter_context(dialect(server.base_url("openai")))
                more = {**more, "base_url": address + self.retold}
            yield replace(self, options={**self.options, **more})

    def __str__(self) -> str:
        return self.name or self.model.partition("/")[0]


ROWS = (
    Row("openai/gpt-4o-mini"),
    Row("anthropic/claude-sonnet-4-5", "anthropic"),
    Row("gemini/gemini-2.5-flash", "gemini"),
    Row("ollama/llama3.2", "ollama"),
    Row("azure/my-deployment", bare=True, options={"api_version": "2024-10-21"}),
    Row("azure_ai/some-model"),
    Row("bedrock/converse/amazon.nova-lite-v1:0", options=AMAZON, retold=""),
    Row("cloudflare/@cf/meta/llama-3-8b"),
    Row("cohere_chat/command-a", retold="/v2/chat"),
    Row("deepinfra/some-model", UNASKED),
    Row("deepseek/deepseek-chat", "deepseek"),
    Row("fireworks_ai/some-model"),
    Row("github/gpt-4o-mini"),
    Row("groq/some-model", "groq"),
    Row("hosted_vllm/some-model"),
    Row("huggingface/some-owner/some-model"),
    Row("litellm_proxy/some-model"),
    Row("llamafile/some-model"),
    Row("lm_studio/some-model"),
    Row("mistral/mistral-small-latest", "mistral"),
    Row("openrouter/some/model", "openrouter"),
    Row("perplexity/sonar", UNASKED),
    Row("together_ai/some-model"),
    Row(
        "vertex_ai/gemini-2.5-flash", "gemini", bare=True, name="vertex_ai/gemini-...", google=True
    ),
    Row(
        "vertex_ai/claude-sonnet-4-5",
        "anthropic",
        bare=True,
        name="vertex_ai/claude-...",
        google=True,
    ),
    Row("xai/grok-3", "xai"),
)

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


async def uncounted(row: Row, server: FakeServer) -> str:
    """Whether numbers that the vendor did not send are called an estimate."""
    server.default = Reply("Oslo", usage=None)
    provider = row.provider(server)
    try:
        both = (await provider.complete(ASK), await streamed(provider))
    except ServiceUnavailableError:
        return "an error"
    for completion in both:
        assert completion.usage is not None
        if not completion.usage.estimated:
            return "litellm's word"
    return "read from the wire"


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


COLUMNS: dict[str, Measure] = {
    "answers": answers,
    "usage": uncounted,
    "cut stream": cuts,
    "silence": silence,
    "errors": errors,
    "tools": tools,
    "schema": schema,
    "models": models,
}


async def measured(row: Row, start: Callable[[], AbstractContextManager[FakeServer]]) -> str:
    """The row of the table; each fact on a server of its own."""
    cells = []
    for measure in COLUMNS.values():
        with start() as server, row.ready(server) as one:
            cells.append(await measure(one, server))
    return f"| `{row}` | {' | '.join(cells)} |"


HEAD = """# Routes

What each route of litellm can do through `LiteLLMProvider`, measured against a server on this
machine in the shape of the vendor: `python -m tests.contract.route_table` writes this page, and a
test measures every row again.

- **answers**: text, finish reason and the vendor's own counts arrive, in one request.
- **usage**: what is made of an answer without counts. *Read from the wire*: it is an estimate, and
  says so. *An error*: litellm cannot read such an answer, and the vendor promises counts.
- **cut stream**: an end before the vendor's own sign of the end is a `StreamError` with what came.
- **silence**: `Timeout` ends a call that gets no answer.
- **errors**: a 429 is a `RateLimitError` with its status and the wait that the vendor asks for.
- **tools**, **schema**: they reach the vendor, and calls come back. *Refused*: an error before the
  request, because litellm knows that the route has none.
- **models**: the vendor is asked for its list by `list_models()` and `check_connection()`; where it
  cannot be asked, `check_connection()` does not stop an assistant from starting.

Two things are no columns, because they are not facts of a route. What an answer **costs** follows
from the model's price and from the usage above, and is unknown where the model has no price; what
LiteLLM's proxy says that it billed comes first. How many **connections** are open at once is set in
the client through which all of these routes go: up to 100 for a provider on an event loop.

Cohere and Bedrock have wires of their own, and more tests (`tests/test_vendor_routes.py`).
Cohere is read from the wire. On Bedrock the facts and the end of a stream are litellm's, and so is
the usage of a plain answer. The rows of Vertex AI sign in at a server on this machine
too.

With a `base_url` nobody else is asked, on any route that litellm lists
(`tests/test_nothing_elsewhere.py`). These routes take no `base_url`: `bytez/`,
`microsoft_365_copilot/`, `replicate/`, `sagemaker/`, `sagemaker_chat/`, `sagemaker_nova/`. litellm
has their address written into it, and a call that gives another is a `ConfigurationError` before
anything is sent. Some routes sign in elsewhere first, as their vendor wants it: `bedrock/` and
`sagemaker/` without credentials of Amazon in the call or the environment, `vertex_ai/` at Google,
`azure/` without a key at Microsoft, `watsonx/` at IBM (`WATSONX_IAM_URL`), `gigachat/` at Sber
(`GIGACHAT_AUTH_URL`), and `chatgpt/` and `github_copilot/` with a browser.

"""


def page(rows: list[str]) -> str:
    """The whole page."""
    head = ["route", *COLUMNS]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *rows]
    return HEAD + "\n".join(lines) + "\n"


async def _main() -> None:
    PAGE.write_text(page([await measured(row, FakeServer) for row in ROWS]), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_main())
