"""Calling litellm: one way for plain answers, streams and embeddings.

What it guards against (litellm 1.105 to 1.109; each has its test in ``tests/test_litellm.py``):

* each route retries in its own way: so ``max_retries`` and ``num_retries`` are always 0;
* Ollama models are looked up on ``localhost`` synchronously before each call: so they are written
  into the model map first;
* ``tools=`` wants a package that a base install does not have: so that handler is skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from bruno_llm._litellm.cache import under
from bruno_llm._litellm.clients import Clients
from bruno_llm._litellm.facts import know_ollama_model, route_of
from bruno_llm._litellm.load import load_now, loaded, off_loop
from bruno_llm._litellm.probe import has
from bruno_llm._litellm.streams import Chunks
from bruno_llm.wire.client import Exchange, watching

__all__ = ["completion", "embedding", "load", "stream"]

# OpenAI's client imports it at its first request: a second of the event loop.
_OPENAI_RESOURCES = "openai.resources"
_WORKER = "litellm_core_utils.logging_worker"
_logging: set[asyncio.Task[Any]] = set()


async def load(model: str = "") -> Any:
    """Import what calls of this model need, off the event loop, and return litellm.

    Takes about 3 s, once a process.
    """
    litellm = loaded() or await off_loop(load_now)
    if _OPENAI_RESOURCES not in sys.modules and model and route_of(model) == "openai":
        await off_loop(partial(importlib.import_module, _OPENAI_RESOURCES))
    return litellm


async def completion(
    clients: Clients, exchange: Exchange, api_key: str | None, params: Mapping[str, Any]
) -> Any:
    """One plain call; litellm's ``ModelResponse``. Raises whatever litellm raises."""
    call = await _prepared(clients, api_key, params)
    with _calling(exchange, call):
        return await call.litellm.acompletion(**call.params)


async def embedding(
    clients: Clients, exchange: Exchange, api_key: str | None, params: Mapping[str, Any]
) -> Any:
    """One embedding call; litellm's ``EmbeddingResponse``. Raises whatever litellm raises."""
    call = await _prepared(clients, api_key, params)
    with _calling(exchange, call):
        return await call.litellm.aembedding(**call.params)


async def stream(
    clients: Clients, exchange: Exchange, api_key: str | None, params: Mapping[str, Any]
) -> Chunks:
    """Open a stream; the vendor's parsed chunks, to be closed with ``aclose``."""
    call = await _prepared(clients, api_key, params)
    with _calling(exchange, call):
        wrapper = await call.litellm.acompletion(
            stream=True, stream_options={"include_usage": True}, **call.params
        )
        if wrapper.completion_stream is None:  # Gemini sends its request this late
            await wrapper.fetch_stream()
    return Chunks(wrapper, exchange)


@contextlib.contextmanager
def _calling(exchange: Exchange, call: _Call) -> Iterator[None]:
    """Watch the wire during a call, and hold on to the task in which litellm logs it.

    litellm forgets that task when it is called on another event loop, and asyncio holds tasks
    only weakly: "Task was destroyed but it is pending" would follow.
    """
    try:
        with watching(exchange), under(call.route, call.params["client"]):
            yield
    finally:
        if has(f"{_WORKER}.GLOBAL_LOGGING_WORKER", f"{_WORKER}.LoggingWorker:_worker_task"):
            worker = call.litellm.litellm_core_utils.logging_worker.GLOBAL_LOGGING_WORKER
            task: asyncio.Task[Any] | None = worker._worker_task
            if task is not None and not task.done() and task not in _logging:
                _logging.add(task)
                task.add_done_callback(_logging.discard)


@dataclass(frozen=True, slots=True)
class _Call:
    """What litellm is given, and its name of the vendor that it will take from that."""

    litellm: Any
    route: str
    params: dict[str, Any]


async def _prepared(clients: Clients, api_key: str | None, params: Mapping[str, Any]) -> _Call:
    litellm = loaded() or await load()
    named = route_of(params["model"])
    route, key, address = _where(litellm, params, api_key)
    own = await clients.get()
    call = {
        **params,
        "max_retries": 0,
        "num_retries": 0,
        "api_key": api_key,
        "client": own.for_route(route, key, address, params),
    }
    asks_for_tools = call.get("tools") or call.get("functions")
    if asks_for_tools and has("completion:_skip_mcp_handler"):
        call["_skip_mcp_handler"] = True
    if named == "anthropic":  # litellm would send a field named extra_body there
        call |= call.pop("extra_body", None) or {}
    if named in ("ollama", "ollama_chat"):
        know_ollama_model(litellm, params["model"])
    return _Call(litellm, route, {name: value for name, value in call.items() if value is not None})


def _where(
    litellm: Any, params: Mapping[str, Any], api_key: str | None
) -> tuple[str, str | None, str | None]:
    """Route, key and address of a call as litellm sees them.

    ``azure_ai/gpt-4o`` is served by its Azure route, and an OpenAI-compatible vendor has its key
    and address from litellm.
    """
    base_url = params.get("base_url") or params.get("api_base")
    try:
        _, route, key, address = litellm.get_llm_provider(
            model=params["model"], api_base=base_url, api_key=api_key
        )
    except Exception:  # litellm's own call says better what is wrong with the name
        return route_of(params["model"]), api_key, base_url
    return route, api_key or key, base_url or address
