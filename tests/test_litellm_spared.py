"""What of litellm's work is left out, counted; whoever watches its calls gets all of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from bruno_llm import (
    GeminiProvider,
    LiteLLMProvider,
    LLMError,
    MistralProvider,
    OllamaProvider,
    Usage,
)
from bruno_llm._litellm.loading import load_now
from bruno_llm._litellm.spared import WATCHERS, is_watched
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import CASES, Case, ask

pytestmark = pytest.mark.usefixtures("no_keys")

KEY = "k" * 20
IMAGE = "data:image/png;base64," + "A" * 4000


def history(messages: int) -> list[dict[str, Any]]:
    roles = ("user", "assistant")
    return [{"role": roles[n % 2], "content": f"turn {n}"} for n in range(messages | 1)]


def picture() -> list[dict[str, Any]]:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": IMAGE}},
    ]
    return [{"role": "user", "content": parts}]


class Counted:
    """How often functions of litellm's are called, and with how many messages in all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.litellm = load_now()
        self.copied = self.counted = self.priced = self.written = self.searched = 0
        log = self.litellm.litellm_core_utils.logging_utils
        copy, count = log.truncate_base64_in_messages, self.litellm.token_counter

        def copies(messages: Any) -> Any:
            self.copied += len(messages or ())
            return copy(messages)

        def counts(*args: Any, **kwargs: Any) -> Any:
            self.counted += len(kwargs.get("messages") or ())
            return count(*args, **kwargs)

        monkeypatch.setattr(log, "truncate_base64_in_messages", copies)
        monkeypatch.setattr(self.litellm, "token_counter", counts)
        logging = self.litellm.litellm_core_utils.litellm_logging
        self._count(monkeypatch, self.litellm.cost_calculator, "completion_cost", "priced")
        self._count(monkeypatch, logging, "get_standard_logging_object_payload", "written")
        for name in {"redact_string", "_redact_string"} & vars(logging).keys():  # 1.106, 1.105
            self._count(monkeypatch, logging, name, "searched")

    def _count(self, monkeypatch: pytest.MonkeyPatch, holder: Any, name: str, what: str) -> None:
        work = getattr(holder, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            setattr(self, what, getattr(self, what) + 1)
            return work(*args, **kwargs)

        monkeypatch.setattr(holder, name, counted)

    async def logged(self) -> None:
        """litellm logs a call after it, in a task of its own."""
        for _ in range(5):
            await asyncio.sleep(0)
        await self.litellm.litellm_core_utils.logging_worker.GLOBAL_LOGGING_WORKER.flush()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


@pytest.fixture
def told() -> Iterator[asyncio.Queue[dict[str, Any]]]:
    """What a callback of the application's is told of litellm's calls."""
    litellm = load_now()
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    class Listener(litellm.integrations.custom_logger.CustomLogger):  # type: ignore[misc, name-defined]
        async def async_log_success_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
            heard.put_nowait(kwargs["standard_logging_object"])

        async_log_failure_event = async_log_success_event

    listener = Listener()
    litellm.callbacks.append(listener)
    yield heard
    for name in WATCHERS:  # litellm puts it among others too
        found = getattr(litellm, name)
        found[:] = [one for one in found if one is not listener]


@pytest.mark.parametrize("way", ["complete", "stream_events"])
async def test_messages_are_not_copied_for_nobody(
    way: str, work: Counted, server: FakeServer
) -> None:
    async with OllamaProvider("llava", base_url=server.base_url("ollama")) as provider:
        if way == "complete":
            await provider.complete(picture())
        else:
            _ = [event async for event in provider.stream_events(picture())]
        await work.logged()
    assert work.copied == 0


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_nothing_is_priced_or_written_down_for_nobody(
    case: Case, way: str, work: Counted, server: FakeServer
) -> None:
    provider = case.provider(server, retry=None)
    await ask(provider, way)
    await work.logged()
    work.priced = 0  # our own look at litellm's price, once a model
    assert await ask(provider, way)
    server.script(Fault.status(500, message="the vendor's fault"))
    with pytest.raises(LLMError, match="the vendor's fault"):
        await ask(provider, way)
    await work.logged()
    assert (work.priced, work.written, work.searched) == (0, 0, 0)


@pytest.mark.parametrize("way", ["complete", "stream_events"])
async def test_who_watches_is_told_of_failures(
    way: str, told: asyncio.Queue[dict[str, Any]], work: Counted, server: FakeServer
) -> None:
    provider = LiteLLMProvider(
        "openai/gpt-4o-mini", api_key=KEY, base_url=server.base_url("openai"), retry=None
    )
    server.script(Fault.status(500, message="the vendor's fault"))
    with pytest.raises(LLMError):
        await ask(provider, way)
    payload = await asyncio.wait_for(told.get(), 10)
    assert payload["status"] == "failure"
    assert "the vendor's fault" in payload["error_str"]


async def test_who_looks_for_a_fault_in_litellm_sees_its_log(
    work: Counted, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with LiteLLMProvider(
        "openai/gpt-4o-mini", api_key=KEY, base_url=server.base_url("openai")
    ) as provider:
        with caplog.at_level("DEBUG", logger="LiteLLM"):
            await provider.complete("Hi")
            await work.logged()
    assert work.written >= 1


async def test_who_watches_gets_the_messages_without_their_images(
    told: asyncio.Queue[dict[str, Any]], work: Counted, server: FakeServer
) -> None:
    async with LiteLLMProvider(
        "openai/gpt-4o-mini", api_key=KEY, base_url=server.base_url("openai")
    ) as provider:
        await provider.complete(picture())
        payload = await asyncio.wait_for(told.get(), 10)
    assert work.copied == len(picture())
    assert payload["response_cost"] > 0
    assert "What is this?" in str(payload["messages"])
    assert IMAGE not in str(payload["messages"])


async def test_calls_of_the_applications_own_are_as_ever(work: Counted, server: FakeServer) -> None:
    await work.litellm.acompletion(
        model="ollama_chat/llama3.2",
        messages=history(10),
        api_base=server.base_url("ollama"),
        max_retries=0,
    )
    await work.logged()
    assert (work.copied, work.counted) == (11, 11)


async def test_what_ollama_counted_is_not_counted_again(work: Counted, server: FakeServer) -> None:
    server.script(Reply(usage=Usage(prompt_tokens=813, completion_tokens=2)))
    async with OllamaProvider(base_url=server.base_url("ollama")) as provider:
        answer = await provider.complete(history(100))
    assert work.counted == 0
    assert answer.usage.prompt_tokens == 813
    assert not answer.usage.estimated


async def test_what_it_did_not_count_is(work: Counted, server: FakeServer) -> None:
    server.script(Reply(usage=None))
    async with OllamaProvider(base_url=server.base_url("ollama")) as provider:
        answer = await provider.complete(history(100))
    assert work.counted == 101
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.estimated


async def test_whoever_watches_has_it_counted(
    told: asyncio.Queue[dict[str, Any]], work: Counted, server: FakeServer
) -> None:
    async with OllamaProvider(base_url=server.base_url("ollama")) as provider:
        answer = await provider.complete(history(10))
        payload = await asyncio.wait_for(told.get(), 10)
    assert work.counted == 11
    assert payload["prompt_tokens"] == answer.usage.prompt_tokens


async def test_the_hints_of_mistrals_messages_are_worked_out_once(server: FakeServer) -> None:
    module: Any = sys.modules[load_now().MistralConfig.__module__]
    module.get_type_hints.cache_clear()
    async with MistralProvider(api_key=KEY, base_url=server.base_url("openai")) as provider:
        await provider.complete(history(100))
    hints = module.get_type_hints.cache_info()
    assert hints.misses == 1
    assert hints.hits >= 100


async def test_geminis_code_watches_nobody(server: FakeServer) -> None:
    """litellm puts the name of a cache among the callbacks when it imports it."""
    litellm = load_now()
    async with GeminiProvider(api_key=KEY, base_url=server.base_url("gemini")) as provider:
        await provider.complete("Hi")
    assert "cache" in litellm.input_callback
    assert not is_watched(litellm)
