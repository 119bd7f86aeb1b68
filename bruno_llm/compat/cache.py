"""0.2.0's cache of answers, which a program asked and filled itself."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bruno_core.models.message import Message

from bruno_llm import _clock
from bruno_llm.policies.cache import Cache

__all__ = ["CacheEntry", "ResponseCache"]

# What 0.2.0 added for each entry in its estimate of the memory in use.
_OVERHEAD = 100


@dataclass
class CacheEntry:
    """A kept answer: when it came (seconds since 1970) and how often it was asked for."""

    response: str
    timestamp: float
    hit_count: int = 0
    tokens: int | None = None


class ResponseCache:
    """Keeps the texts of answers; no provider asks it. ``bruno_llm.Cache`` stands in the calls.

    Args:
        max_size: Answers kept; the one unused for longest goes first.
        ttl: Seconds an answer stays good.
    """

    def __init__(self, max_size: int = 1000, ttl: float = 3600) -> None:
        self._cache: OrderedDict[str, CacheEntry] = OrderedDict()
        self._max_size, self._ttl = max_size, ttl
        self._hits = self._misses = 0

    def _generate_key(self, messages: Sequence[Message], **kwargs: Any) -> str:
        said = [[message.role.value, message.content] for message in messages]
        return Cache.key({"messages": said, "params": kwargs})

    def _is_stale(self, entry: CacheEntry) -> bool:
        return _clock.now() - entry.timestamp > self._ttl

    def get(self, messages: Sequence[Message], **kwargs: Any) -> str | None:
        """The text kept for these messages and parameters, or ``None``."""
        key = self._generate_key(messages, **kwargs)
        entry = self._cache.get(key)
        if entry is None or self._is_stale(entry):
            self._cache.pop(key, None)
            self._misses += 1
            return None
        self._cache.move_to_end(key)
        self._hits += 1
        entry.hit_count += 1
        return entry.response

    def set(
        self,
        messages: Sequence[Message],
        response: str,
        tokens: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Keep the text of an answer to these messages and parameters."""
        key = self._generate_key(messages, **kwargs)
        self._cache[key] = CacheEntry(response, _clock.now(), tokens=tokens)
        self._cache.move_to_end(key)
        while len(self._cache) > self._max_size:
            self._cache.popitem(last=False)

    def invalidate(self, messages: Sequence[Message], **kwargs: Any) -> bool:
        """Forget one answer; whether there was one."""
        return self._cache.pop(self._generate_key(messages, **kwargs), None) is not None

    def clear(self) -> None:
        """Forget everything, the counts as well."""
        self._cache.clear()
        self._hits = self._misses = 0

    def cleanup_expired(self) -> int:
        """Forget what is no longer good; how many that were."""
        stale = [key for key, entry in self._cache.items() if self._is_stale(entry)]
        for key in stale:
            del self._cache[key]
        return len(stale)

    def get_stats(self) -> dict[str, Any]:
        """Size, hits, misses and the share of hits (0 to 1)."""
        asked = self._hits + self._misses
        return {
            "size": len(self._cache),
            "max_size": self._max_size,
            "hits": self._hits,
            "misses": self._misses,
            "hit_rate": self._hits / asked if asked else 0.0,
            "ttl": self._ttl,
        }

    def get_size_bytes(self) -> int:
        """About how many bytes the keys and texts take."""
        texts = sum(len(key) + len(entry.response.encode()) for key, entry in self._cache.items())
        return texts + _OVERHEAD * len(self._cache)

    def get_top_entries(self, n: int = 10) -> list[tuple[str, CacheEntry]]:
        """Keys and entries that were asked for most often, the first the most."""
        return sorted(self._cache.items(), key=lambda item: -item[1].hit_count)[:n]
