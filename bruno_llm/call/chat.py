"""A chat call: its request, its two kinds of try, and what it may use."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from functools import cached_property
from typing import Any

from bruno_llm import _litellm
from bruno_llm.call.endpoint import Endpoint
from bruno_llm.call.pricing import billed_tier
from bruno_llm.call.request import Request
from bruno_llm.call.send import Call
from bruno_llm.completion import Usage
from bruno_llm.messages import texts_of
from bruno_llm.vendors.counting import CountEndpoint
from bruno_llm.wire.reading import Answer, read_answer
from bruno_llm.wire.stream import OpenStream

__all__ = ["ChatCall", "ask", "count", "open_stream"]

# The answer's length that a budget reserves when neither the caller nor the model limits it.
_UNLIMITED_ANSWER = 4096


class ChatCall(Call):
    """A call of ``complete()`` or ``stream_events()``."""

    def __init__(self, endpoint: Endpoint, request: Request, **kwargs: Any) -> None:
        super().__init__(endpoint, base_url=request.base_url, **kwargs)
        self.request = request
        self.options, self.content = request.options, request.chat

    @property
    def texts(self) -> Sequence[str]:
        return texts_of(self.request.chat)

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
        """The tier that is asked for."""
        more = self.options.get("extra_body") or {}
        tier = more.get("service_tier", self.options.get("service_tier"))
        return tier if isinstance(tier, str) else None

    def used_by_a_lost_try(self) -> Usage:
        facts = self.exchange.facts
        prompt = facts.prompt_tokens or self.prompt_tokens
        said = facts.completion_tokens
        if not said:
            said = self.endpoint._counter.text("".join(facts.reasoning + facts.refusal))
        return Usage(prompt, said, prompt + said, estimated=True)

    def worst_case(self) -> Decimal | None:
        endpoint, options = self.endpoint, self.options
        prompt = self.prompt_tokens
        if not endpoint._counter.exact:
            prompt += prompt // 4
        facts = _litellm.model_facts(self.request.model, endpoint._route)
        longest = int(
            options.get("max_tokens")
            or options.get("max_completion_tokens")
            or facts.get("max_output_tokens")
            or _UNLIMITED_ANSWER
        )
        cost = endpoint._pricing.cost(
            Usage(prompt, longest, prompt + longest),
            endpoint.model,
            service_tier=billed_tier(self.service_tier, None),
        )
        return None if cost is None else Decimal(str(cost))


async def ask(call: ChatCall) -> Answer:
    """One plain try.

    Raises:
        LLMError: The wire says that this is no whole answer.
        Exception: Whatever litellm raises.
    """
    endpoint, exchange = call.endpoint, call.exchange
    params = _sent(call)
    response = await _litellm.completion(endpoint._clients, exchange, params)
    facts = exchange.facts
    if facts.error is not None or facts.fault is not None:
        raise call.error(None)
    answer = read_answer(response, facts, watched=exchange.wire is not None)
    # litellm puts its own prefix before the names in Ollama's plain answers.
    answer.model = answer.model.removeprefix(f"{endpoint._route}/")
    answer.parts = exchange.parts(answer.text, answer.parts)
    return answer


async def open_stream(call: ChatCall) -> OpenStream:
    """One try to open a stream; it is open when its first piece is there.

    Raises:
        Exception: Whatever litellm raises, and our own errors.
    """
    params = _sent(call)
    chunks = await _litellm.stream(call.endpoint._clients, call.exchange, params)
    opened = OpenStream(
        chunks, call.exchange, call.error, total=call.timeout.total, started=call.sent
    )
    try:
        await opened.open()
    except BaseException:
        await opened.aclose()
        raise
    return opened


def _sent(call: ChatCall) -> dict[str, Any]:
    """litellm's arguments; what it does not get to see is put in on the way out."""
    params, first = call.request.for_litellm()
    then = call.exchange.divert
    if first is None or then is None:
        call.exchange.divert = first or then
    else:
        call.exchange.divert = lambda request: then(first(request))
    return params


async def count(endpoint: CountEndpoint, call: ChatCall) -> int:
    """One try to have the vendor count the prompt of this call.

    Raises:
        LLMError: It could not be asked.
    """
    exchange = call.exchange
    exchange.wire, exchange.divert = None, endpoint.divert  # _sent() puts its own before it
    # What litellm makes of the answer does not matter: it expects one of another kind.
    with suppress(Exception):
        await ask(call)
    counted = endpoint.count(exchange.payload())
    if counted is None:
        raise call.error(exchange.failure)
    return counted
