"""bruno-core's own assistant on every provider, from the message to the answer."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
from bruno_core.base.assistant import BaseAssistant
from bruno_core.models.message import Message, MessageRole
from bruno_core.utils.exceptions import BrunoError

from bruno_llm import (
    AuthenticationError,
    ClaudeProvider,
    EmptyResponseError,
    LiteLLMProvider,
    LLMError,
    ModelNotFoundError,
    OpenAIProvider,
    ServiceUnavailableError,
)
from bruno_llm.demo.engine import Engine
from bruno_llm.demo.memory import InMemory
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import CASES, KEY, Case, seen

pytestmark = pytest.mark.usefixtures("no_keys")


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


def user(text: str) -> Message:
    return Message(role=MessageRole.USER, content=text)


async def assistant_on(provider: LiteLLMProvider) -> BaseAssistant:
    assistant = BaseAssistant(llm=provider, memory=InMemory())
    await assistant.initialize()
    return assistant


async def test_a_conversation(case: Case, server: FakeServer) -> None:
    server.script(Reply("Oslo."), Reply("Stockholm."))
    assistant = await assistant_on(case.provider(server, system_prompt="You are Bruno."))
    first = await assistant.process_message(user("Norway?"))
    second = await assistant.process_message(user("Sweden?"))
    assert (first.success, first.text, second.text) == (True, "Oslo.", "Stockholm.")
    last = seen(server.requests[-1])
    assert last.system == "You are Bruno."
    assert [(turn.role, turn.text) for turn in last.turns] == [
        ("user", "Norway?"),
        ("assistant", "Oslo."),
        ("user", "Sweden?"),
    ]


# Every way to say whose turn it is: arguments of process_message(), or the message's own metadata.
IDS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "none": ({}, {}),
    "user": ({"user_id": "ann"}, {}),
    "conversation": ({"conversation_id": "c"}, {}),
    "both": ({"user_id": "ann", "conversation_id": "c"}, {}),
    "metadata": ({}, {"user_id": "ann"}),
    "metadata and conversation": ({"conversation_id": "c"}, {"user_id": "ann"}),
}
FACTS = "My name is Ada, my colour is green, my number is 17."
TALK = (FACTS, "Norway?", "Sweden?", "Finland?", "My name, colour and number?")


@pytest.mark.covering(1)
@pytest.mark.parametrize("ids", IDS)
async def test_what_was_told_in_turn_1_is_there_in_turn_5(
    case: Case, server: FakeServer, ids: str
) -> None:
    given, metadata = IDS[ids]
    memory = InMemory()
    assistant = BaseAssistant(llm=case.provider(server), memory=memory)
    await assistant.initialize()
    for text in TALK[:-1]:
        message = Message(role=MessageRole.USER, content=text, metadata=dict(metadata))
        await assistant.process_message(message, **given)
    # The fifth turn, plain by the assistant and streamed by the provider itself.
    whose = given.get("user_id") or metadata.get("user_id", "default")
    context = await memory.get_context(whose, given.get("conversation_id"))
    context.add_message(user(TALK[-1]))
    async for _ in assistant.llm.stream(context.messages):  # type: ignore[attr-defined]
        pass
    last = Message(role=MessageRole.USER, content=TALK[-1], metadata=dict(metadata))
    await assistant.process_message(last, **given)
    for request in server.requests[-2:]:
        turns = seen(request).turns
        assert [turn.text for turn in turns if turn.role == "user"] == list(TALK)
        assert len(turns) == 9


async def test_conversations_are_kept_apart(case: Case, server: FakeServer) -> None:
    assistant = await assistant_on(case.provider(server))
    for whose in ({"user_id": "ann"}, {"user_id": "bob"}, {"conversation_id": "c"}):
        await assistant.process_message(user(FACTS), **whose)  # type: ignore[arg-type]
        assert len(seen(server.requests[-1]).turns) == 1


FAILURES: list[tuple[Any, type[LLMError]]] = [
    (Fault.status(401), AuthenticationError),
    (Fault.status(404), ModelNotFoundError),
    (Fault.status(503), ServiceUnavailableError),
    (Fault.empty(), EmptyResponseError),
]


@pytest.mark.covering(1)
@pytest.mark.parametrize(("fault", "expected"), FAILURES, ids=[e.__name__ for _, e in FAILURES])
async def test_when_the_model_fails(
    case: Case,
    server: FakeServer,
    events: list[MutableMapping[str, Any]],
    fault: Any,
    expected: type[LLMError],
) -> None:
    assistant = await assistant_on(case.provider(server))
    server.script(fault)
    with pytest.raises(BrunoError) as caught:
        await assistant.process_message(user("my secret question"))
    assert isinstance(caught.value.cause, expected)
    assert caught.value.cause.provider == case.named
    assert "secret" not in str(events)
    assert KEY not in str(events)


async def test_a_conversation_goes_on_after_a_failure(case: Case, server: FakeServer) -> None:
    """The question that failed is still in the history, before the next one."""
    assistant = await assistant_on(case.provider(server))
    server.script(Fault.status(503), Reply("Both are in the north."))
    with pytest.raises(BrunoError):
        await assistant.process_message(user("Norway?"))
    response = await assistant.process_message(user("And Sweden?"))
    assert response.text == "Both are in the north."
    (turn,) = seen(server.requests[-1]).turns
    assert "Norway?" in turn.text
    assert "And Sweden?" in turn.text


async def test_a_dead_server_is_told_when_the_assistant_starts(case: Case) -> None:
    with FakeServer() as server:
        provider = case.provider(server)
    assistant = BaseAssistant(llm=provider, memory=InMemory())
    with pytest.raises(BrunoError):
        await assistant.initialize()
    assert not assistant.initialized
    health = await assistant.health_check()
    assert health["llm"] == "disconnected"


async def test_health_and_metadata(case: Case, server: FakeServer) -> None:
    assistant = await assistant_on(case.provider(server))
    health = await assistant.health_check()
    assert (health["status"], health["llm"]) == ("healthy", "connected")
    assert assistant.get_metadata()["llm"]["provider"] == case.named


@pytest.mark.parametrize("cls", [OpenAIProvider, ClaudeProvider], ids=["openai", "claude"])
async def test_a_real_model_answers(cls: type[LiteLLMProvider], engine: Engine) -> None:
    url = engine.openai_base_url if cls is OpenAIProvider else engine.anthropic_base_url
    assistant = await assistant_on(cls("tiny", base_url=url, api_key="any-key"))
    response = await assistant.process_message(user("hello"))
    assert response.text.startswith("Hello from a tiny model")
    again = await assistant.process_message(user("[[short]]"))
    assert again.text == "Yes."
