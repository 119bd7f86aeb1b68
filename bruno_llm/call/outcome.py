"""What came of a chat call: the completion, with the usage, the price and what was noticed."""

from __future__ import annotations

import math
from typing import Any

from bruno_llm import _clock
from bruno_llm.call.chat import ChatCall
from bruno_llm.call.cut import was_cut
from bruno_llm.call.pricing import billed_tier
from bruno_llm.completion import Completion, Usage
from bruno_llm.exceptions import EmptyResponseError
from bruno_llm.policies.cache import Cache
from bruno_llm.wire.reading import Answer
from bruno_llm.wire.turn import AnswerParts

__all__ = ["kept", "outcome", "refuse_empty"]


async def kept(call: ChatCall, cache: Cache) -> Completion | None:
    """The answer that the cache has for this call; booked as costing nothing."""
    hit, endpoint = cache.get(Cache.key(call.request.identity())), call.endpoint
    if hit is not None and endpoint.costs is not None:
        await endpoint.costs.book(
            provider=endpoint.name,
            model=hit.model,
            usage=hit.usage,
            cost=0.0,
            tag=call.tag,
            cached=True,
        )
    return hit


def outcome(call: ChatCall, answer: Answer) -> Completion:
    """The completion of an answer, whole or broken off; from here on it is what is billed."""
    endpoint, parts = call.endpoint, answer.parts
    usage = answer.usage
    if usage is None or not (usage.total_tokens or answer.is_empty):
        usage = _estimated(call, answer)
    noticed: dict[str, Any] = {}
    if request_id := call.exchange.request_id:
        noticed["request_id"] = request_id
    if endpoint._vendor.silent_window and was_cut(call, usage):
        noticed["prompt_cut"] = True
    call.done = Completion(
        text=answer.text,
        tool_calls=tuple(map(call.request.forms.restored, answer.tool_calls)),
        finish_reason=answer.finish_reason,
        usage=usage,
        cost=_cost(call, answer, usage),
        model=answer.model or endpoint.model,
        provider=endpoint.name,
        id=answer.id,
        reasoning=answer.reasoning or None,
        refusal=answer.refusal or None,
        latency=_clock.monotonic() - call.started,
        trimmed=call.request.trimmed,
        metadata={**call.exchange.facts.notes, **noticed},
        native=_native(call, parts) if parts.native else None,
        attachments=parts.attachments,
        citations=parts.citations,
    )
    return call.done


def _native(call: ChatCall, parts: AnswerParts) -> dict[str, Any] | None:
    origin = call.request.spoken.origin
    if origin is None:
        return None
    return (origin if call.exchange.wire is not None else origin.unread).native(parts.native)


def refuse_empty(call: ChatCall, answer: Answer, completion: Completion) -> None:
    """Refuse an answer that says nothing. What it used is billed all the same.

    Raises:
        EmptyResponseError: Nothing was said and nothing explains why; ``.partial`` has the facts.
    """
    # With a stop sequence, nothing may be all there was to say.
    if answer.is_empty and not (answer.finish_reason == "stop" and call.options.get("stop")):
        raise EmptyResponseError(
            "the model said nothing",
            completion.provider,
            model=completion.model,
            status_code=call.exchange.status,
            request_id=completion.metadata.get("request_id"),
            partial=completion,
        )


def _cost(call: ChatCall, answer: Answer, usage: Usage) -> float | None:
    """US dollars: what the server says it cost, else by the price of the model that answered.

    LiteLLM's proxy may bill by prices of its own, and says what it billed: in a header (its docs,
    "Response headers"), and of a stream, which begins before it costs, with the usage where its
    ``include_cost_in_streaming_usage`` is on.
    """
    headers, said = call.exchange.headers, None
    if call.exchange.body:
        said = headers.get("x-litellm-response-cost")
    elif "x-litellm-call-id" in headers:
        said = getattr(answer.raw_usage, "cost", None)
    try:
        cost = math.nan if said is None else float(said)
    except (TypeError, ValueError):
        cost = math.nan
    if math.isfinite(cost) and cost >= 0:
        return cost
    endpoint = call.endpoint
    if endpoint._vendor.billed is not None and answer.raw_usage is not None:
        billed = endpoint._vendor.billed(answer.raw_usage)
        if billed is not None:
            return billed
    asked, served = call.service_tier if call.options else None, answer.service_tier
    return endpoint._pricing.cost(
        usage,
        answer.model,
        endpoint.model,
        raw=answer.raw_usage,
        service_tier=billed_tier(asked, served) if asked or served else None,
        paid_uses=answer.parts.paid_uses,
    )


def _estimated(call: ChatCall, answer: Answer) -> Usage:
    """The vendor sent no numbers, or nothing but zeros, or the stream broke before them."""
    said = [answer.text, answer.reasoning, answer.refusal]
    said += [asked.name + asked.raw_arguments for asked in answer.tool_calls]
    prompt = call.prompt_tokens
    completion = call.exchange.facts.completion_tokens
    if not completion:
        completion = call.endpoint._counter.text("".join(said))
    return Usage(prompt, completion, prompt + completion, estimated=True)
