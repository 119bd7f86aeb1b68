"""The connections below httpcore: TLS, ends that are slow, ends at bad moments, other loops."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
import pytest

from bruno_llm import (
    LiteLLMProvider,
    OpenAIProvider,
    ProviderConnectionError,
    RequestTimeoutError,
    StreamError,
)
from bruno_llm._runtime.spread import STEPS
from bruno_llm.policies.timeouts import Timeout
from bruno_llm.testing import FakeServer, Fault, Reply
from bruno_llm.wire import client
from bruno_llm.wire.client import WireClient
from tests.contract.matrix import USER, ask

pytestmark = pytest.mark.usefixtures("no_keys")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]
TEXT = "one two three"


def provider_at(url: str, **options: Any) -> LiteLLMProvider:
    given = {"api_key": "a-key-of-nobody", "retry": None, "timeout": None, **options}
    return OpenAIProvider("gpt-4o-mini", base_url=f"{url}/v1", **given)


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that does nothing by itself; its port."""
    tasks: set[asyncio.Task[Any]] = set()

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, EOFError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()

    running = await asyncio.start_server(met, "127.0.0.1", 0, ssl=tls)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def request_of(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2])
        for line in head.lower().splitlines()
        if line.startswith(b"content-length:")
    )
    return head + await reader.readexactly(length)


def passing_to(server: FakeServer) -> Serve:
    """Hands bytes to and fro."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = urlsplit(server.url)
        there = await asyncio.open_connection(address.hostname, address.port)

        async def passed(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()

        ways = [asyncio.ensure_future(passed(reader, there[1]))]
        ways.append(asyncio.ensure_future(passed(there[0], writer)))
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            there[1].transport.abort()
            for way in ways:
                way.cancel()

    return serve


@pytest.fixture(params=["complete", "stream"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine's, and its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, form, plain))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client._tls.cache_clear()
    yield
    client._tls.cache_clear()


class TestTLS:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    async def test_calls_and_streams(
        self, host: str, server: FakeServer, tls: ssl.SSLContext, trusted: None
    ) -> None:
        server.default = Reply(TEXT * 1000)
        async with (
            serving(passing_to(server), tls) as port,
            provider_at(f"https://{host}:{port}") as provider,
        ):
            for way in ("complete", "complete", "stream"):
                assert await ask(provider, way) == TEXT * 1000
        assert server.accepted == 1  # which is kept

    async def test_who_is_not_trusted(
        self, server: FakeServer, tls: ssl.SSLContext, way: str
    ) -> None:
        async with (
            serving(passing_to(server), tls) as port,
            provider_at(f"https://127.0.0.1:{port}") as provider,
        ):
            with pytest.raises(ProviderConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
                await ask(provider, way)
            places = (await provider._clients.get()).http.places
            await server.wait_for(lambda: places.taken == places.connections == 0)
        assert server.requests == []

    async def test_a_stream_that_is_cut(
        self, server: FakeServer, tls: ssl.SSLContext, trusted: None
    ) -> None:
        """With and without TLS's own word that it ends."""
        for fault in (Fault.reset_stream(after=2), Fault.cut(after=2)):
            server.script(fault)
            async with (
                serving(passing_to(server), tls) as port,
                provider_at(f"https://127.0.0.1:{port}") as provider,
            ):
                with pytest.raises(StreamError):
                    await ask(provider, "stream")

    async def test_a_server_that_says_nothing(self, way: str) -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

        async with serving(silent) as port:
            limit = Timeout(read=None, connect=0.3)
            async with provider_at(f"https://127.0.0.1:{port}", timeout=limit) as provider:
                with pytest.raises(RequestTimeoutError, match="timeout: connect"):
                    await ask(provider, way)

    async def test_a_server_without_it(self, server: FakeServer, way: str) -> None:
        address = server.url.replace("http:", "https:")
        async with provider_at(address) as provider:
            with pytest.raises(ProviderConnectionError):
                await ask(provider, way)


class TestSlowEnds:
    async def test_a_server_waits_for_a_slow_reader(self) -> None:
        sent = 0
        event = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        text = {"delta": {"role": "assistant", "content": "word " * 2000}, "finish_reason": None}
        piece = b"data: %b\n\n" % json.dumps({**event, "choices": [{"index": 0, **text}]}).encode()
        stop = {"delta": {}, "finish_reason": "stop"}
        last = b"data: %b\n\n" % json.dumps({**event, "choices": [{"index": 0, **stop}]}).encode()
        full = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            writer.transport.set_write_buffer_limits(high=0)
            for _ in range(3000):
                writer.write(piece)
                try:
                    await asyncio.wait_for(writer.drain(), 0.3)
                except asyncio.TimeoutError:
                    full.set()
                    await writer.drain()
                sent += 1
            writer.write(last + b"data: [DONE]\n\n")
            await writer.drain()

        async with serving(serve) as port, provider_at(f"http://127.0.0.1:{port}") as provider:
            stream = provider.stream(USER)
            assert await anext(stream)
            await asyncio.wait_for(full.wait(), 30)
            assert sent < 2000
            pieces = 1
            async for _ in stream:
                pieces += 1
            assert pieces == sent == 3000

    async def test_a_server_that_does_not_read(self, way: str) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.Event().wait()

        async with serving(serve) as port:
            limit = Timeout(read=0.3)
            async with provider_at(f"http://127.0.0.1:{port}", timeout=limit) as provider:
                with pytest.raises(RequestTimeoutError):
                    await ask(provider, way, [{"role": "user", "content": "word " * 4_000_000}])
                places = (await provider._clients.get()).http.places
                for _ in range(100):
                    if not places.taken:
                        break
                    await asyncio.sleep(0)
                assert places.taken == places.connections == 0


