"""Every public name as it is meant to be used: no type checker may object to a line here.

Read by test_types.py, never run. Most lines say the type that they expect.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from decimal import Decimal
from typing import ClassVar

from bruno_core.interfaces import AbilityInterface, LLMInterface, MemoryInterface
from bruno_core.models import Message, MessageRole
from mcp import ClientSession
from pydantic import BaseModel
from typing_extensions import assert_type

import bruno_llm
from bruno_llm import (
    AllProvidersFailedError,
    AuthenticationError,
    Budget,
    BudgetExceededError,
    BudgetWarning,
    Cache,
    Capabilities,
    ClaudeProvider,
    Completion,
    ConfigurationError,
    ContentFilterError,
    ContextLengthExceededError,
    ContextWindow,
    CostTracker,
    EmptyResponseError,
    FallbackProvider,
    GeminiEmbedder,
    GeminiProvider,
    InvalidRequestError,
    LitellmChangedError,
    LiteLLMEmbedder,
    LiteLLMProvider,
    LLMError,
    LLMFactory,
    MistralEmbedder,
    MistralProvider,
    ModelNotFoundError,
    ModelPrice,
    OllamaEmbedder,
    OllamaProvider,
    OpenAIEmbedder,
    OpenAIProvider,
    PermissionDeniedError,
    ProviderConfig,
    ProviderConnectionError,
    QuotaExceededError,
    RateLimit,
    RateLimitError,
    ReasoningDelta,
    RequestTimeoutError,
    Retry,
    RunEnd,
    RunProgress,
    ServiceUnavailableError,
    StreamEnd,
    StreamError,
    StreamEvent,
    StreamRestart,
    Structured,
    StructuredOutputError,
    TextDelta,
    Timeout,
    Tool,
    ToolAssistant,
    ToolCall,
    ToolCallDelta,
    ToolError,
    ToolFinished,
    ToolLimitError,
    ToolProvider,
    ToolRun,
    ToolStarted,
    TransientError,
    Trimmed,
    UnifiedProviderFactory,
    Usage,
    complete_as,
    completion_message,
    file_message,
    generate_as,
    image_message,
    log,
    preload,
    resume_tools,
    run_tools,
    stream_as,
    stream_tools,
    tool,
    tool_result,
    tools_from_abilities,
    tools_from_mcp,
)


class Person(BaseModel):
    name: str


version: str = bruno_llm.__version__

# --- providers, with every policy and options of their own ------------------------------------

generic = LiteLLMProvider("azure/gpt-4o", api_version="2025-01-01", top_p=0.9)
openai = OpenAIProvider(
    "gpt-5.4-mini",
    api_key="key",
    base_url="http://localhost:8080/v1",
    timeout=Timeout(read=30.0, total=120.0),
    system_prompt="Be brief.",
    temperature=0.2,
    max_tokens=100,
    retry=Retry(attempts=5),
    rate_limit=RateLimit(60, concurrency=4),
    costs=CostTracker([Budget(5.0, period="day")]),
    cache=Cache(ttl=60.0),
    window=ContextWindow(strategy="keep_ends"),
    organization="org-1",
    seed=7,
)
claude = ClaudeProvider(retry=None, top_k=5)
mistral = MistralProvider(safe_prompt=True)
gemini = GeminiProvider(safety_settings=[{"category": "x", "threshold": "y"}])
ollama = OllamaProvider("llama3.2", num_ctx=8192, keep_alive="5m", think=True)
fallback = FallbackProvider([openai, claude], resume="restart")
both: list[LLMInterface] = [generic, gemini, fallback]

log("WARNING")
preload(wait=True)

# --- messages ---------------------------------------------------------------------------------

conversation: list[Message | dict[str, str]] = [
    Message(role=MessageRole.USER, content="Who is on it?"),
    image_message("Look.", "cat.png"),
    file_message("Read.", "paper.pdf"),
    tool_result("call_1", "12 degrees"),
    {"role": "user", "content": "And in a dict?"},
]


async def calls() -> None:
    assert_type(await openai.generate(conversation, 0.2, 50, stop=["\n"]), str)
    completion = await ollama.complete(
        conversation,
        temperature=0.0,
        max_tokens=20,
        num_ctx=4096,
        tools=[{"type": "function", "function": {"name": "f"}}],
        tool_choice="auto",
        response_format=Person,
        timeout=Timeout(total=3.0),
        tag="alice",
        top_p=None,
    )
    assert_type(completion, Completion)
    assert_type(completion.text, str)
    assert_type(completion.usage, Usage | None)
    assert_type(completion.cost, float | None)
    assert_type(completion.tool_calls, tuple[ToolCall, ...])
    assert_type(completion.trimmed, Trimmed | None)
    assert_type(completion_message(completion), Message)
    stream = claude.stream(conversation, timeout=10)
    assert_type(stream, AsyncGenerator[str, None])
    async for piece in stream:
        assert_type(piece, str)
    async for event in gemini.stream_events(conversation, extra_body={"x": 1}):
        assert_type(event, StreamEvent)
        if isinstance(event, TextDelta | ReasoningDelta):
            assert_type(event.text, str)
        elif isinstance(event, ToolCallDelta):
            assert_type(event.index, int)
        elif isinstance(event, StreamRestart):
            assert_type(event.provider, str)
        else:
            assert_type(event, StreamEnd)
            assert_type(event.completion, Completion)
    assert_type(await fallback.generate(conversation), str)
    assert_type(await fallback.complete(conversation), Completion)
    assert_type(openai.capabilities(), Capabilities)
    assert_type(await openai.count_message_tokens(conversation), int)
    assert_type(await openai.list_models(), list[str])
    assert_type(await openai.check_connection(), bool)
    async with OpenAIProvider() as closing:
        assert_type(closing, OpenAIProvider)


# --- by name ----------------------------------------------------------------------------------


async def by_name() -> None:
    assert_type(LLMFactory.create("openai", temperature=0.2, retry=5), OpenAIProvider)
    assert_type(LLMFactory.create("claude", budget=2.5), ClaudeProvider)
    assert_type(LLMFactory.create("gemini", cache=True), GeminiProvider)
    assert_type(LLMFactory.create("ollama", num_ctx=8192), OllamaProvider)
    assert_type(LLMFactory.create("mistral", safe_prompt=True), MistralProvider)
    assert_type(LLMFactory.create("groq/llama-3.3-70b-versatile"), LLMInterface)
    assert_type(LLMFactory.create("openai", fallback=["ollama"]), LLMInterface)
    assert_type(LLMFactory.create(config={"provider": "openai"}), LLMInterface)
    config = ProviderConfig(provider="openai", retry={"attempts": 5})
    assert_type(LLMFactory.create_from_config(config), LLMInterface)
    assert_type(LLMFactory.create_from_env("openai"), LLMInterface)
    assert_type(LLMFactory.create_from_file("config.toml"), LLMInterface)
    assert_type(await LLMFactory.create_with_fallback(["openai", "ollama"]), FallbackProvider)
    assert_type(await LLMFactory.create_available(prefer="local"), LLMInterface)
    assert_type(LLMFactory.list_providers(), list[str])
    LLMFactory.register("mine", OllamaProvider)
    assert_type(UnifiedProviderFactory.create_llm("openai"), LLMInterface)
    assert_type(UnifiedProviderFactory.create_embedding("openai"), OpenAIEmbedder)
    assert_type(UnifiedProviderFactory.create_embedding("ollama"), OllamaEmbedder)
    assert_type(UnifiedProviderFactory.create_embedding("mistral"), MistralEmbedder)
    assert_type(UnifiedProviderFactory.create_embedding("gemini"), GeminiEmbedder)
    assert_type(UnifiedProviderFactory.create_embedding("cohere/embed-v4"), LiteLLMEmbedder)


# --- embeddings, costs, errors ----------------------------------------------------------------


async def embeddings() -> None:
    for embedder in (
        OpenAIEmbedder(dimensions=256),
        OllamaEmbedder(),
        GeminiEmbedder(),
        MistralEmbedder(),
    ):
        assert_type(await embedder.embed_texts(["a", "b"]), list[list[float]])
    assert_type(await LiteLLMEmbedder("cohere/embed-v4").embed_text("a"), list[float])


def warned(warning: BudgetWarning) -> None:
    assert_type(warning.spent, Decimal)


tracker = CostTracker(1.0, on_warning=warned)
price = ModelPrice(1.0, 2.0, source="the vendor's page", as_of="2026-11-21")


class Groq(LiteLLMProvider):
    name = "groq"
    prefix = "groq/"
    prices: ClassVar[Mapping[str, ModelPrice]] = {"llama": price}


errors: list[type[LLMError]] = [
    AllProvidersFailedError,
    AuthenticationError,
    BudgetExceededError,
    ConfigurationError,
    ContentFilterError,
    ContextLengthExceededError,
    EmptyResponseError,
    InvalidRequestError,
    LitellmChangedError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderConnectionError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
    StreamError,
    StructuredOutputError,
    ToolLimitError,
    TransientError,
]


def told(error: LLMError) -> None:
    assert_type(error.retry_after, float | None)
    assert_type(error.partial, Completion | None)


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    if not city:
        raise ToolError("which city?")
    return "sunny"


def with_abilities(llm: OpenAIProvider, memory: MemoryInterface, timer: AbilityInterface) -> None:
    assert_type(tools_from_abilities([timer], user_id="ada"), list[Tool])
    assert_type(Tool.from_ability(timer, user_id="ada"), Tool)
    assert_type(ToolAssistant(llm, memory, tools=[weather]), ToolAssistant)


async def with_tools(llm: OpenAIProvider, messages: list[Message]) -> None:
    assert_type(weather, Tool)
    made = [weather, Tool.from_schema("x", "does x", {"type": "object"}, call=print)]
    assert_type(await llm.generate(messages, tools=[warned, {"type": "web_search"}]), str)
    assert_type(await llm.complete(messages, tools=made), Completion)
    run = await run_tools(llm, messages, made, max_rounds=3, temperature=0.2)
    assert_type(run, ToolRun)
    assert_type(await resume_tools(llm, run, made, approved={"id": True}), ToolRun)
    assert_type(await ToolProvider(llm, made).generate(messages), str)
    async for event in stream_tools(llm, messages, made):
        if isinstance(event, ToolStarted | ToolFinished):
            assert_type(event.call, ToolCall)
        elif isinstance(event, RunProgress | RunEnd):
            assert_type(event.run, ToolRun)


class City(BaseModel):
    name: str


async def typed(llm: OpenAIProvider, messages: list[Message]) -> None:
    await llm.warm_up()
    assert_type(await generate_as(llm, messages, City), City)
    found = await complete_as(llm, messages, City, attempts=2, mode="native", temperature=0.0)
    assert_type(found, Structured[City])
    assert_type(found.value.name, str)
    async for partial in stream_as(llm, messages, City):
        assert_type(partial.cost, float | None)


async def with_mcp(session: ClientSession) -> None:
    assert_type(await tools_from_mcp(session, prefix="files_"), list[Tool])
