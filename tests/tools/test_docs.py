"""The examples of docs/tools.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bruno_core.models.message import MessageRole

from bruno_llm import Completion, ToolCall
from bruno_llm.demo.memory import InMemory
from bruno_llm.testing import MockProvider

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"


def examples() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    return names


def calling(name: str, **arguments: Any) -> Completion:
    return Completion(tool_calls=(ToolCall("call_1", name, arguments),))


async def test_the_first_example_answers() -> None:
    llm = MockProvider(calling("weather", city="Oslo"), "No umbrella.")
    assert await examples()["ask"](llm) == "No umbrella."
    assert llm.calls[-1].messages[-1]["content"] == "Sunny in Oslo for 1 days"


async def test_a_person_is_asked_between_two_processes() -> None:
    class Store:
        def save(self, text: str) -> None:
            self.text = text

        def load(self) -> str:
            return self.text

    names, store = examples(), Store()
    llm = MockProvider(calling("delete", file="a"), "It is gone.")
    await names["careful"](llm, [{"role": "user", "content": "Delete a."}], store)
    assert await names["later"](llm, store, {"call_1": True}) == "It is gone."
    assert llm.calls[-1].messages[-1]["content"] == "a is gone"


async def test_an_assistant_runs_abilities() -> None:
    from bruno_core.models.message import Message

    from tests.tools.test_abilities import Timer

    names, timer = examples(), Timer()
    llm = MockProvider(calling("timer", action="set", seconds=300), "It runs.")
    assistant = await names["with_abilities"](llm, InMemory(), timer)
    message = Message(role=MessageRole.USER, content="Set a timer.")
    reply = await assistant.process_message(message, user_id="ada", conversation_id="c")
    assert (reply.text, len(timer.asked), len(reply.actions)) == ("It runs.", 1, 1)
    assert [tool.name for tool in names["as_plain_tools"](timer)] == ["timer"]


async def test_an_assistant_uses_tools() -> None:
    from bruno_core.models.message import Message

    llm = MockProvider(calling("weather", city="Oslo", days=2), "Sunny.")
    assistant = examples()["assistant"](llm, InMemory())
    await assistant.initialize()
    message = Message(role=MessageRole.USER, content="Oslo?")
    reply = await assistant.process_message(message, user_id="ada", conversation_id="c")
    assert reply.text == "Sunny."
    assert llm.calls[-1].messages[-1]["content"] == "Sunny in Oslo for 2 days"
