"""FakeServer's answers: the wire formats, plain and streamed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing import FakeServer, Reply
from tests import wire
from tests.fake_client import CALLS, FORMATS, PLAIN, USAGE, VENDORS, ask, events


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
