"""A chat call: its request, its two kinds of try, and what it may use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from bruno_llm import _litellm
from bruno_llm.call.request import ChatRequest
from bruno_llm.call.send import Call
from bruno_llm.call.worst import (
    Bound,
    Known,
    answers,
    cache_writes,
    longest_answer,
    of_schema,
    paid_uses,
    predicted,
    routed,
    tier_of,
)
from bruno_llm.completion import Usage
from bruno_llm.exceptions import BudgetExceededError
from bruno_llm.messages.chat import told_in
from bruno_llm.vendors.counting import CountEndpoint
from bruno_llm.wire.reading import Answer, read_answer
from bruno_llm.wire.stream import OpenStream

__all__ = ["ChatCall", "ask", "count", "open_stream"]

# The limit that a budget puts on an answer when neither the caller nor the model has one.
_LIMIT = 4096
# Signs that sounds or images are sent or asked for.
_SOUNDS = (b"input_audio", b'"audio/', b'"modalities"', b'"responseModalities"')


@dataclass(eq=False, repr=False)
class ChatCall(Call):
    """A call of ``complete()`` or ``stream_events()``.

    Attributes:
        request: What is sent.
    """

    _: KW_ONLY
    request: ChatRequest
    _held_for: Bound | None = field(init=False, default=None)

    @property
    def texts(self) -> Sequence[str]:
        return told_in(self.request.chat)

    @cached_property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt as they are counted here, tools included."""
        known, request = self.request.prompt_tokens, self.request
        if known is not None:
            return known
        return self.endpoint._counter.messages(request.chat, request.options.get("tools"))

    def expected_tokens(self) -> int:
        return self.prompt_tokens + int(self.options.get("max_tokens") or 0)

    @property
    def service_tier(self) -> str | None:
        return tier_of(self._asked)

    def used_by_a_lost_try(self) -> Usage:
        facts = self.exchange.facts
        prompt = facts.prompt_tokens or self.prompt_tokens
        said = facts.completion_tokens
        if not said:
            said = self.endpoint._counter.text("".join(facts.reasoning + facts.refusal))
        return Usage(prompt, said, prompt + said, estimated=True)

    def worst_case(self) -> Decimal | None:
        base = self.endpoint.price
        if base is None or not (base.input or base.output):
            return None if base is None else Decimal(0)  # however long it is
        self._held_for = self._bound(
            self._asked, of_schema(self.options), self._longest() or _LIMIT
        )
        return self._price(self._held_for)

    def most(self, body: Mapping[str, Any], content: bytes) -> Decimal | None:
        bound = self._bound(body, self._known.surplus(body), self._longest())
        sounds = any(word in content for word in _SOUNDS)
        bound = bound._replace(cache_writes=cache_writes(content), sounds=sounds)
        return None if bound == self._held_for else self._price(bound)

    def limited(self) -> ChatRequest:
        """The request with a limit on the answer where nothing else limits it."""
        request = self.request
        if longest_answer(self._asked) is not None or self._longest():
            return request
        return replace(request, options={**request.options, "max_tokens": _LIMIT})

    @cached_property
    def _asked(self) -> Mapping[str, Any]:
        """The options as far as they can be read before litellm has seen them."""
        return {**self.options, **(self.options.get("extra_body") or {})}

    @cached_property
    def _known(self) -> Known:
        options = self.options
        counted = (self.request.chat, options.get("tools"), options.get("functions"))
        return Known(*counted, strict="extra_body" in options)

    def _longest(self) -> int | None:
        """The longest answer that the model gives."""
        facts = _litellm.model_facts(self.request.model, self.endpoint._route)
        longest = facts.get("max_output_tokens")
        return int(longest) if isinstance(longest, int | float) and longest > 0 else None

    def _bound(self, body: Mapping[str, Any], surplus: float, longest: int | None) -> Bound:
        """The most that a request with this body can be billed for.

        Raises:
            BudgetExceededError: Nobody knows a limit of it.
        """
        endpoint, counted = self.endpoint, self.prompt_tokens
        prompt: float = counted + surplus + endpoint._counter.more_at_most(self.request.chat)
        if not endpoint._counter.exact:
            prompt += counted // 4
        if prompt > counted:
            # What is longer than its window a model does not read.
            facts = _litellm.model_facts(self.request.model, endpoint._route)
            window = facts.get("max_input_tokens")
            prompt = min(prompt, max(counted, window or math.inf))
        answer = longest_answer(body) or math.inf
        if math.isinf(answer) and longest is not None:
            answer = longest
        for size, what, hint in (
            (answer, "its answer", "give max_tokens=..."),
            (prompt, "what it refers to", "send the content itself"),
        ):
            if math.isinf(size):
                raise BudgetExceededError(
                    f"{what} has no length that is known, so the call cannot be kept within the"
                    " budget",
                    endpoint.name,
                    model=endpoint.model,
                    hint=hint,
                )
        return Bound(
            int(prompt),
            int(answer) * answers(body) + predicted(body),
            tier_of(body),
            uses=paid_uses(body),
            routed=routed(body),
        )

    def _price(self, bound: Bound) -> Decimal | None:
        cost = self.endpoint._pricing.most(self.endpoint.model, bound)
        return None if cost is None else Decimal(str(cost))


async def ask(call: ChatCall) -> Answer:
    """Make one plain try: ask litellm, and read the answer.

    Raises:
        LLMError: The wire says that this is no whole answer.
        Exception: Whatever litellm raises.
    """
    endpoint, exchange = call.endpoint, call.exchange
    request = call.limited() if call.is_limited else call.request
    params = request.arguments(exchange)
    response = await _litellm.completion(endpoint._clients, exchange, params, endpoint._quirks)
    facts = exchange.facts
    if facts.error is not None or facts.fault is not None:
        raise call.error(None)
    answer = read_answer(response, facts, watched=exchange.wire is not None)
    # litellm puts its own prefix before the names in Ollama's plain answers.
    answer.model = answer.model.removeprefix(f"{endpoint._route}/")
    if facts.items or facts.notes:
        answer.parts = exchange.parts(answer.text, answer.parts)
    return answer


async def open_stream(call: ChatCall) -> OpenStream:
    """One try to open a stream; it is open when its first piece is there.

    Raises:
        Exception: Whatever litellm raises, and our own errors.
    """
    endpoint, exchange = call.endpoint, call.exchange
    request = call.limited() if call.is_limited else call.request
    params = request.arguments(exchange)
    chunks = await _litellm.stream(endpoint._clients, exchange, params, endpoint._quirks)
    opened = OpenStream(chunks, exchange, call.error, total=call.timeout.total, started=call.sent)
    try:
        await opened.open()
    except BaseException:
        await opened.aclose()
        raise
    return opened


async def count(endpoint: CountEndpoint, call: ChatCall) -> int:
    """One try to have the vendor count the prompt of this call.

    Raises:
        LLMError: It could not be asked.
    """
    exchange = call.exchange
    exchange.wire, exchange.divert = None, endpoint.divert
    # What litellm makes of the answer does not matter: it expects one of another kind.
    with suppress(Exception):
        await ask(call)
    counted = endpoint.count(exchange.payload())
    if counted is None:
        raise call.error(exchange.failure)
    return counted
