"""Every limit of ``Timeout`` on every route, against silence, drips and a slow reader.

Each limit is a few tenths of a second of real time: sockets know no other clock. The event loop of
the tests does not count the time in which it could not run (see ``tests/patience.py``).
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from bruno_llm import (
    ConfigurationError,
    GeminiEmbedder,
    LLMError,
    OllamaEmbedder,
    OpenAIEmbedder,
    OpenAIProvider,
    RequestTimeoutError,
    Retry,
    StreamEnd,
    StreamError,
    TextDelta,
    Timeout,
    _litellm,
)
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import KEY, USER, Case, ask, complete
from tests.faults.proxy import SlowProxy
from tests.patience import PatientLoop

pytestmark = pytest.mark.covering(1)

LIMIT = 0.3
WORDS = [f"w{number} " for number in range(15)] + ["end"]
LONG = Reply("".join(WORDS), pieces=WORDS)
DRIP = Reply(LONG.text, pieces=WORDS, delay=LIMIT / 6)  # 0.75 s, without a long pause


def only(name: str, seconds: float = LIMIT) -> Timeout:
    """This limit and no other one."""
    off: dict[str, Any] = {"read": None, "total": None, "first_token": None, "connect": None}
    return Timeout(**{**off, name: seconds})


async def failure(case: Case, server: FakeServer, way: str, **options: Any) -> LLMError:
    """What a call raises, which must not take much longer than the limit."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(LLMError) as caught:
        await complete(case.provider(server, **options), way)
    assert loop.time() - began < 10 * LIMIT
    return caught.value


def is_timeout(error: LLMError, name: str) -> None:
    assert type(error) is RequestTimeoutError
    assert error.retryable
    assert f"{LIMIT:g} s (timeout: {name})" in error.message


def is_broken_stream(error: LLMError, name: str, text: str) -> None:
    assert type(error) is StreamError
    assert f"{LIMIT:g} s (timeout: {name})" in error.message
    assert error.partial is not None
    assert error.partial.text == text
    assert error.partial.usage is not None and error.partial.usage.estimated


# --- before the first byte --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["read", "total", "first_token"])
async def test_no_answer_at_all(case: Case, server: FakeServer, way: str, name: str) -> None:
    server.script(Fault.hang())
    is_timeout(await failure(case, server, way, timeout=only(name)), name)
    await server.wait_for(lambda: server.disconnects == 1)
    assert len(server.requests) == 1


async def test_a_plain_number(case: Case, server: FakeServer, way: str) -> None:
    server.script(Fault.hang())
    error = await failure(case, server, way, timeout=LIMIT)
    assert type(error) is RequestTimeoutError
    assert f"{LIMIT:g} s (timeout: " in error.message
    await server.wait_for(lambda: server.disconnects == 1)


@pytest.mark.parametrize("name", ["read", "total", "first_token"])
async def test_headers_and_then_silence(
    case: Case, server: FakeServer, way: str, name: str
) -> None:
    server.script(Fault.stall(after=0))
    is_timeout(await failure(case, server, way, timeout=only(name)), name)
    await server.wait_for(lambda: server.disconnects == 1)


async def test_the_smaller_limit_is_the_one_that_is_named(case: Case, server: FakeServer) -> None:
    server.script(Fault.hang())
    limits = Timeout(read=9, total=LIMIT, first_token=8)
    is_timeout(await failure(case, server, "stream_events", timeout=limits), "total")


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose queue of new connections is full: nobody refuses, and nobody answers."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


async def test_no_connection(case: Case, server: FakeServer, way: str, deaf_port: int) -> None:
    path = "/v1" if case.vendor == "openai" else ""
    address = f"http://127.0.0.1:{deaf_port}{path}"
    error = await failure(case, server, way, timeout=only("connect"), base_url=address)
    is_timeout(error, "connect")
    assert error.message == f"no connection within {LIMIT:g} s (timeout: connect)"


