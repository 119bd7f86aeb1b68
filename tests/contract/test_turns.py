"""A turn comes back whole: tool loops with thinking, and vendors that change in the middle."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from bruno_core.models.message import Message

from bruno_llm import (
    Cache,
    ClaudeProvider,
    Completion,
    ContextWindow,
    FallbackProvider,
    GeminiProvider,
    LiteLLMProvider,
    OllamaProvider,
    OpenAIProvider,
    ToolCall,
    completion_message,
    tool_result,
)
from bruno_llm.testing import FakeServer, Fault, Reply
from bruno_llm.testing.fake.parts import Text, Thinking
from tests.contract.matrix import FACTS, KEY, complete
from tests.contract.test_tools import TOOLS

ROUNDS = (
    (ToolCall("call_1", "get_weather", {"city": "Tromsø"}),),
    (
        ToolCall("call_2", "get_time", {"city": "Oslo"}),
        ToolCall("call_3", "get_weather", {"city": "Bergen"}),
    ),
)
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Wire:
    """A provider, and where in its requests the assistant's turns stand."""

    id: str
    cls: type[LiteLLMProvider]
    model: str
    server: str
    turns: Callable[[Body], list[Any]]
    options: Mapping[str, Any]
    thinks: bool = True
    """It wants its thinking back."""

    def provider(self, server: FakeServer) -> LiteLLMProvider:
        return self.cls(self.model, base_url=server.base_url(self.server), api_key=KEY, retry=None)

    def __str__(self) -> str:
        return self.id


def of_role(name: str, role: str, items: str) -> Callable[[Body], list[Any]]:
    def turns(body: Body) -> list[Any]:
        return [message[items] for message in body[name] if message["role"] == role]

    return turns


def whole_messages(body: Body) -> list[Any]:
    return [message for message in body["messages"] if message["role"] == "assistant"]


def answers(body: Body) -> list[Any]:
    """The runs of items between what the user and the tools said."""
    runs: list[list[Any]] = [[]]
    for item in body["input"]:
        if item.get("role") in ("user", "system") or item.get("type") == "function_call_output":
            runs.append([])
        else:
            runs[-1].append(item)
    return [run for run in runs if run]


THINK = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2048}
CLAUDE = Wire(
    "claude",
    ClaudeProvider,
    "claude-sonnet-4-5",
    "anthropic",
    of_role("messages", "assistant", "content"),
    THINK,
)
GEMINI = Wire(
    "gemini",
    GeminiProvider,
    "gemini-3-pro-preview",
    "gemini",
    of_role("contents", "model", "parts"),
    {},
)
OLLAMA = Wire("ollama", OllamaProvider, "qwen3:4b", "ollama", whole_messages, {"think": True})
CHAT = Wire("chat", OpenAIProvider, "gpt-4o-mini", "openai", whole_messages, {}, thinks=False)
RESPONSES = Wire(
    "responses", OpenAIProvider, "gpt-5.4-mini", "openai", answers, {"api": "responses"}
)
DEEPSEEK = Wire(
    "deepseek", LiteLLMProvider, "deepseek/deepseek-reasoner", "deepseek", whole_messages, {}
)
OPENROUTER = Wire(
    "openrouter",
    LiteLLMProvider,
    "openrouter/anthropic/claude-haiku-4.5",
    "openrouter",
    whole_messages,
    {},
)
WIRES = (CHAT, RESPONSES, CLAUDE, GEMINI, OLLAMA, DEEPSEEK, OPENROUTER)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """One that refuses what the vendors refuse."""
    with FakeServer(strict=True) as running:
        yield running
        assert running.refusals == []


