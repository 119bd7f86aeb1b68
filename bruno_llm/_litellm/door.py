"""litellm behind one door: imported late, configured once, called one way.

What it guards against (litellm 1.105 to 1.109; each has its test in ``tests/test_litellm.py``):

* importing takes seconds, fetches a price map and a ``.env``, adds log handlers: so it is imported
  at the first call, in a thread of its own, with those switched off;
* one module-level HTTP client is shared by all event loops: so every call brings its own;
* each route retries in its own way: so ``max_retries`` and ``num_retries`` are always 0;
* Ollama models are looked up on ``localhost`` synchronously before each call: so they are written
  into the model map first;
* ``tools=`` wants a package that a base install does not have: so that handler is skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

from bruno_llm._loops import PerLoop
from bruno_llm.completion import Usage
from bruno_llm.wire.client import Exchange, WireClient, watching

__all__ = [
    "Clients",
    "bundled_map",
    "completion",
    "cost",
    "embedding",
    "is_loaded",
    "load",
    "load_now",
    "model_facts",
    "off_loop",
    "route_of",
    "stream",
    "unsupported",
]

_IMPORT_ENV = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # no download of the price map
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",  # nor of the beta headers
    "LITELLM_MODE": "PRODUCTION",  # no .env file is read
}
# OpenAI's client imports it at its first request: a second of the event loop.
_OPENAI_RESOURCES = "openai.resources"
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
_lock = threading.Lock()
T = TypeVar("T")
# Not the loop's default executor: litellm prepares each call there.
_importer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bruno-llm-import")
_module: Any = None
# Names that we put into litellm's map: they are no facts about the models.
_written: set[str] = set()
_logging: set[asyncio.Task[Any]] = set()


def is_loaded() -> bool:
    """Whether litellm has been imported and configured."""
    return _module is not None


async def load(model: str = "") -> Any:
    """Import what calls of this model need, off the event loop, and return litellm.

    Takes about 3 s, once a process.
    """
    litellm = _module or await off_loop(load_now)
    if _OPENAI_RESOURCES not in sys.modules and model and route_of(model) == "openai":
        await off_loop(partial(importlib.import_module, _OPENAI_RESOURCES))
    return litellm


async def off_loop(work: Callable[[], T]) -> T:
    """Do slow work that happens once in a thread, beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_importer, work)


def load_now() -> Any:
    """Import litellm in this thread and return it."""
    global _module
    with _lock:
        if _module is None:
            with _quiet_import():
                import litellm
            litellm.suppress_debug_info = True  # it prints help to stdout on errors
            litellm.telemetry = False
            litellm.disable_hf_tokenizer_download = True  # 23 s offline for some names
            _module = litellm
    return _module


@contextlib.contextmanager
def _quiet_import() -> Iterator[None]:
    """Undo what importing litellm leaves behind in the process."""
    if "litellm" in sys.modules:  # the application's own import: its settings are not ours
        yield
        return
    environment = {name: os.environ.get(name) for name in _IMPORT_ENV}
    loggers = [logging.getLogger(name) for name in (*_LOGGERS, "httpx")]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    os.environ.update(_IMPORT_ENV)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for logger, handlers, level in before:
            logger.handlers[:] = handlers
            logger.setLevel(level)
        for name in _LOGGERS:
            # Its messages may quote the request, and without a handler Python prints them.
            if logging.getLogger(name).level == logging.NOTSET:
                logging.getLogger(name).setLevel(logging.CRITICAL)


class Clients:
    """The HTTP clients of one provider, one for each event loop, closed with it."""

    def __init__(self) -> None:
        self._clients = PerLoop(_LoopClients, lambda clients: clients.http.aclose())

    async def get(self) -> _LoopClients:
        """The clients of the running loop."""
        return await self._clients.get()

    async def aclose(self) -> None:
        """Close the connections of the running loop; a later call opens new ones."""
        await self._clients.aclose()


class _LoopClients:
    def __init__(self) -> None:
        self.http = WireClient()
        self._made: tuple[tuple[str, str | None, str | None], Any] | None = None

    def for_route(self, route: str, api_key: str | None, base_url: str | None) -> Any:
        """The client object that litellm wants on this route, ``None`` where it takes none."""
        if route in _OWN_CLIENT_ROUTES:
            return None
        wanted = (route, api_key, base_url)
        if self._made is None or self._made[0] != wanted:
            openai = partial(self._openai_client, api_key or "none", base_url)
            client = openai() if route == "openai" else _handler_class()(self.http, openai)
            self._made = (wanted, client)
        return self._made[1]

    def _openai_client(self, api_key: str, base_url: str | None) -> Any:
        return _openai_class()(api_key=api_key, base_url=base_url, http_client=self.http)


# Routes whose SDK builds its own client (Azure's own class, boto3 ...).
_OWN_CLIENT_ROUTES = frozenset({"azure", "azure_text", "bedrock", "sagemaker"})


