"""Work of litellm's that nobody asked for: it is spared.

litellm 1.105 to 1.109:

* each call is priced, and then written down for callbacks, also where there are none: a sixth of
  the CPU time of a short call, and 7 ms of one with 1,000 messages, whose images are shortened for
  that (``litellm_logging.py``);
* of a failure the traceback is searched for keys, on the event loop, 1 ms for each KiB of it;
* the type hints of Mistral's messages are worked out anew for each of them: 55 ms of 1,000;
* what Ollama has counted is counted as well (``dict.get`` with both): 25 ms of 1,000;
* most routes build a vocabulary to count with where the vendor has not: one step of 80 ms in which
  no other thread runs.
"""

from __future__ import annotations

import inspect
import logging
import operator
import os
import sys
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from bruno_llm._litellm.cache import lent
from bruno_llm._litellm.probe import COUNTED, ENCODED, HINTED, PRICED, TOLD, has

__all__ = ["WATCHERS", "is_watched", "spare"]

WATCHERS = (
    "callbacks",
    *(f"{kind}_callback" for kind in ("input", "success", "failure")),
    *(f"_async_{kind}_callback" for kind in ("input", "success", "failure")),
)
"""litellm's lists of whom it tells of its calls."""
# Its environment variable with which each call is printed (``litellm_logging.py``).
_PRINTED = "LITELLM_PRINT_STANDARD_LOGGING_PAYLOAD"


def is_watched(litellm: Any) -> bool:
    """Whether somebody is told of litellm's calls, by a callback or in its log.

    ``"cache"`` is nobody: the name stands there once Gemini's code is imported, which makes a cache
    only to compute keys with (``vertex_ai_context_caching.py``).
    """
    for name in WATCHERS:
        for watcher in getattr(litellm, name, None) or ():
            if watcher != "cache":
                return True
    return logging.getLogger("LiteLLM").isEnabledFor(logging.DEBUG) or _PRINTED in os.environ


def spare(litellm: Any) -> None:
    """Have litellm leave it out, all but the hints during our own calls alone."""
    for path in (PRICED, *TOLD):
        if has(path):
            owner, _, name = path.rpartition(".")
            holder = operator.attrgetter(owner)(litellm) if owner else litellm
            setattr(holder, name, _only_if_watched(getattr(holder, name)))
    if has(ENCODED):
        litellm.main._get_encoding = _built_when_used(litellm.main._get_encoding)
    if has(f"{HINTED}:get_type_hints"):
        module: Any = sys.modules[litellm.MistralConfig.__module__]
        module.get_type_hints = lru_cache(maxsize=8)(module.get_type_hints)
    if has(f"{COUNTED}:token_counter"):
        config = litellm.OllamaChatConfig
        config.transform_response = _uncounted(config.transform_response)


def _only_if_watched(work: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(work):

        @wraps(work)
        async def later(*args: Any, **kwargs: Any) -> Any:
            return await work(*args, **kwargs) if lent.get().is_watched else None

        return later

    @wraps(work)
    def now(*args: Any, **kwargs: Any) -> Any:
        return work(*args, **kwargs) if lent.get().is_watched else None

    return now


class _Vocabulary:
    """A vocabulary that is built when somebody counts with it."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build

    def __getattr__(self, name: str) -> Any:
        return getattr(self._build(), name)


def _built_when_used(build: Callable[[], Any]) -> Callable[[], Any]:
    later = _Vocabulary(build)

    @wraps(build)
    def found() -> Any:
        return build() if lent.get().client is None else later

    return found


def _uncounted(read: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(read)
    def uncounted(*args: Any, **kwargs: Any) -> Any:
        alone = not lent.get().is_watched
        if alone and "messages" in kwargs and _is_counted(kwargs.get("raw_response")):
            kwargs["messages"] = []
        return read(*args, **kwargs)

    return uncounted


def _is_counted(answer: Any) -> bool:
    try:
        return "prompt_eval_count" in answer.json()
    except Exception:  # it is litellm that says what is wrong with it
        return False
