"""LiteLLM's own proxy, in an environment of its own, in front of the fake server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import monotonic

import httpx
import pytest

from bruno_llm import (
    AuthenticationError,
    Completion,
    LiteLLMProvider,
    ModelNotFoundError,
    StreamEnd,
    Usage,
)
from bruno_llm.testing import FakeServer, Reply
from tests.ecosystem.others import GUARD, pip

pytestmark = [pytest.mark.slow, pytest.mark.full, pytest.mark.usefixtures("no_keys")]

ASK = [{"role": "user", "content": "Hi"}]
COUNTS = Usage(7, 666, 673)
MASTER = "sk-master-0123456789"
# A price of its own, so that nobody else could have come to this cost.
PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
COST = 7 * 0.001 + 666 * 0.002
START = 180
"""Seconds in which the proxy must answer; it needs about 20."""


@dataclass(frozen=True)
class Proxy:
    """A running proxy, and the server behind it."""

    url: str
    behind: FakeServer

    def provider(self, model: str = "small", key: str | None = MASTER) -> LiteLLMProvider:
        return LiteLLMProvider(f"litellm_proxy/{model}", base_url=self.url, api_key=key, retry=None)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The proxy of the litellm that is tested; what it needs does not fit into our environment."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    wanted = f"litellm[proxy]=={version('litellm')}"
    pip("--python", str(scripts / "python"), "install", wanted)
    return scripts / "litellm"


@contextmanager
def running(program: Path, folder: Path, address: str, **settings: object) -> Iterator[str]:
    """The address of a proxy that knows one model, ``small``, at ``address``."""
    behind = {"model": "openai/gpt-4o-mini", "api_base": address, "api_key": "behind", **PRICES}
    config = {
        "model_list": [{"model_name": "small", "litellm_params": behind}],
        "general_settings": {"master_key": MASTER},
        "litellm_settings": settings,
    }
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    said = folder / "said.txt"
    with said.open("wb") as output:
        process = subprocess.Popen(
            [program, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env={**kept, "PYTHONPATH": str(GUARD), "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}", process, said)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def wait_for(url: str, process: subprocess.Popen[bytes], said: Path) -> None:
    """Until it answers: asked again when the process has not ended within half a second."""
    until = monotonic() + START
    while monotonic() < until:
        try:
            if httpx.get(f"{url}/health/liveliness", timeout=5, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"the proxy did not start: {said.read_text('utf-8', 'replace')[-2000:]}")


@pytest.fixture(scope="module")
def proxy(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    with FakeServer() as server:
        server.default = Reply("Hello there", usage=COUNTS)
        address = server.base_url("openai")
        with running(program, folder, address, include_cost_in_streaming_usage=True) as url:
            yield Proxy(url, server)


async def complete(provider: LiteLLMProvider, way: str) -> Completion:
    if way == "plain":
        return await provider.complete(ASK)
    *_, last = [event async for event in provider.stream_events(ASK)]
    assert isinstance(last, StreamEnd)
    return last.completion


@pytest.mark.parametrize("version", ["", "/v1"])
@pytest.mark.parametrize("way", ["plain", "streamed"])
async def test_it_says_what_a_call_cost_and_its_id(proxy: Proxy, way: str, version: str) -> None:
    before = len(proxy.behind.requests)
    provider = Proxy(proxy.url + version, proxy.behind).provider()
    completion = await complete(provider, way)
    assert (completion.text, completion.finish_reason) == ("Hello there", "stop")
    assert completion.usage == COUNTS
    assert completion.cost == pytest.approx(COST)
    # The id behind the proxy is "req_fake...", and nobody at the proxy knows that.
    assert len(completion.metadata["request_id"].split("-")) == 5
    assert len(proxy.behind.requests) == before + 1


async def test_generate_and_stream_say_the_same(proxy: Proxy) -> None:
    provider = proxy.provider()
    assert await provider.generate(ASK) == "Hello there"
    assert "".join([piece async for piece in provider.stream(ASK)]) == "Hello there"


@pytest.mark.parametrize("way", ["plain", "streamed"])
async def test_a_model_it_has_not(proxy: Proxy, way: str) -> None:
    with pytest.raises(ModelNotFoundError, match="Invalid model name") as caught:
        await complete(proxy.provider("nope"), way)
    assert caught.value.status_code == 400
    assert caught.value.request_id is not None


@pytest.mark.parametrize("way", ["plain", "streamed"])
@pytest.mark.parametrize("key", ["not-a-virtual-key", "sk-of-nobody-0123", None])
async def test_a_key_that_it_does_not_know(proxy: Proxy, way: str, key: str | None) -> None:
    before = len(proxy.behind.requests)
    with pytest.raises(AuthenticationError, match="LITELLM_PROXY_API_KEY") as caught:
        await complete(proxy.provider(key=key), way)
    told = str(caught.value)
    assert ("given as api_key" in told) == (key is not None)
    assert key is None or key not in told
    assert len(proxy.behind.requests) == before


async def test_an_assistant_can_start(proxy: Proxy) -> None:
    provider = proxy.provider()
    assert await provider.list_models() == ["small"]
    assert await provider.check_connection()
    assert not await proxy.provider(key="sk-of-nobody-0123").check_connection()
