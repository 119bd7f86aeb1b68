"""What happens when a release of litellm lacks something that is needed of it.

Each place is hidden from this package in turn; litellm itself keeps it, and so works as ever.
"""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version
from typing import Any

import pytest
import structlog

from bruno_llm import (
    ClaudeProvider,
    ConfigurationError,
    LitellmChangedError,
    LiteLLMProvider,
    OpenAIEmbedder,
    OpenAIProvider,
    StreamError,
)
from bruno_llm._litellm import loading, probe
from bruno_llm.testing import FakeServer, Fault
from tests.contract.matrix import CASES, Case, ask
from tests.size import FULL

pytestmark = pytest.mark.usefixtures("no_keys")

NEEDED = [reach for reach in probe.REACHES if reach.needed]
OPTIONAL = [reach for reach in probe.REACHES if not reach.needed]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


class Without:
    """litellm, or a part of it, without what stands at this path."""

    def __init__(self, real: Any, reach: probe.Reach, path: tuple[str, ...]) -> None:
        self.__dict__.update(_real=real, _reach=reach, _path=path)

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        first, *rest = self._path
        if name != first:
            return real
        if rest:
            return Without(real, self._reach, tuple(rest))
        if self._reach.part is None:
            raise AttributeError(name)
        return silent(real, self._reach)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)


def silent(real: Any, reach: probe.Reach) -> Any:
    """The function or class, with code that does not speak of that part."""
    if isinstance(real, type):
        same = [other.part for other in probe.REACHES if other.path == reach.path]
        spoken = ", ".join(f"self.{part}" for part in same if part not in (None, reach.part))
        code = f"lambda self, *args, **kwargs: ({spoken})"
        return type(real.__name__, (real,), {"__init__": eval(code)})

    def said_nothing(*args: Any, **kwargs: Any) -> Any:
        return real(*args, **kwargs)

    return said_nothing


@pytest.fixture
def without(no_collector: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Hide a place, and have litellm loaded anew at the next call."""
    litellm = loading.load_now()
    # It looks for its own folder when it is imported, late.
    importlib.import_module("litellm.litellm_core_utils.default_encoding")
    gone = probe._gone

    def hide(reach: probe.Reach) -> None:
        path = tuple(reach.path.split("."))
        monkeypatch.setitem(sys.modules, "litellm", Without(litellm, reach, path))
        monkeypatch.setattr(loading, "module", None)

    yield hide
    probe._gone = gone


def test_everything_is_there_in_this_release() -> None:
    loading.load_now()
    assert [reach.name for reach in probe.REACHES if not probe.has(reach.name)] == []
    assert len({reach.name for reach in probe.REACHES}) == len(probe.REACHES)


@pytest.mark.covering(1)
@pytest.mark.parametrize("reach", NEEDED, ids=lambda reach: reach.name)
@pytest.mark.parametrize("way", ["complete", "stream_events"])
async def test_without_what_is_needed_nothing_is_sent(
    way: str, reach: probe.Reach, without: Any, server: FakeServer
) -> None:
    without(reach)
    provider = OpenAIProvider("gpt-4o-mini", api_key="k" * 20, base_url=server.base_url("openai"))
    for _ in range(2):  # and not only the first time
        with pytest.raises(LitellmChangedError) as caught:
            await ask(provider, way)
    text = str(caught.value)
    assert f"litellm {version('litellm')} no longer has litellm." in text
    assert f"litellm.{reach.name}" in text
    assert reach.use in text
    assert "install a release that is supported: litellm" in text
    assert isinstance(caught.value, ConfigurationError)
    assert not caught.value.retryable
    assert server.requests == []


async def test_embeddings_say_so_too(without: Any, server: FakeServer) -> None:
    without(next(reach for reach in NEEDED if reach.path == "aembedding"))
    embedder = OpenAIEmbedder(api_key="k" * 20, base_url=server.base_url("openai"))
    with pytest.raises(LitellmChangedError, match="aembedding"):
        await embedder.embed_text("word")
    assert server.requests == []


@pytest.mark.sized
@pytest.mark.parametrize("reach", OPTIONAL, ids=lambda reach: reach.name)
async def test_without_the_rest_calls_work_and_one_warning_says_what_is_lost(
    reach: probe.Reach, without: Any, server: FakeServer
) -> None:
    without(reach)
    with structlog.testing.capture_logs() as logs:
        # One provider a place, each in turn, unless at full size.
        first = OPTIONAL.index(reach) % 4
        for case in CASES[:4] if FULL else CASES[first : first + 1]:
            for way in ("complete", "stream_events"):
                assert await ask(case.provider(server), way, temperature=0.5) == "Hello"
    said = [line for line in logs if line["event"] == "litellm_changed"]
    assert [(line["gone"], line["without"]) for line in said] == [([reach.name], [reach.use])]
    assert said[0]["release"] == version("litellm")
    assert said[0]["log_level"] == "warning"


async def test_azure_alone_fails_without_its_own(without: Any, server: FakeServer) -> None:
    without(next(reach for reach in OPTIONAL if reach.name == probe.AZURE))
    provider = LiteLLMProvider("azure/mine", api_key="k" * 20, base_url=server.url, retry=None)
    with pytest.raises(LitellmChangedError, match="calls over Azure"):
        await provider.generate([{"role": "user", "content": "Hi"}])
    assert server.requests == []


@pytest.mark.parametrize("case", CASES[:4], ids=str)
async def test_a_stream_is_closed_whatever_litellm_calls_its_parts(
    case: Case, server: FakeServer
) -> None:
    """Below litellm's objects, where the response is ours."""
    server.script(Fault.stall(after=1))
    provider = case.provider(server)
    events = provider.stream_events([{"role": "user", "content": "Hi"}])
    await anext(events)
    await events.aclose()
    await server.wait_for(lambda: server.disconnects == 1)


async def test_an_option_that_a_model_lacks_is_sent_when_nobody_can_say(
    without: Any, server: FakeServer
) -> None:
    without(next(reach for reach in OPTIONAL if reach.path == "UnsupportedParamsError"))
    provider = ClaudeProvider(api_key="k" * 20, base_url=server.base_url("anthropic"))
    assert await ask(provider, "complete", tools=[TOOL]) == "Hello"
    server.script(Fault.cut(after=2))
    with pytest.raises(StreamError):
        await ask(provider, "stream_events")
