"""The HTTP client that litellm is given on each route: always one of ours.

One module-level client of litellm's is shared by all event loops (its issues 7667 and 15294), so
every call brings its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from bruno_llm._loops import PerLoop
from bruno_llm.wire.client import WireClient

__all__ = ["Clients", "LoopClients"]


class Clients:
    """The HTTP clients of one provider, one for each event loop, closed with it."""

    def __init__(self) -> None:
        self._clients = PerLoop(LoopClients, lambda clients: clients.http.aclose())

    async def get(self) -> LoopClients:
        """The clients of the running loop."""
        return await self._clients.get()

    async def aclose(self) -> None:
        """Close the connections of the running loop; a later call opens new ones."""
        await self._clients.aclose()


class LoopClients:
    """The clients of one provider on one event loop."""

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
