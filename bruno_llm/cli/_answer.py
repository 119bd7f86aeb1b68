"""One answer of a model: shown as it arrives, then its facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bruno_core.interfaces.llm import LLMInterface

    from bruno_llm.completion import Completion, Usage

__all__ = ["as_dict", "dollars_for_people", "facts", "stream_answer", "tokens"]


async def stream_answer(
    provider: LLMInterface,
    messages: Sequence[Any],
    show: Callable[[str], None],
    restarted: Callable[[str], None],
) -> Completion:
    """Stream an answer and return it whole.

    Args:
        provider: Who is asked.
        messages: The conversation.
        show: Called with each piece of the text.
        restarted: Called with the reason when another provider starts the answer again.

    Raises:
        LLMError: See ``bruno_llm.exceptions``; the pieces so far have been shown.
    """
    from bruno_llm.chat import said
    from bruno_llm.completion import StreamEnd, StreamRestart, TextDelta

    events = getattr(provider, "stream_events", None)
    if events is None:
        return await _stream_text(provider, messages, show)
    completion: Completion | None = None
    async with aclosing(events(messages)) as source:
        async for event in source:
            if isinstance(event, TextDelta):
                show(event.text)
            elif isinstance(event, StreamRestart):
                restarted(f"{event.reason}; {event.provider} starts again")
            elif isinstance(event, StreamEnd):
                completion = event.completion
    assert completion is not None
    if not completion.text:
        show(said(completion))
    return completion


async def _stream_text(
    provider: LLMInterface, messages: Sequence[Any], show: Callable[[str], None]
) -> Completion:
    """The answer of a provider that has nothing but ``LLMInterface``: no facts but the time."""
    from bruno_llm import _clock
    from bruno_llm.completion import Completion

    started = _clock.monotonic()
    pieces: list[str] = []
    async for piece in provider.stream(list(messages)):  # type: ignore[attr-defined]
        pieces.append(piece)
        show(piece)
    return Completion(
        text="".join(pieces),
        provider=str(getattr(provider, "name", type(provider).__name__)),
        model=str(getattr(provider, "model", "")),
        latency=_clock.monotonic() - started,
    )


def facts(completion: Completion) -> str:
    """Who answered, the tokens, the cost and the time, in one line."""
    provider, model = completion.provider, completion.model
    who = model if model.startswith(f"{provider}/") else f"{provider}/{model}".strip("/")
    parts = [who, tokens(completion.usage), _price_line(completion), f"{completion.latency:.1f} s"]
    if completion.finish_reason == "length":
        parts.append("cut at max_tokens")
    elif completion.finish_reason not in (None, "stop"):
        parts.append(f"ended with {completion.finish_reason}")
    if completion.trimmed is not None:
        parts.append(f"{completion.trimmed.messages} earlier messages left out")
    return " | ".join(parts)


def tokens(usage: Usage | None) -> str:
    """Tokens in and out, and whether they were counted here."""
    if usage is None:
        return "tokens unknown"
    estimated = " (estimated)" if usage.estimated else ""
    return f"{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens{estimated}"


def _price_line(completion: Completion) -> str:
    return "from the cache" if completion.cached else dollars_for_people(completion.cost)


def dollars_for_people(cost: float | None) -> str:
    """US dollars for people; an unknown price is said to be one."""
    from decimal import Decimal

    from bruno_llm.costs.words import usd

    if cost is None:
        return "price unknown"
    return usd(Decimal(str(cost))) if cost else "free"


def as_dict(completion: Completion) -> dict[str, Any]:
    """A completion for a program; ``cost_usd`` is null when the price is unknown."""
    usage = completion.usage
    return {
        "text": completion.text,
        "provider": completion.provider,
        "model": completion.model,
        "finish_reason": completion.finish_reason,
        "usage": asdict(usage) if usage is not None else None,
        "cost_usd": completion.cost,
        "latency_seconds": round(completion.latency, 3),
        "reasoning": completion.reasoning,
        "refusal": completion.refusal,
        "cached": completion.cached,
        "id": completion.id,
    }
