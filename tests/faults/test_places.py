"""The places in front of the HTTP client: fair, not counted as silence, and none ever lost."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from functools import partial
from typing import Any

import httpx
import pytest

from bruno_llm import (
    LiteLLMProvider,
    ProviderConnectionError,
    RateLimit,
    RequestTimeoutError,
    StreamError,
)
from bruno_llm._litellm.clients import LoopClients
from bruno_llm.policies.timeouts import Timeout
from bruno_llm.testing import FakeServer, Fault, Reply
from bruno_llm.wire import places as module
from bruno_llm.wire.client import WireClient
from bruno_llm.wire.places import Places
from tests.contract.matrix import CLAUDE, GEMINI, MISTRAL, OLLAMA, OPENAI, USER, Case, ask
from tests.faults.test_leaks import TURNS, cancelled_after
from tests.faults.unawaited import UNAWAITED
from tests.size import FULL, LOAD, sized

pytestmark = pytest.mark.covering(1)

LIMIT = 0.3


def with_places(case: Case, server: FakeServer, places: int, **options: Any) -> LiteLLMProvider:
    """A provider with so few places that a handful of calls has to wait."""
    provider = case.provider(server, **{"timeout": None, **options})
    provider._clients._make = partial(LoopClients, places)
    return provider


async def places_of(provider: LiteLLMProvider) -> Places:
    return (await provider._clients.get()).http.places


async def all_free(provider: LiteLLMProvider, server: FakeServer) -> Places:
    """Wait until no place is taken: a stream's is given back in a task of its own."""
    places = await places_of(provider)
    await server.wait_for(lambda: places.taken == 0)
    assert places.line.waiting == 0
    return places


class TestWaiting:
    async def test_connections_are_kept_for_all(
        self, case: Case, server: FakeServer, way: str
    ) -> None:
        provider = with_places(case, server, 3)
        for _ in range(2):
            answers = await asyncio.gather(*(ask(provider, way) for _ in range(6)))
            assert answers == ["Hello"] * 6
        assert server.accepted <= 3
        assert server.peak <= 3
        await all_free(provider, server)

    async def test_a_stream_holds_its_place_until_it_is_closed(
        self, case: Case, server: FakeServer
    ) -> None:
        server.script(Reply("one two"))
        provider = with_places(case, server, 1)
        stream = provider.stream(USER)
        await anext(stream)
        places = await places_of(provider)
        second = asyncio.ensure_future(ask(provider, "complete"))
        await server.wait_for(lambda: places.line.waiting == 1)
        assert len(server.requests) == 1
        await stream.aclose()
        assert await second == "Hello"
        await all_free(provider, server)

    async def test_it_is_not_the_vendors_silence(
        self, case: Case, server: FakeServer, way: str
    ) -> None:
        """Neither of ``read``, nor of ``first_token``, nor of ``connect``."""
        gate = server.gate()
        server.script(Reply("late", gate=gate))
        provider = with_places(case, server, 1)
        first = asyncio.ensure_future(ask(provider, way))
        await server.wait_for(lambda: server.requests)
        second = asyncio.ensure_future(ask(provider, way, timeout=LIMIT))
        asyncio.get_running_loop().call_later(1.5 * LIMIT, gate.set)
        assert await first == "late"
        assert await second == "Hello"

    async def test_the_limit_runs_on_with_the_place(
        self, case: Case, server: FakeServer, way: str
    ) -> None:
        gate = server.gate()
        server.script(Reply("late", gate=gate), Fault.hang())
        provider = with_places(case, server, 1)
        first = asyncio.ensure_future(ask(provider, way))
        await server.wait_for(lambda: server.requests)
        second = asyncio.ensure_future(ask(provider, way, timeout=Timeout(first_token=LIMIT)))
        places = await places_of(provider)
        await server.wait_for(lambda: places.line.waiting == 1)
        gate.set()
        assert await first == "late"
        with pytest.raises(RequestTimeoutError, match=r"timeout: first_token"):
            await second
        assert await ask(provider, way) == "Hello"

    async def test_limits_that_cover_it(self, case: Case, server: FakeServer, way: str) -> None:
        gate = server.gate()
        server.script(Reply("late", gate=gate))
        provider = with_places(case, server, 1)
        first = asyncio.ensure_future(ask(provider, way))
        await server.wait_for(lambda: server.requests)
        for name in ("pool", "total"):
            limit = Timeout(**{"read": None, "connect": None, name: LIMIT})
            with pytest.raises(
                RequestTimeoutError, match=rf"{LIMIT} s \(timeout: {name}\)"
            ) as caught:
                await ask(provider, way, timeout=limit)
            assert caught.value.retryable == (name == "total")
        assert len(server.requests) == 1
        gate.set()
        assert await first == "late"
        await all_free(provider, server)
        assert await ask(provider, way) == "Hello"

    async def test_as_many_as_the_rate_limit_allows(self, case: Case, server: FakeServer) -> None:
        for limit, places in ((None, 100), (RateLimit(concurrency=10), 100)):
            made = await places_of(case.provider(server, rate_limit=limit))
            assert made.line.places == places
        made = await places_of(case.provider(server, rate_limit=RateLimit(concurrency=300)))
        assert made.line.places == 300

    async def test_closing_refuses_those_who_wait(
        self, case: Case, server: FakeServer, way: str
    ) -> None:
        server.script(Fault.hang())
        provider = with_places(case, server, 1)
        calls = [asyncio.ensure_future(ask(provider, way)) for _ in range(3)]
        places = await places_of(provider)
        await server.wait_for(lambda: server.requests and places.line.waiting == 2)
        await provider.aclose()
        for error in await asyncio.gather(*calls, return_exceptions=True):
            assert type(error) is ProviderConnectionError
        assert places.taken == places.connections == 0
        assert await ask(provider, way) == "Hello"


