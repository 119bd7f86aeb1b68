"""A provider that answers what a test has written down."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from typing_extensions import Unpack

from bruno_llm.capabilities import Capabilities
from bruno_llm.chat import Chat, Messages
from bruno_llm.completion import (
    Completion,
    ReasoningDelta,
    StreamEnd,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from bruno_llm.exceptions import ConfigurationError, EmptyResponseError, StreamError
from bruno_llm.messages.chat import ChatMessage, as_messages, messages_of_call, texts_of, to_chat
from bruno_llm.options.call import CallOptions
from bruno_llm.testing.fake.text import arguments_text, words

__all__ = ["MockCall", "MockProvider", "ScriptUsedUpError"]


@dataclass(frozen=True, slots=True)
class MockCall:
    """One call as the provider got it.

    Attributes:
        method: ``complete`` (``generate`` too) or ``stream_events`` (``stream`` too).
        messages: OpenAI-shaped dicts as a vendor would get them: the system prompt first.
        options: What else was given: ``temperature``, ``max_tokens``, ``tools`` ...
    """

    method: str
    messages: list[ChatMessage]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def system(self) -> str | None:
        """The system prompt as it was sent."""
        first = self.messages[0]
        return first["content"] if first["role"] == "system" else None

    @property
    def text(self) -> str:
        """The text of the last message."""
        return "\n".join(texts_of(self.messages[-1:]))


ScriptedAnswer = str | Completion | Exception | type[Exception] | Callable[[MockCall], Any]
"""A text, a whole completion, an error to raise, or a function (async too) that returns one."""


class ScriptUsedUpError(AssertionError):
    """More calls came than answers were scripted.

    An ``AssertionError``, so that the code under test does not take it for a vendor's failure.
    """


class MockProvider(Chat):
    """Answers from a script, in its order, without a network and without litellm.

    Has the methods of ``LiteLLMProvider``. Messages pass through the same conversion and checks as
    those that are sent, so an empty conversation is an ``InvalidRequestError`` here too.

    Example:
        >>> llm = MockProvider("Hello!", RateLimitError("slow down"), lambda call: call.text)

    Args:
        answers: One for each call, the retried ones included. A ``StreamError`` with a
            ``.partial`` breaks a stream behind the pieces of that text.
        default: What is answered when the script is used up.
        model: Its name.
        system_prompt: Sent first on every call.
        connected: What ``check_connection()`` says; may be changed.

    Attributes:
        calls: Every call, in order.
    """

    name: ClassVar[str] = "mock"

    def __init__(
        self,
        *answers: ScriptedAnswer,
        default: ScriptedAnswer | None = None,
        model: str = "mock-model",
        system_prompt: str | None = None,
        connected: bool = True,
    ) -> None:
        self.model = model
        self.connected = connected
        self.calls: list[MockCall] = []
        self._default = default
        self._system_prompt = system_prompt
        self._answers: deque[ScriptedAnswer] = deque()
        self.script(*answers)

    def __repr__(self) -> str:
        return f"MockProvider(model={self.model!r}, pending={self.pending})"

    def script(self, *answers: ScriptedAnswer) -> None:
        """Add answers behind those that are waiting.

        Raises:
            ConfigurationError: An answer is of no type that can be scripted.
        """
        for answer in answers:
            _check(answer)
        self._answers.extend(answers)

    @property
    def pending(self) -> int:
        """How many scripted answers have not been used."""
        return len(self._answers)

    # --- calls --------------------------------------------------------------------------------

    async def complete(
        self,
        messages: Messages = (),
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Unpack[CallOptions],
    ) -> Completion:
        """The next answer with its facts; the usage of a scripted text is an estimate."""
        options = {"temperature": temperature, "max_tokens": max_tokens, **kwargs}
        answer = await self._next("complete", messages, options)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def stream_events(
        self,
        messages: Messages = (),
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Unpack[CallOptions],
    ) -> AsyncGenerator[StreamEvent, None]:
        """The next answer in pieces, then ``StreamEnd``. Other tasks run between the pieces."""
        options = {"temperature": temperature, "max_tokens": max_tokens, **kwargs}
        answer = await self._next("stream_events", messages, options)
        if isinstance(answer, Exception):
            if isinstance(answer, StreamError) and answer.partial is not None:
                for event in _pieces(answer.partial):
                    yield event
                    await asyncio.sleep(0)
            raise answer
        for event in _pieces(answer):
            yield event
            await asyncio.sleep(0)
        yield StreamEnd(answer)

    async def _next(
        self, method: str, messages: Messages, options: Mapping[str, Any]
    ) -> Completion | Exception:
        given = {name: value for name, value in options.items() if value is not None}
        chat = to_chat(messages_of_call(messages, given), self._system_prompt)
        call = MockCall(method, chat, given)
        self.calls.append(call)
        answer: Any = self._answers.popleft() if self._answers else self._default
        if answer is None:
            raise ScriptUsedUpError(
                f"call {len(self.calls)} of MockProvider has no answer: script one for each call, "
                f"or give default=..."
            )
        if callable(answer) and not isinstance(answer, type):
            answer = answer(call)
            if inspect.isawaitable(answer):
                answer = await answer
            _check(answer)
        if isinstance(answer, type):
            answer = answer("scripted")
        return answer if isinstance(answer, Exception) else self._completion(call, answer)

    def _completion(self, call: MockCall, answer: str | Completion) -> Completion:
        whole = Completion(text=answer) if isinstance(answer, str) else answer
        says = whole.text or whole.tool_calls or whole.refusal
        if not says and whole.finish_reason in (None, "stop", "tool_calls"):
            raise EmptyResponseError(
                "the model said nothing", self.name, model=self.model, partial=whole
            )
        return replace(
            whole,
            finish_reason=whole.finish_reason or ("tool_calls" if whole.tool_calls else "stop"),
            usage=whole.usage or self._usage(call, whole),
            cost=0.0 if whole.cost is None else whole.cost,
            model=whole.model or self.model,
            provider=whole.provider or self.name,
        )

    def _usage(self, call: MockCall, answer: Completion) -> Usage:
        prompt = sum(map(self.get_token_count, texts_of(call.messages)))
        completion = self.get_token_count(answer.text)
        return Usage(prompt, completion, prompt + completion, estimated=True)

    # --- the rest of the interface ------------------------------------------------------------

    def get_token_count(self, text: str) -> int:
        """One token for four characters."""
        return math.ceil(len(text) / 4)

    async def count_message_tokens(
        self,
        messages: Messages = (),
        *,
        prompt: str | None = None,
        tools: Any = None,
        exact: bool = False,
    ) -> int:
        """One token for four characters of the messages; not those of the tools."""
        chat = to_chat(as_messages(messages, prompt), self._system_prompt)
        return sum(map(self.get_token_count, texts_of(chat)))

    async def check_connection(self) -> bool:
        """Whether the server is there, as the test says: ``.connected``."""
        return self.connected

    async def list_models(self) -> list[str]:
        """The model's name, in a list."""
        return [self.model]

    def capabilities(self) -> Capabilities:
        """All that a chat model can have."""
        return Capabilities(tools=True, vision=True, json_schema=True, source="mock")

    async def fetch_capabilities(self) -> Capabilities:
        """What ``capabilities()`` says: there is no server to ask."""
        return self.capabilities()

    def get_model_info(self) -> dict[str, Any]:
        """The model's and the provider's name."""
        return {"model": self.model, "provider": self.name}

    def set_system_prompt(self, prompt: str) -> None:
        """Send this first on every call from now on."""
        self._system_prompt = prompt

    def get_system_prompt(self) -> str | None:
        """The system prompt that is sent first on every call."""
        return self._system_prompt

    async def warm_up(self) -> None:
        """Does nothing: a mock is always ready."""

    async def aclose(self) -> None:
        """Does nothing: a mock has no connections."""


def _check(answer: Any) -> None:
    error = isinstance(answer, type) and issubclass(answer, Exception)
    fits = isinstance(answer, str | Completion | Exception) or error
    if not fits and (isinstance(answer, type) or not callable(answer)):
        raise ConfigurationError(
            f"MockProvider cannot answer with a {type(answer).__name__}: give a str, a Completion, "
            "an exception, or a function that returns one"
        )


def _pieces(completion: Completion) -> list[StreamEvent]:
    pieces: list[StreamEvent] = []
    if completion.reasoning:
        pieces.append(ReasoningDelta(completion.reasoning))
    pieces += map(TextDelta, words(completion.text))
    pieces += [
        ToolCallDelta(place, call.id, call.name, arguments_text(call))
        for place, call in enumerate(completion.tool_calls)
    ]
    return pieces
