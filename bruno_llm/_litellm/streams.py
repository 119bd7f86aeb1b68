"""litellm's stream of chunks, below its wrapper wherever they can be read there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from bruno_llm._litellm.steps import Split
from bruno_llm.wire.exchange import Exchange

__all__ = ["Chunks", "begun"]

# Where litellm's wrapper keeps the finish reason that the vendor sent, as against its own.
_FINISH = ("received_finish_reason", "intermittent_finish_reason")


class Chunks:
    """Iterates litellm's stream and closes every layer of it.

    The chunks come from ``completion_stream``, below litellm's wrapper: at a quarter of its cost
    per chunk, and without the finish reason and the usage that it invents where none were sent.
    A few old routes have chunks there that only the wrapper can read. Where the wire is read, texts
    come straight from it, as ``TextDelta``.
    """

    def __init__(self, wrapper: Any, exchange: Exchange) -> None:
        self._wrapper = wrapper
        self._exchange = exchange
        self._source = wrapper.completion_stream
        self._wrapped = not hasattr(self._source, "__aiter__")
        self._iterator = aiter(wrapper if self._wrapped else self._source)
        self._is_read = exchange.wire is not None
        tap = None if self._wrapped or not self._is_read else exchange.tap
        self._split = Split(tap, self._iterator) if tap is not None and tap.split() else None
        self._finished = False
        self._begun = False

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> Any:
        if self._split is not None:
            return _in_openais_shape(await self._split.next())
        try:
            chunk = await anext(self._iterator)
            if not (self._begun or self._wrapped or _is_known(chunk)):
                self._wrapped = True
                self._wrapper.completion_stream = _again(chunk, self._iterator)
                self._iterator = aiter(self._wrapper)
                chunk = await anext(self._iterator)
        except StopAsyncIteration:
            if not (self._is_read or self._has_ended()):
                self._exchange.facts.fault = "the stream ended before the answer did"
                raise EOFError(self._exchange.facts.fault) from None
            raise
        self._begun = True
        if self._wrapped:
            if not self._is_read and getattr(chunk, "usage", None):
                chunk.usage = None
            return chunk
        chunk = _in_openais_shape(chunk)
        if not self._is_read:
            self._finished = self._finished or _finishes(chunk)
        return chunk

    def _has_ended(self) -> bool:
        if not self._wrapped:
            return self._finished
        return any(getattr(self._wrapper, name, "not known") for name in _FINISH)

    async def aclose(self) -> None:
        """Close the connection, also where litellm's own close does not (Anthropic, Ollama)."""
        if self._split is not None:
            await self._split.close()
        for layer in (self._wrapper if self._wrapped else None, self._source):
            close = getattr(layer, "aclose", None)
            if close is not None:
                with contextlib.suppress(RuntimeError):  # a generator that is running closes itself
                    await close()
        await self._exchange.aclose()


class _Generated:
    """A stream of litellm's that is a generator, with nothing to be read below it."""

    completion_stream = ()

    def __init__(self, first: Any, rest: AsyncIterator[Any]) -> None:
        self._chunks = _again(first, rest)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._chunks

    async def aclose(self) -> None:
        await self._chunks.aclose()


async def begun(generator: AsyncGenerator[Any, None]) -> Any:
    """The stream of a route that sends its request when the first chunk is wanted."""
    first = await anext(generator, None)
    return _Generated(first, generator)


async def _again(first: Any, rest: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    if first is not None:
        yield first
    async for chunk in rest:
        yield chunk


def _is_known(chunk: Any) -> bool:
    if isinstance(chunk, Mapping):
        return "choices" in chunk or "is_finished" in chunk
    choices = getattr(chunk, "choices", None)
    return choices is not None and all(hasattr(choice, "delta") for choice in choices)


def _finishes(chunk: Any) -> bool:
    choices = chunk.get("choices") if isinstance(chunk, Mapping) else chunk.choices
    return any(
        choice.get("finish_reason") if isinstance(choice, Mapping) else choice.finish_reason
        for choice in choices or ()
    )


def _in_openais_shape(chunk: Any) -> Any:
    """A chunk as OpenAI writes it; some of litellm's parsers have a shape of their own.

    Source: ``litellm/types/utils.py``, ``GenericStreamingChunk``.
    """
    if not isinstance(chunk, Mapping) or "is_finished" not in chunk:
        return chunk
    delta: dict[str, Any] = {"content": chunk.get("text")}
    if call := chunk.get("tool_use"):
        delta["tool_calls"] = [{**call, "index": chunk.get("index")}]
    finish = chunk.get("finish_reason") if chunk["is_finished"] else None
    return {
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        "usage": chunk.get("usage"),
    }