@lru_cache(maxsize=1)
def _openai_class() -> Any:
    from openai import AsyncOpenAI

    class Client(AsyncOpenAI):
        """OpenAI's client, sending each request once.

        litellm sets ``max_retries`` of the client it is given, for embeddings to 2 when it was
        asked for 0 (``OpenAIChatCompletion.embedding``: ``max_retries or DEFAULT_MAX_RETRIES``).
        """

        @property
        def max_retries(self) -> int:
            return 0

        @max_retries.setter
        def max_retries(self, value: int) -> None:
            pass

    return Client


@lru_cache(maxsize=1)
def _handler_class() -> Any:
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    class Handler(AsyncHTTPHandler):
        """litellm's handler around a client that is already there.

        Some OpenAI-compatible routes (perplexity, deepinfra ...) give ``client`` to OpenAI's SDK
        code instead; which ones is written in litellm's dispatch alone. So what only an
        ``AsyncOpenAI`` has is answered by one.
        """

        def __init__(self, client: WireClient, openai: Callable[[], Any]) -> None:
            self._bruno_client = client
            self._bruno_openai = openai
            super().__init__()
            self.client = client

        def __getattr__(self, name: str) -> Any:
            if name.startswith(("_bruno", "__")):
                raise AttributeError(name)
            return getattr(self._bruno_openai(), name)

        async def post(self, *args: Any, **kwargs: Any) -> Any:
            if "cast_to" in kwargs:  # how OpenAI's client is asked
                return await self._bruno_openai().post(*args, **kwargs)
            return await super().post(*args, **kwargs)

        def create_client(self, *args: Any, **kwargs: Any) -> Any:
            return self._bruno_client

        async def close(self) -> None:
            """The provider closes the client, not litellm."""

        def __del__(self) -> None:
            """As above: litellm's would close the client at garbage collection."""

    return Handler


async def completion(
    clients: Clients, exchange: Exchange, api_key: str | None, params: Mapping[str, Any]
) -> Any:
    """One plain call; litellm's ``ModelResponse``. Raises whatever litellm raises."""
    call = await _prepared(clients, api_key, params)
    with _calling(exchange):
        return await _module.acompletion(**call)


async def embedding(
    clients: Clients, exchange: Exchange, api_key: str | None, params: Mapping[str, Any]
) -> Any:
    """One embedding call; litellm's ``EmbeddingResponse``. Raises whatever litellm raises."""
    call = await _prepared(clients, api_key, params)
    with _calling(exchange):
        return await _module.aembedding(**call)


async def stream(
    clients: Clients, exchange: Exchange, api_key: str | None, params: Mapping[str, Any]
) -> Any:
    """Open a stream; the vendor's parsed chunks, to be closed with ``aclose``.

    Where the wire is watched the chunks come from ``completion_stream``, below litellm's wrapper:
    a quarter of its cost per chunk, with the true finish reason. Elsewhere from the wrapper.
    """
    call = await _prepared(clients, api_key, params)
    with _calling(exchange):
        wrapper = await _module.acompletion(
            stream=True, stream_options={"include_usage": True}, **call
        )
        if wrapper.completion_stream is None:  # Gemini sends its request this late
            await wrapper.fetch_stream()
    return _Chunks(wrapper, inner=exchange.wire is not None)


@contextlib.contextmanager
def _calling(exchange: Exchange) -> Iterator[None]:
    """Watch the wire during a call, and hold on to the task in which litellm logs it.

    litellm forgets that task when it is called on another event loop, and asyncio holds tasks
    only weakly: "Task was destroyed but it is pending" would follow.
    """
    try:
        with watching(exchange):
            yield
    finally:
        worker = _module.litellm_core_utils.logging_worker.GLOBAL_LOGGING_WORKER
        task = getattr(worker, "_worker_task", None)
        if task is not None and not task.done() and task not in _logging:
            _logging.add(task)
            task.add_done_callback(_logging.discard)


class _Chunks:
    """Iterates litellm's stream and closes every layer of it."""

    def __init__(self, wrapper: Any, *, inner: bool) -> None:
        self._wrapper = wrapper
        self._source = wrapper.completion_stream if inner else wrapper
        self._iterator = aiter(self._source)

    def __aiter__(self) -> _Chunks:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._iterator)

    async def aclose(self) -> None:
        """Close the connection, also where litellm's own close does not (Anthropic, Ollama)."""
        layers = (
            self._source,
            getattr(self._source, "response", None),
            getattr(self._source, "http_response", None),
            getattr(self._source, "streaming_response", None),
        )
        for layer in layers:
            close = getattr(layer, "aclose", None)
            if close is not None:
                with contextlib.suppress(RuntimeError):  # a generator that is running closes itself
                    await close()


