"""The loop: ask the model, run what it calls, tell it the results, until it answers."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bruno_core.models.message import Message
from pydantic import ConfigDict, TypeAdapter

from bruno_llm._runtime.loops import inside
from bruno_llm.chat import Chat, Messages
from bruno_llm.completion import Completion, StreamEnd, StreamEvent, ToolCall, Usage
from bruno_llm.exceptions import ConfigurationError, LLMError, ToolLimitError
from bruno_llm.messages.chat import as_messages, completion_message, messages_of_call, tool_result
from bruno_llm.tools.calling import ToolFinished, ToolStarted, run_calls
from bruno_llm.tools.definition import Tool, as_tools, tool_dicts

__all__ = [
    "Approve",
    "RunEnd",
    "RunProgress",
    "ToolRun",
    "resume_tools",
    "run_tools",
    "stream_tools",
]

Verdict = bool | str
Approve = Callable[[ToolCall], Verdict | Awaitable[Verdict]]
"""Asked before each call: true to run it, false or a reason to refuse it."""

_DENIED = "the user did not allow this call"


@dataclass(frozen=True)
class ToolRun:
    """The result of a conversation with tools: the answer, and all that led to it.

    Attributes:
        completion: The model's last answer.
        messages: All new messages in order, ready for the history: the model's turns, the results.
        calls: Every call that the model made, in order.
        rounds: Requests that were answered by calls.
        usage: Tokens of all requests.
        cost: US dollars of all requests, ``None`` when the price of any is unknown.
        pending: Calls that wait for approval; go on with ``resume_tools()``.
        history: The conversation before ``messages``.
    """

    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    completion: Completion = field(default_factory=Completion)
    messages: tuple[Message, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    rounds: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float | None = 0.0
    pending: tuple[ToolCall, ...] = ()
    history: tuple[Message | dict[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """The model's last words."""
        return self.completion.text

    def to_json(self) -> str:
        """The run as JSON text, for another process to go on with."""
        return _adapter().dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> ToolRun:
        """A run from its JSON text.

        Raises:
            ConfigurationError: It is none.
        """
        try:
            return _adapter().validate_json(text)
        except ValueError as error:
            raise ConfigurationError("this is not the JSON of a ToolRun") from error


def _adapter() -> TypeAdapter[ToolRun]:
    return TypeAdapter(ToolRun)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The run so far: told after each answer that calls tools, and after each call.

    Should the rest never come, nothing that was paid or done is lost; ``run.pending`` are the
    calls without a result.
    """

    run: ToolRun


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The last event of ``stream_tools()``: ``run`` is what ``run_tools()`` would have returned."""

    run: ToolRun


async def run_tools(
    provider: Chat,
    messages: Messages,
    tools: Sequence[Tool | Callable[..., Any] | Mapping[str, Any]],
    *,
    max_rounds: int = 10,
    approve: Approve | None = None,
    **options: Any,
) -> ToolRun:
    """Let the model use tools until it answers.

    The calls of one round run at the same time. What goes wrong in one (broken or wrong
    arguments, an unknown tool, an exception) is told to the model, which may do better in its
    next round.

    Args:
        provider: Any provider, a fallback, or a mock.
        messages: The conversation.
        tools: Tools, functions, or dicts of tools that run at the vendor.
        max_rounds: Requests that may be answered by calls; one more may give the answer.
        approve: Asked before each call. Without it, calls of ``approve=True`` tools are left
            ``pending``.
        options: Of every request, as for ``complete()``.

    Raises:
        ToolLimitError: The model does not stop calling; ``.run`` has everything.
        LLMError: A request failed; ``.run`` has what was done before.
    """
    messages = messages_of_call(messages, options)
    state = _State(provider, tools, max_rounds, approve, options)
    return await state.finished(state.begin(messages), streamed=False)


async def stream_tools(
    provider: Chat,
    messages: Messages,
    tools: Sequence[Tool | Callable[..., Any] | Mapping[str, Any]],
    *,
    max_rounds: int = 10,
    approve: Approve | None = None,
    **options: Any,
) -> AsyncGenerator[StreamEvent | ToolStarted | ToolFinished | RunProgress | RunEnd, None]:
    """Let the model use tools until it answers, and tell each step: ``run_tools()`` as events.

    Yields the provider's events (each request's without its ``StreamEnd``), ``ToolStarted`` and
    ``ToolFinished`` around each call, ``RunProgress`` with the run so far, and ``RunEnd`` with
    the run.
    """
    messages = messages_of_call(messages, options)
    state = _State(provider, tools, max_rounds, approve, options)
    async with inside(state.rounds(state.begin(messages), streamed=True)) as events:
        async for event in events:
            yield event


async def resume_tools(
    provider: Chat,
    run: ToolRun,
    tools: Sequence[Tool | Callable[..., Any] | Mapping[str, Any]],
    *,
    approved: Mapping[str, Verdict],
    max_rounds: int = 10,
    approve: Approve | None = None,
    **options: Any,
) -> ToolRun:
    """Go on with a run whose calls waited for approval.

    Args:
        provider: The same provider, or another one.
        run: The run, perhaps from JSON.
        tools: The same tools.
        approved: By call id: true to run it, false or a reason to refuse it. A call that is not
            named is refused.
        max_rounds: Rounds of the whole run.
        approve: As for ``run_tools()``, for the calls after these.
        options: As for ``run_tools()``.

    Raises:
        ConfigurationError: An id is not among the pending calls.
        ToolLimitError, LLMError: As for ``run_tools()``.
    """
    waiting = {call.id for call in run.pending}
    if unknown := next((id_ for id_ in approved if id_ not in waiting), None):
        raise ConfigurationError(f"no call {unknown!r} waits for approval")
    state = _State(provider, tools, max_rounds, approve, options)
    verdicts = {call.id: approved.get(call.id, False) for call in run.pending}
    return await state.finished(run, streamed=False, verdicts=verdicts)


