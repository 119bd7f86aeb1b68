"""The same checks on a server nobody here wrote: llama.cpp, OpenAI's wire and Anthropic's."""

from __future__ import annotations

from contextlib import aclosing
from typing import Literal

import pytest
from pydantic import BaseModel

from bruno_llm import (
    Cache,
    ClaudeProvider,
    CostTracker,
    LiteLLMProvider,
    LLMError,
    OpenAIProvider,
    RateLimit,
    ReasoningDelta,
    RunEnd,
    StreamEnd,
    completion_message,
    run_tools,
    stream_tools,
    tool,
    tool_result,
)
from bruno_llm.demo.engine import Engine
from tests.contract.matrix import ask, collect, complete

HELLO = "Hello from a tiny model that no one trained: Café 🙂 done."
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


class Spot(BaseModel):
    kind: Literal["hill", "valley"]
    near: list[str] = []


@pytest.fixture(params=["openai", "claude", "generic"])
def provider(request: pytest.FixtureRequest, engine: Engine, no_keys: None) -> LiteLLMProvider:
    """On the real server, with every policy in force."""
    cls, model, url = {
        "openai": (OpenAIProvider, "tiny", engine.openai_base_url),
        "claude": (ClaudeProvider, "tiny", engine.anthropic_base_url),
        "generic": (LiteLLMProvider, "openai/tiny", engine.openai_base_url),
    }[request.param]
    return cls(
        model,
        base_url=url,
        api_key="any-key-at-all",
        cache=Cache(),
        costs=CostTracker(),
        rate_limit=RateLimit(requests_per_minute=10_000, concurrency=2),
    )


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.mark.covering(1)
async def test_text_by_every_way(provider: LiteLLMProvider, way: str) -> None:
    assert await ask(provider, way, user("hello")) == HELLO


async def test_a_stream_comes_in_many_pieces_without_a_broken_letter(
    provider: LiteLLMProvider,
) -> None:
    pieces = [piece async for piece in provider.stream(user("hello"))]
    assert len(pieces) > 8
    assert "".join(pieces) == HELLO
    assert "\ufffd" not in "".join(pieces)


async def test_facts(provider: LiteLLMProvider, facts: str) -> None:
    completion = await complete(provider, facts, user("hello"))
    assert completion.finish_reason == "stop"
    assert completion.model == "tiny"
    assert completion.cost is None  # nobody has priced it
    usage = completion.usage
    assert usage is not None
    assert not usage.estimated
    assert usage.prompt_tokens > 5
    assert usage.completion_tokens > 15
    assert provider.costs is not None
    assert provider.costs.recent()[0].completion_tokens == usage.completion_tokens


async def test_an_answer_that_is_cut_says_so(provider: LiteLLMProvider, facts: str) -> None:
    completion = await complete(provider, facts, user("[[count]]"), max_tokens=5)
    assert completion.finish_reason == "length"
    assert completion.text.startswith("n1 n2")


async def test_thinking_is_kept_apart(provider: LiteLLMProvider, facts: str) -> None:
    completion = await complete(provider, facts, user("[[think]]"))
    assert completion.text.strip() == "Thought."
    assert (completion.reasoning or "").strip() == "I should keep this brief."


async def test_thinking_is_streamed(provider: LiteLLMProvider) -> None:
    events = await collect(provider, user("[[think]]"))
    assert any(isinstance(event, ReasoningDelta) for event in events)
    assert isinstance(events[-1], StreamEnd)


async def test_a_tool_round_trip(provider: LiteLLMProvider, facts: str) -> None:
    question = user("The weather in Paris?")
    first = await complete(provider, facts, question, tools=[TOOL])
    assert first.finish_reason == "tool_calls"
    (call,) = first.tool_calls
    assert (call.name, dict(call.arguments)) == ("get_weather", {"city": "Paris"})
    history = [*question, completion_message(first), tool_result(call, {"sky": "clear"})]
    second = await complete(provider, facts, history, tools=[TOOL])
    assert second.text == "The tool said it is sunny."
    assert second.finish_reason == "stop"


async def test_a_loop_over_tools(provider: LiteLLMProvider, facts: str) -> None:
    """The model is bound by the server's grammar to the schema that it was sent."""
    asked: list[Spot] = []

    @tool
    def get_weather(city: str, spot: Spot | None = None) -> str:
        """The weather of a city."""
        asked.extend([spot] if spot else [])
        return f"Clear in {city}"

    question = user("The weather in Paris?")
    if facts == "complete":
        run = await run_tools(provider, question, [get_weather])
    else:
        *_, end = [event async for event in stream_tools(provider, question, [get_weather])]
        assert isinstance(end, RunEnd)
        run = end.run
    assert run.text == "The tool said it is sunny."
    (call,) = run.calls
    assert call.name == "get_weather"
    (told,) = (message.content for message in run.messages if message.role.value == "tool")
    assert told == f"Clear in {call.arguments['city']}"
    assert provider.costs is not None and len(provider.costs.recent()) == 2


async def test_a_system_prompt_is_billed(provider: LiteLLMProvider, facts: str) -> None:
    plain = await complete(provider, facts, user("hello"))
    provider.set_system_prompt("You are a very tiny model, of whom nobody expects much.")
    prompted = await complete(provider, facts, user("hello"))
    assert plain.usage is not None
    assert prompted.usage is not None
    assert prompted.usage.prompt_tokens > plain.usage.prompt_tokens + 20


async def test_the_same_question_is_answered_from_the_cache(
    provider: LiteLLMProvider, facts: str
) -> None:
    await complete(provider, facts, user("[[short]]"))
    hit = await complete(provider, facts, user("[[short]]"))
    assert (hit.text, hit.cached, hit.cost) == ("Yes.", True, 0.0)


async def test_a_reader_that_leaves_is_booked(provider: LiteLLMProvider) -> None:
    async with aclosing(provider.stream(user("[[count]]"))) as stream:
        await anext(stream)
    assert provider.costs is not None
    (booking,) = provider.costs.recent()
    assert booking.estimated
    assert 0 < booking.completion_tokens < 64


async def test_a_request_it_refuses(provider: LiteLLMProvider, facts: str) -> None:
    with pytest.raises(LLMError) as caught:
        await complete(provider, facts, user("word " * 6000))
    assert caught.value.status_code == 400
    assert type(caught.value).__name__ == "ContextLengthExceededError"


async def test_the_connection_and_the_models(provider: LiteLLMProvider) -> None:
    assert await provider.check_connection() is True
    assert await provider.list_models() == ["tiny"]