class TestEnds:
    async def test_one_that_ended_while_the_loop_stood_still(self) -> None:
        """The event loop has not heard of it yet: the next request must not go there."""
        listening = socket.create_server(("127.0.0.1", 0))
        close, closed = threading.Event(), threading.Event()

        def serve() -> None:
            for last in (False, True):
                connection, _ = listening.accept()
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                if not last:
                    close.wait(10)
                connection.close()

                closed.set()

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        async with WireClient(1) as http:
            assert (await http.post(url, json={})).status_code == 200
            close.set()
            assert closed.wait(10)
            assert (await http.post(url, json={})).status_code == 200
        thread.join(10)
        listening.close()

    async def test_what_came_before_a_reset_is_read(self) -> None:
        """Also when it came in the same turn of the event loop."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst")
            await writer.drain()
            option = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
            writer.transport.abort()

        async with serving(serve) as port, WireClient(1) as http:
            request = http.build_request("POST", f"http://127.0.0.1:{port}/", json={})
            found = b""
            with pytest.raises(httpx.TransportError):
                async for piece in (await http.send(request, stream=True)).aiter_raw():
                    found += piece
            assert found in (b"first", b"")  # the system may drop what a reset overtakes

    async def test_a_host_that_is_not_known(self, way: str) -> None:
        async with provider_at("http://nobody.invalid") as provider:
            with pytest.raises(ProviderConnectionError):
                await ask(provider, way)

    async def test_an_address_that_is_none(self) -> None:
        async with WireClient(1) as http:
            with pytest.raises(httpx.UnsupportedProtocol, match="ftp://"):
                await http.get("ftp://127.0.0.1/")


class TestStandIns:
    """Who stands in for httpx's or httpcore's part in tests and traces is heard."""

    async def test_for_the_transport(
        self, server: FakeServer, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        seen: list[str] = []
        real = httpx.AsyncHTTPTransport.handle_async_request

        async def heard(self: Any, request: httpx.Request) -> httpx.Response:
            seen.append(request.url.path)
            return await real(self, request)

        monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", heard)
        async with provider_at(server.url) as provider:
            assert await ask(provider, way) == "Hello"
        assert seen == ["/v1/chat/completions"]

    async def test_for_the_connection(
        self, server: FakeServer, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        seen: list[bytes] = []
        real = httpcore.AsyncHTTPConnection.handle_async_request

        async def heard(self: Any, request: httpcore.Request) -> httpcore.Response:
            seen.append(request.url.target)
            return await real(self, request)

        monkeypatch.setattr(httpcore.AsyncHTTPConnection, "handle_async_request", heard)
        async with provider_at(server.url) as provider:
            assert await ask(provider, way) == "Hello"
        assert seen == [b"/v1/chat/completions"]


def test_another_event_loop(server: FakeServer) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def calls() -> None:
        address = server.url.replace("127.0.0.1", "localhost")
        async with provider_at(address) as provider:
            for way in ("complete", "stream"):
                assert await ask(provider, way) == "Hello"
                server.script(Fault.reset())
                with pytest.raises((ProviderConnectionError, StreamError)):
                    await ask(provider, way)
                server.script(Fault.hang())
                with pytest.raises(RequestTimeoutError):
                    await ask(provider, way, timeout=0.3)
                assert await ask(provider, way) == "Hello"
        async with provider_at("http://127.0.0.1:9") as provider:
            with pytest.raises(ProviderConnectionError):
                await ask(provider, "complete")

    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(calls())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def test_answers_that_come_at_once_are_read_in_turns() -> None:
    """A hundred streams, all of them there in one turn, stopped the event loop for 0.2 s."""
    asked, all_asked = 0, asyncio.Event()
    event = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choice: dict[str, Any] = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
    piece = b"data: %b\n\n" % json.dumps({**event, "choices": [choice]}).encode()
    stop = {"index": 0, "delta": {}, "finish_reason": "stop"}
    last = b"data: %b\n\ndata: [DONE]\n\n" % json.dumps({**event, "choices": [stop]}).encode()
    body = piece * 50 + last

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        kind = b"content-type: text/event-stream\r\ncontent-length: %d" % len(body)
        while await request_of(reader):
            asked += 1
            if asked == 31:
                all_asked.set()
            if asked > 1:  # the first one is alone
                await all_asked.wait()
            writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % kind + body)

    turn = 0
    first: Counter[int] = Counter()
    end: Counter[int] = Counter()

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async with serving(serve) as port, provider_at(f"http://127.0.0.1:{port}") as provider:
        await ask(provider, "stream")

        async def read() -> None:
            stream = provider.stream(USER)
            assert await anext(stream) == "word "
            first[turn] += 1
            assert len([piece async for piece in stream]) == 49
            end[turn] += 1

        counting = asyncio.ensure_future(count())
        await asyncio.gather(*(read() for _ in range(30)))
        counting.cancel()
    assert sum(first.values()) == sum(end.values()) == 30
    assert max(first.values()) <= 2 * STEPS.at_once
    assert max(end.values()) <= 2 * STEPS.at_once
