"""A call that is made up to the wire and no further, so that the first real one is not slow.

litellm and OpenAI's client import and build half a second's worth at their first call. It would
stand in the event loop, in the call's latency and within its time limits. So once a route, in the
thread that imports litellm, a call is made whose request is stopped before it is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import SecretStr

from bruno_llm._litellm import loading
from bruno_llm._litellm.facts import route_of, unsupported
from bruno_llm._litellm.quirks import Quirks
from bruno_llm._litellm.spared import is_watched
from bruno_llm.wire.exchange import Exchange

if TYPE_CHECKING:
    import httpx

__all__ = ["load"]

# What is imported when a connection or an answer is there, so far a rehearsal does not come.
_LATER = (
    "anyio._backends._asyncio",
    "anyio.streams.tls",
    "httpcore",
    "litellm._service_logger",
    "litellm.litellm_core_utils.logging_callback_manager",
)
_NOWHERE = "http://127.0.0.1/v1"
# Without one Gemini's route gives up before it has imported what it needs.
_NO_KEY = SecretStr("rehearsal")
_done: set[str] = set()


async def load(model: str = "", quirks: Quirks | None = None) -> Any:
    """Import what calls of this model need, off the event loop, and return litellm.

    ``quirks`` are those of the model's vendor, without which no call is rehearsed.
    Takes about 3 s, once a process, and 0.5 s more for the first model of a route.
    """
    litellm = loading.module or await loading.off_loop(loading.load_now)
    if model and route_of(model) not in _done:
        await loading.off_loop(partial(_prepare, model, quirks or Quirks()))
    return litellm


def _prepare(model: str, quirks: Quirks) -> None:
    route = route_of(model)
    if route in _done:  # by who waited in line before
        return
    _done.add(route)
    from bruno_llm._litellm.clients import get_wire

    with loading.without_collector(), loading.without_warnings():
        get_wire()  # now: who rehearses is in the thread that would do it
        for name in (*_LATER, *quirks.imports):
            if name not in sys.modules:
                # Another release may have it elsewhere; then the first call imports it.
                with contextlib.suppress(ImportError):
                    importlib.import_module(name)
        # Imports litellm's code of the route.
        unsupported(model, {"temperature": 1.0}, quirks.looked_up)
        # Whoever is told of litellm's calls would be told of this one.
        if quirks.rehearsed and loading.is_ours and not is_watched(loading.module):
            asyncio.run(_rehearsed(model, quirks))


class _Stopped(Exception):
    """The request was whole, and is not sent."""


def _stop(request: httpx.Request) -> NoReturn:
    raise _Stopped


async def _rehearsed(model: str, quirks: Quirks) -> None:
    # Here and not above, as they bring httpx: the event loop imports this module.
    from bruno_llm._litellm.calls import completion, stream
    from bruno_llm._litellm.clients import Clients

    clients = Clients()
    params: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": "rehearsal"}],
        "base_url": _NOWHERE,
    }
    try:
        for ask in (completion, stream):
            # How it fails does not matter: the real call says what is wrong.
            with contextlib.suppress(Exception):
                exchange = Exchange(None, {}, divert=_stop, key=_NO_KEY)
                await ask(clients, exchange, params, quirks)
    finally:
        await clients.aclose()
