"""Text for those who only take text: ``generate()`` and ``stream()``, written once.

A provider, a fallback over several, a mock: each answers with a ``Completion`` or with events.
What bruno-core's interface asks for on top of that is the same for all of them.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from bruno_core.interfaces.llm import LLMInterface
from bruno_core.models.message import Message
from typing_extensions import Unpack

from bruno_llm._runtime.loops import Closable, inside
from bruno_llm.completion import Completion, StreamEnd, StreamEvent, TextDelta, ToolCallDelta
from bruno_llm.exceptions import ContentFilterError, EmptyResponseError
from bruno_llm.options.call import CallOptions

__all__ = ["Chat", "Messages", "models_of", "replayed", "said"]

Messages = Sequence[Message | Mapping[str, Any]] | str
"""bruno-core messages or OpenAI-shaped dicts, mixed or alone; or a text: one user message."""


class Chat(Closable, LLMInterface):
    """bruno-core's ``LLMInterface`` over ``complete()`` and ``stream_events()``."""

    @abstractmethod
    async def complete(
        self,
        messages: Messages = (),
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Unpack[CallOptions],
    ) -> Completion:
        """The answer with its facts."""

    @abstractmethod
    def stream_events(
        self,
        messages: Messages = (),
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Unpack[CallOptions],
    ) -> AsyncGenerator[StreamEvent, None]:
        """The answer as it arrives, then ``StreamEnd`` with the completion."""

    async def generate(  # type: ignore[override]  # named options in place of Any
        self,
        messages: Messages = (),
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Unpack[CallOptions],
    ) -> str:
        """The model's answer as text; the words of a refusal when it refused.

        Takes what ``complete()`` takes.

        Raises:
            EmptyResponseError: Nothing to say, or only tool calls (use ``complete()``).
            ContentFilterError: The vendor's filter swallowed the answer.
            LLMError: See ``bruno_llm.exceptions``.
        """
        return said(
            await self.complete(messages, temperature=temperature, max_tokens=max_tokens, **kwargs)
        )

    async def stream(  # type: ignore[override]  # the interface's `async def` means a generator
        self,
        messages: Messages = (),
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Unpack[CallOptions],
    ) -> AsyncGenerator[str, None]:
        """The pieces of the answer's text as they arrive. Takes what ``complete()`` takes.

        Closing the generator (``aclosing``) or leaving its loop ends the request at the vendor.

        Raises:
            StreamError: The stream broke after its first piece; ``.partial`` has what came.
            EmptyResponseError, ContentFilterError: As for ``generate()``, at the end.
            LLMError: See ``bruno_llm.exceptions``.
        """
        events = self._text_events(
            messages, temperature=temperature, max_tokens=max_tokens, **kwargs
        )
        async with inside(events) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    yield event.text
                elif isinstance(event, StreamEnd) and not event.completion.text:
                    yield said(event.completion)

    def _text_events(self, messages: Messages, **kwargs: Any) -> AsyncGenerator[StreamEvent, None]:
        """The events behind ``stream()``."""
        return self.stream_events(messages, **kwargs)


def said(completion: Completion) -> str:
    """The text of an answer for those who only take text; never an empty one.

    Raises:
        ContentFilterError: The vendor's filter swallowed it.
        EmptyResponseError: There is none, and the error says why.
    """
    if completion.text or completion.refusal:
        return completion.text or completion.refusal or ""
    facts: dict[str, Any] = {
        "provider": completion.provider,
        "model": completion.model,
        "partial": completion,
    }
    if completion.finish_reason == "content_filter":
        raise ContentFilterError("the vendor's filter blocked the answer", **facts)
    if completion.tool_calls:
        hint = "complete() and stream_events() give the calls"
        raise EmptyResponseError("the model called tools and said nothing", hint=hint, **facts)
    if completion.finish_reason == "length":
        hint = "raise max_tokens: the model thought until there was no room for an answer"
        raise EmptyResponseError("max_tokens ended the answer before it began", hint=hint, **facts)
    if completion.attachments:
        hint = "complete() and stream_events() give the attachments"
        raise EmptyResponseError("the model answered without words", hint=hint, **facts)
    if completion.finish_reason == "stop":
        hint = "a stop sequence at once ends an answer so; complete() gives it without text"
        raise EmptyResponseError("the model said nothing (it ended with stop)", hint=hint, **facts)
    reason = completion.finish_reason or "nothing"
    raise EmptyResponseError(f"the model said nothing (it ended with {reason})", **facts)


async def models_of(provider: LLMInterface) -> list[str]:
    """What ``list_models()`` of any provider gives, also where it is a plain method.

    bruno-core declares it async, and its guide for providers writes it plain.
    """
    listed: Any = provider.list_models()
    models: list[str] = await listed if inspect.isawaitable(listed) else listed
    return models


def replayed(completion: Completion) -> list[StreamEvent]:
    """The events of an answer that is whole already."""
    events: list[StreamEvent] = [TextDelta(completion.text)] if completion.text else []
    events += [
        ToolCallDelta(place, call.id, call.name, call.raw_arguments)
        for place, call in enumerate(completion.tool_calls)
    ]
    return [*events, StreamEnd(completion)]
