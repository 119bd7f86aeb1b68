"""``bruno-llm demo``: the main job, on the real llama.cpp server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from bruno_core.models.memory import MemoryEntry, MemoryQuery, MemoryType
from bruno_core.models.message import Message, MessageRole

from bruno_llm.cli import _demo
from bruno_llm.demo.memory import InMemory
from bruno_llm.exceptions import LLMError
from bruno_llm.provider import LiteLLMProvider
from tests import cli_runs
from tests.cli_runs import invoke
from tests.terminal import bare_environment, run

home = cli_runs.home


@pytest.fixture
def engine_here(home: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp")
    pytest.importorskip("gguf")


def test_the_demo_on_a_bare_machine(engine_here: None, tmp_path: Path) -> None:
    # The model's cache is shared, so that it is not computed for every test.
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    done = run(
        ["demo"],
        bare_environment(tmp_path, {"XDG_CACHE_HOME": cache, "OMP_WAIT_POLICY": "passive"}),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count(_demo.EXPECTED) == 6
    assert done.stdout.count("right | 30 + 19 tokens | price unknown") == 6
    assert done.stdout.count("14 pieces, first after") == 2
    assert "All 6 answers are right." in done.stdout


def test_the_demo_in_this_process(engine_here: None) -> None:
    result = invoke("demo")
    assert result.exit_code == 0
    assert "Booked: 6 calls, 180 + 114 tokens, 6 calls of unknown price" in result.stdout


def test_a_wrong_answer_fails_the_demo(engine_here: None, home: pytest.MonkeyPatch) -> None:
    async def fails(provider: LiteLLMProvider) -> tuple[str, str]:
        raise LLMError("it broke", provider.name)

    home.setattr(_demo, "_WAYS", (_demo._DemoCall("wrong", fails), *_demo._WAYS[:1]))
    result = invoke("demo")
    assert result.exit_code == 1
    assert result.stdout.count("WRONG") == 2
    assert "[claude] it broke" in result.stdout
    assert "2 of 4 answers are wrong." in result.stdout


def test_without_the_extra_it_says_what_to_install(home: pytest.MonkeyPatch) -> None:
    home.setitem(sys.modules, "xllamacpp", None)
    result = invoke("demo")
    assert result.exit_code == 2
    assert "pip install 'bruno-llm[demo]'" in result.stderr


async def test_the_memory_keeps_what_the_assistant_gives_it() -> None:
    memory = InMemory()
    context = await memory.get_context("ann")
    place = context.conversation_id
    for role, text in ((MessageRole.SYSTEM, "Be brief"), (MessageRole.USER, "Hello there")):
        await memory.store_message(Message(role=role, content=text), place)
    newest, oldest = await memory.retrieve_messages(place)
    assert (newest.content, oldest.content) == ("Hello there", "Be brief")
    assert await memory.retrieve_messages(place, limit=1) == [newest]
    assert await memory.search_messages("hello") == [newest]
    again = await memory.get_context("ann", context.session.session_id)
    assert [message.content for message in again.messages] == ["Be brief", "Hello there"]
    assert (await memory.get_statistics("ann"))["total_messages"] == 2
    await memory.clear_history(place)
    assert await memory.retrieve_messages(place) == [oldest]
    await memory.clear_history(place, keep_system_messages=False)
    assert await memory.retrieve_messages(place) == []


async def test_the_memory_finds_a_conversation_by_each_of_its_names() -> None:
    memory = InMemory()
    first = await memory.get_context("ann")
    for name in (None, first.session.session_id, first.conversation_id):
        again = await memory.get_context("ann", name)
        assert again.conversation_id == first.conversation_id
    assert (await memory.get_context("bob")).conversation_id != first.conversation_id
    named = await memory.get_context("ann", "holidays")
    assert named.conversation_id == "holidays"
    assert (await memory.get_context("ann", "holidays")).session is named.session
    for session in (first.session, named.session):
        await memory.end_session(session.session_id)
    after = await memory.get_context("ann")
    assert after.conversation_id not in (first.conversation_id, "holidays")


async def test_the_memory_keeps_facts_and_sessions() -> None:
    memory = InMemory()
    fact = MemoryEntry(content="Likes jazz", memory_type=MemoryType.LONG_TERM, user_id="ann")
    await memory.store_memory(fact)
    assert await memory.retrieve_memories(MemoryQuery(user_id="ann", query_text="jazz")) == [fact]
    assert await memory.retrieve_memories(MemoryQuery(user_id="bob")) == []
    await memory.delete_memory(str(fact.id))
    assert await memory.retrieve_memories(MemoryQuery(user_id="ann")) == []
    session = await memory.create_session("ann", {"a": 1})
    await memory.end_session(session.session_id)
    await memory.end_session("unknown")
    found = await memory.get_session(session.session_id)
    assert found is not None
    assert not found.is_active
