"""FakeServer: the wire formats, the faults, and what it remembers."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import bruno_llm.testing
from bruno_llm.completion import ToolCall, Usage
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing import FakeServer, Fault, Raw, Reply, Request, embedding_of
from tests import wire

VENDORS = wire.VENDORS
FORMATS = (*VENDORS, "responses")
# No proxy of the environment, and no reading of certificates for every test.
PLAIN: dict[str, Any] = {"trust_env": False, "verify": False}
CALLS = (
    ToolCall("call_1", "get_weather", {"city": "Tromsø"}),
    ToolCall("call_2", "get_time", {}),
)
USAGE = Usage(100, 40, 140, cached_tokens=30, cache_creation_tokens=10, reasoning_tokens=15)


def ask(vendor: str, *, stream: bool = False, key: str = "secret", **fields: Any) -> dict[str, Any]:
    """The arguments of an HTTP request for a chat."""
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    if vendor == "gemini":
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        path, headers = f"/v1beta/models/gemini-2.5-flash:{verb}", {"x-goog-api-key": key}
    else:
        body |= {"model": "a-model", "stream": stream}
        path = {
            "openai": "/v1/chat/completions",
            "responses": "/v1/responses",
            "anthropic": "/v1/messages",
            "ollama": "/api/chat",
        }[vendor]
        headers = (
            {"x-api-key": key} if vendor == "anthropic" else {"authorization": f"Bearer {key}"}
        )
    return {"method": "POST", "url": path, "json": body, "headers": headers}


def events(vendor: str, body: bytes) -> list[Any]:
    """The objects of a streamed body, read by the letter of the format."""
    text = body.decode("utf-8")
    if vendor == "ollama":
        return [json.loads(line) for line in text.splitlines()]
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block]
    found = []
    for block in blocks:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        if lines["data"] != "[DONE]":
            found.append(json.loads(lines["data"]))
            assert lines.get("event") == (
                found[-1]["type"] if vendor in ("anthropic", "responses") else None
            )
    return found


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[httpx.Client]:
    with httpx.Client(**PLAIN, base_url=server.url, timeout=5) as opened:
        yield opened


class TestPlainAnswers:
    RICH = Reply("Hello", reasoning="Hm.", tool_calls=CALLS, usage=USAGE, model="m-1", id="id-1")

    def test_openai(self, server: FakeServer, client: httpx.Client) -> None:
        server.script(self.RICH)
        response = client.request(**ask("openai"))
        assert response.headers["x-request-id"].startswith("req_")
        body = response.json()
        choice = body["choices"][0]
        assert (body["id"], body["model"]) == ("id-1", "m-1")
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["content"] == "Hello"
        assert choice["message"]["reasoning_content"] == "Hm."
        assert [call["id"] for call in choice["message"]["tool_calls"]] == ["call_1", "call_2"]
        first = choice["message"]["tool_calls"][0]["function"]
        assert (first["name"], json.loads(first["arguments"])) == (
            "get_weather",
            {"city": "Tromsø"},
        )
        usage = body["usage"]
        assert (usage["prompt_tokens"], usage["completion_tokens"]) == (100, 40)
        assert usage["prompt_tokens_details"]["cached_tokens"] == 30
        assert usage["completion_tokens_details"]["reasoning_tokens"] == 15

    def test_anthropic(self, server: FakeServer, client: httpx.Client) -> None:
        server.script(self.RICH)
        body = client.request(**ask("anthropic")).json()
        assert (body["id"], body["model"], body["stop_reason"]) == ("id-1", "m-1", "tool_use")
        assert [block["type"] for block in body["content"]] == [
            "thinking",
            "text",
            "tool_use",
            "tool_use",
        ]
        assert body["content"][2]["input"] == {"city": "Tromsø"}
        usage = body["usage"]
        assert usage["input_tokens"] == 60
        assert usage["cache_read_input_tokens"] == 30
        assert usage["cache_creation_input_tokens"] == 10

    def test_gemini(self, server: FakeServer, client: httpx.Client) -> None:
        server.script(self.RICH)
        body = client.request(**ask("gemini")).json()
        parts = body["candidates"][0]["content"]["parts"]
        assert parts[0] == {"text": "Hm.", "thought": True}
        assert parts[1] == {"text": "Hello"}
        assert parts[2] == {"functionCall": {"name": "get_weather", "args": {"city": "Tromsø"}}}
        assert body["candidates"][0]["finishReason"] == "STOP"
        usage = body["usageMetadata"]
        assert usage["promptTokenCount"] == 100
        assert usage["candidatesTokenCount"] + usage["thoughtsTokenCount"] == 40
        assert usage["cachedContentTokenCount"] == 30

    def test_ollama(self, server: FakeServer, client: httpx.Client) -> None:
        server.script(self.RICH)
        body = client.request(**ask("ollama")).json()
        assert body["done"] is True
        assert body["message"]["thinking"] == "Hm."
        assert body["message"]["tool_calls"][0]["function"]["arguments"] == {"city": "Tromsø"}
        assert (body["prompt_eval_count"], body["eval_count"]) == (100, 40)

    @pytest.mark.parametrize("vendor", FORMATS)
    @pytest.mark.parametrize("stream", [False, True])
    def test_no_usage_when_the_vendor_sends_none(
        self, server: FakeServer, client: httpx.Client, vendor: str, stream: bool
    ) -> None:
        server.script(Reply("Hi", usage=None))
        text = client.request(
            **ask(vendor, stream=stream, stream_options={"include_usage": True})
        ).text
        assert '"prompt_tokens"' not in text
        assert "input_tokens" not in text
        assert "usageMetadata" not in text
        assert "eval_count" not in text

    @pytest.mark.parametrize(
        ("vendor", "reason", "word"),
        [
            ("openai", "length", "length"),
            ("anthropic", "length", "max_tokens"),
            ("gemini", "length", "MAX_TOKENS"),
            ("ollama", "length", "length"),
            ("openai", "content_filter", "content_filter"),
            ("anthropic", "content_filter", "refusal"),
            ("gemini", "content_filter", "SAFETY"),
            ("ollama", "content_filter", "stop"),
            ("gemini", "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"),
            ("anthropic", "pause_turn", "pause_turn"),
        ],
    )
    def test_finish_reasons_in_the_vendors_words(
        self, server: FakeServer, client: httpx.Client, vendor: str, reason: str, word: str
    ) -> None:
        server.default = Reply("x", finish_reason=reason)
        for stream in (False, True):
            assert f'"{word}"' in client.request(**ask(vendor, stream=stream)).text

    def test_refusals(self, server: FakeServer, client: httpx.Client) -> None:
        server.default = Reply("", refusal="I will not.")
        plain = {vendor: client.request(**ask(vendor)).json() for vendor in VENDORS}
        message = plain["openai"]["choices"][0]["message"]
        assert (message["content"], message["refusal"]) == (None, "I will not.")
        assert plain["anthropic"]["stop_reason"] == "refusal"
        assert plain["anthropic"]["stop_details"]["explanation"] == "I will not."
        assert plain["gemini"]["candidates"][0]["finishReason"] == "SAFETY"
        assert plain["ollama"]["message"]["content"] == "I will not."
        streamed = {
            vendor: events(vendor, client.request(**ask(vendor, stream=True)).content)
            for vendor in VENDORS
        }
        deltas = [event["choices"][0]["delta"] for event in streamed["openai"]]
        assert "".join(delta.get("refusal") or "" for delta in deltas) == "I will not."
        assert streamed["anthropic"][-2]["delta"]["stop_reason"] == "refusal"
        assert streamed["gemini"][-1]["candidates"][0]["finishReason"] == "SAFETY"
        assert "".join(e["message"]["content"] for e in streamed["ollama"]) == "I will not."


class TestStreams:
    RICH = Reply("Let me look.", reasoning="One thought.", tool_calls=CALLS, usage=USAGE, id="id-2")

    def get(
        self, server: FakeServer, client: httpx.Client, vendor: str, **fields: Any
    ) -> list[Any]:
        server.script(self.RICH)
        response = client.request(**ask(vendor, stream=True, **fields))
        assert response.status_code == 200
        assert response.headers["transfer-encoding"] == "chunked"
        self.content_type = response.headers["content-type"]
        self.body = response.content
        return events(vendor, response.content)

    def test_openai(self, server: FakeServer, client: httpx.Client) -> None:
        got = self.get(server, client, "openai", stream_options={"include_usage": True})
        assert self.body.endswith(b"data: [DONE]\n\n")
        assert self.content_type.startswith("text/event-stream")
        assert {event["id"] for event in got} == {"id-2"}
        assert all(event["usage"] is None for event in got[:-1])
        assert got[-1]["choices"] == []
        assert got[-1]["usage"]["prompt_tokens"] == 100
        deltas = [event["choices"][0]["delta"] for event in got[:-1]]
        assert "".join(delta.get("content") or "" for delta in deltas) == "Let me look."
        assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "One thought."
        arguments = {0: "", 1: ""}
        for delta in deltas:
            for call in delta.get("tool_calls", ()):
                arguments[call["index"]] += call["function"]["arguments"]
        assert [json.loads(text) for text in arguments.values()] == [{"city": "Tromsø"}, {}]
        assert got[-2]["choices"][0]["finish_reason"] == "tool_calls"

    def test_openai_sends_usage_only_when_asked(
        self, server: FakeServer, client: httpx.Client
    ) -> None:
        got = self.get(server, client, "openai")
        assert all("usage" not in event and event["choices"] for event in got)

    def test_anthropic(self, server: FakeServer, client: httpx.Client) -> None:
        got = self.get(server, client, "anthropic")
        kinds = [event["type"] for event in got]
        assert kinds[0] == "message_start"
        assert kinds[2] == "ping"
        assert kinds[-2:] == ["message_delta", "message_stop"]
        open_block: int | None = None
        for event in got:
            if event["type"] == "content_block_start":
                assert open_block is None
                open_block = event["index"]
            elif event["type"] in ("content_block_delta", "content_block_stop"):
                assert event["index"] == open_block
                if event["type"] == "content_block_stop":
                    open_block = None
        assert open_block is None
        deltas = [event["delta"] for event in got if event["type"] == "content_block_delta"]
        for kind, whole in (("thinking", "One thought."), ("text", "Let me look.")):
            assert "".join(delta.get(kind, "") for delta in deltas) == whole
        assert [delta["type"] for delta in deltas].count("signature_delta") == 1
        json_parts = "".join(delta.get("partial_json", "") for delta in deltas)
        assert json_parts == '{"city": "Troms\\u00f8"}{}'
        assert got[0]["message"]["usage"]["input_tokens"] == 60
        assert got[-2]["usage"]["output_tokens"] == 40
        assert got[-2]["delta"]["stop_reason"] == "tool_use"

    def test_gemini(self, server: FakeServer, client: httpx.Client) -> None:
        got = self.get(server, client, "gemini")
        candidates = [event["candidates"][0] for event in got]
        parts = [part for c in candidates for part in c.get("content", {}).get("parts", ())]
        thoughts = "".join(part["text"] for part in parts if part.get("thought"))
        text = "".join(p["text"] for p in parts if "text" in p and not p.get("thought"))
        assert (thoughts, text) == ("One thought.", "Let me look.")
        assert [p["functionCall"]["name"] for p in parts if "functionCall" in p] == [
            "get_weather",
            "get_time",
        ]
        assert [c.get("finishReason") for c in candidates][-2:] == [None, "STOP"]
        assert "usageMetadata" in got[-1]

    def test_ollama(self, server: FakeServer, client: httpx.Client) -> None:
        got = self.get(server, client, "ollama")
        assert self.content_type == "application/x-ndjson"
        assert "".join(event["message"]["content"] for event in got) == "Let me look."
        assert "".join(event["message"].get("thinking", "") for event in got) == "One thought."
        calls = [call for event in got for call in event["message"].get("tool_calls", ())]
        assert [call["function"]["index"] for call in calls] == [0, 1]
        assert [event["done"] for event in got] == [False] * (len(got) - 1) + [True]
        assert got[-1]["done_reason"] == "stop"

    def test_ollama_streams_unless_told_not_to(self, client: httpx.Client) -> None:
        response = client.post("/api/chat", json={"model": "m", "messages": []})
        assert response.headers["content-type"] == "application/x-ndjson"

    @pytest.mark.parametrize("vendor", FORMATS)
    def test_pieces_are_as_the_test_cuts_them(
        self, server: FakeServer, client: httpx.Client, vendor: str
    ) -> None:
        server.script(Reply("a b\n", pieces=["a", " ", "b\n"]))
        body = client.request(**ask(vendor, stream=True)).text
        assert body.index('"a"') < body.index('" "') < body.index('"b\\n"')

    def test_pieces_must_make_up_the_text(self) -> None:
        with pytest.raises(ConfigurationError, match="pieces"):
            Reply("ab", pieces=["a"])

    @pytest.mark.parametrize("text", ["", " ", "one", " a  b\n\nc ", "x\n"])
    def test_words_lose_nothing(self, text: str) -> None:
        assert "".join(Reply(text).text_pieces()) == text

    def test_a_slow_stream(self, server: FakeServer, client: httpx.Client) -> None:
        server.script(Reply("a b c", delay=0.01))
        started = time.monotonic()
        assert len(events("ollama", client.request(**ask("ollama", stream=True)).content)) == 4
        assert time.monotonic() - started >= 0.03


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


class TestOtherEndpoints:
    def test_models(self, server: FakeServer, client: httpx.Client) -> None:
        server.models["openai"] = ["m-1"]
        names = client.get("/v1/models").json()["data"]
        assert [entry["id"] for entry in names] == ["m-1"]
        assert client.get("/v1/models/m-1").json()["id"] == "m-1"
        assert client.get("/v1/models/none").status_code == 404
        claude = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        listed = client.get("/v1/models", headers=claude).json()
        assert listed["first_id"] == listed["data"][0]["id"] == "claude-sonnet-4-5"
        assert client.get("/v1/models/claude-haiku-4-5", headers=claude).json()["type"] == "model"
        gemini = client.get("/v1beta/models", headers={"x-goog-api-key": "k"}).json()
        assert gemini["models"][0]["name"] == "models/gemini-2.5-flash"
        assert client.get("/models", params={"key": "k"}).json() == gemini
        one = client.get("/v1beta/models/gemini-2.5-flash").json()
        assert one["inputTokenLimit"] == 1_048_576
        tags = client.get("/api/tags").json()
        assert tags["models"][0]["name"] == "llama3.2:latest"
        assert [request.endpoint for request in server.requests] == ["models"] * 9

    def test_given_models(self) -> None:
        with FakeServer(models={"anthropic": []}) as server:
            body = httpx.get(
                **PLAIN, url=f"{server.url}/v1/models", headers={"x-api-key": "k"}
            ).json()
            assert (body["data"], body["first_id"]) == ([], None)
            assert httpx.get(**PLAIN, url=f"{server.url}/api/tags").json() == {"models": []}

    def test_show_version_and_counts(self, server: FakeServer, client: httpx.Client) -> None:
        shown = client.post("/api/show", json={"model": "llama3.2"}).json()
        assert shown["capabilities"] == ["completion", "tools"]
        embedder = client.post("/api/show", json={"name": "nomic-embed-text:latest"}).json()
        assert embedder["capabilities"] == ["embedding"]
        assert client.post("/api/show", json={"model": "none"}).status_code == 404
        assert client.get("/api/version").json()["version"]
        question = {"model": "m", "messages": [{"role": "user", "content": "three little words"}]}
        counted = client.post("/v1/messages/count_tokens", json=question).json()
        assert counted == {"input_tokens": 5}
        contents = {"contents": [{"parts": [{"text": "two words"}]}], "other": 1}
        assert client.post("/v1beta/models/m:countTokens", json=contents).json() == {
            "totalTokens": 2
        }

    def test_embeddings_are_the_same_from_every_vendor(
        self, server: FakeServer, client: httpx.Client
    ) -> None:
        texts = ["one", "two"]
        expected = [embedding_of(text) for text in texts]
        openai = client.post("/v1/embeddings", json={"model": "m", "input": texts}).json()
        assert [entry["embedding"] for entry in openai["data"]] == expected
        packed = client.post(
            "/v1/embeddings",
            json={"model": "m", "input": "one", "encoding_format": "base64", "dimensions": 3},
        ).json()["data"][0]["embedding"]
        assert list(struct.unpack("<3f", base64.b64decode(packed))) == embedding_of("one", 3)
        tokens = client.post("/v1/embeddings", json={"model": "m", "input": [1, 2]}).json()
        assert len(tokens["data"]) == 1
        requests = [{"content": {"parts": [{"text": text}]}} for text in texts]
        batch = client.post("/v1beta/models/e:batchEmbedContents", json={"requests": requests})
        assert [entry["values"] for entry in batch.json()["embeddings"]] == expected
        single = client.post(
            "/models/e:embedContent", json={**requests[0], "outputDimensionality": 4}
        )
        assert single.json()["embedding"]["values"] == embedding_of("one", 4)
        for given in (texts, "one"):
            body = client.post("/api/embed", json={"model": "m", "input": given}).json()
            assert body["embeddings"] == expected[: len(body["embeddings"])]

    def test_vectors_have_unit_length_and_any_dimension(self) -> None:
        for dimensions in (1, 3, 768):
            vector = embedding_of("text", dimensions)
            assert len(vector) == dimensions
            assert sum(value * value for value in vector) == pytest.approx(1.0)
        assert embedding_of("a") != embedding_of("b")

    def test_embedding_requests_use_the_script_too(
        self, server: FakeServer, client: httpx.Client
    ) -> None:
        server.script(Fault.status(429), Fault.cut())
        url, body = "/v1/embeddings", {"model": "m", "input": "x"}
        assert client.post(url, json=body).status_code == 429
        with pytest.raises(ValueError):
            client.post(url, json=body).json()
        assert client.post(url, json=body).status_code == 200
        assert client.post("/v1/embeddings", json={"model": "m", "input": []}).json()["data"] == []

    def test_the_script_of_another_endpoint(self, server: FakeServer, client: httpx.Client) -> None:
        server.script(Fault.status(503), endpoint="models")
        server.script(Reply("chat"))
        assert server.pending == 2
        assert client.get("/api/tags").status_code == 503
        assert client.get("/api/tags").status_code == 200
        assert server.pending == 1

    def test_unknown_paths_and_bodies(self, server: FakeServer, client: httpx.Client) -> None:
        assert client.get("/nothing").status_code == 404
        assert server.requests[-1].vendor == "unknown"
        broken = client.post("/v1/messages", content=b"{nope")
        assert broken.status_code == 400
        assert broken.json()["error"]["type"] == "invalid_request_error"
        assert server.requests[-1].json is None


class TestScript:
    def test_order_then_default(self, server: FakeServer, client: httpx.Client) -> None:
        server.script(Reply("one"), Fault.status(500))
        server.script(lambda request: Reply(f"for {request.model}"))
        server.default = Reply("default")
        answers = [client.request(**ask("ollama")) for _ in range(4)]
        assert answers[1].status_code == 500
        texts = [answers[n].json()["message"]["content"] for n in (0, 2, 3)]
        assert texts == ["one", "for a-model", "default"]

    def test_headers_of_a_reply(self, server: FakeServer, client: httpx.Client) -> None:
        server.default = Reply(headers={"x-ratelimit-remaining-requests": "3"})
        for stream in (False, True):
            response = client.request(**ask("openai", stream=stream))
            assert response.headers["x-ratelimit-remaining-requests"] == "3"

    @pytest.mark.parametrize("item", [lambda request: 1 // 0, lambda request: "text"])
    def test_a_failing_script_fails_the_test(self, item: Any) -> None:
        with pytest.raises((ZeroDivisionError, ConfigurationError)), FakeServer() as server:
            server.script(item)
            assert httpx.request(**PLAIN, **ask_at(server, "openai")).status_code == 500
            assert len(server.errors) == 1

    def test_broken_arguments_for_a_vendor_that_sends_objects_are_told(self) -> None:
        with pytest.raises(TypeError), FakeServer() as server:
            server.script(Reply("", tool_calls=[ToolCall("i", "n", 5)]))  # type: ignore[arg-type]
            with pytest.raises(httpx.HTTPError):
                httpx.request(**PLAIN, **ask_at(server, "ollama"))

    def test_an_error_of_the_test_itself_is_not_replaced(self) -> None:
        with pytest.raises(KeyError), FakeServer() as server:
            server.errors.append(ValueError())
            raise KeyError

    def test_broken_json_of_the_model(self, server: FakeServer, client: httpx.Client) -> None:
        server.default = Reply("", tool_calls=[ToolCall("i", "n", {}, '{"a": ')])
        body = client.request(**ask("openai")).json()
        call = body["choices"][0]["message"]["tool_calls"][0]
        assert call["function"]["arguments"] == '{"a": '

    @pytest.mark.parametrize("vendor", FORMATS)
    def test_keys(self, server: FakeServer, client: httpx.Client, vendor: str) -> None:
        server.require_key("secret")
        server.script(Reply("kept"))
        refused = client.request(**ask(vendor, key="other"))
        assert refused.status_code == (400 if vendor == "gemini" else 401)
        bare = ask(vendor) | {"headers": {}}
        assert client.request(**bare).status_code == (403 if vendor == "gemini" else 401)
        assert "kept" in client.request(**ask(vendor)).text
        server.require_key(None)
        assert client.request(**bare).status_code == 200

    def test_requests_are_remembered(self, server: FakeServer, client: httpx.Client) -> None:
        client.request(**ask("gemini", stream=True))
        client.post("/v1/chat/completions?x=1", json={"model": "m"}, headers={"X-Mine": "y"})
        first, second = server.requests
        assert (first.vendor, first.endpoint, first.stream) == ("gemini", "chat", True)
        assert (first.model, first.query, first.key) == (
            "gemini-2.5-flash",
            {"alt": "sse"},
            "secret",
        )
        assert (second.method, second.path) == ("POST", "/v1/chat/completions")
        assert second.headers["x-mine"] == "y"
        assert second.key is None
        assert second.at >= first.at
        assert Request("v", "chat", "POST", "/", {"key": "in-query"}).key == "in-query"
        assert "secret" not in repr(first)

    def test_a_gemini_path_without_a_model(self, server: FakeServer, client: httpx.Client) -> None:
        assert client.post("/:generateContent", json={"contents": []}).status_code == 200
        assert server.requests[0].vendor == "gemini"


def ask_at(server: FakeServer, vendor: str, **fields: Any) -> dict[str, Any]:
    """:func:`ask` with the server's address."""
    request = ask(vendor, **fields)
    return request | {"url": server.url + request["url"]}


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

    async def test_a_thousand_at_once(self, server: FakeServer) -> None:
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

        tasks = [asyncio.create_task(one()) for _ in range(1000)]
        await server.wait_for(lambda: server.peak == 1000, timeout=20)
        assert server.open_streams == 1000
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


