"""FakeServer: its endpoints, its script and its life."""

from __future__ import annotations

import asyncio
import base64
import gc
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import bruno_llm.testing
from bruno_llm.completion import ToolCall
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing import FakeServer, Fault, Reply, Request, embedding_of
from tests.fake_client import FORMATS, PLAIN, ask, ask_at


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[httpx.Client]:
    with httpx.Client(**PLAIN, base_url=server.url, timeout=5) as opened:
        yield opened


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


def test_connections_that_come_while_it_ends_are_closed_with_it() -> None:
    """A leak would be told by a warning, which is an error in the tests of whoever uses it."""
    for _ in range(20):
        with FakeServer() as server:
            url = httpx.URL(server.base_url("ollama"))
            clients = [socket.socket() for _ in range(20)]
            for client in clients:
                client.setblocking(False)
                client.connect_ex((url.host, url.port))
        for client in clients:
            client.close()
    gc.collect()
