"""Running the calls of one round: side by side, each within its time, none of them fatal."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from bruno_llm import _clock
from bruno_llm.completion import ToolCall
from bruno_llm.policies.timeouts import LimitReached, within
from bruno_llm.tools.definition import Tool
from bruno_llm.tools.errors import ToolError
from bruno_llm.wire.shape import read_json

__all__ = ["AT_ONCE", "ToolFinished", "ToolStarted", "run_calls"]

AT_ONCE = 8
"""Calls of one round that run at the same time."""


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool begins to run."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool has run.

    Attributes:
        call: What the model asked for.
        result: What the tool gave back; ``None`` after an error.
        error: What the model is told instead of a result, ``None`` when there is one.
        seconds: How long it took.
    """

    call: ToolCall
    result: Any = None
    error: str | None = None
    seconds: float = 0.0


async def run_calls(
    calls: Sequence[ToolCall], tools: Mapping[str, Tool]
) -> AsyncGenerator[ToolStarted | ToolFinished, None]:
    """Run the calls of one round; each is told when it starts and when it is done.

    Sync functions run in threads of their own, with the caller's context variables. Leaving the
    generator cancels what still runs (a thread runs to its end, and nobody waits for it).
    """
    places, in_order = asyncio.Semaphore(AT_ONCE), asyncio.Lock()
    threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="bruno-llm-tool")
    told: asyncio.Queue[ToolStarted | ToolFinished] = asyncio.Queue()

    async def one(call: ToolCall) -> None:
        tool = tools.get(call.name)
        turn = in_order if tool is not None and tool.sequential else places
        async with turn:
            told.put_nowait(ToolStarted(call))
            told.put_nowait(await _finished(call, tool, tools, threads))

    tasks = [asyncio.ensure_future(one(call)) for call in calls]
    try:
        for _ in range(2 * len(tasks)):
            yield await told.get()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        threads.shutdown(wait=False, cancel_futures=True)


async def _finished(
    call: ToolCall, tool: Tool | None, tools: Mapping[str, Tool], threads: ThreadPoolExecutor
) -> ToolFinished:
    started = _clock.monotonic()
    result, error = None, None
    try:
        if tool is None or tool.call is None:
            raise ToolError(f"there is no tool {call.name!r}; there are: {', '.join(tools)}")
        arguments = tool.read(_arguments(call))
        async with within(None, tool.timeout):
            result = await _awaited(tool, tool.call, arguments, threads)
    except ToolError as said:
        error = str(said)
    except LimitReached:
        error = f"the tool did not finish within {tool.timeout if tool else 0:g} s"
    except Exception as failed:
        error = f"{type(failed).__name__}: {failed}"
    return ToolFinished(call, result, error, _clock.monotonic() - started)


async def _awaited(
    tool: Tool, function: Callable[..., Any], arguments: Mapping[str, Any], pool: ThreadPoolExecutor
) -> Any:
    if tool.is_async:
        return await function(**arguments)
    context = contextvars.copy_context()
    work = partial(context.run, partial(function, **arguments))
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _arguments(call: ToolCall) -> Mapping[str, Any]:
    raw = call.raw_arguments
    if call.arguments or not raw.strip():
        return call.arguments
    try:
        read = read_json(raw)
    except ValueError as error:
        raise ToolError(f"the arguments are not valid JSON ({error}); send them again") from None
    if not isinstance(read, dict):
        raise ToolError("the arguments must be a JSON object; send them again")
    return read
