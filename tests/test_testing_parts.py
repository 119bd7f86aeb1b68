"""What else FakeServer's answers can be made of: each vendor's own parts, plain and streamed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import httpx
import pytest

from bruno_llm.completion import ToolCall
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing import FakeServer, Media, Reply, ServerTool, Text, Thinking

PLAIN: dict[str, Any] = {"trust_env": False, "verify": False}
CALLS = (ToolCall("call_1", "get_weather", {"city": "Oslo"}), ToolCall("call_2", "get_time", {}))
PICTURE = Media(b"\x89PNG\r\n", "image/png")
SOUND = Media(b"RIFF" * 40, "audio/wav", "Oslo, of course.")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def post(server: FakeServer, vendor: str, *, stream: bool = False, model: str = "m") -> Any:
    """A chat request; of a stream the list of its objects."""
    messages = [{"role": "user", "content": "hi"}]
    body: dict[str, Any] = {"model": model, "messages": messages, "stream": stream}
    url = f"{server.base_url(vendor)}/chat/completions"
    if vendor == "anthropic":
        url = f"{server.url}/v1/messages"
    elif vendor == "ollama":
        url = f"{server.url}/api/chat"
    elif vendor == "gemini":
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        url, body = f"{server.url}/v1beta/models/{model}:{verb}", {"contents": []}
    answer = httpx.post(**PLAIN, url=url, json=body)
    assert answer.status_code == 200
    if not stream:
        return answer.json()
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


class TestAnthropic:
    SOURCE: ClassVar[dict[str, Any]] = {
        "type": "char_location",
        "cited_text": "Oslo",
        "document_index": 0,
    }
    SCRIPT = Reply(
        parts=[
            Thinking("Let me search."),
            Thinking(redacted=True),
            ServerTool("web_search", {"query": "Oslo"}, [{"type": "web_search_result"}]),
            Text("Oslo it is.", citations=[SOURCE]),
            Thinking("And now the weather."),
            *CALLS,
        ],
        finish_reason="pause_turn",
    )
    KINDS = (
        "thinking",
        "redacted_thinking",
        "server_tool_use",
        "web_search_tool_result",
        "text",
        "thinking",
        "tool_use",
        "tool_use",
    )

    def test_plain(self, server: FakeServer) -> None:
        server.script(self.SCRIPT)
        body = post(server, "anthropic")
        assert body["stop_reason"] == "pause_turn"
        blocks = body["content"]
        assert tuple(block["type"] for block in blocks) == self.KINDS
        assert blocks[2]["id"] == blocks[3]["tool_use_id"]
        assert blocks[2]["id"].startswith("srvtoolu_")
        assert blocks[4]["citations"] == [self.SOURCE]
        opaque = {blocks[0]["signature"], blocks[1]["data"], blocks[5]["signature"]}
        assert len(opaque) == 3

    def test_streamed(self, server: FakeServer) -> None:
        server.script(self.SCRIPT)
        got = post(server, "anthropic", stream=True)
        blocks: list[dict[str, Any]] = []
        for event in got:
            if event["type"] == "content_block_start":
                blocks.append(event["content_block"] | {"json": ""})
            elif event["type"] == "content_block_delta":
                delta, block = event["delta"], blocks[event["index"]]
                for field in ("text", "thinking", "signature"):
                    if field in delta:
                        block[field] += delta[field]
                block["json"] += delta.get("partial_json", "")
                if "citation" in delta:
                    block["citations"].append(delta["citation"])
        assert tuple(block["type"] for block in blocks) == self.KINDS
        assert blocks[0]["thinking"] == "Let me search."
        assert blocks[0]["signature"] != blocks[5]["signature"] != ""
        assert blocks[1]["data"]
        assert json.loads(blocks[2]["json"]) == {"query": "Oslo"}
        assert blocks[3]["content"] == [{"type": "web_search_result"}]
        assert blocks[4]["citations"] == [self.SOURCE]
        assert json.loads(blocks[6]["json"]) == {"city": "Oslo"}
        assert got[-2]["delta"]["stop_reason"] == "pause_turn"

    def test_each_answer_is_signed_anew(self, server: FakeServer) -> None:
        server.default = Reply("x", reasoning="Hm.")
        one, two = (post(server, "anthropic")["content"][0]["signature"] for _ in range(2))
        assert one != two


class TestGemini:
    def parts(self, server: FakeServer, stream: bool, model: str = "m") -> list[dict[str, Any]]:
        got = post(server, "gemini", stream=stream, model=model)
        chunks = got if stream else [got]
        self.candidate = chunks[-1]["candidates"][0]
        return [
            part
            for chunk in chunks
            for part in chunk["candidates"][0].get("content", {}).get("parts", ())
        ]

    @pytest.mark.parametrize("stream", [False, True])
    def test_calls_are_signed_as_the_vendor_does(self, server: FakeServer, stream: bool) -> None:
        server.default = Reply("", tool_calls=CALLS)
        assert not [p for p in self.parts(server, stream) if "thoughtSignature" in p]
        for model in ("gemini-3-pro-preview", "gemini-3.1-flash"):
            first, second = self.parts(server, stream, model)
            assert base64.b64decode(first["thoughtSignature"])
            assert "thoughtSignature" not in second
        server.default = Reply("", tool_calls=CALLS, signed=False)
        assert "thoughtSignature" not in self.parts(server, stream, "gemini-3-pro")[0]
        server.default = Reply("", tool_calls=CALLS, signed=True)
        assert "thoughtSignature" in self.parts(server, stream)[0]

    def test_text_is_signed_on_request(self, server: FakeServer) -> None:
        server.default = Reply("one two", reasoning="Hm.", signed=True)
        assert [sorted(part) for part in self.parts(server, False)] == [
            ["text", "thought"],
            ["text", "thoughtSignature"],
        ]
        streamed = self.parts(server, True)
        assert [part["text"] for part in streamed] == ["Hm.", "one", " two", ""]
        assert "thoughtSignature" in streamed[-1]
        server.default = Reply(parts=[Text("a", signed=True), Text("b")])
        assert ["thoughtSignature" in p for p in self.parts(server, True)] == [
            False,
            True,
            False,
            False,
        ]

    @pytest.mark.parametrize("stream", [False, True])
    def test_media_grounding_and_parts_of_ones_own(self, server: FakeServer, stream: bool) -> None:
        code = {"executableCode": {"language": "PYTHON", "code": "1 + 1"}}
        grounding = {"groundingChunks": [{"web": {"uri": "https://example.org"}}]}
        server.script(
            Reply(
                parts=[PICTURE, SOUND, code, Text("Done.")], fields={"groundingMetadata": grounding}
            )
        )
        picture, sound, own, *texts = self.parts(server, stream)
        assert base64.b64decode(picture["inlineData"]["data"]) == PICTURE.data
        assert sound["inlineData"]["mimeType"] == "audio/wav"
        assert own == code
        assert "".join(part["text"] for part in texts) == "Done."
        assert self.candidate["groundingMetadata"] == grounding


class TestAfterOpenAI:
    def message(self, server: FakeServer, vendor: str, stream: bool) -> dict[str, Any]:
        got = post(server, vendor, stream=stream)
        if not stream:
            return got["choices"][0]["message"]
        whole: dict[str, Any] = {}
        for chunk in got:
            for name, value in chunk["choices"][0]["delta"].items():
                if isinstance(value, list) and name != "tool_calls":
                    whole[name] = (whole.get(name) or []) + value
                elif isinstance(value, str) and name != "role":
                    whole[name] = (whole.get(name) or "") + value
                elif name == "audio":
                    audio = whole.setdefault("audio", {})
                    for key, piece in value.items():
                        joined = key in ("data", "transcript")
                        audio[key] = audio.get(key, "") + piece if joined else piece
                else:
                    whole.setdefault(name, value)
        return whole

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("vendor", "field"),
        [
            ("openai", "reasoning_content"),
            ("deepseek", "reasoning_content"),
            ("moonshot", "reasoning_content"),
            ("xai", "reasoning_content"),
            ("groq", "reasoning"),
            ("cerebras", "reasoning"),
            ("openrouter", "reasoning"),
        ],
    )
    def test_where_the_thinking_is(
        self, server: FakeServer, stream: bool, vendor: str, field: str
    ) -> None:
        server.script(Reply("Oslo.", reasoning="Which one, then?"))
        message = self.message(server, vendor, stream)
        assert message[field] == "Which one, then?"
        assert message["content"] == "Oslo."
        assert server.requests[0].vendor == vendor
        assert server.requests[0].wire == "openai"

    @pytest.mark.parametrize("stream", [False, True])
    def test_logprobs(self, server: FakeServer, stream: bool) -> None:
        scores = {"content": [{"token": "Oslo", "logprob": -0.1, "bytes": None}]}
        server.script(Reply("Oslo it is.", logprobs=scores))
        got = post(server, "openai", stream=stream)
        choices = [chunk["choices"][0] for chunk in (got if stream else [got])]
        assert [choice["logprobs"] for choice in choices if choice["logprobs"]] == [scores]

    def test_openrouters_details(self, server: FakeServer) -> None:
        server.default = Reply(parts=[Thinking("one two"), Thinking(redacted=True), *CALLS])
        text, hidden = self.message(server, "openrouter", False)["reasoning_details"]
        assert (text["type"], text["text"], text["index"]) == ("reasoning.text", "one two", 0)
        assert text["signature"]
        assert (hidden["type"], hidden["index"]) == ("reasoning.encrypted", 1)
        assert hidden["data"]
        details = self.message(server, "openrouter", True)["reasoning_details"]
        first = [detail for detail in details if detail["index"] == 0]
        assert "".join(detail.get("text", "") for detail in first) == "one two"
        assert [bool(detail.get("signature")) for detail in first] == [False, False, True]

    def test_mistrals_parts(self, server: FakeServer) -> None:
        server.default = Reply("Oslo it is.", reasoning="one two")
        thinking, text = self.message(server, "mistral", False)["content"]
        assert thinking["thinking"][0]["text"] == "one two"
        assert text == {"type": "text", "text": "Oslo it is."}
        got = post(server, "mistral", stream=True)
        contents = [c["choices"][0]["delta"].get("content") for c in got if c["choices"]]
        assert [c for c in contents if isinstance(c, list)][1][0]["thinking"][0]["text"] == " two"
        assert "".join(c for c in contents if isinstance(c, str)) == "Oslo it is."

    @pytest.mark.parametrize("stream", [False, True])
    def test_sound_pictures_and_fields(self, server: FakeServer, stream: bool) -> None:
        source = {"type": "url_citation", "url_citation": {"url": "https://example.org"}}
        server.script(
            Reply(parts=[SOUND]),
            Reply(parts=[PICTURE, Text("x", citations=[source])], fields={"mine": {"a": 1}}),
        )
        audio = self.message(server, "openai", stream)["audio"]
        assert base64.b64decode(audio["data"]) == SOUND.data
        assert audio["transcript"] == SOUND.transcript
        assert audio["id"].startswith("audio_")
        message = self.message(server, "openrouter", stream)
        assert message["images"][0]["image_url"]["url"].startswith("data:image/png;base64,")
        assert message["annotations"] == [source]
        assert message["mine"] == {"a": 1}

    def test_parts_of_ones_own(self, server: FakeServer) -> None:
        server.script(Reply(parts=[Text("x"), {"prefix": True}]))
        assert self.message(server, "deepseek", False)["prefix"] is True


class TestOllama:
    def test_thinking_calls_and_fields(self, server: FakeServer) -> None:
        script = Reply(parts=[Thinking("Hm."), Text("x"), *CALLS, {"own": 1}], fields={"more": 2})
        server.default = script
        message = post(server, "ollama")["message"]
        assert (message["thinking"], message["content"]) == ("Hm.", "x")
        assert [call["function"]["name"] for call in message["tool_calls"]] == [
            "get_weather",
            "get_time",
        ]
        assert (message["own"], message["more"]) == (1, 2)
        got = post(server, "ollama", stream=True)
        assert "".join(line["message"].get("thinking", "") for line in got) == "Hm."
        assert got[-1]["message"]["own"] == 1


class TestScripts:
    @pytest.mark.parametrize(
        "fields", [{"text": "x"}, {"reasoning": "x"}, {"tool_calls": CALLS}, {"pieces": ["Hello"]}]
    )
    def test_parts_are_the_whole_answer(self, fields: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError, match="parts are the whole answer"):
            Reply(parts=[Text("x")], **fields)

    @pytest.mark.parametrize(
        ("vendor", "part"),
        [
            ("anthropic", PICTURE),
            ("ollama", PICTURE),
            ("ollama", ServerTool("web_search")),
            ("gemini", ServerTool("web_search")),
            ("openai", ServerTool("web_search")),
        ],
    )
    def test_what_a_format_does_not_have_is_told(self, vendor: str, part: Any) -> None:
        with pytest.raises(ConfigurationError, match="has no"), FakeServer() as server:
            server.script(Reply(parts=[part]))
            with pytest.raises(httpx.HTTPError):
                post(server, vendor)
