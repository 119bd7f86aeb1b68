"""A real HTTP server on the loopback interface that speaks the vendors' wire formats."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing.fake.gate import Gate
from bruno_llm.testing.fake.http import Incoming, ServedConnection
from bruno_llm.testing.fake.queues import SHARED, Queues
from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.request import EndpointName, Request
from bruno_llm.testing.fake.responder import Responder, json_bytes
from bruno_llm.testing.fake.routes import identify
from bruno_llm.testing.fake.script import Fault, Item
from bruno_llm.testing.fake.strict.judge import judged
from bruno_llm.testing.fake.strict.memory import TurnMemory
from bruno_llm.testing.fake.thread import ServerThread
from bruno_llm.testing.fake.vectors import embedding_of
from bruno_llm.testing.fake.vendors.registry import COMPATIBLE, MODELS, WIRES
from bruno_llm.testing.fake.waiters import Waiters
from bruno_llm.testing.fake.wire import EmbeddingWire, RenderedTurn, Wire

__all__ = ["FakeServer"]


class FakeServer:
    """Answers like OpenAI (chat completions and responses), Anthropic, Gemini, Ollama and vendors
    after OpenAI, as the test has scripted it.

    ``with FakeServer() as server:`` or ``async with`` starts it on a free port of 127.0.0.1, in a
    thread and an event loop of its own, so that a client that blocks its loop cannot block the
    server. The path of a request tells the vendor; see :class:`Reply`, :class:`Fault` and
    :class:`Raw` for what can be scripted.

    Example:
        >>> with FakeServer() as server:
        ...     server.script(Fault.status(503), Reply("Hi"))
        ...     provider = OpenAIProvider(base_url=server.base_url("openai"), api_key="k")

    Args:
        models: Model names by vendor for the endpoints that list them; also ``.models``, which a
            test may change. Any model is answered for, listed or not.
        dimensions: Length of the vectors that embedding requests get.
        strict: Refuse chat requests that the vendor would refuse, in its words: thinking that is
            missing or changed, signatures that it did not give, tool results without a call,
            fields and schemas that it does not take. A refused request uses nothing of the script.
            What ``Raw`` sent is not known again: script turns that come back with ``Reply``.

    Attributes:
        default: What is answered when the script is used up.
        window: The context that Ollama's running models have, in tokens; ``None`` for a server that
            is too old to say. A model runs once it was asked something.
        requests: Every request, in the order of arrival.
        refusals: What a strict server said to the requests that it refused.
        errors: Exceptions of scripted callables; leaving the ``with`` block raises the first.
        peak: The most chat and embedding requests that were under way at the same time.
        open_streams: Streams under way.
        disconnects: How often a client left before its answer had been sent whole.
        connections: Connections that are open, with or without a request.
        accepted: Connections that have been opened so far.
    """

    def __init__(
        self,
        *,
        models: Mapping[str, Sequence[str]] | None = None,
        dimensions: int = 8,
        strict: bool = False,
    ) -> None:
        self.default: Item = Reply()
        self.window: int | None = None
        self.requests: list[Request] = []
        self.refusals: list[str] = []
        self.errors: list[BaseException] = []
        self.models = {vendor: list(names) for vendor, names in (models or MODELS).items()}
        self.peak = 0
        self.open_streams = 0
        self.disconnects = 0
        self._dimensions = dimensions
        self._memory = TurnMemory() if strict else None
        self._active = 0
        self._key: str | None = None
        self._queues = Queues()
        self._serials = itertools.count(1)
        self._thread = ServerThread(self._handle)
        self._waiting = Waiters()

    @property
    def connections(self) -> int:
        return len(self._thread.connections)

    @property
    def accepted(self) -> int:
        return self._thread.accepted

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, without a slash at the end."""
        return f"http://127.0.0.1:{self._thread.port}"

    def base_url(self, vendor: str) -> str:
        """The base URL as clients of ``vendor`` want it: OpenAI's ends in ``/v1``.

        OpenAI's address serves chat completions and responses; ``responses`` is another name for
        it. Vendors after OpenAI (``deepseek``, ``openrouter``, ``mistral``, ``groq``,
        ``moonshot``, ``xai``, ``cerebras``) each have a path of their own, and their own fields
        for the thinking.

        Raises:
            ConfigurationError: The vendor is not known, or the server is not running.
        """
        if vendor in COMPATIBLE:
            return f"{self.url}/{vendor}{COMPATIBLE[vendor].prefix}"
        bases = {name: wire.base for wire in WIRES.values() for name in (wire.name, *wire.also)}
        if vendor not in bases:
            raise ConfigurationError(
                f"FakeServer.base_url: vendor={vendor!r} is not known, use one of "
                f"{', '.join([*bases, *COMPATIBLE])}"
            )
        return f"{self.url}{bases[vendor]}"

    def script(self, *items: Item, endpoint: EndpointName = "chat") -> None:
        """Queue answers; each is used once, in order, then ``default`` answers.

        Chat and embedding requests share one queue; for an embedding request any ``Reply`` means
        its regular answer. ``endpoint`` queues faults for one of the others instead: ``models``
        (Ollama's ``/api/tags`` too), ``show``, ``running``, ``count`` or ``version``.
        """
        self._queues.add(items, endpoint)

    @property
    def pending(self) -> int:
        """How many scripted answers have not been used."""
        return len(self._queues)

    def gate(self) -> Gate:
        """A gate for ``Reply(gate=...)``: closed until the test sets it."""
        return Gate(self._thread.loop)

    def require_key(self, key: str | None) -> None:
        """From now on refuse every request with another API key; ``None`` accepts all again."""
        self._key = key

    async def wait_for(self, predicate: Callable[[], object], timeout: float = 5.0) -> None:
        """Wait until ``predicate()`` is true; it is looked at whenever the server did something.

        The caller's event loop goes on running. A test without one can use ``asyncio.run``.

        Raises:
            TimeoutError: It was not true within ``timeout`` real seconds.
        """
        if not await self._waiting.until(predicate, timeout):
            raise TimeoutError(
                f"FakeServer.wait_for: not true within {timeout:g} s; the server has seen "
                f"{len(self.requests)} requests and {self.disconnects} disconnects, and "
                f"{self.open_streams} streams are open"
            )

    def start(self) -> FakeServer:
        """Start serving; ``with`` does it. A closed server cannot be started again."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Break every connection and end the thread; may be called more than once."""
        self._thread.close()

    def __enter__(self) -> FakeServer:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        if exc is None and self.errors:
            raise self.errors[0]

    async def __aenter__(self) -> FakeServer:
        return self.start()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, traceback)

    # What follows runs in the server's thread.

    async def _handle(self, connection: ServedConnection, incoming: Incoming) -> None:
        request = identify(incoming)
        counted = request.endpoint in SHARED
        self.requests.append(request)
        self._active += counted
        self.peak = max(self.peak, self._active)
        self.open_streams += request.stream
        self._waiting.notify()
        try:
            await self._answer(connection, request)
        except asyncio.CancelledError:
            if not self._thread.closing:
                self.disconnects += 1
            raise
        except Exception as error:
            # A mistake in the script, such as arguments that are no JSON: the test shall see it.
            self.errors.append(error)
            connection.abort()
        finally:
            self._active -= counted
            self.open_streams -= request.stream
            self._waiting.notify()

    async def _answer(self, connection: ServedConnection, request: Request) -> None:
        wire = WIRES.get(request.wire)
        if wire is None:
            body = {"error": f"FakeServer has no {request.method} {request.path}"}
            connection.start(404, {"content-type": "application/json"}, len(json_bytes(body)))
            await connection.end(json_bytes(body))
            return
        serial = next(self._serials)

        def turn(reply: Reply) -> RenderedTurn:
            made = RenderedTurn(reply, request, serial, wire.content(reply, request, serial))
            if self._memory is not None:
                self._memory.keep(made)
            return made

        def plain_body(reply: Reply) -> Any:
            if request.endpoint == "chat":
                return wire.answer(turn(reply))
            return self._other_body(wire, request)

        responder = Responder(connection, wire, request, serial, turn, plain_body)
        if self._key is not None and request.key != self._key:
            await responder.send_error(wire.wrong_key(request))
            return
        if request.method == "POST" and not isinstance(request.json, dict):
            await responder.send_error(Fault.status(400, message="the body is not a JSON object"))
            return
        if self._memory is not None and request.endpoint == "chat":
            refusal = judged(request, self._memory)
            if refusal is not None:
                self.refusals.append(refusal.message)
                await responder.refuse(refusal)
                return
        try:
            item = self._queues.next(request, self.default)
        except Exception as error:
            self.errors.append(error)
            await responder.send_error(Fault.status(500, message="the script of the test failed"))
            return
        await responder.send(item)

    def _other_body(self, wire: Wire, request: Request) -> Any:
        """The answer of an endpoint that no script writes."""
        names = self.models.get(request.vendor, [])
        if request.endpoint == "models":
            return wire.models(names, request)
        if request.endpoint != "embed":
            chats = (one for one in self.requests if one.endpoint == "chat")
            asked = [one.model for one in chats if one.wire == wire.name]
            return wire.other_body(request, names, list(dict.fromkeys(asked)), self.window)
        assert isinstance(wire, EmbeddingWire)
        texts, dimensions = wire.embed_inputs(request)
        vectors = [embedding_of(text, dimensions or self._dimensions) for text in texts]
        return wire.embed(vectors, request)
