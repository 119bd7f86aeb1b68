"""Events and OpenTelemetry, through the public API, for plain, streamed and embedding calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from bruno_llm import (
    ClaudeProvider,
    GeminiProvider,
    InvalidRequestError,
    LiteLLMProvider,
    OllamaProvider,
    OpenAIEmbedder,
    OpenAIProvider,
    Retry,
    StreamError,
    Usage,
)
from bruno_llm.testing import FakeServer, Fault, MovedClock, Reply
from tests.warm import Worker

PROMPT = "Where did the planted words of this prompt go?"
ASK = [{"role": "user", "content": PROMPT}]
NAMES = {
    "openai": "openai",
    "claude": "anthropic",
    "gemini": "gcp.gemini",
    "ollama": "ollama",
    "litellm": "litellm",
}


@pytest.fixture(scope="module")
def exported() -> Iterator[tuple[InMemorySpanExporter, InMemoryMetricReader]]:
    # OpenTelemetry lets an application set its providers once, and keeps them to the end.
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(tracing)
    metrics.set_meter_provider(MeterProvider([reader]))
    yield spans, reader
    spans.shutdown()  # else it would keep the spans of all later tests
    spans.clear()


@pytest.fixture
def spans(exported: tuple[InMemorySpanExporter, InMemoryMetricReader]) -> InMemorySpanExporter:
    exported[0].clear()
    return exported[0]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def make(name: str, server: FakeServer, **kwargs: Any) -> LiteLLMProvider:
    base = {"retry": None, "api_key": "k" * 20, **kwargs}
    if name == "openai":
        return OpenAIProvider("gpt-4o-mini", base_url=server.base_url("openai"), **base)
    if name == "claude":
        return ClaudeProvider("claude-haiku-4-5", base_url=server.base_url("claude"), **base)
    if name == "gemini":
        return GeminiProvider("gemini-2.5-flash", base_url=server.base_url("gemini"), **base)
    if name == "ollama":
        return OllamaProvider("llama3.2", base_url=server.base_url("ollama"), **base)
    return LiteLLMProvider("openai/gpt-4o-mini", base_url=server.base_url("openai"), **base)


async def ask(provider: LiteLLMProvider, streamed: bool, **kwargs: Any) -> None:
    if streamed:
        async for _ in provider.stream(ASK, **kwargs):
            pass
    else:
        await provider.generate(ASK, **kwargs)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", NAMES)
async def test_a_span_for_each_call(
    name: str, streamed: bool, server: FakeServer, spans: InMemorySpanExporter
) -> None:
    server.default = Reply("Hello", usage=Usage(10, 5, 15), id="answer-1")
    provider = make(name, server)
    await ask(provider, streamed, temperature=0.5, max_tokens=50)
    (span,) = spans.get_finished_spans()
    facts = dict(span.attributes or {})
    assert span.name == f"chat {provider.model}"
    assert span.kind is trace.SpanKind.CLIENT
    assert facts["gen_ai.operation.name"] == "chat"
    assert facts["gen_ai.provider.name"] == NAMES[name]
    assert facts["gen_ai.request.model"] == provider.model
    assert facts["gen_ai.request.temperature"] == 0.5
    assert facts["gen_ai.request.max_tokens"] == 50
    assert facts["gen_ai.usage.input_tokens"] == 10
    assert facts["gen_ai.usage.output_tokens"] == 5
    assert facts["gen_ai.response.finish_reasons"] == ("stop",)
    assert facts["server.address"] == "127.0.0.1"
    assert ("gen_ai.response.time_to_first_chunk" in facts) is streamed
    assert PROMPT not in json.dumps(facts, default=str)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_failure_is_an_error_span_with_its_retries(
    streamed: bool, server: FakeServer, spans: InMemorySpanExporter
) -> None:
    server.script(Fault.status(503), Fault.status(400))
    with MovedClock(), capture_logs() as events, pytest.raises(InvalidRequestError):
        await ask(make("openai", server, retry=Retry()), streamed)
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "InvalidRequestError"
    (retry,) = span.events
    assert (retry.attributes or {})["error.type"] == "ServiceUnavailableError"
    names = [event["event"] for event in events]
    assert names == ["llm_call_started", "llm_call_retried", "llm_call_failed"]
    assert events[-1]["status_code"] == 400
    assert PROMPT not in str(events)


async def test_a_broken_and_a_left_stream(server: FakeServer, spans: InMemorySpanExporter) -> None:
    provider = make("openai", server)
    server.script(Fault.cut(after=2))
    with capture_logs() as events, pytest.raises(StreamError):
        await ask(provider, True)
    assert [e["event"] for e in events] == ["llm_call_started", "llm_call_failed"]
    stream = provider.stream(ASK)
    with capture_logs() as events:
        await anext(stream)
        await stream.aclose()
    assert [e["event"] for e in events] == ["llm_call_started", "llm_call_finished"]
    assert events[-1]["whole"] is False
    broken, left = spans.get_finished_spans()
    assert broken.status.status_code is trace.StatusCode.ERROR
    assert left.status.status_code is trace.StatusCode.UNSET


@pytest.mark.parametrize("streamed", [False, True])
async def test_events_tell_tokens_cost_and_time(streamed: bool, server: FakeServer) -> None:
    server.default = Reply("Hello", usage=Usage(1000, 100, 1100))
    with capture_logs() as events:
        await ask(make("openai", server), streamed)
    started, finished = events
    assert (started["event"], started["log_level"]) == ("llm_call_started", "debug")
    assert finished["event"] == "llm_call_finished"
    assert finished["provider"] == "openai"
    assert finished["prompt_tokens"] == 1000
    assert finished["completion_tokens"] == 100
    assert finished["cost_usd"] == pytest.approx(0.00021)
    assert finished["finish_reason"] == "stop"
    assert finished["latency"] >= 0
    assert PROMPT not in str(events)


@pytest.mark.parametrize("streamed", [False, True])
async def test_content_only_when_asked(
    streamed: bool,
    server: FakeServer,
    spans: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    server.default = Reply("An answer.")
    await ask(make("openai", server), streamed)
    facts = dict(spans.get_finished_spans()[0].attributes or {})
    assert PROMPT in str(facts["gen_ai.input.messages"])
    assert "An answer." in str(facts["gen_ai.output.messages"])


async def test_embeddings_and_metrics(
    server: FakeServer, exported: tuple[InMemorySpanExporter, InMemoryMetricReader]
) -> None:
    spans, reader = exported
    spans.clear()
    await OpenAIEmbedder(api_key="k" * 20, base_url=server.base_url("openai")).embed_text("word")
    (span,) = spans.get_finished_spans()
    assert span.name == "embeddings text-embedding-3-small"
    await ask(make("openai", server), True)
    data = reader.get_metrics_data()
    assert data is not None
    found = {
        metric.name: metric.unit
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert found == {
        "gen_ai.client.operation.duration": "s",
        "gen_ai.client.operation.time_to_first_chunk": "s",
        "gen_ai.client.token.usage": "{token}",
    }


async def test_an_instrumented_client_below_becomes_a_child(
    server: FakeServer, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    tracer = trace.get_tracer("test")
    send = httpx.AsyncClient.send

    async def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        with tracer.start_as_current_span("POST"):
            return await send(self, *args, **kwargs)

    monkeypatch.setattr(httpx.AsyncClient, "send", traced)
    await ask(make("openai", server), False)
    post, chat = spans.get_finished_spans()
    assert post.parent is not None
    assert chat.context is not None
    assert post.parent.span_id == chat.context.span_id


def test_nothing_is_made_until_the_application_sets_up_an_sdk() -> None:
    code = (
        "import sys, asyncio; from bruno_llm import OpenAIProvider, LLMError\n"
        "p = OpenAIProvider(api_key='k'*20, base_url='http://127.0.0.1:9/v1', retry=None)\n"
        "try: asyncio.run(p.generate([{'role': 'user', 'content': 'x'}]))\n"
        "except LLMError: pass\n"
        "from bruno_llm.call import watch\n"
        "print('instruments:', watch._instruments.cache_info().currsize)\n"
    )
    process = Worker(code)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.strip().endswith("instruments: 0")
