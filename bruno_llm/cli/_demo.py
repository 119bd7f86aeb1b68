"""The demo: one question, two wire formats, three ways to ask, and what they cost."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import click
from bruno_core.base.assistant import BaseAssistant
from bruno_core.models.message import Message, MessageRole
from bruno_core.utils.exceptions import BrunoError

from bruno_llm import _clock, _litellm
from bruno_llm.cli._answer import dollars_for_people, stream_answer, tokens
from bruno_llm.cli._console import AnswerWriter
from bruno_llm.completion import Completion
from bruno_llm.costs.tracker import CostTracker
from bruno_llm.demo.engine import Engine
from bruno_llm.demo.memory import InMemory
from bruno_llm.provider import LiteLLMProvider
from bruno_llm.providers.claude import ClaudeProvider
from bruno_llm.providers.openai import OpenAIProvider

__all__ = ["EXPECTED", "QUESTION", "run"]

QUESTION = "Who are you?"
EXPECTED = "Hello from a tiny model that no one trained: Café 🙂 done."
"""What the computed model says to every question."""


@dataclass(frozen=True, slots=True)
class _DemoCall:
    """A way to ask; it shows the answer and returns it with a line of facts."""

    name: str
    ask: Callable[[LiteLLMProvider], Awaitable[tuple[str, str]]]


async def run() -> bool:
    """Run the demo and return whether every answer was right.

    Raises:
        ConfigurationError: The extra ``demo`` is not installed, or the server does not start.
    """
    costs = CostTracker()
    with Engine() as engine:
        click.secho("bruno-llm demo", bold=True)
        click.echo(
            f"A real {engine.description}, runs at {engine.url}.\n"
            "It needs no key and knows one sentence: look at the way, not at the wit."
        )
        await _load()
        click.echo(f"\nQuestion: {QUESTION}")
        providers = (
            # An address and a model are all a local server needs; Anthropic's format asks for some
            # key all the same.
            OpenAIProvider("tiny", base_url=engine.openai_base_url, costs=costs),
            ClaudeProvider(
                "tiny", base_url=engine.anthropic_base_url, api_key="not-needed", costs=costs
            ),
        )
        right: list[bool] = []
        for provider in providers:
            async with provider:
                right += await _show(provider)
    return _conclude(right, costs)


async def _load() -> None:
    started = _clock.monotonic()
    click.echo("Loading litellm, once a process ... ", nl=False)
    sys.stdout.flush()
    await _litellm.load()
    click.echo(f"{_clock.monotonic() - started:.1f} s")


async def _show(provider: LiteLLMProvider) -> list[bool]:
    click.echo()
    click.secho(f"{type(provider).__name__}({provider.model!r}, base_url={provider.base_url!r})")
    right = []
    for way in _WAYS:
        click.secho(f"  {way.name:<36}", fg="cyan", nl=False)
        sys.stdout.flush()
        try:
            text, told = await way.ask(provider)
        except BrunoError as error:
            text, told = "", str(error.cause or error)
        good = text == EXPECTED
        right.append(good)
        mark = click.style("right", fg="green") if good else click.style("WRONG", fg="red")
        click.echo(f"\n  {'':<36}{mark} | {click.style(told, dim=True)}")
    return right


async def _complete(provider: LiteLLMProvider) -> tuple[str, str]:
    completion = await provider.complete([_question()])
    AnswerWriter().write(completion.text)
    return completion.text, _told(completion)


async def _stream(provider: LiteLLMProvider) -> tuple[str, str]:
    answer, arrivals, pieces = AnswerWriter(), [], []
    started = _clock.monotonic()

    def show(piece: str) -> None:
        arrivals.append(_clock.monotonic() - started)
        pieces.append(piece)
        answer.write(piece)

    completion = await stream_answer(provider, [_question()], show, _never)
    text = "".join(pieces)
    live = f"{len(pieces)} pieces, first after {arrivals[0]:.2f} s"
    # One piece would be an answer that only looks streamed.
    return text if len(pieces) > 1 else "", f"{_told(completion)} | {live}"


async def _assist(provider: LiteLLMProvider) -> tuple[str, str]:
    assistant = BaseAssistant(llm=provider, memory=InMemory())
    await assistant.initialize()
    started = _clock.monotonic()
    response = await assistant.process_message(_question(), user_id="demo")
    seconds = _clock.monotonic() - started
    await assistant.shutdown()
    text = str(response.text)
    AnswerWriter().write(text)
    assert provider.costs is not None
    booked = provider.costs.recent(1)[0]
    cost = None if booked.cost is None else float(booked.cost)
    used = f"{booked.prompt_tokens:,} + {booked.completion_tokens:,} tokens"
    return text, f"{used} | {dollars_for_people(cost)} | {seconds:.2f} s"


_WAYS = (
    _DemoCall("await provider.complete(...)", _complete),
    _DemoCall("provider.stream_events(...)", _stream),
    _DemoCall("BaseAssistant.process_message(...)", _assist),
)


def _question() -> Message:
    return Message(role=MessageRole.USER, content=QUESTION)


def _told(completion: Completion) -> str:
    used, cost = tokens(completion.usage), dollars_for_people(completion.cost)
    return f"{used} | {cost} | {completion.latency:.2f} s"


def _never(_why: str) -> None:
    raise AssertionError("one provider alone never restarts")


def _conclude(right: list[bool], costs: CostTracker) -> bool:
    total = costs.report().total
    click.echo(
        f"\nBooked: {total.calls} calls, {total.prompt_tokens:,} + {total.completion_tokens:,}"
        f" tokens, {total.unknown_price_calls} calls of unknown price: nobody has one for this\n"
        "model, and unknown is not free. The first time has in it what litellm loads at its first"
        " call.\n"
    )
    if not all(right):
        click.secho(f"{right.count(False)} of {len(right)} answers are wrong.", fg="red", bold=True)
        return False
    click.secho(f"All {len(right)} answers are right.", fg="green", bold=True)
    click.echo('Next: bruno-llm doctor shows what is set up here, bruno-llm ask "..." asks it.')
    return True