async def _prepared(
    clients: Clients, api_key: str | None, params: Mapping[str, Any]
) -> dict[str, Any]:
    litellm = await load()
    route = route_of(params["model"])
    own = await clients.get()
    call = {
        **params,
        "max_retries": 0,
        "num_retries": 0,
        "api_key": api_key,
        "client": own.for_route(route, *_where(litellm, params, api_key)),
    }
    if call.get("tools") or call.get("functions"):
        call["_skip_mcp_handler"] = True
    if route == "anthropic":  # litellm would send a field named extra_body there
        call |= call.pop("extra_body", None) or {}
    if route in ("ollama", "ollama_chat"):
        _know_ollama_model(litellm, params["model"])
    return {name: value for name, value in call.items() if value is not None}


def _where(
    litellm: Any, params: Mapping[str, Any], api_key: str | None
) -> tuple[str | None, str | None]:
    """Key and address of a call, as litellm knows them for OpenAI-compatible vendors."""
    base_url = params.get("base_url") or params.get("api_base")
    try:
        _, _, key, address = litellm.get_llm_provider(
            model=params["model"], api_base=base_url, api_key=api_key
        )
    except Exception:  # litellm's own call says better what is wrong with the name
        return api_key, base_url
    return api_key or key, base_url or address


def _know_ollama_model(litellm: Any, model: str) -> None:
    """Spare litellm its synchronous ``/api/show`` requests (its issues 37041 and 21967)."""
    bare = model.split("/", 1)[1]
    for route in ("ollama", "ollama_chat"):
        name = f"{route}/{bare}"
        if name in litellm.model_cost:
            continue
        _written.add(name)
        litellm.model_cost[name] = {
            "litellm_provider": route,
            "mode": "chat",
            "input_cost_per_token": 0.0,
            "output_cost_per_token": 0.0,
            "supports_function_calling": True,
        }


def route_of(model: str) -> str:
    """litellm's provider name of a model string: ``"groq"`` of ``"groq/llama-3.3-70b"``."""
    if not model:
        return ""
    if "/" in model:
        return model.split("/", 1)[0]
    if _module is None:
        facts = model_facts(model)
        return str(facts.get("litellm_provider", "openai"))
    try:
        return str(_module.get_llm_provider(model=model)[1])
    except Exception:  # litellm raises its BadRequestError for a name it does not know
        return "openai"


def unsupported(model: str, params: Mapping[str, Any]) -> set[str]:
    """The names in ``params`` that litellm says this model cannot take.

    Each is tried alone, because litellm names only one of several, and knows rules (a model that
    takes no temperature but 1) that stand in no list.
    """
    route = route_of(model)
    if route in ("ollama", "ollama_chat"):
        _know_ollama_model(_module, model)
    bare = model.split("/", 1)[1] if model.startswith(f"{route}/") else model
    return {name for name, value in params.items() if not _takes(route, bare, name, value)}


def _takes(route: str, model: str, name: str, value: Any) -> bool:
    try:
        _module.utils.get_optional_params(
            model=model, custom_llm_provider=route, drop_params=False, **{name: value}
        )
    except _module.UnsupportedParamsError:
        return False
    except Exception:  # a value it cannot read: the call itself gives the clear error
        return True
    return True


def cost(model: str, route: str, usage: Usage, raw: Any) -> float | None:
    """US dollars of that usage by litellm's price map, ``None`` for a model without a price.

    ``raw`` is the usage object litellm read, with details that ours leaves out (long-lived cache
    writes, server tools); ``None`` prices the plain numbers.
    """
    facts = model_facts(model, route)
    if facts.get("input_cost_per_token") is None:
        return None
    details = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    if raw is not None:
        details = {**(raw if isinstance(raw, dict) else raw.model_dump()), **details}
    try:
        response = _module.ModelResponse(model=model, usage=_module.Usage(**details))
        return float(
            _module.completion_cost(
                completion_response=response, model=model, custom_llm_provider=route
            )
        )
    except Exception:  # completion_cost raises plain Exception for what it cannot price
        return None


def model_facts(model: str, route: str | None = None) -> Mapping[str, Any]:
    """litellm's entry of a model: window, prices, abilities. Empty when it has none.

    Read from the map that comes with litellm's package, so that asking does not import litellm.
    """
    prices = _module.model_cost if _module is not None else bundled_map()
    names = [model, f"{route}/{model}"] if route else [model]
    if "/" in model:
        names.append(model.split("/", 1)[1])
    for name in names:
        if name in prices and name not in _written:
            facts: Mapping[str, Any] = prices[name]
            return facts
    return {}


@lru_cache(maxsize=1)
def bundled_map() -> dict[str, Any]:
    """litellm's map of models as it comes with the package, read without importing litellm."""
    spec = importlib.util.find_spec("litellm")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).with_name("model_prices_and_context_window_backup.json")
    entries: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return entries
