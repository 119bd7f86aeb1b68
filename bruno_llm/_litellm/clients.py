"""The HTTP client that litellm is given on each route: always one of ours.

One module-level client of litellm's is shared by all event loops (its issues 7667 and 15294), so
every call brings its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bruno_llm._litellm import loading, probe
from bruno_llm._litellm.facts import model_facts, where_to
from bruno_llm._litellm.routes import AZURE, CHAT, EMBEDDING, SDK
from bruno_llm._litellm.sdk import client_class
from bruno_llm._runtime.loops import PerLoop
from bruno_llm.wire.sealed import stand_in

if TYPE_CHECKING:
    from bruno_llm.wire.client import WireClient

__all__ = ["Clients", "LoopClients", "Way", "get_wire", "is_sealed"]


def is_sealed(route: str, model: str, *, embedding: bool = False) -> bool:
    """Whether litellm is given a stand-in of the key for this call.

    Models of the Responses API are asked by another part of litellm, on most routes with a client
    of its own (``responses_api_bridge_check`` in its ``main.py``).
    """
    if embedding:
        return route in EMBEDDING
    if route not in CHAT or "/responses/" in model:
        return False
    return model_facts(model, route).get("mode") != "responses"


@dataclass(frozen=True, slots=True)
class Way:
    """How litellm is asked: what is the same from call to call.

    Attributes:
        litellm: litellm itself.
        route: litellm's name of the vendor, after it has looked at the model.
        client: The client object that it wants there.
        worker: What litellm logs its calls with, ``None`` where it is not known.
        key: The key of the call, or else the one that litellm has itself.
        api_key: What litellm is given as the key: a stand-in wherever that will do.
    """

    litellm: Any
    route: str
    client: Any
    worker: Any
    key: SecretStr | None
    api_key: str | None = field(repr=False)


class LoopClients:
    """The clients of one provider on one event loop."""

    def __init__(self, places: int) -> None:
        from bruno_llm.wire.client import WireClient

        self.http = WireClient(places)
        self._asked: tuple[Any, ...] = ()
        self._way: Way | None = None
        self._made: tuple[tuple[Any, ...], Any] | None = None

    def way(self, params: Mapping[str, Any], key: SecretStr | None) -> Way:
        """How a call with these arguments of litellm's is made; litellm must be loaded."""
        address = params.get("base_url") or params.get("api_base")
        azure = tuple(params.get(name) for name in _AZURE_OPTIONS)
        model, embedding = params["model"], "input" in params
        asked = (model, key, address, azure, embedding)
        if self._way is None or self._asked != asked or not (key and address):
            # Where one of them is not given, litellm's own variables may say another each time.
            sealed = stand_in(key) if key else None
            route, found, address = where_to(model, sealed, address)
            if key is None and found:
                key, sealed = SecretStr(found), stand_in(SecretStr(found))
            if key is not None and not is_sealed(route, model, embedding=embedding):
                sealed = key.get_secret_value()
            client = self._client(route, sealed, address, azure if route in AZURE else ())
            self._asked = asked
            self._way = Way(loading.module, route, client, _logging_worker(), key, sealed)
        return self._way

    def _client(
        self, route: str, api_key: str | None, base_url: str | None, azure: tuple[Any, ...]
    ) -> Any:
        wanted = (route, api_key, base_url, azure)
        if self._made is None or self._made[0] != wanted:
            options = dict(zip(_AZURE_OPTIONS, azure, strict=False))
            self._made = (wanted, self._new(route, api_key, base_url, options))
        return self._made[1]

    def _new(
        self, route: str, api_key: str | None, base_url: str | None, azure: Mapping[str, Any]
    ) -> Any:
        if route in AZURE:
            return _azure_client(self.http, api_key, base_url, azure)
        openai = partial(self._openai_client, api_key or "none", base_url)
        return openai() if route in SDK else _handler_class()(self.http, openai)

    def _openai_client(self, api_key: str, base_url: str | None) -> Any:
        return client_class(_openai().AsyncOpenAI)(
            api_key=api_key, base_url=base_url, http_client=self.http
        )


class Clients(PerLoop[LoopClients]):
    """The HTTP clients of one provider, one for each event loop, closed with it.

    Args:
        at_once: Calls at a time that the provider allows; as many requests may be on the wire on
            each event loop, and 100 at least.
    """

    def __init__(self, at_once: int | None = None) -> None:
        make = partial(_new_clients, at_once)
        super().__init__(make, lambda clients: clients.http.aclose(), _wire_there)


def _new_clients(at_once: int | None) -> LoopClients:
    from bruno_llm.wire.places import PLACES

    return LoopClients(max(PLACES, at_once or 0))


_WIRE = "bruno_llm.wire.client"


async def _wire_there() -> None:
    """httpx and certificates come once, in a thread."""
    if _WIRE not in sys.modules:
        await loading.off_loop(get_wire)


def get_wire() -> None:
    """Import our HTTP client and read the certificates, which takes 0.1 s."""
    import_module(_WIRE).prepare()


def _logging_worker() -> Any:
    name = "litellm_core_utils.logging_worker"
    if not probe.has(f"{name}.GLOBAL_LOGGING_WORKER", f"{name}.LoggingWorker:_worker_task"):
        return None
    return loading.module.litellm_core_utils.logging_worker.GLOBAL_LOGGING_WORKER


_AZURE_OPTIONS = ("api_version", "azure_ad_token", "tenant_id", "client_id", "client_secret")


def _azure_client(
    http: WireClient, api_key: str | None, base_url: str | None, options: Mapping[str, Any]
) -> Any:
    """Azure's client as litellm makes it, with ours inside.

    litellm takes no other class there, and knows the ways to sign in to Azure
    (``llms/azure/common_utils.py``, ``initialize_azure_sdk_client``).
    """
    probe.require(probe.AZURE)
    asked = os.environ.get
    api_key = api_key or asked("AZURE_OPENAI_API_KEY") or asked("AZURE_API_KEY")
    base_url = base_url or asked("AZURE_API_BASE")
    version = options["api_version"] or asked("AZURE_API_VERSION")
    params = loading.module.llms.azure.common_utils.BaseAzureLLM().initialize_azure_sdk_client(
        litellm_params=dict(options),
        api_key=api_key,
        api_base=base_url,
        model_name=None,
        api_version=version,
        is_async=True,
    )
    if version in ("v1", "latest", "preview"):  # Azure's newer address is plain OpenAI
        key = params["api_key"] or params["azure_ad_token_provider"] or params["azure_ad_token"]
        address = f"{str(base_url).rstrip('/')}/openai/v1/"
        return client_class(_openai().AsyncOpenAI)(api_key=key, base_url=address, http_client=http)
    return client_class(_openai().AsyncAzureOpenAI)(**{**params, "http_client": http})


def _openai() -> Any:
    import openai

    return openai


@lru_cache(maxsize=1)
def _handler_class() -> Any:
    handler = loading.module.llms.custom_httpx.http_handler.AsyncHTTPHandler

    class Handler(handler):  # type: ignore[misc, valid-type]  # known when it is loaded
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
