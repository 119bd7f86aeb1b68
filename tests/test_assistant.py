"""bruno-core's own assistant on every provider, from the message to the answer."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
from bruno_core.base.assistant import BaseAssistant
from bruno_core.interfaces.memory import MemoryInterface
from bruno_core.models.context import ConversationContext, SessionContext, UserContext
from bruno_core.models.memory import MemoryEntry, MemoryQuery
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
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import CASES, KEY, Case, seen

pytestmark = pytest.mark.usefixtures("no_keys")


class Memory(MemoryInterface):
    """The conversations of this process."""

    def __init__(self) -> None:
        self.contexts: dict[str, ConversationContext] = {}
        self.stored: list[Message] = []

    async def store_message(self, message: Message, conversation_id: str) -> None:
        self.stored.append(message)

    async def retrieve_messages(
        self, conversation_id: str, limit: int | None = None
    ) -> list[Message]:
        return self.stored[::-1][:limit]

    async def search_messages(
        self, query: str, user_id: str | None = None, limit: int = 10
    ) -> list[Message]:
        return [message for message in self.stored if query in message.content][:limit]

    async def store_memory(self, memory_entry: MemoryEntry) -> None:
        raise NotImplementedError

    async def retrieve_memories(self, query: MemoryQuery) -> list[MemoryEntry]:
        return []

    async def delete_memory(self, memory_id: str) -> None:
        raise NotImplementedError

    async def create_session(
        self, user_id: str, metadata: dict[str, Any] | None = None
    ) -> SessionContext:
        raise NotImplementedError

    async def get_session(self, session_id: str) -> SessionContext | None:
        return None

    async def end_session(self, session_id: str) -> None:
        raise NotImplementedError

    async def get_context(self, user_id: str, session_id: str | None = None) -> ConversationContext:
        if user_id not in self.contexts:
            self.contexts[user_id] = ConversationContext(
                user=UserContext(user_id=user_id), session=SessionContext(user_id=user_id)
            )
        return self.contexts[user_id]

    async def clear_history(self, conversation_id: str, keep_system_messages: bool = True) -> None:
        self.stored.clear()

    async def get_statistics(self, user_id: str) -> dict[str, Any]:
        return {"messages": len(self.stored)}


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


def user(text: str) -> Message:
    return Message(role=MessageRole.USER, content=text)


async def assistant_on(provider: LiteLLMProvider) -> BaseAssistant:
    assistant = BaseAssistant(llm=provider, memory=Memory())
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


FAILURES: list[tuple[Any, type[LLMError]]] = [
    (Fault.status(401), AuthenticationError),
    (Fault.status(404), ModelNotFoundError),
    (Fault.status(503), ServiceUnavailableError),
    (Fault.empty(), EmptyResponseError),
]


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
    assistant = BaseAssistant(llm=provider, memory=Memory())
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
