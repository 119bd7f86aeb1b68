"""0.2.0's helpers for streams of text. ``stream_events()`` gives the facts they counted."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from bruno_llm import _clock
from bruno_llm.exceptions import LLMError, StreamError
from bruno_llm.policies.timeouts import within

__all__ = [
    "StreamAggregator",
    "StreamBuffer",
    "StreamProcessor",
    "StreamStats",
    "stream_with_timeout",
]

_WORD = re.compile(r"\S+\s+")
_SENTENCE = re.compile(r".*?[.!?\n]+(?=\s|$)\s*", re.DOTALL)


@dataclass
class StreamStats:
    """What was counted of a stream; ``duration`` in seconds."""

    chunks_received: int = 0
    total_chars: int = 0
    total_tokens: int = 0
    duration: float = 0.0
    errors: int = 0

    def count(self, chunk: str) -> None:
        """Count one more piece."""
        self.chunks_received += 1
        self.total_chars += len(chunk)


@dataclass
class StreamBuffer:
    """Pieces that wait to be taken ``batch_size`` at a time; at most ``max_size`` characters."""

    buffer: deque[str] = field(default_factory=deque)
    max_size: int = 10000
    batch_size: int = 1
    stats: StreamStats = field(default_factory=StreamStats)

    def add(self, chunk: str) -> None:
        """Put a piece behind the others.

        Raises:
            StreamError: There is no room for it.
        """
        held = sum(map(len, self.buffer))
        if held + len(chunk) > self.max_size:
            raise StreamError(
                f"stream buffer full: it holds {held} characters of {self.max_size}",
                hint="take pieces out sooner, or raise max_size",
            )
        self.buffer.append(chunk)
        self.stats.count(chunk)

    def get_batch(self) -> str | None:
        """The next ``batch_size`` pieces as one text; ``None`` while there are fewer."""
        if len(self.buffer) < self.batch_size:
            return None
        return "".join(self.buffer.popleft() for _ in range(self.batch_size))

    def flush(self) -> str:
        """Everything that is left, as one text."""
        text = "".join(self.buffer)
        self.buffer.clear()
        return text

    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return not self.buffer

    def clear(self) -> None:
        """Drop what is left and count anew."""
        self.buffer.clear()
        self.stats = StreamStats()


class StreamAggregator:
    """Gives a stream's text out in words, sentences, equal lengths or intervals; nothing is lost.

    Args:
        strategy: ``word``, ``sentence``, ``fixed`` or ``time``; anything else passes pieces on.
        size: Characters for ``fixed``, seconds for ``time``.
    """

    def __init__(self, strategy: str = "word", size: float = 10) -> None:
        self.strategy = strategy
        self.size = size

    async def aggregate(self, stream: AsyncIterator[str]) -> AsyncIterator[str]:
        """The text of a stream in other pieces. 0.2.0 lost line breaks with ``word``; this not."""
        held, last = "", _clock.monotonic()
        async for chunk in stream:
            held += chunk
            if self.strategy == "time":
                if _clock.monotonic() - last < self.size:
                    continue
                pieces, held, last = [held], "", _clock.monotonic()
            else:
                pieces, held = self._cut(held)
            for piece in pieces:
                yield piece
        if held:
            yield held

    def _cut(self, text: str) -> tuple[list[str], str]:
        """The whole pieces at the front of a text, and the rest."""
        if self.strategy == "fixed":
            size = max(1, int(self.size))
            whole = len(text) - len(text) % size
            return [text[at : at + size] for at in range(0, whole, size)], text[whole:]
        pattern = {"word": _WORD, "sentence": _SENTENCE}.get(self.strategy)
        if pattern is None:
            return [text], ""
        pieces = [match[0] for match in pattern.finditer(text)]
        return pieces, text[sum(map(len, pieces)) :]


class StreamProcessor:
    """Reads a stream to its end and calls back on the way.

    Args:
        on_chunk: Called with each piece.
        on_error: Called with what ended the stream too early.
        on_complete: Called with the counts at the end.
        max_retries: Has no effect: a stream cannot be read twice. 0.2.0 waited, read the rest of
            the broken generator, which is nothing, and called that the answer.
    """

    def __init__(
        self,
        on_chunk: Callable[[str], None] | None = None,
        on_error: Callable[[Exception], None] | None = None,
        on_complete: Callable[[StreamStats], None] | None = None,
        max_retries: int = 3,
    ) -> None:
        self.on_chunk, self.on_error, self.on_complete = on_chunk, on_error, on_complete
        self.max_retries = max_retries
        self.stats = StreamStats()

    async def process(self, stream: AsyncIterator[str], retry_on_error: bool = True) -> list[str]:
        """All pieces of a stream.

        Raises:
            LLMError: What ended the stream, as it is; anything else inside a ``StreamError``.
        """
        chunks: list[str] = []
        began = _clock.monotonic()
        try:
            async for chunk in stream:
                chunks.append(chunk)
                self.stats.count(chunk)
                if self.on_chunk:
                    self.on_chunk(chunk)
        except Exception as error:
            self.stats.errors += 1
            if self.on_error:
                self.on_error(error)
            if isinstance(error, LLMError):
                raise
            raise StreamError(
                f"the stream ended early: {type(error).__name__}", original_error=error
            ) from error
        finally:
            self.stats.duration = _clock.monotonic() - began
        if self.on_complete:
            self.on_complete(self.stats)
        return chunks


async def stream_with_timeout(
    stream: AsyncIterator[str], timeout: float = 30.0
) -> AsyncIterator[str]:
    """The pieces of a stream, as long as each comes within ``timeout`` seconds.

    Raises:
        TimeoutError: One did not. 0.2.0 measured nothing and waited for ever.
    """
    pieces = stream.__aiter__()
    while True:
        async with within(None, timeout):
            piece = await anext(pieces, None)
        if piece is None:
            return
        yield piece
