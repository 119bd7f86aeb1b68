"""Our HTTP client in litellm's cache of clients, for the routes that take theirs from there."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

__all__ = ["lent", "share_with"]

lent: ContextVar[tuple[str, Any] | None] = ContextVar("bruno_llm_client", default=None)
"""The route of the call under way, and the client that litellm is to use for it.

Some routes (Cohere, Cloudflare, Nova: ``litellm/main.py``, ``_complete_cohere_chat``) never pass on
the client they are given and take one from litellm's cache instead.
"""


def share_with(cache: Any) -> None:
    """Let litellm's cache of HTTP clients give out ours, during a call of ours alone.

    Ours are kept out of it: whoever else calls litellm in this process would find them closed.
    """
    get, put = cache.get_cache, cache.set_cache

    def get_cache(key: str, **kwargs: Any) -> Any:
        route, client = lent.get() or ("", None)
        # litellm's callbacks look for clients of their own here.
        if client is not None and key.startswith("async_httpx_client") and key.endswith(route):
            return client
        return get(key, **kwargs)

    def set_cache(key: str, value: Any, **kwargs: Any) -> Any:
        return None if getattr(value, "_bruno_client", None) else put(key, value, **kwargs)

    cache.get_cache, cache.set_cache = get_cache, set_cache