class _State:
    """What all rounds of a run have in common."""

    def __init__(
        self,
        provider: Chat,
        tools: Sequence[Any],
        max_rounds: int,
        approve: Approve | None,
        options: Mapping[str, Any],
    ) -> None:
        if max_rounds < 1:
            raise ConfigurationError(f"max_rounds must be at least 1, not {max_rounds!r}")
        self._provider = provider
        self._tools = {tool.name: tool for tool in as_tools(tools)}
        self._options = {**options, "tools": tool_dicts(tools)}
        self._max_rounds = max_rounds
        self._approve = approve

    @staticmethod
    def begin(messages: Messages) -> ToolRun:
        listed = as_messages(messages)
        return ToolRun(history=tuple(m if isinstance(m, Message) else dict(m) for m in listed))

    async def finished(
        self, run: ToolRun, *, streamed: bool, verdicts: Mapping[str, Verdict] | None = None
    ) -> ToolRun:
        async with inside(self.rounds(run, streamed=streamed, verdicts=verdicts)) as events:
            async for event in events:
                if isinstance(event, RunEnd):
                    run = event.run
        return run

    async def rounds(
        self, run: ToolRun, *, streamed: bool, verdicts: Mapping[str, Verdict] | None = None
    ) -> AsyncGenerator[Any, None]:
        """Every event of the run from here on, then ``RunEnd``."""
        while True:
            if not run.pending:
                try:
                    async with inside(self._asked(run, streamed=streamed)) as events:
                        async for event in events:
                            if isinstance(event, StreamEnd):
                                run = _answered(run, event.completion)
                            else:
                                yield event
                except LLMError as error:
                    error.run = run  # nothing that was paid is lost
                    raise
                if not run.pending:
                    break
                yield RunProgress(run)
                if run.rounds > self._max_rounds:
                    limit = ToolLimitError(
                        f"the model called tools in more than {self._max_rounds} rounds",
                        run.completion.provider or None,
                        model=run.completion.model or None,
                        hint="raise max_rounds=; .run has everything until here",
                    )
                    limit.run = run
                    raise limit
            allowed, refused, waiting = await self._judged(run.pending, verdicts or {})
            verdicts = None
            done = [ToolFinished(call, None, why) for call, why in refused]
            async with inside(run_calls(allowed, self._tools)) as events:
                async for event in events:
                    yield event
                    if isinstance(event, ToolFinished):
                        done.append(event)
                        yield RunProgress(_told(run, done, _open(run, done)))
            run = _told(run, done, waiting)
            if waiting:
                break
        yield RunEnd(run)

    async def _asked(self, run: ToolRun, *, streamed: bool) -> AsyncGenerator[Any, None]:
        conversation = [*run.history, *run.messages]
        if not streamed:
            yield StreamEnd(await self._provider.complete(conversation, **self._options))
            return
        async with inside(self._provider.stream_events(conversation, **self._options)) as events:
            async for event in events:
                yield event

    async def _judged(
        self, calls: Sequence[ToolCall], verdicts: Mapping[str, Verdict]
    ) -> tuple[list[ToolCall], list[tuple[ToolCall, str]], list[ToolCall]]:
        """The calls that may run, those that are refused and why, those that must wait."""
        allowed, refused, waiting = [], [], []
        for call in calls:
            verdict: Verdict | None = verdicts.get(call.id)
            tool = self._tools.get(call.name)
            if verdict is None and self._approve is not None:
                asked = self._approve(call)
                verdict = await asked if inspect.isawaitable(asked) else asked
            if verdict is None and (tool is None or not tool.approve):
                verdict = True
            if verdict is None:
                waiting.append(call)
            elif verdict is True:
                allowed.append(call)
            else:
                refused.append((call, verdict if isinstance(verdict, str) else _DENIED))
        return allowed, refused, waiting


def _answered(run: ToolRun, completion: Completion) -> ToolRun:
    costs = (run.cost, completion.cost)
    return replace(
        run,
        completion=completion,
        messages=(*run.messages, completion_message(completion)),
        calls=(*run.calls, *completion.tool_calls),
        rounds=run.rounds + bool(completion.tool_calls),
        usage=run.usage + (completion.usage or Usage(estimated=True)),
        cost=None if None in costs else sum(cost for cost in costs if cost is not None),
        pending=completion.tool_calls,
    )


def _told(run: ToolRun, done: Sequence[ToolFinished], waiting: Sequence[ToolCall]) -> ToolRun:
    """The run with the results behind the calls, in the order of the calls."""
    by_id = {one.call.id: one for one in done}
    results = [by_id[call.id] for call in run.pending if call.id in by_id]
    told = tuple(map(_result, results))
    return replace(run, messages=(*run.messages, *told), pending=tuple(waiting))


def _open(run: ToolRun, done: Sequence[ToolFinished]) -> list[ToolCall]:
    finished = {one.call.id for one in done}
    return [call for call in run.pending if call.id not in finished]


def _result(one: ToolFinished) -> Message:
    if one.error is None:
        return tool_result(one.call, one.result)
    message = tool_result(one.call, f"Error: {one.error}")
    message.metadata["is_error"] = True  # for the vendors that have a flag for it
    return message
