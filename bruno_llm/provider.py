"""One provider over litellm: the call path that every feature stands in.

Plain and streamed calls share ``_prepare`` (what is sent), ``_admitted`` (slot, budget, booking)
and ``_send`` (tries, pace, wire, errors). Their order is a matter of correctness, so it is written
here once and cannot be rearranged from outside.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from bruno_core.interfaces.llm import LLMInterface
from bruno_core.models.message import Message
from bruno_core.utils.logging import get_logger
from pydantic import SecretStr
from typing_extensions import Unpack

from bruno_llm import _clock, _litellm
from bruno_llm.call.endpoint import Booked, Booking, Call, Endpoint
from bruno_llm.capabilities import Capabilities, capabilities_of
from bruno_llm.completion import (
    Completion,
    StreamEnd,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Trimmed,
    Usage,
)
from bruno_llm.costs.tracker import CostTracker
from bruno_llm.errors.translate import request_id_of
from bruno_llm.exceptions import (
    ConfigurationError,
    ContentFilterError,
    EmptyResponseError,
    InvalidRequestError,
    StreamError,
)
from bruno_llm.messages import ChatMessage, texts_of, to_chat
from bruno_llm.options import CallOptions, ProviderOptions
from bruno_llm.params import (
    CHAT_PARAMS,
    FEATURES,
    GENERIC_PARAMS,
    KNOBS,
    PER_CALL,
    check_names,
    check_tools,
    present,
    spelt_out,
)
from bruno_llm.policies.cache import Cache
from bruno_llm.policies.retry import Retry
from bruno_llm.policies.timeouts import Timeout
from bruno_llm.policies.window import ContextWindow
from bruno_llm.rate_limit.limit import RateLimit
from bruno_llm.redaction import hide_url_secrets
from bruno_llm.vendors.ollama.wire import OLLAMA as OLLAMA_WIRE
from bruno_llm.wire.client import Exchange
from bruno_llm.wire.reading import Answer, read_answer
from bruno_llm.wire.stream import OpenStream

__all__ = ["LiteLLMProvider", "said"]

logger = get_logger(__name__)
Messages = Sequence[Message | Mapping[str, Any]]

# The answer's length that a budget reserves when neither the caller nor the model limits it.
_UNLIMITED_ANSWER = 4096
# Exact counts that a provider remembers.
_MOST_COUNTS = 256


@dataclass(slots=True)
class _Chat(Call):
    """A chat call: the messages as litellm reads them, and the options of this call."""

    chat: list[ChatMessage] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    trimmed: Trimmed | None = None
    counted: int | None = None

    @property
    def content(self) -> Sequence[Mapping[str, Any]]:
        return self.chat


class LiteLLMProvider(Endpoint, LLMInterface):
    """Every model litellm reaches; the named providers only fill in the class attributes.

    Nothing is opened or checked before the first call; a missing key is that call's error.
    Connections are closed with the event loop, so ``aclose()`` is a courtesy. One provider may be
    used by many tasks, threads and event loops.

    Args:
        model: A litellm model string such as ``"groq/llama-3.3-70b-versatile"``; a named provider
            takes the bare name and has a default.
        api_key: The key; else the vendor's variables and the system's keyring are asked, at each
            call.
        base_url: Another address of the vendor's API (OpenAI's format with ``/v1``, Anthropic
            and Ollama without, Gemini either way).
        timeout: Seconds, or a ``Timeout``.
        system_prompt: Sent first on every call.
        temperature: Default of every call.
        max_tokens: Default of every call: the longest answer, in tokens.
        retry: What to do after passing failures; ``None`` for one try.
        rate_limit: Requests and tokens per minute, and calls at once; ``None`` for no limit.
        costs: Books every call and keeps budgets; ``None`` for neither.
        cache: Keeps answers; ``None`` asks every time.
        window: Fits long conversations into the model's context window; ``None`` sends them as
            they are.
        params: Further options of every call, such as ``top_p`` or ``num_ctx``.

    Raises:
        ConfigurationError: No model, an unknown option, or a value that cannot be right.
    """

    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self,
        model: str | None = None,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        timeout: Timeout | float | None = 60.0,
        system_prompt: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        retry: Retry | None = Retry(),  # noqa: B008  frozen, so it can be shared
        rate_limit: RateLimit | None = None,
        costs: CostTracker | None = None,
        cache: Cache | None = None,
        window: ContextWindow | None = None,
        **params: Unpack[ProviderOptions],
    ) -> None:
        check_names(params, self._allowed_params(), f"{type(self).__name__}()")
        super().__init__(
            model,
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            retry=retry,
            rate_limit=rate_limit,
            costs=costs,
        )
        self._system_prompt = system_prompt
        self.temperature = _checked("temperature", temperature, 0)
        self.max_tokens = _checked("max_tokens", max_tokens, 1)
        self.cache = cache
        self.window = window
        self.params = params
        self._counts: dict[str, int] = {}
        self._unsupported: dict[Any, frozenset[str]] = {}
        self._warned: set[str] = set()

    # --- what it is ---------------------------------------------------------------------------

    @classmethod
    def _allowed_params(cls) -> frozenset[str]:
        return CHAT_PARAMS | (cls.vendor.params if cls.vendor else GENERIC_PARAMS)

    def capabilities(self) -> Capabilities:
        """What the model can do, as hints with their source. Asks nobody and opens nothing."""
        return capabilities_of(_litellm.model_facts(self._litellm_model, self._route))

    def get_model_info(self) -> dict[str, Any]:
        """The model, its provider, address, limits and abilities, as a plain dict."""
        abilities = dataclasses.asdict(self.capabilities())
        return {
            "model": self.model,
            "provider": self.name,
            "base_url": hide_url_secrets(self.base_url) if self.base_url else None,
            "max_tokens": self.max_tokens or abilities["max_output_tokens"],
            "temperature": self.temperature,
            **abilities,
        }

    def set_system_prompt(self, prompt: str) -> None:
        """Send this first on every call from now on."""
        self._system_prompt = prompt

    def get_system_prompt(self) -> str | None:
        """The system prompt that is sent first on every call."""
        return self._system_prompt

    # --- tokens -------------------------------------------------------------------------------

    def get_token_count(self, text: str) -> int:
        """Tokens of a text: exact for OpenAI's models, an estimate for others, never a request."""
        return self._counter.text(text)

    async def count_message_tokens(
        self,
        messages: Messages,
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        exact: bool = False,
    ) -> int:
        """Prompt tokens of a conversation, system prompt and tools included.

        Args:
            messages: As for ``complete()``.
            tools: As for ``complete()``.
            exact: Have the vendor count where the count here is an estimate. Anthropic and Gemini
                do that free of charge; Ollama reads the prompt and writes one token. The answer
                is remembered.

        Raises:
            InvalidRequestError: The messages could not be sent either.
            ConfigurationError: ``exact`` with a vendor that cannot count.
            LLMError: The vendor could not be asked.
        """
        chat = to_chat(messages, self._system_prompt)
        if not exact or self._counter.exact:
            return self._counter.messages(chat, tools)
        options = {"tools": tools} if tools else {}
        key = Cache.key({"chat": chat, **options})
        if key not in self._counts:
            if len(self._counts) >= _MOST_COUNTS:
                self._counts.clear()
            self._counts[key] = await self._count_at_vendor(messages, options)
        return self._counts[key]

    async def _count_at_vendor(self, messages: Messages, options: Mapping[str, Any]) -> int:
        if self._vendor.wire is OLLAMA_WIRE:
            try:
                completion = await self.complete(messages, max_tokens=1, **options)
            except EmptyResponseError as empty:  # one token may be the start of a thought
                completion = empty.partial or Completion()
            return completion.usage.prompt_tokens if completion.usage else 0
        endpoint = self._vendor.count
        if endpoint is None:
            raise ConfigurationError(
                f"{self.name} has no way to count tokens exactly; use exact=False"
            )

        async def ask(call: _Chat, exchange: Exchange) -> int:
            exchange.divert = endpoint.divert
            # What litellm makes of the answer does not matter: it expects one of another kind.
            with contextlib.suppress(Exception):
                await _litellm.completion(
                    self._clients, exchange, call.api_key, self._wire_params(call)
                )
            counted = endpoint.count(exchange.payload())
            if counted is None:
                raise self._translate(call, exchange.failure)
            return counted

        call = await self._prepare(messages, None, None, options, fit=False)
        return await self._send(call, ask, None)

    # --- the call path ------------------------------------------------------------------------

    async def generate(  # type: ignore[override]  # named options in place of Any
        self,
        messages: Messages,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Unpack[CallOptions],
    ) -> str:
        """The model's answer as text; the words of a refusal when it refused.

        Raises:
            EmptyResponseError: Nothing to say, or only tool calls (use ``complete()``).
            ContentFilterError: The vendor's filter swallowed the answer.
            LLMError: See ``bruno_llm.exceptions``.
        """
        completion = await self.complete(
            messages, temperature=temperature, max_tokens=max_tokens, **kwargs
        )
        return said(completion)

    async def complete(
        self,
        messages: Messages,
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Unpack[CallOptions],
    ) -> Completion:
        """The model's answer with its facts: tool calls, finish reason, usage, cost.

        Args:
            messages: bruno-core messages or OpenAI-shaped dicts, mixed or alone.
            temperature: Overrides the provider's.
            max_tokens: Overrides the provider's.
            kwargs: ``tools``, ``response_format`` and further options; ``timeout`` (seconds or a
                ``Timeout``) and ``tag`` (whose budget this is) for this call.

        Raises:
            LLMError: See ``bruno_llm.exceptions``.
        """
        call = await self._prepare(messages, temperature, max_tokens, kwargs)
        key, hit = await self._cached(call)
        if hit is not None:
            return hit
        async with self._admitted(call) as booking:
            answer = await self._send(call, self._plain_try, self._vendor.wire)
            if answer.is_empty:
                raise self._empty(call, answer, booking)
            completion = self._completion(call, answer)
            booking.done = _booked(completion)
        if self.cache is not None and key is not None:
            self.cache.put(key, completion)
        return completion

    async def stream(  # type: ignore[override]  # the interface's `async def` means a generator
        self,
        messages: Messages,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Unpack[CallOptions],
    ) -> AsyncGenerator[str, None]:
        """The pieces of the answer's text as they arrive.

        Closing the generator (``aclosing``) or leaving its loop ends the request at the vendor.

        Raises:
            StreamError: The stream broke after its first piece; ``.partial`` has what came.
            EmptyResponseError, ContentFilterError: As for ``generate()``, at the end.
            LLMError: See ``bruno_llm.exceptions``.
        """
        events = self.stream_events(
            messages, temperature=temperature, max_tokens=max_tokens, **kwargs
        )
        async with aclosing(events):
            async for event in events:
                if isinstance(event, TextDelta):
                    yield event.text
                elif isinstance(event, StreamEnd) and not event.completion.text:
                    yield said(event.completion)

    async def stream_events(
        self,
        messages: Messages,
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Unpack[CallOptions],
    ) -> AsyncGenerator[StreamEvent, None]:
        """Text, reasoning and tool calls as they arrive, then ``StreamEnd`` with the completion.

        Takes what ``complete()`` takes. Only the opening is tried again: once something has been
        yielded, a failure is a ``StreamError``.
        """
        call = await self._prepare(messages, temperature, max_tokens, kwargs)
        key, hit = await self._cached(call)
        if hit is not None:
            for event in _replayed(hit):
                yield event
            return
        async with self._admitted(call) as booking:
            opened = await self._send(call, self._stream_try, self._vendor.wire)
            assert call.watch is not None
            call.watch.first_piece()
            try:
                deltas = opened.deltas()
                async with aclosing(deltas):
                    async for delta in deltas:
                        yield delta
                if opened.answer().is_empty:
                    raise self._empty(call, opened.answer(), booking)
                completion = self._completion(call, opened.answer())
                booking.done = _booked(completion)
            except StreamError as error:
                error.partial = self._completion(call, opened.answer())
                raise
            finally:
                if booking.done is None:  # broken, or left early: what arrived is billed
                    partial = self._completion(call, opened.answer())
                    booking.done = _booked(partial)
                await opened.aclose()
        if self.cache is not None and key is not None:
            self.cache.put(key, completion)
        yield StreamEnd(completion)

    async def _prepare(
        self,
        messages: Messages,
        temperature: float | None,
        max_tokens: int | None,
        kwargs: Mapping[str, Any],
        *,
        fit: bool = True,
    ) -> _Chat:
        """What will be sent; everything that can be refused without a request is refused here."""
        self._require_model()
        check_names(kwargs, self._allowed_params() | PER_CALL, f"A call of {self.name}")
        options = present({**self.defaults, **self.params, **kwargs})
        tag = options.pop("tag", None)
        timeout = Timeout.of(options.pop("timeout", self.timeout))
        given = {
            "temperature": _checked("temperature", temperature, 0, self.temperature),
            "max_tokens": _checked("max_tokens", max_tokens, 1, self.max_tokens),
        }
        options |= present(given)
        check_tools(options.get("tools"))
        for option, header in self._vendor.headers.items():
            if option in options:
                value = {header: options.pop(option)}
                options["extra_headers"] = value | dict(options.get("extra_headers") or {})
        base_url = self.base_url
        chat = to_chat(messages, self._system_prompt)
        call = _Chat(
            texts=texts_of(chat),
            chat=chat,
            options=options,
            timeout=timeout,
            api_key=self._key(base_url),
            base_url=base_url,
            tag=tag,
        )
        await _litellm.load(self._litellm_model)
        counter = self._counter
        if not counter.loaded and (self.window or self.costs or self.rate_limit):
            await _litellm.off_loop(counter.load)
        self._fit_options(call)
        if fit:
            await self._fit_window(call)
        return call

    def _fit_options(self, call: _Chat) -> None:
        """Drop the knobs this model has not, refuse the features it has not."""
        asked = {k: v for k, v in call.options.items() if k in KNOBS or k in FEATURES}
        if not asked:
            return
        key = tuple((k, None if k in FEATURES else repr(v)) for k, v in asked.items())
        missing = self._unsupported.get(key)
        if missing is None:
            # litellm may change what it is shown.
            found = _litellm.unsupported(self._litellm_model, copy.deepcopy(asked))
            missing = self._unsupported[key] = frozenset(found)
        words = spelt_out(asked)
        lacked = {word: words[word] for word in self._vendor.lacks if word in words}
        for word, name in sorted({name: name for name in missing}.items() | lacked.items()):
            if name in FEATURES:
                raise InvalidRequestError(
                    f"the model does not take {word}", self.name, model=self.model
                )
            value = call.options.pop(name)
            if name not in self._warned:
                self._warned.add(name)
                logger.warning(
                    "llm_option_dropped",
                    provider=self.name,
                    model=self.model,
                    option=name,
                    value=value if isinstance(value, int | float) else None,
                )

    async def _fit_window(self, call: _Chat) -> None:
        if self.window is None:
            return
        counter = self._counter
        tools = call.options.get("tools")
        fitted = await self.window.fit(
            call.chat,
            count=counter.message,
            overhead=counter.messages([], tools),
            window=self._silent_window(call) or self.capabilities().max_input_tokens,
            max_tokens=call.options.get("max_tokens"),
        )
        call.chat, call.trimmed, call.counted = fitted.messages, fitted.trimmed, fitted.tokens

    def _silent_window(self, call: _Chat) -> int | None:
        """The window of a vendor that cuts what does not fit without saying so."""
        default = self._vendor.silent_window
        return call.options.get("num_ctx", default) if default else None

    def _was_cut(self, call: _Chat, usage: Usage) -> bool:
        """Whether the vendor silently left a part of the prompt out.

        It then counts nearly its whole window, while the prompt is longer. (A far smaller number
        only means that it had the beginning in its cache.)
        """
        window = self._silent_window(call)
        if window is None or usage.estimated or not window // 2 <= usage.prompt_tokens <= window:
            return False
        counted = self._prompt_tokens(call)
        if counted <= window:
            return False
        logger.warning(
            "prompt_cut_by_server",
            provider=self.name,
            model=self.model,
            prompt_tokens=usage.prompt_tokens,
            counted=counted,
            num_ctx=window,
        )
        return True

    def _prompt_tokens(self, call: _Chat) -> int:
        if call.counted is None:
            call.counted = self._counter.messages(call.chat, call.options.get("tools"))
        return call.counted

    async def _cached(self, call: _Chat) -> tuple[str | None, Completion | None]:
        if self.cache is None:
            return None, None
        key = self.cache.key(
            {"model": self._litellm_model, "at": call.base_url, "chat": call.chat, **call.options}
        )
        hit = self.cache.get(key)
        if hit is not None and self.costs is not None:
            await self.costs.book(
                provider=self.name,
                model=hit.model,
                usage=hit.usage,
                cost=0.0,
                tag=call.tag,
                cached=True,
            )
        return key, hit

    async def _plain_try(self, call: _Chat, exchange: Exchange) -> Answer:
        response = await _litellm.completion(
            self._clients, exchange, call.api_key, self._wire_params(call)
        )
        facts = exchange.facts
        if facts.error is not None or facts.fault is not None:
            raise self._translate(call, None)
        answer = read_answer(response, facts, watched=exchange.wire is not None)
        # litellm puts its own prefix before the names in Ollama's plain answers.
        answer.model = answer.model.removeprefix(f"{self._route}/")
        return answer

    async def _stream_try(self, call: _Chat, exchange: Exchange) -> OpenStream:
        chunks = await _litellm.stream(
            self._clients, exchange, call.api_key, self._wire_params(call)
        )
        opened = OpenStream(
            chunks,
            exchange,
            lambda exc: self._translate(call, exc),
            total=call.timeout.total,
            started=call.sent,
        )
        try:
            await opened.open()
        except BaseException:
            await opened.aclose()
            raise
        return opened

    def _wire_params(self, call: _Chat) -> dict[str, Any]:
        return {
            "model": self._litellm_model,
            # litellm rewrites messages in place on some routes, and a try may be repeated.
            "messages": copy.deepcopy(call.chat),
            "base_url": call.base_url,
            "timeout": call.timeout.read,
            **copy.deepcopy(call.options),
        }

    # --- what came of it ----------------------------------------------------------------------

    def _completion(self, call: _Chat, answer: Answer) -> Completion:
        exchange = call.exchange
        metadata: dict[str, Any] = {}
        request_id = request_id_of(exchange.headers) if exchange else None
        if request_id:
            metadata["request_id"] = request_id
        usage = answer.usage or self._estimated(call, answer)
        if self._was_cut(call, usage):
            metadata["prompt_cut"] = True
        return Completion(
            text=answer.text,
            tool_calls=tuple(answer.tool_calls),
            finish_reason=answer.finish_reason,
            usage=usage,
            cost=self._cost(answer.model, usage, answer.raw_usage),
            model=answer.model or self.model,
            provider=self.name,
            id=answer.id,
            reasoning=answer.reasoning or None,
            refusal=answer.refusal or None,
            latency=_clock.monotonic() - call.started,
            trimmed=call.trimmed,
            metadata=metadata,
        )

    def _empty(self, call: _Chat, answer: Answer, booking: Booking) -> EmptyResponseError:
        """The error for an answer that says nothing. What it used is billed all the same."""
        partial = self._completion(call, answer)
        booking.done = _booked(partial)
        return EmptyResponseError(
            "the model said nothing",
            self.name,
            model=partial.model,
            status_code=call.exchange.status if call.exchange else None,
            request_id=partial.metadata.get("request_id"),
            partial=partial,
        )

    def _estimated(self, call: _Chat, answer: Answer) -> Usage:
        """The vendor sent no numbers (or the stream broke before them)."""
        said = [answer.text, answer.reasoning, answer.refusal]
        said += [call_.name + call_.raw_arguments for call_ in answer.tool_calls]
        prompt = self._prompt_tokens(call)
        completion = self._counter.text("".join(said))
        return Usage(prompt, completion, prompt + completion, estimated=True)

    def _worst_case(self, call: _Chat) -> Decimal | None:
        """US dollars this call can cost at most: the counted prompt and the longest answer."""
        facts = _litellm.model_facts(self._litellm_model, self._route)
        prompt = self._prompt_tokens(call)
        if not self._counter.exact:
            prompt += prompt // 4
        longest = (
            call.options.get("max_tokens")
            or call.options.get("max_completion_tokens")
            or facts.get("max_output_tokens")
            or _UNLIMITED_ANSWER
        )
        usage = Usage(prompt, int(longest), prompt + int(longest))
        cost = self._cost("", usage)
        return None if cost is None else Decimal(str(cost))

    def _expected_tokens(self, call: _Chat) -> int:
        return self._prompt_tokens(call) + int(call.options.get("max_tokens") or 0)


def _booked(completion: Completion) -> Booked:
    return Booked(completion.usage, completion.cost, completion.model, completion)


def said(completion: Completion) -> str:
    """The text of an answer for those who only take text; never an empty one."""
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
    reason = completion.finish_reason or "nothing"
    raise EmptyResponseError(f"the model said nothing (it ended with {reason})", **facts)


def _replayed(completion: Completion) -> list[StreamEvent]:
    events: list[StreamEvent] = [TextDelta(completion.text)] if completion.text else []
    events += [
        ToolCallDelta(place, call.id, call.name, call.raw_arguments)
        for place, call in enumerate(completion.tool_calls)
    ]
    return [*events, StreamEnd(completion)]


def _checked(name: str, value: float | None, least: float, default: float | None = None) -> Any:
    if value is None:
        return default
    # not (value >= least) also holds for NaN
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
        raise ConfigurationError(f"{name} must be a number of at least {least}, not {value!r}")
    return value
