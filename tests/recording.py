"""What the cassettes are recorded from: a vendor whose key is set, else a server on loopback.

OpenAI's and Anthropic's formats come from the real llama.cpp server, Ollama's from a real Ollama
(``OLLAMA_HOST``; nothing stands in for it), and Gemini's from aimock, a mock that others wrote: our
own ``FakeServer`` would only prove that we agree with ourselves.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bruno_llm import (
    ClaudeProvider,
    GeminiProvider,
    LiteLLMProvider,
    OllamaProvider,
    OpenAIEmbedder,
    OpenAIProvider,
    _clock,
)
from bruno_llm.demo.engine import Engine
from bruno_llm.testing import Tape

KEY = "key-of-the-local-servers"
AIMOCK = "@copilotkit/aimock@1.43.0"

QUESTION = "Name the capitals of Norway, Denmark and Sweden."
WEATHER = "What is the weather in Oslo?"
NO_MODEL = "no-such-model"


def aimock_fixtures(model: str) -> list[dict[str, Any]]:
    """What aimock shall answer as this model; for any other one it answers 404."""
    answers: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (
            {"userMessage": "capitals"},
            {"content": "Oslo, Copenhagen (København) and Stockholm 🙂."},
        ),
        (
            {"userMessage": "weather", "hasToolResult": False},
            {"toolCalls": [{"name": "get_weather", "arguments": {"city": "Oslo"}}]},
        ),
        ({}, {"content": "It is sunny in Oslo, 3 °C below zero."}),
    ]
    # Its own values: no tokens, and Gemini's calls end with a word that Gemini does not have.
    facts = {
        "finishReason": "stop",
        "usage": {"promptTokenCount": 10, "candidatesTokenCount": 12, "totalTokenCount": 22},
    }
    return [
        {"match": {"model": model, **match}, "response": {**answer, **facts}}
        for match, answer in answers
    ]


@dataclass(frozen=True)
class Vendor:
    """A provider class, and the models to record; small and current ones."""

    id: str
    provider_class: type[LiteLLMProvider]
    model: str
    variable: str
    """Set: the vendor itself is recorded."""
    suffix: str = ""
    """What the address of a local server ends in."""

    def __str__(self) -> str:
        return self.id


OPENAI = Vendor("openai", OpenAIProvider, "gpt-5.4-nano", "OPENAI_API_KEY", "/v1")
CLAUDE = Vendor("claude", ClaudeProvider, "claude-haiku-4-5", "ANTHROPIC_API_KEY")
GEMINI = Vendor("gemini", GeminiProvider, "gemini-3.5-flash-lite", "GEMINI_API_KEY", "/v1beta")
OLLAMA = Vendor("ollama", OllamaProvider, "llama3.2", "OLLAMA_HOST")
VENDORS = (OPENAI, CLAUDE, GEMINI, OLLAMA)


@dataclass(frozen=True)
class Source:
    """A server to record from."""

    base_url: str
    description: str
    api_key: str = KEY


Sources = Mapping[str, Source]


@pytest.fixture(scope="session")
def sources(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sources]:
    """The servers to record from, by vendor; none during replay."""
    if not request.config.getoption("--record-cassettes"):
        yield {}
        return
    found = {vendor.id: real(vendor) for vendor in VENDORS if os.environ.get(vendor.variable)}
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(Engine(key=KEY))
        embedding = stack.enter_context(Engine(key=KEY, embed=True))
        local = {
            "openai": Source(engine.openai_base_url, engine.description),
            "embedding": Source(embedding.openai_base_url, embedding.description),
            "claude": Source(engine.anthropic_base_url, engine.description),
        }
        if shutil.which("npm"):
            directory = tmp_path_factory.mktemp("aimock")
            install_aimock(directory)
            local["gemini"] = stack.enter_context(aimock(directory, GEMINI, KEY))
        if "openai" in found:
            found["embedding"] = found["openai"]
        yield {**local, **found}


def real(vendor: Vendor) -> Source:
    """The vendor itself."""
    provider = vendor.provider_class()
    today = datetime.datetime.fromtimestamp(_clock.now(), datetime.timezone.utc).date()
    if vendor is OLLAMA:
        assert provider.base_url is not None
        version = httpx.get(f"{provider.base_url}/api/version").json()["version"]
        return Source(provider.base_url, f"Ollama {version}, {today}")
    assert provider.vendor is not None
    assert provider.vendor.models is not None
    base_url = provider.vendor.models.url.removesuffix(vendor.suffix) + vendor.suffix
    key = os.environ[vendor.variable]
    return Source(base_url, f"{base_url}, {vendor.model}, {today}", key)


def install_aimock(directory: Path) -> None:
    """Fetch aimock from npm into a directory."""
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(directory)]
    subprocess.run([*command, AIMOCK], check=True, capture_output=True, timeout=120)


@contextlib.contextmanager
def aimock(directory: Path, vendor: Vendor, key: str) -> Iterator[Source]:
    """aimock on a free port, answering as the vendor's model."""
    fixtures = directory / f"{vendor.id}.json"
    fixtures.write_text(json.dumps({"fixtures": aimock_fixtures(vendor.model)}), "utf-8")
    package = directory / "node_modules" / AIMOCK.rpartition("@")[0]
    script = [str(package / "dist" / "cli.js"), "--port", "0", "--chunk-size", "8"]
    with subprocess.Popen(
        ["node", *script, "--fixtures", str(fixtures)],
        env={**os.environ, "AIMOCK_API_KEYS": key},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            # Lines before the last one say which fixtures were read.
            found = (re.search(r"listening on (http://\S+)", line) for line in process.stdout)
            address = next(match.group(1) for match in found if match)
            base_url = address + vendor.suffix
            yield Source(base_url, f"aimock {AIMOCK.rpartition('@')[2]} (npm @copilotkit/aimock)")
        finally:
            process.terminate()


class Lab:
    """Makes the providers of a test: on the server that is recorded, or for the replay."""

    def __init__(self, tape: Tape, sources: Sources) -> None:
        self.tape = tape
        self._sources = sources

    def provider(self, vendor: Vendor, **options: Any) -> LiteLLMProvider:
        """The vendor's provider, with one try."""
        given = self._settings(vendor, vendor.id) | {"model": vendor.model} | options
        return vendor.provider_class(**given)

    def embedder(self) -> OpenAIEmbedder:
        """OpenAI's embedder, with one try."""
        return OpenAIEmbedder("text-embedding-3-small", **self._settings(OPENAI, "embedding"))

    def _settings(self, vendor: Vendor, name: str) -> dict[str, Any]:
        if not self.tape.recording:
            # Nothing listens there: a replay needs neither a server nor a key.
            source = Source(f"http://127.0.0.1:9{vendor.suffix}", "", "any")
        elif name in self._sources:
            source = self._sources[name]
            self.tape.recorded_from = source.description
        else:
            pytest.skip(
                f"neither {vendor.variable} is set nor npm installed, which fetches {AIMOCK}"
            )
        return {"base_url": source.base_url, "api_key": source.api_key, "retry": None}


@pytest.fixture
def lab(sources: Sources, cassette: Tape) -> Lab:
    """Makes the providers of a test on a cassette."""
    return Lab(cassette, sources)
