"""An assistant whose abilities are tools of its model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, cast

from bruno_core.base import BaseAssistant
from bruno_core.interfaces.memory import MemoryInterface
from bruno_core.models.ability import AbilityRequest, AbilityResponse
from bruno_core.models.context import ConversationContext
from bruno_core.models.message import Message
from bruno_core.models.response import ActionResult, ActionStatus, AssistantResponse

from bruno_llm.chat import Chat, said
from bruno_llm.tools.definition import Tool, tools_from_abilities
from bruno_llm.tools.run import Approve, run_tools

__all__ = ["ToolAssistant"]

_actions: ContextVar[list[ActionResult]] = ContextVar("bruno_llm_actions")


class ToolAssistant(BaseAssistant):
    """bruno-core's ``BaseAssistant`` whose registered abilities are called by the model.

    ``BaseAssistant`` runs an ability whose name stands in the message; offered as a tool as well,
    it would run twice for one sentence. Here the model alone decides, each call runs once, and
    ``response.actions`` has what was done.

    Args:
        llm: Any provider of bruno_llm.
        memory: The assistant's memory.
        config: The assistant's configuration.
        tools: Further tools besides the abilities.
        max_rounds: As for ``run_tools()``.
        approve: As for ``run_tools()``.
    """

    def __init__(
        self,
        llm: Chat,
        memory: MemoryInterface,
        config: dict[str, Any] | None = None,
        *,
        tools: Sequence[Tool | Callable[..., Any] | Mapping[str, Any]] = (),
        max_rounds: int = 10,
        approve: Approve | None = None,
    ) -> None:
        super().__init__(llm, memory, config)
        self._tools = tuple(tools)
        self._max_rounds = max_rounds
        self._approve = approve

    async def process_message(
        self,
        message: Message,
        context: ConversationContext | None = None,
        user_id: str | None = None,
        conversation_id: str | None = None,
    ) -> AssistantResponse:
        """Answer a message; what abilities did on the way is in ``response.actions``.

        Raises:
            BrunoError: The answer failed; ``.cause`` says why.
        """
        actions: list[ActionResult] = []
        token = _actions.set(actions)
        try:
            response = await super().process_message(message, context, user_id, conversation_id)
        finally:
            _actions.reset(token)
        for action in actions:
            response.add_action(action)
        return response

    async def _detect_abilities(
        self, message: Message, context: ConversationContext
    ) -> list[AbilityRequest]:
        return []  # the model decides

    async def _generate_response(self, context: ConversationContext) -> str:
        abilities = tools_from_abilities(
            self.abilities.values(),
            user_id=context.user.user_id,
            conversation_id=context.conversation_id,
            executed=_note,
        )
        run = await run_tools(
            cast(Chat, self.llm),
            context.messages,
            [*abilities, *self._tools],
            max_rounds=self._max_rounds,
            approve=self._approve,
        )
        return said(run.completion)


def _note(request: AbilityRequest, response: AbilityResponse) -> None:
    _actions.get().append(
        ActionResult(
            action_type=request.ability_name,
            status=ActionStatus.SUCCESS if response.success else ActionStatus.FAILED,
            message=response.message,
            data=response.data,
            error=response.error,
        )
    )
