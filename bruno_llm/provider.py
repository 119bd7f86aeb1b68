"""One provider over litellm: the call path that every feature stands in.

Plain and streamed calls share ``_prepare`` (what is sent), the ``Call`` that they stand in (slot,
budget, booking) and ``send`` (tries, pace, wire, errors). Their order is a matter of correctness,
so it is written once and cannot be rearranged from outside.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import SecretStr
from typing_extensions import Unpack

from bruno_llm import _litellm
from bruno_llm._former import former_attribute, former_options
from bruno_llm._runtime.loops import inside
from bruno_llm._runtime.spread import STARTS
from bruno_llm.call import path
from bruno_llm.call.model import ChatModel
from bruno_llm.chat import Chat, Messages, replayed
from bruno_llm.completion import Completion, StreamEnd, StreamEvent
from bruno_llm.config.given import policy
from bruno_llm.exceptions import (
    ConfigurationError,
    EmptyResponseError,
    InvalidRequestError,
    StreamError,
)
from bruno_llm.messages.chat import as_messages, messages_of_call, shows_images, to_chat
from bruno_llm.options.call import CallOptions, ProviderOptions
from bruno_llm.options.checks import Count, Temperature, check
from bruno_llm.options.params import (
    CHAT_PARAMS,
    GENERIC_PARAMS,
    NAMED,
    PER_CALL,
    SETTINGS,
    check_names,
    check_options,
    whole_tools,
)
from bruno_llm.policies.cache import Cache
from bruno_llm.policies.retry import Retry
from bruno_llm.policies.timeouts import Timeout
from bruno_llm.redaction import hidden, keeps_secrets
from bruno_llm.vendors.registry import vendor_of
from bruno_llm.wire.bodies import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    from bruno_llm.costs.tracker import CostTracker
    from bruno_llm.policies.window import ContextWindow
    from bruno_llm.rate_limit.limit import RateLimit

__all__ = ["LiteLLMProvider"]

_MOST_COUNTS = 256  # exact ones that a provider remembers
_RESPONSES = "responses/"


class LiteLLMProvider(ChatModel, Chat):
    """Every model litellm reaches; the named providers only fill in the class attributes.

    Nothing is opened or checked before the first call; a missing key is that call's error.
    Connections are closed with the event loop, so ``aclose()`` is a courtesy. One provider may be
    used by many tasks, threads and event loops.

    Args:
        model: A litellm model string such as ``"groq/llama-3.3-70b-versatile"``; a named provider
            takes the bare name and has a default.
        api_key: The key; else the vendor's variables and the keyring are asked, at each call.
        base_url: Another address of the vendor's API (OpenAI's format with ``/v1``, Anthropic
            and Ollama without, Gemini either way).
        timeout: Seconds, or a ``Timeout``.
        system_prompt: Sent first on every call.
        temperature: Default of every call.
        max_tokens: Default of every call: the longest answer, in tokens.
        retry: After passing failures: a ``Retry`` or the number of tries.
        rate_limit: A ``RateLimit`` or the requests per minute.
        costs: Books calls, keeps budgets: a ``CostTracker`` or a budget in US dollars.
        cache: Keeps answers: a ``Cache``, ``True``, seconds, or a store.
        window: Fits long conversations into the model's window: a ``ContextWindow``, ``True``, or
            the most tokens of a prompt. A policy that is ``None`` or ``False`` is off.
        max_response_bytes: Of an answer or a whole stream, decompressed; ``None`` for no limit.
        params: Further options of every call, such as ``top_p`` or ``num_ctx``.

    Raises:
        ConfigurationError: No model, an unknown option, or a value that cannot be right.
    """

    defaults: ClassVar[Mapping[str, Any]] = {}

    @keeps_secrets
    def __init__(
        self,
        model: str | None = None,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        timeout: Timeout | Mapping[str, float | None] | float | None = 60.0,
        system_prompt: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        retry: (
            Retry | Mapping[str, Any] | int | None
        ) = Retry(),  # noqa: B008  frozen, so it can be shared
        rate_limit: RateLimit | Mapping[str, Any] | float | None = None,
        costs: CostTracker | Mapping[str, Any] | float | None = None,
        cache: Cache | Mapping[str, Any] | float | str | None = None,
        window: ContextWindow | Mapping[str, Any] | int | None = None,
        max_response_bytes: int | None = MAX_RESPONSE_BYTES,
        **params: Unpack[ProviderOptions],
    ) -> None:
        retry, costs = former_options(params, retry, costs)
        allowed = self._allowed_params() | self._params_of(model)
        owner = f"{type(self).__name__}()"
        check_names(params, allowed, owner, SETTINGS)
        check_options(params, owner)
        super().__init__(
            model,
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            retry=policy("retry", retry, owner),
            rate_limit=policy("rate_limit", rate_limit, owner),
            costs=policy("costs", costs, owner),
            max_response_bytes=max_response_bytes,
        )
        self._refuse_mistyped_route(params)
        check("system_prompt", system_prompt, str | None)
        self._system_prompt = system_prompt
        check("temperature", temperature, Temperature | None)
        check("max_tokens", max_tokens, Count | None)
        check("max_response_bytes", max_response_bytes, Count | None)
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.cache = policy("cache", cache, owner)
        self.window = policy("window", window, owner)
        route, _, rest = self._litellm_model.partition("/")
        if rest.startswith(_RESPONSES) and vendor_of(route).responses is not None:
            # litellm's way to say which endpoint: openai/responses/<model>
            self._litellm_model = f"{route}/{rest.removeprefix(_RESPONSES)}"
            params["api"] = "responses"
        self.params = hidden(params)
        self._exact_counts: dict[str, int] = {}
        self._loaded = False

    # --- what it is ---------------------------------------------------------------------------

    if not TYPE_CHECKING:  # for mypy, an attribute that is not there is an error

        def __getattr__(self, name: str) -> Any:
            return former_attribute(self, name)

    @classmethod
    def _allowed_params(cls) -> frozenset[str]:
        return CHAT_PARAMS | (cls.vendor.params if cls.vendor else GENERIC_PARAMS)

    def _params_of(self, model: str | None) -> frozenset[str]:
        """What the vendor behind a model string takes besides, for the generic class."""
        route = str(model or "").partition("/")[0]
        return vendor_of(route).params if self.vendor is None else frozenset()

    # --- tokens -------------------------------------------------------------------------------

    async def count_message_tokens(
        self,
        messages: Messages = (),
        *,
        prompt: str | None = None,
        tools: Sequence[Any] | None = None,
        exact: bool = False,
    ) -> int:
        """Prompt tokens of a conversation, system prompt and tools included.

        Args:
            messages: As for ``complete()``.
            prompt: As for ``complete()``.
            tools: As for ``complete()``.
            exact: Have the vendor count where the count here is an estimate. Anthropic and Gemini
                do that free of charge; Ollama reads the prompt and writes one token. The answer
                is remembered.

        Raises:
            InvalidRequestError: The messages could not be sent either.
            ConfigurationError: ``exact`` with a vendor that cannot count.
            LLMError: The vendor could not be asked.
        """
        messages = as_messages(messages, prompt)
        tools = whole_tools(path.as_dicts(tools)) if tools else None
        chat = to_chat(messages, self._system_prompt)
        if not exact or self._counter.exact:
            return self._counter.messages(chat, tools)
        options = {"tools": tools} if tools else {}
        counts, key = self._exact_counts, Cache.key({"chat": chat, **options})
        if key not in counts:
            if len(counts) >= _MOST_COUNTS:
                counts.clear()
            counts[key] = await self._counted_by_vendor(messages, options)
        return counts[key]

    async def _counted_by_vendor(self, messages: Messages, options: Mapping[str, Any]) -> int:
        vendor = self._vendor
        if vendor.count is not None:
            call = await self._prepare(messages, None, None, options, fit=False)
            return await path.send(call, partial(path.count, vendor.count))
        if vendor.counts_by_asking:
            try:
                completion = await self.complete(messages, max_tokens=1, **options)
            except EmptyResponseError as empty:  # one token may be the start of a thought
                completion = empty.partial or Completion()
            return completion.usage.prompt_tokens if completion.usage else 0
        raise ConfigurationError(f"{self.name} has no way to count tokens exactly; use exact=False")

    # --- the call path ------------------------------------------------------------------------

    async def complete(
        self,
        messages: Messages = (),
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Unpack[CallOptions],
    ) -> Completion:
        """The model's answer with its facts: tool calls, finish reason, usage, cost.

        Args:
            messages: bruno-core messages or OpenAI-shaped dicts, mixed or alone; or a text, which
                is one user message.
            temperature: Overrides the provider's.
            max_tokens: Overrides the provider's.
            kwargs: ``tools``, ``response_format`` and further options; ``timeout`` (seconds or a
                ``Timeout``), ``tag`` (whose budget this is) and ``prompt`` (a text in place of
                ``messages``) for this call.

        Raises:
            LLMError: See ``bruno_llm.exceptions``.
        """
        call = await self._prepare(messages, temperature, max_tokens, kwargs)
        cache = self.cache
        if cache is not None and (hit := await path.kept(call, cache)) is not None:
            return hit
        async with call:
            answer = await path.send(call, path.ask)
            completion = path.outcome(call, answer)
            if not completion.text:
                path.refuse_empty(call, answer, completion)
        if cache is not None:
            cache.put(Cache.key(call.request.identity()), completion)
        return completion

    async def stream_events(
        self,
        messages: Messages = (),
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
        cache = self.cache
        if cache is not None and (hit := await path.kept(call, cache)) is not None:
            for event in replayed(hit):
                yield event
            return
        async with call:
            opened = await path.send(call, path.open_stream)
            call.watch.first_piece()
            try:
                async with inside(opened.deltas()) as deltas:
                    async for delta in deltas:
                        yield call.request.forms.told(delta)
                answer = opened.answer()
                completion = path.outcome(call, answer)
                if not completion.text:
                    path.refuse_empty(call, answer, completion)
            except StreamError as error:
                error.partial = path.outcome(call, opened.answer())
                raise
            finally:
                if call.done is None:  # left early, or broken in another way
                    path.outcome(call, opened.answer())
                await opened.aclose()
        if cache is not None:
            cache.put(Cache.key(call.request.identity()), completion)
        yield StreamEnd(completion)

    async def _prepare(
        self,
        messages: Messages,
        temperature: float | None,
        max_tokens: int | None,
        kwargs: Mapping[str, Any],
        *,
        fit: bool = True,
    ) -> path.ChatCall:
        """What will be sent; everything that can be refused without a request is refused here."""
        await STARTS.go_on()
        if not self._loaded:
            self._require_model()
        options = self._options_of_call(temperature, max_tokens, kwargs)
        tag, timeout = options.pop("tag", None), self.timeout
        if "timeout" in options:
            timeout = Timeout.of(options.pop("timeout"))
        if "prompt" in options:
            messages = messages_of_call(messages, options)
            if "prompt" in options:
                check_names(("prompt",), self._allowed_params(), f"A call of {self.name}")
        chat = to_chat(messages, self._system_prompt)
        if any(isinstance(turn.get("content"), list) for turn in chat) and shows_images(chat):
            chat = path.seen_by(self.capabilities(), chat, self.name, self.model)
        base_url, address, api_key = self._given or await self._looked_up(timeout)
        if not self._loaded:
            await self._get_ready()
            self._loaded = True
        spoken, forms = self._fitting.fit(options, base_url)
        if any("tool_calls" in turn or turn["role"] == "tool" for turn in chat):
            chat = path.renamed(chat, forms)
        request = path.ChatRequest(
            self._litellm_model, chat, options, spoken, base_url, timeout.read, forms=forms
        )
        if (self.window or self.costs or self.rate_limit) and not self._counter.loaded:
            await _litellm.off_loop(self._counter.load)
        if fit and self.window is not None:
            size = await path.window_size(self, options)
            request = await path.fitted_to_window(request, self.window, self._counter, size)
        return path.ChatCall(
            self,
            api_key=api_key,
            base_url=base_url,
            address=address,
            timeout=timeout,
            options=request.options,
            content=request.chat,
            wire=spoken.wire,
            tag=tag,
            request=request,
        )

    def _options_of_call(
        self, temperature: float | None, max_tokens: int | None, kwargs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What a call asks for, the provider's own options among it; nothing that is ``None``."""
        if kwargs:
            allowed = self._allowed_params() | self._params_of(self._litellm_model) | PER_CALL
            check_names(kwargs, allowed, f"A call of {self.name}", NAMED)
            check_options(kwargs, f"A call of {self.name}", InvalidRequestError)
        if temperature is not None:
            check("temperature", temperature, Temperature | None)
        if max_tokens is not None:
            check("max_tokens", max_tokens, Count | None)
        options = {**self.defaults, **self.params, **kwargs}
        limits = {
            "temperature": self.temperature if temperature is None else temperature,
            "max_tokens": self.max_tokens if max_tokens is None else max_tokens,
        }
        options |= {name: value for name, value in limits.items() if value is not None}
        return {name: value for name, value in options.items() if value is not None}

    @cached_property
    def _fitting(self) -> path.Fitting:
        vendor = self._vendor
        return path.Fitting(
            self.name, self.model, self._route, self._litellm_model, vendor, self._quirks
        )