# --- in the middle ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["read", "total"])
async def test_silence_between_two_pieces(case: Case, server: FakeServer, name: str) -> None:
    server.script(Fault.stall(after=2, reply=LONG))
    error = await failure(case, server, "stream_events", timeout=only(name))
    is_broken_stream(error, name, "w0 w1 ")
    await server.wait_for(lambda: server.disconnects == 1)


@pytest.mark.parametrize("name", ["read", "total", "first_token"])
async def test_half_a_plain_answer(case: Case, server: FakeServer, name: str) -> None:
    server.script(Fault.stall(after=1, reply=LONG))
    is_timeout(await failure(case, server, "complete", timeout=only(name)), name)
    await server.wait_for(lambda: server.disconnects == 1)


@pytest.mark.parametrize("limit", [only("read"), only("first_token"), LIMIT], ids=str)
async def test_a_stream_may_last(case: Case, server: FakeServer, limit: Any) -> None:
    """No limit but ``total`` ends a stream that goes on talking."""
    server.script(DRIP)
    began = time.monotonic()
    assert (await complete(case.provider(server, timeout=limit), "stream_events")).text == LONG.text
    assert time.monotonic() - began > 2 * LIMIT


async def test_silence_after_the_first_piece_is_none_of_first_tokens_business(
    case: Case, server: FakeServer
) -> None:
    gate = server.gate()
    server.script(Reply("a b", gate=gate))
    stream = case.provider(server, timeout=only("first_token")).stream(USER)
    assert await anext(stream) == "a"
    asyncio.get_running_loop().call_later(1.5 * LIMIT, gate.set)
    assert [piece async for piece in stream] == [" b"]


async def test_total_ends_a_drip(case: Case, server: FakeServer) -> None:
    server.script(DRIP)
    limits = Timeout(read=LIMIT, total=LIMIT)
    error = await failure(case, server, "stream_events", timeout=limits)
    assert error.partial is not None
    assert error.partial.text.startswith("w0 ")
    is_broken_stream(error, "total", error.partial.text)
    await server.wait_for(lambda: server.disconnects == 1)


async def test_a_plain_answer_that_drips(case: Case, server: FakeServer) -> None:
    """Answers of 800 bytes and more, 40 bytes at a time."""
    server.default = LONG
    async with SlowProxy(server) as proxy:
        url = proxy.base_url(case.vendor)
        provider = case.provider(server, base_url=url)
        assert await ask(provider, "generate", timeout=only("read")) == LONG.text
        for name in ("total", "first_token"):
            limits = Timeout(**{"read": LIMIT, name: LIMIT})
            is_timeout(await failure(case, server, "complete", timeout=limits, base_url=url), name)
        await server.wait_for(lambda: proxy.left == 2)
        await provider.aclose()


# --- a slow reader ----------------------------------------------------------------------------


async def test_a_slow_reader_is_not_silence(case: Case, server: FakeServer) -> None:
    server.script(LONG)
    pieces = []
    async for piece in case.provider(server, timeout=LIMIT).stream(USER):
        pieces.append(piece)
        if len(pieces) in (1, 3):
            await asyncio.sleep(1.5 * LIMIT)
    assert pieces == WORDS


async def test_a_slow_reader_counts_for_total(case: Case, server: FakeServer) -> None:
    """Also where everything has arrived already."""
    server.script(LONG)
    pieces = []
    with pytest.raises(StreamError) as caught:
        async for piece in case.provider(server, timeout=only("total")).stream(USER):
            pieces.append(piece)
            await asyncio.sleep(1.2 * LIMIT)
    assert pieces == ["w0 "]
    is_broken_stream(caught.value, "total", "w0 ")


# --- with the other policies ------------------------------------------------------------------


async def test_a_limit_of_one_call(case: Case, server: FakeServer, way: str) -> None:
    server.script(Fault.hang())
    provider = case.provider(server)
    with pytest.raises(RequestTimeoutError, match="timeout: read"):
        await ask(provider, way, timeout=only("read"))
    assert await ask(provider, way) == "Hello"