@pytest.fixture(params=FACTS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def through_json(history: Sequence[Any]) -> list[Message]:
    return [Message.model_validate_json(message.model_dump_json()) for message in history]


def results(completion: Completion) -> list[Message]:
    return [tool_result(call, f"the result of {call.id}") for call in completion.tool_calls]


async def step(
    wire: Wire, server: FakeServer, way: str, history: list[Any], reply: Reply, **options: Any
) -> Completion:
    server.script(reply)
    async with wire.provider(server) as provider:
        return await complete(provider, way, history, tools=TOOLS, **{**wire.options, **options})


def given_back(wire: Wire, body: Body, place: int, completion: Completion) -> bool:
    """Whether the turn at this place is the one that the vendor gave, unchanged."""
    assert completion.native is not None
    items = completion.native["items"]
    turn = wire.turns(body)[place]
    if isinstance(turn, list):
        return turn == items
    return all(turn.get(name) == value for name, value in items[0].items())


@pytest.mark.covering(1)
@pytest.mark.parametrize("thinking", [True, False], ids=["thinking", "plain"])
@pytest.mark.parametrize("wire", WIRES, ids=str)
async def test_a_loop_of_three_rounds(
    wire: Wire, server: FakeServer, way: str, thinking: bool, no_keys: None
) -> None:
    history: list[Any] = [Message(role="user", content="How is it there, and when?")]
    done: list[Completion] = []
    options = {} if thinking or wire is not CLAUDE else {"thinking": None}
    for number, calls in enumerate((*ROUNDS, ())):
        thought = [Thinking(f"Round {number} needs thought.")] if thinking and calls else []
        if wire is CHAT:
            thought = []
        said = [] if calls else [Text("All is well.")]
        reply = Reply(parts=[*thought, *said, *calls])
        completion = await step(wire, server, way, through_json(history), reply, **options)
        done.append(completion)
        history += [completion_message(completion), *results(completion)]
    assert done[-1].text == "All is well."
    assert [len(one.tool_calls) for one in done] == [1, 2, 0]
    last = server.requests[-1].json
    assert len(wire.turns(last)) == 2
    for place in (0, 1):
        if wire.thinks and thinking:
            assert given_back(wire, last, place, done[place]), last
            assert f"Round {place} needs thought." in (done[place].reasoning or "")
        assert f"call_{place + 1}" in str(last) or wire is GEMINI
    assert "turn-" not in str(last)


@pytest.mark.covering(1)
@pytest.mark.parametrize("second", WIRES, ids=str)
@pytest.mark.parametrize("first", WIRES, ids=str)
async def test_another_vendor_gets_the_plain_turn(
    first: Wire, second: Wire, server: FakeServer, no_keys: None
) -> None:
    if first is second:
        return
    thought = [] if first is CHAT else [Thinking("A secret thought.")]
    reply = Reply(parts=[*thought, Text("I shall look."), *ROUNDS[1]])
    history: list[Any] = [{"role": "user", "content": "How is it there?"}]
    one = await step(first, server, "complete", history, reply)
    history += [completion_message(one), *results(one)]
    two = await step(second, server, "complete", through_json(history[1:]), Reply("Fine."))
    assert two.text == "Fine."
    body = str(server.requests[-1].json)
    assert "A secret thought." not in body
    assert "I shall look." in body
    assert all(f"the result of {call.id}" in body for call in one.tool_calls)
    for native in one.native["items"] if one.native else ():
        for name in ("signature", "thoughtSignature", "encrypted_content", "data"):
            assert str(native.get(name, "nothing")) not in body
    # And back again: its own turn is its own still.
    history.append(completion_message(two))
    history.append({"role": "user", "content": "And tomorrow?"})
    await step(first, server, "complete", history, Reply("Better."))
    if first.thinks:
        assert given_back(first, server.requests[-1].json, 0, one)


async def test_the_window_keeps_a_call_with_its_thinking(server: FakeServer, no_keys: None) -> None:
    call = ROUNDS[0][0]
    server.script(Reply(parts=[Thinking("Think of it. " * 20), call]), Reply("Fine."))
    history: list[Any] = [
        {"role": "user", "content": "long ago " * 400},
        {"role": "assistant", "content": "yes " * 400},
        {"role": "user", "content": "How is it there?"},
    ]
    window = ContextWindow(max_input_tokens=1000)
    provider = ClaudeProvider(
        base_url=server.base_url("anthropic"), api_key=KEY, retry=None, window=window, **THINK
    )
    async with provider:
        one = await provider.complete(history, tools=TOOLS)
        turn = [completion_message(one), *results(one)]
        counted = await provider.count_message_tokens(turn)
        plain = await provider.count_message_tokens(
            [completion_message(dataclasses.replace(one, native=None)), *results(one)]
        )
        two = await provider.complete([*history, *turn], tools=TOOLS)
    assert counted > plain + 40
    assert two.trimmed is not None
    messages = server.requests[-1].json["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert given_back(CLAUDE, server.requests[-1].json, 0, one)


async def test_a_fallback_in_the_middle_of_a_loop(
    server: FakeServer, way: str, no_keys: None
) -> None:
    claude, gemini = CLAUDE.provider(server), GEMINI.provider(server)
    both = FallbackProvider([claude, gemini])
    call = ROUNDS[0][0]
    server.script(Reply(parts=[Thinking("A secret thought."), call]))
    history: list[Any] = [{"role": "user", "content": "How is it there?"}]
    one = await complete(both, way, history, tools=TOOLS, **THINK)
    history += [completion_message(one), *results(one)]
    server.script(Fault.status(529), Reply("Fine."))
    two = await complete(both, way, history, tools=TOOLS, max_tokens=2048)
    assert two.text == "Fine."
    assert two.provider == "gemini"
    assert given_back(CLAUDE, server.requests[-2].json, 0, one)
    assert "A secret thought." not in str(server.requests[-1].json)


async def test_a_kept_answer_is_a_whole_turn(server: FakeServer, way: str, no_keys: None) -> None:
    server.script(Reply(parts=[Thinking("Hm."), ROUNDS[0][0]]))
    options = {"base_url": server.base_url("anthropic"), "api_key": KEY, "retry": None}
    async with ClaudeProvider(cache=Cache(), **options, **THINK) as provider:
        first = await complete(provider, way, [{"role": "user", "content": "x"}], tools=TOOLS)
        again = await complete(provider, way, [{"role": "user", "content": "x"}], tools=TOOLS)
    assert again.cached
    assert first.native == again.native is not None
