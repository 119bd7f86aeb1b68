"""FakeServer's gates and connections."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from bruno_llm.testing import FakeServer, Raw, Reply
from tests.fake_client import FORMATS, PLAIN, ask
from tests.size import sized


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[httpx.Client]:
    with httpx.Client(**PLAIN, base_url=server.url, timeout=5) as opened:
        yield opened


class TestGates:
    @pytest.mark.parametrize("vendor", FORMATS)
    async def test_a_stream_is_held_behind_its_first_piece(
        self, server: FakeServer, vendor: str
    ) -> None:
        gate = server.gate()
        server.script(Reply("one two three", gate=gate))
        async with httpx.AsyncClient(**PLAIN, base_url=server.url, timeout=5) as client:
            async with client.stream(**ask(vendor, stream=True)) as response:
                parts = response.aiter_raw()
                seen = b""
                for word in (b"one", b"two", b"three"):
                    while word not in seen:
                        seen += await anext(parts)
                    assert server.open_streams == 1
                    gate.step()
                rest = [part async for part in parts]
                assert rest
            await server.wait_for(lambda: server.open_streams == 0)
        assert server.disconnects == 0
        assert not gate.is_set()

    async def test_leaving_a_held_stream_is_seen(self, server: FakeServer) -> None:
        gate = server.gate()
        server.default = Reply("one two", gate=gate)
        async with (
            httpx.AsyncClient(**PLAIN, base_url=server.url, timeout=5) as client,
            client.stream(**ask("anthropic", stream=True)) as response,
        ):
            await anext(response.aiter_raw())
            assert server.disconnects == 0
        await server.wait_for(lambda: server.disconnects == 1, timeout=2)
        assert server.open_streams == 0
        gate.set()

    async def test_plain_answers_wait_as_well(self, server: FakeServer) -> None:
        gate = server.gate()
        server.default = Reply("x", gate=gate)
        async with httpx.AsyncClient(**PLAIN, base_url=server.url, timeout=5) as client:
            tasks = [asyncio.create_task(client.request(**ask("openai"))) for _ in range(5)]
            await server.wait_for(lambda: server.peak == 5)
            assert not any(task.done() for task in tasks)
            gate.set()
            assert gate.is_set()
            assert {(await task).status_code for task in tasks} == {200}

    async def test_a_gate_may_be_set_after_the_server_closed(self) -> None:
        async with FakeServer() as server:
            gate = server.gate()
        gate.set()


class TestConnections:
    async def test_wait_for_is_bounded_and_says_what_was_seen(self, server: FakeServer) -> None:
        with pytest.raises(TimeoutError, match="0 requests and 0 disconnects"):
            await server.wait_for(lambda: False, timeout=0.03)

    async def test_wait_for_runs_beside_the_client(self, server: FakeServer) -> None:
        async with httpx.AsyncClient(**PLAIN, base_url=server.url) as client:
            task = asyncio.create_task(client.request(**ask("ollama")))
            await server.wait_for(lambda: server.requests and task.done())

    @pytest.mark.sized
    async def test_a_thousand_at_once(self, server: FakeServer) -> None:
        count = sized(1000, 200)
        gate = server.gate()
        server.default = Reply("x", gate=gate)
        body = b'{"model":"m","stream":true}'
        request = (
            b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )

        async def one() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url[17:]))
            writer.write(request)
            try:
                return await reader.read()
            finally:
                writer.close()
                await writer.wait_closed()

        tasks = [asyncio.create_task(one()) for _ in range(count)]
        await server.wait_for(lambda: server.peak == count, timeout=20)
        assert server.open_streams == count
        gate.set()
        answers = await asyncio.gather(*tasks)
        assert all(b"message_stop" in answer for answer in answers)
        await server.wait_for(lambda: server.open_streams == 0)
        assert server.disconnects == 0

    async def test_a_body_in_chunks_and_requests_in_one_go(self, server: FakeServer) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url[17:]))
        head = b"POST /api/chat HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        chunks = b'9\r\n{"model":\r\n13;x=y\r\n"m","stream":false}\r\n0\r\n\r\n'
        writer.write(
            head + chunks + b"GET /api/version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert server.requests[0].model == "m"
        writer.close()
        await writer.wait_closed()

    @pytest.mark.parametrize(
        "start",
        [
            b"POST /api/chat HT",
            b"POST /api/chat HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
            b"POST /api/chat HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5",
            b"POST /api/chat HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
        ],
    )
    async def test_half_a_request_is_none(self, server: FakeServer, start: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", int(server.url[17:]))
        writer.write(start)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        async with httpx.AsyncClient(**PLAIN, base_url=server.url) as client:
            assert (await client.request(**ask("openai"))).status_code == 200
        assert len(server.requests) == 1

    async def test_what_is_no_http_is_told(self, server: FakeServer) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url[17:]))
        writer.write(b"POST /v1/messages HTTP/1.1\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"Host" in answer
        assert server.requests == []
        writer.close()
        await writer.wait_closed()

    async def test_a_large_answer_that_nobody_reads(self, server: FakeServer) -> None:
        server.script(Raw(200, {}, b"x" * 20_000_000), Raw(200, {}, [b"y" * 10_000_000] * 2))
        body = b"{}"
        for number in (1, 2):
            _, writer = await asyncio.open_connection("127.0.0.1", int(server.url[17:]))
            writer.write(
                b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n" + body
            )
            await server.wait_for(lambda number=number: len(server.requests) == number)
            writer.transport.abort()
            await server.wait_for(lambda number=number: server.disconnects == number)

    async def test_large_answers_arrive_whole(self, server: FakeServer) -> None:
        server.script(Raw(200, {}, b"x" * 5_000_000), Raw(200, {}, [b"y" * 5_000_000]))
        async with httpx.AsyncClient(**PLAIN, base_url=server.url) as client:
            assert len((await client.request(**ask("openai"))).content) == 5_000_000
            assert len((await client.request(**ask("openai"))).content) == 5_000_000
            server.script(Reply("z" * 5_000_000))
            answer = await client.request(**ask("ollama"))
            assert len(answer.json()["message"]["content"]) == 5_000_000
