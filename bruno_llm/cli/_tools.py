"""Answers with tools: each call shown on stderr, and asked about where its tool wants that."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import click
from bruno_core.models.message import Message

from bruno_llm import _clock
from bruno_llm.chat import Chat, said
from bruno_llm.cli._console import note_aside
from bruno_llm.completion import Completion, StreamRestart, TextDelta, ToolCall
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.messages.results import as_result
from bruno_llm.tools import (
    RunEnd,
    RunProgress,
    Tool,
    ToolFinished,
    ToolRun,
    ToolStarted,
    stream_tools,
)

__all__ = ["of_this_package", "stream_run"]

_LONGEST = 200
_NOBODY = "nobody could be asked to allow this call"


def of_this_package(provider: Any, option: str) -> Chat:
    """The provider, when it can do more than ``LLMInterface``.

    Raises:
        ConfigurationError: It cannot.
    """
    if not isinstance(provider, Chat):
        name = getattr(provider, "name", type(provider).__name__)
        raise ConfigurationError(f"{option} needs a provider of bruno_llm, and {name} is none")
    return provider


async def stream_run(
    provider: Any,
    messages: Sequence[Any],
    tools: Sequence[Tool],
    show: Callable[[str], None],
    aside: Callable[[str], None],
    restarted: Callable[[str], None],
    kept: Callable[[Sequence[Message]], None] = lambda messages: None,
) -> Completion:
    """Stream an answer, running the tools that the model calls.

    Args:
        provider: Who is asked.
        messages: The conversation.
        tools: What the model may call.
        show: Called with each piece of the text.
        aside: Called with each line about a call.
        restarted: Called with the reason when another provider starts the answer again.
        kept: Called with all new messages so far, whenever there are more of them.

    Returns:
        The last completion with the usage, cost and time of the whole run.

    Raises:
        ConfigurationError: The provider is none of this package.
        LLMError: See ``stream_tools()``.
    """
    asking = {tool.name for tool in tools if tool.approve}

    async def approve(call: ToolCall) -> bool | str:
        return call.name not in asking or await _allowed(call, aside)

    started, run = _clock.monotonic(), ToolRun()
    llm = of_this_package(provider, "--tool")
    async with aclosing(stream_tools(llm, messages, tools, approve=approve)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                show(event.text)
            elif isinstance(event, StreamRestart):
                restarted(f"{event.reason}; {event.provider} starts again")
            elif isinstance(event, ToolStarted) and event.call.name not in asking:
                aside(_spelled(event.call))
            elif isinstance(event, ToolFinished):
                aside(f"{event.call.name}: {_outcome(event)} | {event.seconds:.1f} s")
            elif isinstance(event, RunProgress):
                kept(event.run.messages)
            elif isinstance(event, RunEnd):
                run = event.run
    if not run.text:
        show(said(run.completion))
    kept(run.messages)
    latency = _clock.monotonic() - started
    return replace(run.completion, usage=run.usage, cost=run.cost, latency=latency)


def _spelled(call: ToolCall) -> str:
    given = ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in call.arguments.items()
    )
    return f"{call.name}({given or call.raw_arguments})"


def _outcome(event: ToolFinished) -> str:
    text = event.error if event.error is not None else as_result(event.result).text
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + " ..."


async def _allowed(call: ToolCall, aside: Callable[[str], None]) -> bool | str:
    """Whether the person at the terminal allows a call."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        aside(f"{_spelled(call)} is refused: it needs a yes, and this is not a terminal")
        return _NOBODY
    aside(_spelled(call))
    click.echo("Run it? [y/N] ", nl=False, err=True)
    answer = await _line()
    if not answer.endswith("\n"):
        click.echo(err=True)
    if answer.strip().lower() in ("y", "yes"):
        return True
    note_aside(f"{call.name} is refused")
    return False


async def _line() -> str:
    """A line of the terminal, awaited so that Ctrl-C ends the waiting."""
    loop, typed = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), typed.set)
    except NotImplementedError:  # Windows
        return sys.stdin.readline()
    try:
        await typed.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline()
