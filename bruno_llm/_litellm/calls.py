"""Calling litellm: one way for plain answers, streams and embeddings.

What it guards against (litellm 1.105 to 1.109; each has its test in ``tests/test_litellm.py``):

* each route retries in its own way: so ``max_retries`` and ``num_retries`` are always 0;
* models of some servers are looked up synchronously before each call: so they are written into the
  model map first;
* ``tools=`` wants a package that a base install does not have: so that handler is skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from bruno_llm._litellm.cache import Lent, lent
from bruno_llm._litellm.clients import Clients
from bruno_llm._litellm.facts import know_model
from bruno_llm._litellm.probe import has
from bruno_llm._litellm.quirks import Quirks
from bruno_llm._litellm.routes import REFUSED
from bruno_llm._litellm.spared import is_watched
from bruno_llm._litellm.streams import Chunks, begun
from bruno_llm.wire.exchange import Exchange

__all__ = ["completion", "embedding", "stream"]

_logging: set[asyncio.Task[Any]] = set()


async def completion(
    clients: Clients, exchange: Exchange, params: Mapping[str, Any], quirks: Quirks
) -> Any:
    """One plain call; litellm's ``ModelResponse``. Raises whatever litellm raises."""
    async with _calling(clients, exchange, params, quirks) as (litellm, call):
        return await litellm.acompletion(**call)


async def embedding(
    clients: Clients, exchange: Exchange, params: Mapping[str, Any], quirks: Quirks
) -> Any:
    """One embedding call; litellm's ``EmbeddingResponse``. Raises whatever litellm raises."""
    async with _calling(clients, exchange, params, quirks) as (litellm, call):
        return await litellm.aembedding(**call)


async def stream(
    clients: Clients, exchange: Exchange, params: Mapping[str, Any], quirks: Quirks
) -> Chunks:
    """Open a stream; the vendor's parsed chunks, to be closed with ``aclose``."""
    try:
        asked = {**params, "stream": True, "stream_options": {"include_usage": True}}
        async with _calling(clients, exchange, asked, quirks) as (litellm, call):
            wrapper = await litellm.acompletion(**call)
            if isinstance(wrapper, AsyncGenerator):
                wrapper = await begun(wrapper)
            elif wrapper.completion_stream is None:  # Gemini sends its request this late
                await wrapper.fetch_stream()
        return Chunks(wrapper, exchange)
    except BaseException:
        await exchange.aclose()  # cancelled between the headers and the first piece
        raise


@contextlib.asynccontextmanager
async def _calling(
    clients: Clients, exchange: Exchange, params: Mapping[str, Any], quirks: Quirks
) -> AsyncIterator[tuple[Any, dict[str, Any]]]:
    """litellm and the arguments of one call of it; the wire is watched inside the block.

    The task in which litellm logs the call is held on to: litellm forgets it when it is called on
    another event loop, and asyncio holds tasks only weakly: "Task was destroyed but it is pending"
    would follow.
    """
    own = await clients.get()
    way = own.way(params, exchange.key)
    exchange.key = way.key
    call = {name: value for name, value in params.items() if value is not None}
    call |= {"max_retries": 0, "num_retries": 0, "client": way.client}
    for name in REFUSED.get(way.route, ()):
        call.pop(name, None)
    if way.api_key is not None:
        call["api_key"] = way.api_key
    if (call.get("tools") or call.get("functions")) and has("completion:_skip_mcp_handler"):
        call["_skip_mcp_handler"] = True
    if quirks.flat_extras:
        call |= call.pop("extra_body", None) or {}
    if quirks.looked_up:
        know_model(params["model"], quirks.looked_up)
    token = lent.set(Lent(way.route, way.client, is_watched(way.litellm)))
    try:
        async with own.http.watching(exchange):
            yield way.litellm, call
    finally:
        lent.reset(token)
        task: asyncio.Task[Any] | None = way.worker and way.worker._worker_task
        if task is not None and not task.done() and task not in _logging:
            _logging.add(task)
            task.add_done_callback(_logging.discard)
