"""A provider that uses tools by itself, for those who only know ``generate()`` and ``stream()``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bruno_llm._runtime.loops import inside
from bruno_llm.capabilities import Capabilities
from bruno_llm.chat import Chat, Messages, models_of
from bruno_llm.completion import Completion, StreamEnd, StreamEvent
from bruno_llm.exceptions import ConfigurationError, InvalidRequestError
from bruno_llm.tools.calling import ToolFinished, ToolStarted
from bruno_llm.tools.definition import Tool, as_tools
from bruno_llm.tools.run import Approve, RunEnd, RunProgress, ToolRun, run_tools, stream_tools

__all__ = ["ToolProvider"]


class ToolProvider(Chat):
    """An ``LLMInterface`` whose every answer may use tools: the loop runs inside of it.

    ``BaseAssistant(llm=ToolProvider(llm, tools), memory=...)`` uses tools unchanged. Completions
    carry the usage and cost of all requests of their loop; ``metadata["tool_run"]`` has the run.

    Args:
        provider: The provider that is asked.
        tools: Tools, functions, or dicts of tools that run at the vendor.
        max_rounds: As for ``run_tools()``.
        approve: As for ``run_tools()``; needed when a tool has ``approve=True``, because nobody
            could go on with a run that waits.

    Raises:
        ConfigurationError: A tool needs approval and nobody can be asked.
    """

    def __init__(
        self,
        provider: Chat,
        tools: Sequence[Tool | Callable[..., Any] | Mapping[str, Any]],
        *,
        max_rounds: int = 10,
        approve: Approve | None = None,
    ) -> None:
        careful = next((tool.name for tool in as_tools(tools) if tool.approve), None)
        if careful is not None and approve is None:
            raise ConfigurationError(
                f"tool {careful!r} needs approval: give ToolProvider(approve=...)"
            )
        self.provider = provider
        self.tools = tuple(tools)
        self.max_rounds = max_rounds
        self.approve = approve

    @property
    def name(self) -> str:
        """The provider's name."""
        return str(getattr(self.provider, "name", type(self.provider).__name__))

    @property
    def model(self) -> str:
        """The provider's model."""
        return str(getattr(self.provider, "model", ""))

    def __repr__(self) -> str:
        return f"ToolProvider({self.provider!r}, tools={len(self.tools)})"

    def capabilities(self) -> Capabilities:
        """What the provider can do, without ``tools``: a call may bring none of its own."""
        known = getattr(self.provider, "capabilities", Capabilities)()
        return replace(known, tools=False)

    async def complete(self, messages: Messages = (), **kwargs: Any) -> Completion:
        """The answer after all tool calls, with the usage and cost of all requests.

        Raises:
            ToolLimitError: The model does not stop calling tools.
            InvalidRequestError: There are ``tools`` in the call.
            LLMError: As for the provider's ``complete()``.
        """
        _refuse_tools(kwargs)
        return _whole(
            await run_tools(
                self.provider,
                messages,
                self.tools,
                max_rounds=self.max_rounds,
                approve=self.approve,
                **kwargs,
            )
        )

    async def stream_events(
        self, messages: Messages = (), **kwargs: Any
    ) -> AsyncGenerator[StreamEvent, None]:
        """The provider's events of all rounds, then one ``StreamEnd``.

        ``stream_tools()`` tells of the tools too.
        """
        _refuse_tools(kwargs)
        events = stream_tools(
            self.provider,
            messages,
            self.tools,
            max_rounds=self.max_rounds,
            approve=self.approve,
            **kwargs,
        )
        async with inside(events) as events:
            async for event in events:
                if isinstance(event, RunEnd):
                    yield StreamEnd(_whole(event.run))
                elif not isinstance(event, ToolStarted | ToolFinished | RunProgress):
                    yield event

    def get_token_count(self, text: str) -> int:
        """Tokens of a text, as the provider counts them."""
        count: int = self.provider.get_token_count(text)
        return count

    async def check_connection(self) -> bool:
        """Whether the provider could answer."""
        return bool(await self.provider.check_connection())

    async def list_models(self) -> list[str]:
        """The models of the provider."""
        return list(await models_of(self.provider))

    def get_model_info(self) -> dict[str, Any]:
        """What the provider tells of its model, with the names of the tools."""
        names = [tool.name for tool in as_tools(self.tools)]
        return {**self.provider.get_model_info(), "tool_names": names}

    def set_system_prompt(self, prompt: str) -> None:
        """Set it on the provider."""
        self.provider.set_system_prompt(prompt)

    def get_system_prompt(self) -> str | None:
        """The system prompt of the provider."""
        prompt: str | None = self.provider.get_system_prompt()
        return prompt

    async def aclose(self) -> None:
        """Close the provider's connections."""
        await self.provider.aclose()


def _refuse_tools(options: Mapping[str, Any]) -> None:
    if options.get("tools"):
        raise InvalidRequestError("a ToolProvider takes its tools when it is made, not in a call")


def _whole(run: ToolRun) -> Completion:
    completion = run.completion
    return replace(
        completion,
        usage=run.usage,
        cost=run.cost,
        metadata={**completion.metadata, "tool_run": run},
    )
