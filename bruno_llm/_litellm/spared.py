"""Work of litellm's that grows with the history and that nobody asked for: it is spared.

litellm 1.105 to 1.109, for 1,000 messages of 200 characters:

* each is copied for callbacks, with the images in it shortened, also where there are no callbacks
  (``litellm_logging.py``, ``async_success_handler``): 7 ms, and another thread in the loop's way;
* the type hints of Mistral's messages are worked out anew for each of them: 55 ms;
* what Ollama has counted is counted as well (``dict.get`` with both): 25 ms.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from bruno_llm._litellm.cache import lent
from bruno_llm._litellm.probe import COPIED, COUNTED, HINTED, has

__all__ = ["WATCHERS", "is_watched", "spare"]

WATCHERS = (
    "callbacks",
    *(f"{kind}_callback" for kind in ("input", "success", "failure")),
    *(f"_async_{kind}_callback" for kind in ("input", "success", "failure")),
)
"""litellm's lists of whom it tells of its calls."""


def is_watched(litellm: Any) -> bool:
    """Whether somebody is told of litellm's calls.

    ``"cache"`` is nobody: the name stands there once Gemini's code is imported, which makes a cache
    only to compute keys with (``vertex_ai_context_caching.py``).
    """
    return any(
        watcher != "cache" for name in WATCHERS for watcher in getattr(litellm, name, None) or ()
    )


def spare(litellm: Any) -> None:
    """Have litellm leave it out, the copy and the count during our own unwatched calls alone."""

    if has(COPIED):
        log = litellm.litellm_core_utils.litellm_logging
        log.truncate_base64_in_messages_async = _uncopied(
            log.truncate_base64_in_messages_async, litellm
        )
    if has(f"{HINTED}:get_type_hints"):
        module: Any = sys.modules[litellm.MistralConfig.__module__]
        module.get_type_hints = lru_cache(maxsize=8)(module.get_type_hints)
    if has(f"{COUNTED}:token_counter"):
        config = litellm.OllamaChatConfig
        config.transform_response = _uncounted(config.transform_response, litellm)


def _uncopied(copy: Callable[..., Any], litellm: Any) -> Callable[..., Any]:
    @wraps(copy)
    async def uncopied(messages: Any) -> Any:
        alone = lent.get() is not None and not is_watched(litellm)
        return messages if alone else await copy(messages)

    return uncopied


def _uncounted(read: Callable[..., Any], litellm: Any) -> Callable[..., Any]:
    @wraps(read)
    def uncounted(*args: Any, **kwargs: Any) -> Any:
        alone = lent.get() is not None and not is_watched(litellm)
        if alone and "messages" in kwargs and _is_counted(kwargs.get("raw_response")):
            kwargs["messages"] = []
        return read(*args, **kwargs)

    return uncounted


def _is_counted(answer: Any) -> bool:
    try:
        return "prompt_eval_count" in answer.json()
    except Exception:  # it is litellm that says what is wrong with it
        return False
