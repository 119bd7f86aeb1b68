"""Our HTTP client in litellm's cache of clients, for the routes that take theirs from there."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple

__all__ = ["Lent", "lent", "share_with"]


class Lent(NamedTuple):
    """What litellm is given for a call of ours.

    Attributes:
        route: Its name of the vendor.
        client: The client that it is to use. Some routes (Cohere, Cloudflare, Nova:
            ``litellm/main.py``, ``_complete_cohere_chat``) never pass on the one they are given and
            take one from litellm's cache instead.
        is_watched: The application is told of litellm's calls.
    """

    route: str
    client: Any
    is_watched: bool


_NONE = Lent("", None, is_watched=True)
lent: ContextVar[Lent] = ContextVar("bruno_llm_lent", default=_NONE)
"""Of the call of ours under way; outside of one litellm does all that it ever does."""


def share_with(cache: Any) -> None:
    """Let litellm's cache of HTTP clients give out ours, during a call of ours alone.

    Ours are kept out of it: whoever else calls litellm in this process would find them closed.
    """
    get, put = cache.get_cache, cache.set_cache

    def get_cache(key: str, **kwargs: Any) -> Any:
        ours = lent.get()
        # litellm's callbacks look for clients of their own here.
        wanted = key.startswith("async_httpx_client") and key.endswith(ours.route)
        return ours.client if wanted and ours.client is not None else get(key, **kwargs)

    def set_cache(key: str, value: Any, **kwargs: Any) -> Any:
        return None if getattr(value, "_bruno_client", None) else put(key, value, **kwargs)

    cache.get_cache, cache.set_cache = get_cache, set_cache
