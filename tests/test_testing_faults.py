"""FakeServer's failures, and bytes as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bruno_llm.testing import FakeServer, Fault, Raw, Reply
from tests.fake_client import FORMATS, PLAIN, VENDORS, ask, events


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[httpx.Client]:
    with httpx.Client(**PLAIN, base_url=server.url, timeout=5) as opened:
        yield opened


class TestFaults:
    @pytest.mark.parametrize("vendor", FORMATS)
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 429, 500, 503, 504, 529])
    def test_statuses_have_the_vendors_shape(
        self, server: FakeServer, client: httpx.Client, vendor: str, status: int
    ) -> None:
        server.script(Fault.status(status, headers={"x-more": "1"}))
        response = client.request(**ask(vendor))
        assert response.status_code == status
        assert response.headers["x-more"] == "1"
        error = response.json()["error"]
        if vendor == "ollama":
            assert isinstance(error, str)
            return
        assert error["message"]
        if vendor in ("openai", "responses"):
            assert set(error) == {"message", "type", "param", "code"}
        elif vendor == "anthropic":
            assert response.json()["type"] == "error"
            assert error["type"].endswith("_error") or status == 413
        else:
            assert error["code"] == status

    @pytest.mark.parametrize(
        ("code", "status", "openai", "anthropic", "gemini"),
        [
            ("context_length_exceeded", 400, "context_length_exceeded", "too long", "exceeds"),
            ("insufficient_quota", 429, "insufficient_quota", "credit balance", "PerDay"),
            ("model_not_found", 404, "model_not_found", "not_found_error", "NOT_FOUND"),
            ("content_filter", 400, "content_filter", "content filtering", "safety"),
            ("my_own_code", 400, "my_own_code", "my_own_code", "INVALID_ARGUMENT"),
        ],
    )
    def test_codes(
        self,
        server: FakeServer,
        client: httpx.Client,
        code: str,
        status: int,
        openai: str,
        anthropic: str,
        gemini: str,
    ) -> None:
        server.default = Fault.status(status, code=code)
        for vendor, word in (("openai", openai), ("anthropic", anthropic), ("gemini", gemini)):
            assert word in client.request(**ask(vendor)).text
        if code == "model_not_found":
            assert client.request(**ask("ollama")).json() == {"error": "model 'a-model' not found"}

    def test_own_message(self, server: FakeServer, client: httpx.Client) -> None:
        server.default = Fault.status(429, message="Please try again in 20s.")
        for vendor in VENDORS:
            assert "Please try again in 20s." in client.request(**ask(vendor)).text

    @pytest.mark.parametrize("vendor", FORMATS)
    def test_retry_after_in_the_vendors_way(
        self, server: FakeServer, client: httpx.Client, vendor: str
    ) -> None:
        server.script(Fault.status(429, 7.5), Fault.status(503, "Wed, 21 Oct 2026 07:28:00 GMT"))
        response = client.request(**ask(vendor))
        if vendor == "gemini":
            assert "retry-after" not in response.headers
            delays = [d.get("retryDelay") for d in response.json()["error"]["details"]]
            assert "7.5s" in delays
        else:
            assert response.headers["retry-after"] == "7.5"
        assert client.request(**ask(vendor)).headers["retry-after"].startswith("Wed")

    @pytest.mark.parametrize("vendor", FORMATS)
    @pytest.mark.parametrize("stream", [False, True])
    def test_reset_before_any_byte(
        self, server: FakeServer, client: httpx.Client, vendor: str, stream: bool
    ) -> None:
        server.script(Fault.reset())
        with pytest.raises(httpx.ReadError):
            client.request(**ask(vendor, stream=stream))
        assert client.request(**ask(vendor, stream=stream)).status_code == 200
        assert server.disconnects == 0

    async def test_hang_and_stall_until_the_client_leaves(self, server: FakeServer) -> None:
        for number, fault in enumerate((Fault.hang(), Fault.stall(2)), start=1):
            for stream in (False, True):
                server.script(fault)
                before = server.disconnects
                async with httpx.AsyncClient(**PLAIN, base_url=server.url) as client:
                    with pytest.raises(httpx.ReadTimeout):
                        await client.request(**ask("openai", stream=stream), timeout=0.05)
                await server.wait_for(lambda before=before: server.disconnects == before + 1)
            assert server.disconnects == 2 * number
        assert server.open_streams == 0

    @pytest.mark.parametrize("vendor", FORMATS)
    def test_stream_cut(self, server: FakeServer, client: httpx.Client, vendor: str) -> None:
        reply = Reply("one two three")
        server.script(reply, Fault.cut(2, reply=reply), Fault.cut(0), Fault.cut(99, reply=reply))
        request = ask(vendor, stream=True)
        whole, cut, nothing, no_end = (client.request(**request).content for _ in range(4))
        assert b"two" in cut
        assert b"three" not in cut
        assert nothing == b""
        assert b"three" in no_end
        assert 0 < len(no_end) < len(whole)
        assert events(vendor, cut)

    @pytest.mark.parametrize("vendor", FORMATS)
    def test_stream_reset_after_what_was_sent(self, server: FakeServer, vendor: str) -> None:
        server.script(Fault.reset_stream(2, reply=Reply("one two three")))
        got = b""
        with (
            httpx.Client(**PLAIN, base_url=server.url) as client,
            client.stream(**ask(vendor, stream=True)) as response,
            pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)),
        ):
            for part in response.iter_raw():
                got += part
        assert b"two" in got
        assert b"three" not in got

    def test_stream_reset_behind_a_gate(self, server: FakeServer) -> None:
        gate = server.gate()
        server.script(Fault.reset_stream(1, gate=gate))
        with (
            httpx.Client(**PLAIN, base_url=server.url) as client,
            client.stream(**ask("ollama", stream=True)) as response,
        ):
            parts = response.iter_raw()
            assert b"This" in next(parts)
            gate.set()
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                next(parts)

    @pytest.mark.parametrize("vendor", VENDORS)  # responses: tests/test_testing_responses.py
    def test_error_event(self, server: FakeServer, client: httpx.Client, vendor: str) -> None:
        server.script(Fault.error_event(2, status=503, message="gone"), Fault.error_event(0))
        got = events(vendor, client.request(**ask(vendor, stream=True)).content)
        assert "gone" in str(got[-1]["error"])
        assert len(got) > 2
        first = events(vendor, client.request(**ask(vendor, stream=True)).content)
        assert len(first) == 1
        assert "error" in first[0]

    @pytest.mark.parametrize("vendor", FORMATS)
    def test_malformed(self, server: FakeServer, client: httpx.Client, vendor: str) -> None:
        server.script(Fault.malformed(), Fault.malformed(1), Fault.malformed(99))
        plain = client.request(**ask(vendor))
        assert plain.status_code == 200
        with pytest.raises(ValueError):
            plain.json()
        for _ in range(2):
            body = client.request(**ask(vendor, stream=True)).content
            with pytest.raises(ValueError):
                events(vendor, body)
            assert body.endswith(b"\n")

    def test_plain_answers_break_in_the_middle(
        self, server: FakeServer, client: httpx.Client
    ) -> None:
        server.script(Fault.cut(), Fault.error_event(status=500), Fault.reset_stream())
        assert client.request(**ask("openai")).text.startswith('{"id"')
        assert client.request(**ask("openai")).status_code == 500
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            client.request(**ask("openai"))

    @pytest.mark.parametrize("stream", [False, True])
    def test_html_and_empty(self, server: FakeServer, client: httpx.Client, stream: bool) -> None:
        server.script(Fault.html(), Fault.html(502), Fault.empty())
        page, gateway, empty = (client.request(**ask("anthropic", stream=stream)) for _ in range(3))
        assert (page.status_code, gateway.status_code) == (200, 502)
        assert page.text.startswith("<!DOCTYPE html>")
        assert "text_delta" not in empty.text
        assert "end_turn" in empty.text


class TestRaw:
    def test_bytes_and_writes(self, server: FakeServer, client: httpx.Client) -> None:
        server.script(
            Raw(418, {"x-a": "b"}, b"tea"), Raw(200, {}, [b"o", b"", b"ne"]), Raw(200, {}, [])
        )
        teapot = client.request(**ask("openai"))
        assert (teapot.status_code, teapot.text, teapot.headers["x-a"]) == (418, "tea", "b")
        chunked = client.request(**ask("openai"))
        assert chunked.text == "one"
        assert chunked.headers["transfer-encoding"] == "chunked"
        assert client.request(**ask("openai")).content == b""

    @pytest.mark.parametrize("body", [b"half", [b"ha", b"lf"]])
    def test_drop(self, server: FakeServer, client: httpx.Client, body: Any) -> None:
        server.script(Raw(200, {}, body, drop=True))
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            client.request(**ask("openai"))

    async def test_writes_arrive_in_order(self, server: FakeServer) -> None:
        pieces = Raw(200, {}, [b"%d" % n for n in range(5)])
        server.script(pieces)
        async with (
            httpx.AsyncClient(**PLAIN, base_url=server.url) as client,
            client.stream(**ask("openai")) as response,
        ):
            assert b"".join([part async for part in response.aiter_raw()]) == b"01234"