class TestLife:
    async def test_closing_leaves_nothing_behind(self) -> None:
        before = threading.active_count()
        with FakeServer() as server:
            server.script(Fault.hang(), Fault.stall(), Reply("a b", gate=server.gate()))
            async with httpx.AsyncClient(**PLAIN, base_url=server.url, timeout=5) as client:
                tasks = [
                    asyncio.create_task(client.request(**ask("openai", stream=True)))
                    for _ in range(3)
                ]
                await server.wait_for(lambda: server.peak == 3)
                server.close()
                results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, httpx.HTTPError) for result in results)
        assert server.disconnects == 0
        assert threading.active_count() == before
        server.close()
        gc.collect()

    def test_misuse_is_told(self) -> None:
        idle = FakeServer()
        with pytest.raises(ConfigurationError, match="not running"):
            _ = idle.url
        idle.close()
        with FakeServer() as server:
            with pytest.raises(ConfigurationError, match="started before"):
                server.start()
            with pytest.raises(ConfigurationError, match=r"'nobody'.*openai"):
                server.base_url("nobody")
            assert server.base_url("openai") == f"{server.url}/v1"
            assert server.base_url("claude") == server.base_url("gemini") == server.url

    def test_the_package_is_lazy(self) -> None:
        code = (
            "import sys, bruno_llm.testing as t; "
            "absent = {'bruno_llm.testing.fake.server', 'h11', 'httpx', 'vcr', 'litellm'}; "
            "assert not absent & set(sys.modules);"
            "assert set(t.__all__) <= set(dir(t)); t.FakeServer; "
            "assert 'litellm' not in sys.modules and 'httpx' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

    def test_every_public_name_is_there(self) -> None:
        for name in bruno_llm.testing.__all__:
            assert getattr(bruno_llm.testing, name) is not None
        with pytest.raises(AttributeError, match="Nothing"):
            _ = bruno_llm.testing.Nothing


class TestSamples:
    @pytest.mark.parametrize("sample", list(wire.samples()), ids=str)
    def test_each_is_sound_and_served_as_it_is(
        self, server: FakeServer, client: httpx.Client, sample: wire.Sample
    ) -> None:
        assert sample.page
        assert sample.section
        assert sample.expected
        if sample.stream:
            assert events(sample.vendor, sample.body)
        elif sample.headers["content-type"] != "text/html":
            json.loads(sample.body)
        server.script(sample.raw(), sample.raw(7))
        for _ in range(2):
            response = client.request(**ask(sample.vendor, stream=sample.stream))
            assert (response.status_code, response.content) == (sample.status, sample.body)

    def test_what_every_vendor_has(self) -> None:
        kinds = {"text", "tools", "length", "stream_text", "stream_tools", "stream_error_event"}
        kinds |= {"stream_first_error", "stream_cut", "stream_unicode", "stream_length"}
        kinds |= {"error_401", "error_404_model", "error_400_context", "error_500", "models"}
        for vendor in VENDORS:
            names = {sample.name for sample in wire.samples(vendor)}
            missing = kinds - names - ({"error_401"} if "error_400_key" in names else set())
            assert not missing, vendor
            assert any(sample.expected.get("reasoning") for sample in wire.samples(vendor))
            assert any(sample.expected.get("retry_after") for sample in wire.samples(vendor))
            assert any(
                sample.expected.get("error") == "QuotaExceededError"
                for sample in wire.samples(vendor)
            )
        assert wire.load("ollama", "show").endpoint == "show"
        assert [s.name for s in wire.samples("openai", endpoint="embed")] == ["embeddings"]

    def test_no_file_without_an_entry(self) -> None:
        for vendor in VENDORS:
            folder = wire._ROOT / vendor
            files = {path.name for path in folder.iterdir()} - {"index.json"}
            index = json.loads((folder / "index.json").read_text("utf-8"))
            assert files == {entry["file"] for entry in index["samples"].values()}