async def test_a_try_that_took_too_long_is_tried_again(
    case: Case, server: FakeServer, way: str
) -> None:
    """Each try has the limit for itself."""
    server.script(Fault.hang(), Fault.stall(after=0), Reply("third time"))
    retry = Retry(attempts=3, wait_initial=0.0)
    completion = await complete(case.provider(server, timeout=LIMIT, retry=retry), way)
    assert completion.text == "third time"
    assert len(server.requests) == 3
    await server.wait_for(lambda: server.disconnects == 2)


async def test_after_the_first_piece_nothing_is_tried_again(case: Case, server: FakeServer) -> None:
    server.script(Fault.stall(after=1, reply=LONG))
    provider = case.provider(server, timeout=LIMIT, retry=Retry(wait_initial=0.0))
    events = []
    with pytest.raises(StreamError):
        async for event in provider.stream_events(USER):
            events.append(event)
    assert events == [TextDelta("w0 ")]
    assert len(server.requests) == 1


async def test_no_limit_at_all(case: Case, server: FakeServer, way: str) -> None:
    """And the clients under litellm have none of their own that is as short as this."""
    gate = server.gate()
    server.script(Reply("late", gate=gate))
    asyncio.get_running_loop().call_later(1.5 * LIMIT, gate.set)
    assert await ask(case.provider(server, timeout=None), way) == "late"


@pytest.mark.parametrize(
    ("embedder", "vendor"),
    [(OpenAIEmbedder, "openai"), (GeminiEmbedder, "gemini"), (OllamaEmbedder, "ollama")],
)
@pytest.mark.parametrize("name", ["read", "total", "first_token"])
async def test_embedders(
    embedder: Any, vendor: str, name: str, server: FakeServer, no_keys: None
) -> None:
    server.script(Fault.hang())
    url = server.base_url(vendor)
    embeds = embedder(api_key=KEY, base_url=url, retry=None, timeout=only(name))
    with pytest.raises(RequestTimeoutError) as caught:
        await embeds.embed_text("hello")
    is_timeout(caught.value, name)
    await server.wait_for(lambda: server.disconnects == 1)


async def test_the_end_is_told_once(case: Case, server: FakeServer) -> None:
    """A stream that ends in time has exactly one end."""
    server.script(LONG)
    provider = case.provider(server, timeout=Timeout(read=5, total=5, first_token=5))
    events = [event async for event in provider.stream_events(USER)]
    assert [type(event) for event in events[-2:]] == [TextDelta, StreamEnd]


@pytest.mark.parametrize("name", ["read", "total", "first_token", "connect"])
@pytest.mark.parametrize("value", [0, -1, "5", True])
def test_limits_that_cannot_be(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Timeout(**{name: value})


@pytest.mark.parametrize("streamed", [False, True])
async def test_total_covers_all_tries_and_the_waits_between(streamed: bool) -> None:
    with FakeServer() as server:
        server.default = Fault.status(503, retry_after=30)
        provider = OpenAIProvider(
            "gpt-4o-mini",
            api_key="k" * 20,
            base_url=server.base_url("openai"),
            timeout=Timeout(total=0.3),
            retry=Retry(attempts=5, timeout=None),
        )
        question = [{"role": "user", "content": "Hi"}]
        with pytest.raises(RequestTimeoutError, match="timeout: total"):
            if streamed:
                async for _ in provider.stream(question):
                    pass
            else:
                await provider.generate(question)
        assert len(server.requests) == 1


async def test_loading_ends_too() -> None:
    """What is imported or loaded before the first request is waited for two minutes."""
    loop, ever = asyncio.get_running_loop(), threading.Event()
    assert isinstance(loop, PatientLoop)
    loading = asyncio.ensure_future(_litellm.off_loop(ever.wait))
    for _ in range(3):
        await asyncio.sleep(0)
    loop.skip(120)
    try:
        with pytest.raises(RequestTimeoutError, match="not loaded within 120 s"):
            await loading
    finally:
        ever.set()
    await _litellm.off_loop(lambda: None)  # its thread is free again
