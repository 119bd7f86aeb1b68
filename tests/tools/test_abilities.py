"""bruno-core's abilities as tools, and an assistant whose model calls them."""

from __future__ import annotations

from typing import Any

import pytest
from bruno_core.base import BaseAbility
from bruno_core.models.ability import (
    AbilityMetadata,
    AbilityParameter,
    AbilityParameterType,
    AbilityRequest,
    AbilityResponse,
)
from bruno_core.models.message import Message, MessageRole
from bruno_core.models.response import ActionStatus

from bruno_llm import Completion, ToolCall, run_tools
from bruno_llm.demo.memory import InMemory
from bruno_llm.testing import MockProvider
from bruno_llm.tools import Tool, ToolAssistant, tools_from_abilities

ASK = [{"role": "user", "content": "Set a timer for five minutes."}]
P, T = AbilityParameter, AbilityParameterType


class Timer(BaseAbility):
    """A timer that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[AbilityRequest] = []
        super().__init__()

    def get_metadata(self) -> AbilityMetadata:
        return AbilityMetadata(
            name="timer",
            description="Manage timers",
            examples=["Set a timer"],
            parameters=[
                P(
                    name="seconds",
                    param_type=T.INTEGER,
                    description="How long",
                    constraints={"min": 1, "max": 86400},
                ),
                P(name="loud", param_type=T.BOOLEAN, description="Ring", required=False),
                P(name="labels", param_type=T.LIST, description="Labels", required=False),
                P(name="note", param_type=T.ANY, description="Note", required=False, default="x"),
            ],
        )

    def get_supported_actions(self) -> list[str]:
        return ["set", "status"]

    def can_handle(self, request: AbilityRequest) -> bool:
        return request.ability_name == "timer"

    async def execute_action(self, request: AbilityRequest) -> AbilityResponse:
        self.asked.append(request)
        return AbilityResponse(
            request_id=request.id,
            ability_name="timer",
            action=request.action,
            message="Timer set",
            data={"seconds": request.parameters["seconds"]},
        )


def calling(**arguments: Any) -> Completion:
    return Completion(tool_calls=(ToolCall("call_1", "timer", arguments),))


def told(llm: MockProvider) -> str:
    return str(llm.calls[-1].messages[-1]["content"])


def test_the_schema_says_actions_types_and_constraints() -> None:
    (tool,) = tools_from_abilities([Timer()], user_id="ada")
    properties = tool.parameters["properties"]
    assert properties["action"] == {"type": "string", "enum": ["set", "status"]}
    assert properties["seconds"] == {
        "type": "integer",
        "description": "How long",
        "minimum": 1,
        "maximum": 86400,
    }
    assert properties["labels"]["items"] == {"type": "string"}
    assert properties["note"]["default"] == "x"
    assert tool.parameters["required"] == ["action"]
    assert tool.description == "Manage timers\nExamples: Set a timer"


async def test_it_is_initialized_and_executed_for_the_user() -> None:
    ability = Timer()
    tool = Tool.from_ability(ability, user_id="ada", conversation_id="c1")
    llm = MockProvider(calling(action="set", seconds="300", loud="true", labels=["tea"]), "Done.")
    assert (await run_tools(llm, ASK, [tool])).text == "Done."
    (request,) = ability.asked
    assert (request.action, request.user_id, request.conversation_id) == ("set", "ada", "c1")
    assert request.parameters == {"seconds": 300, "loud": True, "labels": ["tea"]}
    assert '"seconds": 300' in told(llm) and "Timer set" in told(llm)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"action": "stop"}, "there is no action 'stop'; there are: set, status"),
        ({"action": "set", "seconds": "soon"}, "seconds: Input should be a valid integer"),
        ({"action": "set", "minutes": 5}, "there is no parameter 'minutes'"),
        ({"action": "set"}, "Invalid request parameters (missing: seconds)"),
    ],
)
async def test_what_does_not_fit_is_told_to_the_model(
    arguments: dict[str, Any], words: str
) -> None:
    llm = MockProvider(calling(**arguments), "Sorry.")
    await run_tools(llm, ASK, tools_from_abilities([Timer()], user_id="ada"))
    assert words in told(llm)


async def test_an_assistant_runs_an_ability_once_and_says_what_was_done() -> None:
    llm = MockProvider(calling(action="set", seconds=300), "Your timer runs.", "Nothing to do.")
    assistant, ability = ToolAssistant(llm, InMemory()), Timer()
    await assistant.initialize()
    await assistant.register_ability(ability)
    message = Message(role=MessageRole.USER, content="Set a timer for five minutes.")
    reply = await assistant.process_message(message, user_id="ada", conversation_id="c1")
    assert reply.text == "Your timer runs."
    assert len(ability.asked) == 1
    (action,) = reply.actions
    assert (action.action_type, action.status) == ("timer", ActionStatus.SUCCESS)
    assert action.data == {"seconds": 300}

    again = Message(role=MessageRole.USER, content="Is the timer still there?")
    reply = await assistant.process_message(again, user_id="ada", conversation_id="c1")
    assert (reply.text, reply.actions) == ("Nothing to do.", [])
