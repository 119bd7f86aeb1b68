"""An open stream: its deltas, and how it really ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from bruno_llm import _clock
from bruno_llm.completion import TextDelta
from bruno_llm.exceptions import LLMError, StreamError
from bruno_llm.policies.timeouts import within
from bruno_llm.redaction import bare
from bruno_llm.wire.exchange import Exchange
from bruno_llm.wire.reading import Answer, Delta, StreamReader

__all__ = ["OpenStream"]

Translate = Callable[[BaseException | None], LLMError]


class OpenStream:
    """Iterates the deltas of one try.

    ``open()`` pulls the first delta, so that a failure before anything was said is a plain error
    that may be retried. After it a failure is a ``StreamError``, and so is an end without the
    vendor's own sign that the answer is whole: litellm ends a cut stream as if it were complete.

    Args:
        chunks: litellm's chunks; closed by ``aclose()``.
        exchange: The wire's record of this try.
        translate: Turns what was caught (``None``: only the wire knows) into our error.
        total: Seconds within which the whole stream must end, ``None`` for no limit.
        started: The clock's time from which they count.
    """

    def __init__(
        self,
        chunks: Any,
        exchange: Exchange,
        translate: Translate,
        total: float | None = None,
        started: float = 0.0,
    ) -> None:
        self._chunks = chunks
        self._exchange = exchange
        self._translate = translate
        self._total = total
        self._started = started
        watched = exchange.wire is not None
        self._reader = StreamReader(exchange.facts, watched=watched)
        self._watched = watched
        self._first: list[Delta] = []

    async def open(self) -> None:
        """Wait for the first delta, or for the end of an answer that has none.

        Raises:
            LLMError: The plain error, as for a call that is not streamed.
        """
        try:
            while not self._first:
                self._first = self._read(await self._next())
        except StopAsyncIteration:
            broken = self._broken()
        else:
            return
        if broken is not None:
            raise broken from broken.original_error

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """All deltas, the first included.

        Raises:
            StreamError: The stream broke or was cut. Its ``partial`` is set by the caller.
        """
        for delta in self._first:
            yield delta
        while True:
            error: LLMError | None
            try:
                deltas = self._read(await self._next())
            except StopAsyncIteration:
                error = self._broken()
                if error is None:
                    return
            except Exception as exc:  # whatever litellm or the SDK below it raises
                error = self._translate(exc)
            except BaseException as exc:  # cancelled
                raise bare(exc) from None
            else:
                for delta in deltas:
                    yield delta
                continue
            raise _as_stream_error(error) from error.original_error

    def answer(self) -> Answer:
        """What has been said so far; everything, once the deltas are through."""
        answer = self._reader.answer()
        answer.parts = self._exchange.parts(answer.text, answer.parts)
        return answer

    async def aclose(self) -> None:
        """Close the connection; the vendor stops generating."""
        await self._chunks.aclose()

    def _read(self, chunk: Any) -> list[Delta]:
        if type(chunk) is TextDelta:
            self._reader.add(chunk)
            return [chunk]
        return list(self._reader.deltas(chunk))

    async def _next(self) -> Any:
        if self._total is None:
            return await anext(self._chunks)
        left = self._started + self._total - _clock.monotonic()
        async with within("total", self._total, left):
            return await anext(self._chunks)

    def _broken(self) -> LLMError | None:
        facts = self._exchange.facts
        if not self._watched:
            return None
        if facts.error is None and facts.fault is None:
            if facts.ended:
                return None
            facts.fault = "the stream ended before the answer did"
        return self._translate(None)


def _as_stream_error(error: LLMError) -> StreamError:
    return StreamError(
        f"the stream broke: {error.message}",
        error.provider,
        error.original_error,
        model=error.model,
        status_code=error.status_code,
        retry_after=error.retry_after,
        request_id=error.request_id,
        hint=error.hint,
    )
