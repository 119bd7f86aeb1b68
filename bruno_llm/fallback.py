"""Several providers as one: when the first cannot answer, the next one does."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Literal

from bruno_core.interfaces.llm import LLMInterface
from bruno_core.utils import exceptions as core
from typing_extensions import Unpack

from bruno_llm._runtime.log import get_logger
from bruno_llm._runtime.loops import inside
from bruno_llm.capabilities import Capabilities, common
from bruno_llm.chat import Chat, Messages, models_of
from bruno_llm.completion import Completion, StreamEnd, StreamEvent, StreamRestart, TextDelta
from bruno_llm.exceptions import (
    AllProvidersFailedError,
    AuthenticationError,
    ConfigurationError,
    LLMError,
    ModelNotFoundError,
    QuotaExceededError,
    StreamError,
    TransientError,
)
from bruno_llm.messages.chat import messages_of_call
from bruno_llm.options.call import AnswerOptions
from bruno_llm.options.checks import Wait, check
from bruno_llm.policies.cooldown import Cooldown

__all__ = ["FallbackProvider"]

logger = get_logger(__name__)

FALLS_OVER: tuple[type[Exception], ...] = (
    TransientError,
    QuotaExceededError,
    AuthenticationError,
    ModelNotFoundError,
)
"""What another provider may do better. A bad request stays a bad request elsewhere."""

# A provider that is not ours may raise bruno-core's plain LLMError or what its client raises.
_FOREIGN: tuple[type[Exception], ...] = (ConnectionError, TimeoutError, OSError)


class FallbackProvider(Chat):
    """Asks providers in order until one answers.

    A provider that failed is left alone for ``cooldown`` seconds (or as long as it asked for, up
    to 300), then one call tries it again while the others still pass it by. When all are cooling
    down they are asked all the same. Each provider keeps its own retries, limits and costs.

    A stream falls over only before its first event. With ``resume="restart"`` a stream that breaks
    later starts anew at the next provider: ``stream_events()`` then yields a ``StreamRestart``
    first, and ``stream()``, whose plain text could not say so, raises the ``StreamError``.

    Args:
        providers: Any ``LLMInterface``s, the preferred one first.
        on: The errors that go to the next provider; others are raised at once.
        cooldown: Seconds a provider that failed is passed by; 0 to ask it every time.
        resume: ``None`` or ``"restart"``.

    Raises:
        ConfigurationError: No provider, or a value that cannot be right.
    """

    name = "fallback"

    def __init__(
        self,
        providers: Sequence[LLMInterface],
        *,
        on: tuple[type[Exception], ...] = FALLS_OVER,
        cooldown: float = 30.0,
        resume: Literal["restart"] | None = None,
    ) -> None:
        if not isinstance(providers, Sequence) or not providers:
            raise ConfigurationError("FallbackProvider needs a list of at least one provider")
        for provider in providers:
            if not isinstance(provider, LLMInterface):
                raise ConfigurationError(
                    f"FallbackProvider takes LLMInterfaces, not {type(provider).__name__}"
                )
        check("cooldown", cooldown, Wait, "FallbackProvider")
        errors = on if isinstance(on, tuple) else (on,)
        if not all(isinstance(kind, type) and issubclass(kind, Exception) for kind in errors):
            raise ConfigurationError("on must be a tuple of exception classes")
        if resume not in (None, "restart"):
            raise ConfigurationError(f"resume must be None or 'restart', not {resume!r}")
        self.providers = tuple(providers)
        self._on = errors
        self._cooldowns = [Cooldown(cooldown) for _ in self.providers]
        self._resume = resume

    # --- answers ------------------------------------------------------------------------------

    async def complete(
        self, messages: Messages = (), **kwargs: Unpack[AnswerOptions]
    ) -> Completion:
        """The completion of the first provider that answers.

        ``completion.provider`` says which; ``completion.metadata["failures"]`` what the others
        said, as (provider, error class, message).
        """
        options: dict[str, Any] = {**kwargs}
        messages = messages_of_call(messages, options)
        failures: list[tuple[LLMInterface, Exception]] = []
        for place in self._order():
            provider = self.providers[place]
            with self._cooldowns[place].tried():
                try:
                    completion = await _complete(provider, messages, options)
                except Exception as error:
                    self._failed(place, error, failures)
                    continue
                self._cooldowns[place].recovered()
                return _with_failures(completion, failures)
        raise _all_failed(failures)

    def _text_events(self, messages: Messages, **kwargs: Any) -> AsyncGenerator[StreamEvent, None]:
        # Plain text cannot say that it starts anew: a break is a StreamError.
        options: dict[str, Any] = {**kwargs}
        messages = messages_of_call(messages, options)
        return self._events(messages, options, None)

    async def stream_events(
        self, messages: Messages = (), **kwargs: Unpack[AnswerOptions]
    ) -> AsyncGenerator[StreamEvent, None]:
        """The events of the first provider that begins to answer; see the class for restarts."""
        options: dict[str, Any] = {**kwargs}
        messages = messages_of_call(messages, options)
        events = self._events(messages, options, self._resume)
        async with inside(events) as events:
            async for event in events:
                yield event

    async def _events(
        self,
        messages: Messages,
        kwargs: Mapping[str, Any],
        resume: str | None,
    ) -> AsyncGenerator[StreamEvent, None]:
        failures: list[tuple[LLMInterface, Exception]] = []
        begun = False
        for place in self._order():
            provider = self.providers[place]
            with self._cooldowns[place].tried():
                events = _events(provider, messages, kwargs)
                told = False
                try:
                    async with inside(events) as events:
                        async for event in events:
                            if begun and not told:
                                yield StreamRestart(_name(provider), _why(failures[-1][1]))
                            begun = told = True
                            yield _told(event, failures)
                except Exception as error:
                    if told and (resume is None or not isinstance(error, StreamError)):
                        raise
                    self._failed(place, error, failures, broke=told)
                    continue
                self._cooldowns[place].recovered()
                return
        raise _all_failed(failures)

    # --- who is next --------------------------------------------------------------------------

    def _order(self) -> list[int]:
        """Places of the providers to ask: those in good health, else all."""
        ready = [place for place, rest in enumerate(self._cooldowns) if rest.ready()]
        return ready or list(range(len(self.providers)))

    def _failed(
        self,
        place: int,
        error: Exception,
        failures: list[tuple[LLMInterface, Exception]],
        *,
        broke: bool = False,
    ) -> None:
        """Note a failure, or raise it when it is no reason to ask another provider."""
        foreign = isinstance(error, core.LLMError) and not isinstance(error, LLMError)
        if not (broke or foreign or isinstance(error, (*self._on, *_FOREIGN))):
            raise error
        failures.append((self.providers[place], error))
        rest = getattr(error, "retry_after", None)
        self._cooldowns[place].failed(rest)
        logger.warning(
            "llm_fallback",
            provider=_name(self.providers[place]),
            error=type(error).__name__,
            status_code=getattr(error, "status_code", None),
            cooldown=self._cooldowns[place].seconds(rest),
        )

    # --- the rest of the interface ------------------------------------------------------------

    def get_token_count(self, text: str) -> int:
        """Tokens as the preferred provider counts them."""
        count: int = self.providers[0].get_token_count(text)
        return count

    async def check_connection(self) -> bool:
        """Whether any of them could answer."""
        for provider in self.providers:
            if await provider.check_connection():
                return True
        return False

    async def list_models(self) -> list[str]:
        """The models of all that can be reached, each once."""
        models: dict[str, None] = {}
        failures: list[tuple[LLMInterface, Exception]] = []
        for provider in self.providers:
            try:
                models |= dict.fromkeys(await models_of(provider))
            except core.LLMError as error:
                failures.append((provider, error))
        if failures and not models:
            raise _all_failed(failures)
        return list(models)

    def get_model_info(self) -> dict[str, Any]:
        """Facts of the preferred provider's model; of the others' under ``fallbacks``."""
        first, *others = (dict(provider.get_model_info()) for provider in self.providers)
        return {**first, "fallbacks": others}

    def capabilities(self) -> Capabilities:
        """What all of them can do; one that is not of this package takes no tools and schemas."""
        return common([_capabilities(provider) for provider in self.providers])

    def set_system_prompt(self, prompt: str) -> None:
        """Set it on all of them."""
        for provider in self.providers:
            provider.set_system_prompt(prompt)

    def get_system_prompt(self) -> str | None:
        """The system prompt of the preferred provider."""
        prompt: str | None = self.providers[0].get_system_prompt()
        return prompt

    async def warm_up(self) -> None:
        """Get those of them ready that have something to get ready."""
        for provider in self.providers:
            if hasattr(provider, "warm_up"):
                await provider.warm_up()

    async def aclose(self) -> None:
        """Close the connections of all of them."""
        for provider in self.providers:
            close = getattr(provider, "aclose", None) or getattr(provider, "close", None)
            if close is not None:
                await close()

    def __repr__(self) -> str:
        return f"FallbackProvider({list(self.providers)!r})"


async def _complete(
    provider: LLMInterface, messages: Sequence[Any], kwargs: Mapping[str, Any]
) -> Completion:
    complete = getattr(provider, "complete", None)
    if complete is not None:
        completion: Completion = await complete(messages, **kwargs)
        return completion
    text = await provider.generate(list(messages), **kwargs)
    return Completion(text=text, finish_reason="stop", provider=_name(provider))


async def _events(
    provider: LLMInterface, messages: Sequence[Any], kwargs: Mapping[str, Any]
) -> AsyncGenerator[StreamEvent, None]:
    events = getattr(provider, "stream_events", None)
    if events is not None:
        async with inside(events(messages, **kwargs)) as source:
            async for event in source:
                yield event
        return
    pieces: list[str] = []
    try:
        async for piece in provider.stream(list(messages), **kwargs):  # type: ignore[attr-defined]
            pieces.append(piece)
            yield TextDelta(piece)
    except Exception as error:
        if not pieces or isinstance(error, StreamError):
            raise
        partial = Completion(text="".join(pieces), provider=_name(provider))
        raise StreamError(
            f"the stream broke: {type(error).__name__}", _name(provider), error, partial=partial
        ) from error
    yield StreamEnd(
        Completion(text="".join(pieces), finish_reason="stop", provider=_name(provider))
    )


def _capabilities(provider: LLMInterface) -> Capabilities:
    known = getattr(provider, "capabilities", None)
    return Capabilities(tools=False, json_schema=False) if known is None else known()


def _name(provider: LLMInterface) -> str:
    return str(getattr(provider, "name", None) or type(provider).__name__)


def _why(error: Exception) -> str:
    """The text of an error of ours; other packages' texts may hold a key or the prompt."""
    return str(error) if isinstance(error, LLMError) else ""


def _with_failures(
    completion: Completion, failures: Sequence[tuple[LLMInterface, Exception]]
) -> Completion:
    if not failures:
        return completion
    told = tuple((_name(who), type(why).__name__, _why(why)) for who, why in failures)
    return dataclasses.replace(completion, metadata={**completion.metadata, "failures": told})


def _told(event: StreamEvent, failures: Sequence[tuple[LLMInterface, Exception]]) -> StreamEvent:
    if isinstance(event, StreamEnd):
        return StreamEnd(_with_failures(event.completion, failures))
    return event


def _all_failed(failures: Sequence[tuple[LLMInterface, Exception]]) -> AllProvidersFailedError:
    told = "; ".join(f"{_name(who)}: {type(why).__name__} {_why(why)}" for who, why in failures)
    last = failures[-1][1]
    waits = [w for _, why in failures if (w := getattr(why, "retry_after", None)) is not None]
    error = AllProvidersFailedError(
        f"no provider could answer: {told}",
        original_error=last,
        retry_after=min(waits, default=None),
    )
    error.errors = tuple(why for _, why in failures)
    error.retryable = any(getattr(why, "retryable", False) for why in error.errors)
    error.__cause__ = last
    return error
