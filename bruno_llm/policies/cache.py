"""Answers kept, so that the same question costs nothing the second time."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from bruno_llm import _clock
from bruno_llm._runtime.forks import new_lock
from bruno_llm.completion import Completion
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.checks import Count, Seconds, check_arguments

__all__ = ["Cache"]


class Cache:
    """Keeps completions in this process's memory; a hit has ``cached=True`` and cost 0.

    The key is the model and everything that shapes the answer (messages, parameters, the server),
    never an API key. Only whole, natural answers are kept: a refusal of the content filter, an
    answer cut by ``max_tokens`` or a broken stream is asked again.

    Args:
        store: Only ``None`` (memory) so far.
        ttl: Seconds an answer stays good, ``None`` for as long as there is room.
        max_entries: Answers kept; the one unused for longest goes first.

    Raises:
        ConfigurationError: An unknown store, or a limit that is not above 0.
    """

    def __init__(
        self, store: None = None, ttl: Seconds | None = None, *, max_entries: Count = 1000
    ) -> None:
        if store is not None:
            raise ConfigurationError("cache: store must be None (memory); no other store exists")
        check_arguments("Cache", Cache.__init__, {"ttl": ttl, "max_entries": max_entries})
        self.ttl = ttl
        self.max_entries = max_entries
        self._entries: OrderedDict[str, tuple[float, Completion]] = OrderedDict()
        self._lock = new_lock()

    @staticmethod
    def key(params: Mapping[str, Any]) -> str:
        """The name under which a request's answer is kept: equal for equal requests, everywhere."""
        text = json.dumps(params, sort_keys=True, default=_stable)
        return hashlib.sha256(text.encode()).hexdigest()

    def get(self, key: str) -> Completion | None:
        """The kept answer, marked as cached and free of charge, or ``None``."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            kept_at, completion = entry
            if self.ttl is not None and _clock.monotonic() - kept_at >= self.ttl:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
        # Its dicts are the caller's to change; what is kept must stay as it came.
        own = copy.deepcopy(completion)
        return dataclasses.replace(own, cached=True, cost=0.0, latency=0.0)

    def put(self, key: str, completion: Completion) -> None:
        """Keep a whole, natural answer; others are passed over."""
        if completion.finish_reason not in ("stop", "tool_calls"):
            return
        kept = copy.deepcopy(completion)
        with self._lock:
            self._entries[key] = (_clock.monotonic(), kept)
            self._entries.move_to_end(key)
            while len(self._entries) > self.max_entries:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()


def _stable(value: Any) -> Any:
    schema = getattr(value, "model_json_schema", None)  # a pydantic class as response_format
    return schema() if schema is not None else repr(value)
