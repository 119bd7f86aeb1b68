"""Typed answers: asked for, read, and sent back with what is wrong until they fit."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from bruno_llm._runtime.loops import inside
from bruno_llm.chat import Chat, Messages
from bruno_llm.completion import (
    Completion,
    StreamEnd,
    StreamRestart,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from bruno_llm.exceptions import ConfigurationError, InvalidRequestError, StructuredOutputError
from bruno_llm.messages.chat import completion_message, tool_result
from bruno_llm.structured.modes import Mode, RefusedModes, answered, modes_for, request_for
from bruno_llm.structured.shape import Misfit, Shape

__all__ = ["Structured", "complete_as", "generate_as", "stream_as"]

T = TypeVar("T")


@dataclass(frozen=True)
class Structured(Generic[T]):
    """A typed answer and its facts.

    Attributes:
        value: The answer. While a stream goes on: what is closed so far, as plain JSON values.
        completion: The last answer of the model, ``None`` while a stream goes on.
        usage: Tokens of all tries.
        cost: US dollars of all tries, ``None`` when the price of any is unknown.
        attempts: How many tries it took.
    """

    value: T
    completion: Completion | None = None
    usage: Usage = Usage()  # noqa: RUF009  frozen
    cost: float | None = 0.0
    attempts: int = 1


@overload
async def generate_as(
    provider: Chat,
    messages: Messages,
    type_: type[T],
    *,
    attempts: int = 3,
    mode: Mode = "auto",
    **options: Any,
) -> T: ...


@overload
async def generate_as(
    provider: Chat,
    messages: Messages,
    type_: Any,
    *,
    attempts: int = 3,
    mode: Mode = "auto",
    **options: Any,
) -> Any: ...


async def generate_as(
    provider: Chat,
    messages: Messages,
    type_: Any,
    *,
    attempts: int = 3,
    mode: Mode = "auto",
    **options: Any,
) -> Any:
    """The model's answer as a value of a type; ``complete_as()`` gives its facts too.

    Args:
        provider: Any provider, a fallback, or a mock.
        messages: The conversation.
        type_: A pydantic model, dataclass, TypedDict, or any type that pydantic adapts (lists,
            unions, literals, enums, dates); a JSON schema of an object gives a dict.
        attempts: Tries in all. An answer that does not fit goes back with pydantic's errors.
        mode: ``native`` (the vendor's schema mode), ``tool`` (a forced tool), ``prompt`` (the
            schema in words), or ``auto``: the first of these that the model takes.
        options: As for ``complete()``.

    Raises:
        StructuredOutputError: No answer fitted, or none could: it was cut, refused or filtered.
        ConfigurationError: The type has no JSON schema.
        LLMError: As for ``complete()``.
    """
    found = await complete_as(provider, messages, type_, attempts=attempts, mode=mode, **options)
    return found.value


@overload
async def complete_as(
    provider: Chat,
    messages: Messages,
    type_: type[T],
    *,
    attempts: int = 3,
    mode: Mode = "auto",
    **options: Any,
) -> Structured[T]: ...


@overload
async def complete_as(
    provider: Chat,
    messages: Messages,
    type_: Any,
    *,
    attempts: int = 3,
    mode: Mode = "auto",
    **options: Any,
) -> Structured[Any]: ...


async def complete_as(
    provider: Chat,
    messages: Messages,
    type_: Any,
    *,
    attempts: int = 3,
    mode: Mode = "auto",
    **options: Any,
) -> Structured[Any]:
    """The model's answer as a value of a type, with its facts.

    Takes and raises what ``generate_as()`` does. The ``Structured`` that comes back has the value,
    the last completion, and usage and cost of all tries.
    """
    if attempts < 1:
        raise ConfigurationError(f"attempts must be at least 1, not {attempts!r}")
    shape: Shape[Any] = Shape(type_)
    tally, refusals = _Tally(), RefusedModes(provider, shape)
    for one in modes_for(provider, mode, options, shape):
        asked, extra = request_for(one, shape, messages)
        try:
            completion = await provider.complete(asked, **{**options, **extra})
        except InvalidRequestError as error:
            if mode != "auto" or one == "prompt" or type(error) is not InvalidRequestError:
                raise
            refusals.add(one, error)
            continue
        refusals.remember()
        break
    while True:
        tally.add(completion)
        try:
            value = _read(shape, one, completion)
        except Misfit as misfit:
            if tally.attempts >= attempts:
                raise tally.error(misfit) from None
            asked = [*asked, *_corrected(completion, misfit)]
            completion = await provider.complete(asked, **{**options, **extra})
        except _NoAnswer as why:
            raise tally.error(why) from None
        else:
            return Structured(value, completion, tally.usage, tally.cost, tally.attempts)


async def stream_as(
    provider: Chat,
    messages: Messages,
    type_: Any,
    *,
    mode: Mode = "auto",
    **options: Any,
) -> AsyncGenerator[Structured[Any], None]:
    """The model's answer as a value of a type, growing while it arrives; the last is validated.

    The values before the last are plain JSON of what is closed so far: nobody sees half a field.
    There is one try: what has been shown cannot be taken back.

    Raises:
        StructuredOutputError: The whole answer does not fit, was cut, refused or filtered.
        ConfigurationError, LLMError: As for ``generate_as()``.
    """
    shape: Shape[Any] = Shape(type_)
    refusals = RefusedModes(provider, shape)
    for one in modes_for(provider, mode, options, shape):
        asked, extra = request_for(one, shape, messages)
        begun, shown, text = False, None, ""
        events = provider.stream_events(asked, **{**options, **extra})
        try:
            async with inside(events) as events:
                async for event in events:
                    begun = True
                    refusals.remember()
                    if isinstance(event, StreamEnd):
                        yield _whole(shape, one, event.completion)
                        return
                    if isinstance(event, StreamRestart):
                        text = ""
                    elif isinstance(event, TextDelta):
                        text += event.text
                    elif isinstance(event, ToolCallDelta) and one == "tool":
                        text += event.arguments
                    value = shape.partial(text)
                    if value is not None and value != shown:
                        shown = value
                        yield Structured(value)
        except InvalidRequestError as error:
            if begun or mode != "auto" or one == "prompt" or type(error) is not InvalidRequestError:
                raise
            refusals.add(one, error)


def _whole(shape: Shape[T], mode: str, completion: Completion) -> Structured[T]:
    tally = _Tally()
    tally.add(completion)
    try:
        value = _read(shape, mode, completion)
    except (Misfit, _NoAnswer) as why:
        raise tally.error(why) from None
    return Structured(value, completion, tally.usage, tally.cost)


class _NoAnswer(Exception):
    """There is nothing that could fit, and asking again would not help."""


def _read(shape: Shape[T], mode: str, completion: Completion) -> T:
    if completion.finish_reason == "length":
        raise _NoAnswer("max_tokens cut the answer; raise it")
    if completion.refusal:
        raise _NoAnswer("the model refused to answer")
    if completion.finish_reason == "content_filter":
        raise _NoAnswer("the vendor's filter blocked the answer")
    text = answered(mode, completion)
    if text is None:
        raise _NoAnswer("the model called tools instead of answering; run_tools() runs them")
    return shape.read(text)


def _corrected(completion: Completion, misfit: Misfit) -> list[Any]:
    """The answer that did not fit, and what is wrong with it."""
    words = f"That does not fit: {misfit}. Answer again, in full."
    turn = completion_message(completion)
    if completion.tool_calls:
        return [turn, *(tool_result(call, words) for call in completion.tool_calls)]
    return [turn, {"role": "user", "content": words}]


class _Tally:
    """What the tries have used so far."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.cost: float | None = 0.0
        self.attempts = 0
        self._last: Completion | None = None

    def add(self, completion: Completion) -> None:
        used = completion.usage or Usage(estimated=True)
        self.usage += used
        known = self.cost is not None and completion.cost is not None
        self.cost = (self.cost or 0.0) + (completion.cost or 0.0) if known else None
        self.attempts += 1
        self._last = completion

    def error(self, why: Exception) -> StructuredOutputError:
        last = self._last or Completion()
        error = StructuredOutputError(
            f"the answer does not fit: {why}",
            last.provider or None,
            model=last.model or None,
            partial=last,
        )
        error.errors = list(why.errors) if isinstance(why, Misfit) else []
        error.usage, error.cost, error.attempts = self.usage, self.cost, self.attempts
        return error