class TestNothingIsLost:
    @pytest.mark.sized
    @pytest.mark.parametrize("case", [OPENAI, CLAUDE, GEMINI, OLLAMA, MISTRAL], ids=str)
    async def test_cancelled_at_random_moments(
        self, case: Case, server: FakeServer, way: str, no_keys: None
    ) -> None:
        """20,000 of them at full size: 2,000 on each of five routes, plain and streamed."""
        chance = random.Random(f"{case} {way}")
        provider = with_places(case, server, 5)
        for _ in range(3):
            await ask(provider, way)
        left = iter(range(round(sized(2000) * LOAD) if FULL else 12))

        async def some() -> None:
            for _ in left:
                await cancelled_after(chance.randrange(TURNS), ask(provider, way))

        await asyncio.gather(*(some() for _ in range(10)))
        places = await all_free(provider, server)
        assert places.connections <= 5
        await server.wait_for(lambda: server.connections <= places.connections)
        assert await ask(provider, way) == "Hello"
        await provider.aclose()
        await server.wait_for(lambda: server.connections == 0)

    async def test_a_burst_of_timeouts(self, case: Case, server: FakeServer, way: str) -> None:
        provider = with_places(case, server, 5)
        await ask(provider, way)
        server.default = Fault.hang()
        calls = [ask(provider, way, timeout=Timeout(total=LIMIT)) for _ in range(10)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(error) for error in errors} == {RequestTimeoutError}
        server.default = Reply("Hello")
        places = await all_free(provider, server)
        await server.wait_for(lambda: server.connections <= places.connections)
        assert await ask(provider, way) == "Hello"

    @pytest.mark.sized
    @pytest.mark.parametrize("case", [OPENAI], ids=str)
    async def test_one_call_in_twenty_times_out(
        self, case: Case, server: FakeServer, way: str, no_keys: None
    ) -> None:
        """20,000 calls at full size, plain and streamed together."""
        chance = random.Random(way)
        server.default = lambda _: Fault.hang() if chance.random() < 0.05 else Reply("Hello")
        provider = case.provider(server, timeout=Timeout(total=3 * LIMIT))
        left = iter(range(round(sized(10_000) * LOAD) if FULL else 40))
        ends: Counter[Any] = Counter()

        async def some() -> None:
            for _ in left:
                try:
                    ends[await ask(provider, way)] += 1
                except (RequestTimeoutError, StreamError) as error:
                    ends[type(error)] += 1

        await asyncio.gather(*(some() for _ in range(20)))
        assert ends["Hello"] and ends[RequestTimeoutError]
        assert set(ends) <= {"Hello", RequestTimeoutError, StreamError}  # one on a busy machine
        places = await all_free(provider, server)
        await server.wait_for(lambda: server.connections <= places.connections)
        server.default = Reply("Hello")
        assert await ask(provider, way) == "Hello"

    async def test_an_answer_that_is_forgotten(self, server: FakeServer) -> None:
        server.default = Reply("a b c", gate=server.gate())
        async with WireClient(1) as client:
            body = {"model": "m", "messages": USER, "stream": True}
            url = f"{server.base_url('openai')}/chat/completions"
            response = await client.send(client.build_request("POST", url, json=body), stream=True)
            assert client.places.taken == 1
            del response
            gc.collect()
            await server.wait_for(lambda: client.places.taken == 0)
            await server.wait_for(lambda: server.disconnects == 1)

    async def test_what_is_cancelled_while_it_closes(self, server: FakeServer) -> None:
        """httpcore's own pool would count the connection as busy for ever."""
        async with WireClient(1) as client:
            for turns in range(1, 7):
                url = f"{server.base_url('openai')}/models"
                request = client.build_request("GET", url)
                response = await client.send(request, stream=True)
                async for _ in response.aiter_raw():
                    break
                await cancelled_after(turns, response.aclose())
                await server.wait_for(lambda: client.places.taken == 0)
                assert (await client.get(url)).status_code == 200

    async def test_what_is_cancelled_while_tls_is_agreed_upon(self) -> None:
        """httpcore leaves the socket to the garbage collector."""
        came, left = asyncio.Event(), asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)  # TLS has begun
            came.set()
            await reader.read()
            left.set()
            writer.close()

        gc.disable()
        try:
            server = await asyncio.start_server(silent, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            async with WireClient(1) as client:
                task = asyncio.ensure_future(client.get(f"https://127.0.0.1:{port}/"))
                await came.wait()
                task.cancel()
                await asyncio.wait_for(left.wait(), 5)
                assert task.cancelled()
            server.close()
        finally:
            gc.enable()


class TestConnections:
    async def test_two_hosts_share_the_places(self, server: FakeServer) -> None:
        with FakeServer() as other:
            async with WireClient(2) as client:
                urls = [f"{one.base_url('openai')}/models" for one in (server, other)]
                for url in (urls[0], urls[0], urls[1], urls[0], urls[1]):
                    await asyncio.gather(client.get(url), client.get(url))
                    assert client.places.connections <= 2
                await server.wait_for(lambda: server.connections + other.connections <= 2)

    async def test_one_that_is_not_used_is_closed(
        self, server: FakeServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = f"{server.base_url('openai')}/models"
        async with WireClient() as client:
            await asyncio.gather(*(client.get(url) for _ in range(3)))
            assert client.places.connections == 3
            monkeypatch.setattr(module, "KEPT", -1.0)
            await client.get(url)
            assert client.places.connections == 0
            await server.wait_for(lambda: server.connections == 0)

    async def test_one_that_the_server_closed_is_opened_again(self, server: FakeServer) -> None:
        url = f"{server.base_url('openai')}/chat/completions"
        body = {"model": "m", "messages": USER}
        async with WireClient(1) as client:
            for _ in range(2):
                assert (await client.post(url, json=body)).status_code == 200
                server.script(Fault.reset())
                with pytest.raises(httpx.TransportError):
                    await client.post(url, json=body)
                await server.wait_for(lambda: client.places.taken == 0)
            assert (await client.post(url, json=body)).status_code == 200


for lost in (TestNothingIsLost,):
    lost.pytestmark = UNAWAITED  # type: ignore[attr-defined]
