"""What programs for bruno-llm 0.2.0 import and call, over today's classes."""

from __future__ import annotations

import asyncio
import copy
import importlib
import json
import pickle
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bruno_core.models.message import Message, MessageRole

import bruno_llm
from bruno_llm import (
    ConfigurationError,
    CostTracker,
    LLMError,
    OllamaProvider,
    OpenAIProvider,
    ProviderConnectionError,
    Retry,
)
from bruno_llm.testing import FakeServer, Fault, MovedClock, Reply, embedding_of

pytestmark = pytest.mark.usefixtures("no_keys")

HELLO = [Message(role=MessageRole.USER, content="Hello")]
OLD = "ignore:.* is of bruno-llm 0.2.0:DeprecationWarning"

# Every public name of 0.2.0 that is not today's, by its path.
NAMES = {
    "bruno_llm.base": """
        BaseProvider CacheEntry ResponseCache MODEL_LIMITS ContextLimits ContextWindowManager
        TruncationStrategy PRICING_CLAUDE PRICING_OLLAMA PRICING_OPENAI CostTracker UsageRecord
        BaseEmbeddingProvider CachingMiddleware LoggingMiddleware Middleware MiddlewareChain
        RetryMiddleware ValidationMiddleware RateLimiter RetryConfig RetryDecorator retry_async
        StreamAggregator StreamBuffer StreamProcessor StreamStats stream_with_timeout
        SimpleTokenCounter TikTokenCounter TokenCounter create_token_counter
    """,
    "bruno_llm.base.base_provider": "BaseProvider",
    "bruno_llm.base.cache": "CacheEntry ResponseCache",
    "bruno_llm.base.context": (
        "MODEL_LIMITS ContextLimits ContextWindowManager TruncationStrategy"
    ),
    "bruno_llm.base.cost_tracker": (
        "PRICING_CLAUDE PRICING_OLLAMA PRICING_OPENAI CostTracker UsageRecord"
    ),
    "bruno_llm.base.embedding_interface": "BaseEmbeddingProvider",
    "bruno_llm.base.middleware": """
        CachingMiddleware LoggingMiddleware Middleware MiddlewareChain RetryMiddleware
        ValidationMiddleware
    """,
    "bruno_llm.base.rate_limiter": "RateLimiter",
    "bruno_llm.base.retry": "RetryConfig RetryDecorator retry_async",
    "bruno_llm.base.streaming": (
        "StreamAggregator StreamBuffer StreamProcessor StreamStats stream_with_timeout"
    ),
    "bruno_llm.base.token_counter": (
        "SimpleTokenCounter TikTokenCounter TokenCounter create_token_counter"
    ),
    "bruno_llm.embedding_factory": "EmbeddingFactory",
    "bruno_llm.exceptions": "InvalidResponseError ProviderNotFoundError TimeoutError",
    "bruno_llm.providers.ollama": "OllamaConfig OllamaEmbeddingConfig OllamaEmbeddingProvider",
    "bruno_llm.providers.ollama.config": "OllamaConfig OllamaEmbeddingConfig",
    "bruno_llm.providers.ollama.embedding_provider": "OllamaEmbeddingProvider",
    "bruno_llm.providers.ollama.provider": "OllamaProvider",
    "bruno_llm.providers.openai": "OpenAIConfig OpenAIEmbeddingConfig OpenAIEmbeddingProvider",
    "bruno_llm.providers.openai.config": "OpenAIConfig OpenAIEmbeddingConfig",
    "bruno_llm.providers.openai.embedding_provider": "OpenAIEmbeddingProvider",
    "bruno_llm.providers.openai.provider": "OpenAIProvider",
}


def old(module: str, name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return getattr(importlib.import_module(module), name)


def base(name: str) -> Any:
    return old("bruno_llm.base", name)


def fresh(code: str) -> Any:
    """What a program prints as JSON, in an interpreter of its own."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


# --- the way to the room ------------------------------------------------------------------------


def test_every_old_name_comes_with_one_warning_that_says_the_new_one() -> None:
    names = {module: listed.split() for module, listed in NAMES.items()}
    code = f"""
import importlib, json, warnings
found = {{}}
for module, names in {names!r}.items():
    for name in names:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exec(f"from {{module}} import {{name}}")
            exec(f"from {{module}} import {{name}}")
        found[f"{{module}}.{{name}}"] = [
            [str(w.message), w.category.__name__, w.filename]
            for w in caught
            if "0.2.0" in str(w.message)
        ]
print(json.dumps(found))
"""
    found = fresh(code)
    assert len(found) == sum(map(len, names.values()))
    for path, said in found.items():
        ((text, category, where),) = said
        assert (category, where) == ("DeprecationWarning", "<string>")
        assert text.startswith(f"{path} is of bruno-llm 0.2.0; use ")


def test_a_module_lists_its_old_names() -> None:
    for module in ("bruno_llm.base", "bruno_llm.base.streaming", "bruno_llm.embedding_factory"):
        assert set(old(module, "__all__")) == set(NAMES[module].split())


def test_what_never_was_is_an_error() -> None:
    with pytest.raises(ImportError, match="cannot import name 'RateLimitr'"):
        from bruno_llm.base import RateLimitr  # noqa: F401
    with pytest.raises(AttributeError, match=r"'bruno_llm\.exceptions' has no attribute 'Timeout'"):
        _ = bruno_llm.exceptions.Timeout  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match=r"is gone: .*LiteLLMEmbedder\('huggingface/"):
        from bruno_llm.base import HuggingFaceEmbeddingProvider  # noqa: F401


def test_the_core_does_not_know_the_room() -> None:
    """Its name stands in one module, and whoever uses no old name never loads it."""
    root = Path(bruno_llm.__file__).parent
    users = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "compat" not in path.relative_to(root).parts
        and '"bruno_llm.compat' in path.read_text("utf-8")
    }
    assert users == {"_former.py"}
    code = (
        "import json, sys; from bruno_llm import *; import bruno_llm.base, bruno_llm.base.cache, "
        "bruno_llm.embedding_factory, bruno_llm.providers.openai.config; "
        "OpenAIProvider(api_key='k').get_model_info(); LLMFactory.create('ollama'); "
        "print(json.dumps([m for m in sys.modules if m.startswith('bruno_llm.compat')]))"
    )
    assert fresh(code) == []


# --- errors -------------------------------------------------------------------------------------


def test_the_errors_take_the_arguments_they_took() -> None:
    too_long = bruno_llm.ContextLengthExceededError("long", "openai", None, 4096, 5000)
    assert (too_long.max_tokens, too_long.actual_tokens) == (4096, 5000)
    named = bruno_llm.ContextLengthExceededError("long", max_tokens=1, model="m", status_code=400)
    assert (named.max_tokens, named.actual_tokens, named.status_code) == (1, None, 400)
    assert bruno_llm.RateLimitError("slow", "openai", None, 60).retry_after == 60
    late = bruno_llm.RequestTimeoutError("late", provider="openai", timeout=30)
    assert late.timeout == 30
    for error in (too_long, late):
        for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert vars(twin) == vars(error)
    assert str(late) == "[openai] late"


@pytest.mark.filterwarnings(OLD)
async def test_the_old_names_of_errors_catch_what_the_providers_raise(server: FakeServer) -> None:
    llm = OpenAIProvider("gpt-5.4", api_key="k", base_url=server.base_url("openai"), retry=None)
    server.script(Fault.status(504), Fault.status(500))
    with pytest.raises(old("bruno_llm.exceptions", "TimeoutError")):
        await llm.generate(HELLO)
    with pytest.raises(old("bruno_llm.exceptions", "InvalidResponseError")):
        async for _ in llm.stream(HELLO):
            pass
    with pytest.raises(old("bruno_llm.exceptions", "ProviderNotFoundError"), match="not found"):
        bruno_llm.LLMFactory.create("nobody")


# --- arguments and attributes -------------------------------------------------------------------


async def test_max_retries_and_track_cost_hold_for_both_ways_to_ask(server: FakeServer) -> None:
    with pytest.warns(DeprecationWarning, match="of bruno-llm 0.2.0") as said:
        llm = OpenAIProvider(
            "gpt-5.4",
            api_key="k",
            base_url=server.base_url("openai"),
            max_retries=1,  # type: ignore[call-arg]
            track_cost=True,
        )
    assert [str(one.message).split(" is of")[0] for one in said] == ["max_retries=", "track_cost="]
    assert all(one.filename == __file__ for one in said)
    assert llm.retry == Retry(attempts=2)
    with MovedClock():
        for status in (500, 503):
            server.script(Fault.status(status), Reply("Hi"))
        assert await llm.generate(HELLO) == "Hi"
        assert "".join([piece async for piece in llm.stream(HELLO)]) == "Hi"
    assert llm.costs is not None and len(llm.costs.recent()) == 2
    with pytest.warns(DeprecationWarning, match=r"cost_tracker .* use provider\.costs "):
        costs = llm.cost_tracker  # type: ignore[attr-defined]
    report = costs.get_usage_report()
    assert (report["provider"], report["total_requests"]) == ("openai", 2)
    assert report["total_cost"] == pytest.approx(float(llm.costs.total))
    assert report["total_cost"] > 0
    assert report["total_tokens"]["total"] == sum(report["total_tokens"].values()) / 2 > 0
    assert costs.get_total_cost("another") == 0
    assert costs.check_budget(10)["within_budget"]
    for refused in (costs.clear_history, lambda: costs.track_request("m", 1, 1)):
        with pytest.raises(TypeError, match="book"):
            refused()


def test_a_provider_that_books_nothing_has_no_cost_tracker() -> None:
    llm: Any = OpenAIProvider(api_key="k")
    with pytest.raises(AttributeError, match=r"make it with costs=CostTracker\(\)"):
        _ = llm.cost_tracker
    assert not hasattr(llm, "client")
    with pytest.raises(AttributeError, match="'OpenAIProvider' object has no attribute 'confg'"):
        _ = llm.confg


@pytest.mark.filterwarnings(OLD)
def test_old_arguments_that_make_no_sense() -> None:
    for wrong in (-1, True, "3"):
        with pytest.raises(ConfigurationError, match="max_retries must be 0 or more"):
            OpenAIProvider(max_retries=wrong)  # type: ignore[call-arg]
    tracker = CostTracker()
    llm: Any = OllamaProvider(track_cost=True, costs=tracker)  # type: ignore[call-arg]
    assert llm.costs is tracker
    assert OllamaProvider(track_cost=False).costs is None  # type: ignore[call-arg]


def test_config_and_provider_name() -> None:
    llm: Any = OpenAIProvider(
        "gpt-5.4", api_key="sk-secret-secret", timeout=5, temperature=0.1, organization="org"
    )
    with pytest.warns(DeprecationWarning, match="get_model_info"):
        config = llm.config
    assert isinstance(config, old("bruno_llm.providers.openai.config", "OpenAIConfig"))
    assert (config.model, config.timeout, config.temperature) == ("gpt-5.4", 5, 0.1)
    assert (config.organization, config.max_retries) == ("org", 2)
    assert config.api_key.get_secret_value() == "sk-secret-secret"
    assert "secret-secret" not in repr(config)
    ollama: Any = OllamaProvider("m", base_url="http://box:1", max_tokens=7, num_predict=7)
    with pytest.warns(DeprecationWarning, match="config"):
        config = ollama.config
    assert (config.base_url, config.num_predict) == ("http://box:1", 7)
    with pytest.warns(DeprecationWarning, match=r"use provider\.name"):
        assert ollama.provider_name == "ollama"
    other: Any = bruno_llm.ClaudeProvider(api_key="k")
    with (
        pytest.warns(DeprecationWarning, match="config"),
        pytest.raises(AttributeError, match="has no config"),
    ):
        _ = other.config


# --- bruno_llm.base -----------------------------------------------------------------------------


def test_the_providers_are_base_providers() -> None:
    both = (OpenAIProvider(api_key="k"), bruno_llm.FallbackProvider([OllamaProvider()]))
    assert all(isinstance(llm, base("BaseProvider")) for llm in both)
    assert isinstance(bruno_llm.OllamaEmbedder(), base("BaseEmbeddingProvider"))


async def test_a_provider_of_ones_own_tries_again_what_passes() -> None:
    class Own(base("BaseProvider")):  # type: ignore[misc]
        async def generate(self, messages: Any, **kwargs: Any) -> str:
            return str(await self._with_retry(self.answers.pop))

        answers: Any
        stream = get_token_count = check_connection = list_models = None

    llm = Own("own", max_retries=2, timeout=1.0, region="eu")
    assert llm.get_model_info()["region"] == "eu"
    llm.set_system_prompt("Be kind")
    assert [m.content for m in llm._add_system_prompt(HELLO)] == ["Be kind", "Hello"]
    twice = llm._add_system_prompt(llm._add_system_prompt(HELLO))
    assert len(twice) == 2 and llm.get_system_prompt() == "Be kind"

    tried = []

    async def answer() -> str:
        tried.append(1)
        if len(tried) < 3:
            raise ProviderConnectionError("not there")
        return "Hi"

    with MovedClock():
        assert await llm._with_retry(answer) == "Hi"
        tried.clear()
        with pytest.raises(ProviderConnectionError):
            await llm._with_retry(answer, max_retries=1)

    async def broken() -> str:
        raise KeyError("x")

    with pytest.raises(LLMError, match=r"\[own\] the request failed: KeyError"):
        await llm._with_retry(broken)


async def test_response_cache() -> None:
    with MovedClock() as clock:
        cache = base("ResponseCache")(max_size=2, ttl=10)
        assert cache.get(HELLO, temperature=0) is None
        cache.set(HELLO, "Hi", tokens=3, temperature=0)
        assert cache.get(HELLO, temperature=0) == "Hi"
        assert cache.get(HELLO, temperature=1) is None
        stats = cache.get_stats()
        assert (stats["hits"], stats["misses"], stats["size"]) == (1, 2, 1)
        assert stats["hit_rate"] == pytest.approx(1 / 3)
        ((_, entry),) = cache.get_top_entries()
        assert (entry.response, entry.hit_count, entry.tokens) == ("Hi", 1, 3)
        assert cache.get_size_bytes() > 100
        for name in "ab":
            cache.set(HELLO, name, name=name)
        assert cache.get(HELLO, temperature=0) is None
        assert cache.invalidate(HELLO, name="a") and not cache.invalidate(HELLO, name="a")
        clock.advance(11)
        assert cache.cleanup_expired() == 1
        cache.set(HELLO, "Hi")
        clock.advance(11)
        assert cache.get(HELLO) is None
        cache.clear()
        assert cache.get_stats()["misses"] == 0


def test_token_counters() -> None:
    simple = base("create_token_counter")("simple")
    assert [simple.count_tokens(text) for text in ("", "a", "a" * 40)] == [0, 1, 10]
    exact = base("create_token_counter")("openai", model="gpt-4")
    assert isinstance(exact, base("TikTokenCounter"))
    assert exact.count_tokens("Hello") == OpenAIProvider("gpt-4").get_token_count("Hello")
    assert simple.count_messages_tokens(HELLO) == simple.count_message_tokens(HELLO[0]) + 4


def conversation(*texts: str) -> list[Message]:
    system = Message(role=MessageRole.SYSTEM, content="s")
    return [system, *(Message(role=MessageRole.USER, content=text) for text in texts)]


@pytest.mark.parametrize(
    ("strategy", "kept"),
    [
        ("OLDEST_FIRST", "sde"),
        ("SLIDING_WINDOW", "sde"),
        ("MIDDLE_OUT", "sae"),
        ("SMART", "sabde"),
    ],
)
def test_shortened_conversations(strategy: str, kept: str) -> None:
    limits = base("ContextLimits")(max_tokens=29, max_output_tokens=4)
    if strategy == "MIDDLE_OUT":
        limits = base("ContextLimits")(max_tokens=19, max_output_tokens=4)
    manager = base("ContextWindowManager")(
        "m", limits=limits, strategy=base("TruncationStrategy")[strategy]
    )
    spoken = conversation("a", "b", "c" * 100, "d", "e")
    assert not manager.check_limit(spoken)
    short = manager.truncate(spoken)
    assert "".join(message.content for message in short) == kept
    assert manager.count_tokens(short) + 4 <= limits.max_tokens
    with pytest.raises(bruno_llm.ContextLengthExceededError) as caught:
        manager.truncate(spoken, max_output_tokens=100)
    assert caught.value.max_tokens == limits.max_tokens


def test_the_limits_of_models() -> None:
    manage = base("ContextWindowManager")
    assert manage("gpt-4-turbo-2024").limits.max_tokens == 128_000
    assert manage("gpt-4-0613").limits.max_tokens == 8192
    assert manage("another").limits.max_tokens == 4096
    warned: list[tuple[int, int]] = []
    tight = manage("m", limits=base("ContextLimits")(max_tokens=8, max_input_tokens=6))
    tight.set_warning_callback(lambda *tokens: warned.append(tokens))
    stats = tight.get_stats(HELLO)
    assert warned == []
    tight.check_limit(conversation("a"))
    assert warned == [(10, 6)]
    assert stats["available_output_tokens"] == tight.get_available_tokens(HELLO) == 3
    assert stats["within_limit"] and stats["message_count"] == 1


def test_cost_tracker(tmp_path: Path) -> None:
    costs = base("CostTracker")("openai", base("PRICING_OPENAI"))
    csv, report = tmp_path / "costs.csv", tmp_path / "costs.json"
    costs.export_to_csv(str(csv))
    assert not csv.exists() and costs.get_usage_report()["first_request"] is None
    record = costs.track_request("gpt-4", 1000, 500)
    assert record.total_cost == pytest.approx(0.06) and record.total_tokens == 1500
    costs.track_request("free", 10, 10)
    assert costs.get_total_cost("gpt-4") == pytest.approx(0.06)
    assert costs.get_total_tokens() == {"input": 1010, "output": 510, "total": 1520}
    assert costs.get_model_breakdown()["gpt-4"]["requests"] == 1
    assert costs.check_budget(0.05)["within_budget"] is False
    assert costs.check_budget(0.06)["near_limit"] is True
    assert costs.check_budget(0)["percent_used"] == 0
    ranged = costs.get_time_range_report(start_time=record.timestamp)
    assert ranged["total_requests"] == 2 and "start_time" in ranged
    assert costs.get_time_range_report(end_time=0)["total_cost"] == 0
    costs.export_to_csv(str(csv))
    costs.export_to_json(str(report))
    assert len(csv.read_text("utf-8").splitlines()) == 3
    assert json.loads(report.read_text("utf-8"))["history"][0]["model"] == "gpt-4"
    costs.clear_history()
    assert costs.get_request_count() == 0


async def test_middlewares() -> None:
    order: list[str] = []

    class Own(base("Middleware")):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            self.name = name

        async def before_request(self, messages: Any, **kwargs: Any) -> Any:
            order.append(self.name)
            return messages, {**kwargs, self.name: True}

        async def after_response(self, messages: Any, response: str, **kwargs: Any) -> str:
            return response + self.name

    cache = base("ResponseCache")()
    strict = base("ValidationMiddleware")(5, ["user"], ["a"])
    chain = base("MiddlewareChain")(
        [
            Own("a"),
            Own("b"),
            strict,
            base("LoggingMiddleware")(log_messages=True),
            base("LoggingMiddleware")(),
            base("CachingMiddleware")(cache),
            base("RetryMiddleware")(max_retries=1),
        ]
    )
    messages, options = await chain.before_request(HELLO, top_p=1)
    assert (messages, options, order) == (HELLO, {"top_p": 1, "a": True, "b": True}, ["a", "b"])
    assert await chain.after_response(HELLO, "Hi", n=1) == "Hiba"
    assert cache.get(HELLO, n=1) == "Hi"
    assert await chain.on_stream_chunk("x") == "x"
    with MovedClock() as clock:
        began = clock.monotonic()
        await chain.on_error(ValueError("x"), HELLO)
        await chain.on_error(ValueError("x"), HELLO)
        assert clock.monotonic() - began == 1
    for given, says in (
        ({"messages": conversation()}, "Invalid message role"),
        ({"messages": [HELLO[0].model_copy(update={"content": "longer"})]}, "max length"),
        ({"messages": HELLO}, "parameter missing: a"),
    ):
        with pytest.raises(ValueError, match=says):
            await strict.before_request(**given)


async def test_rate_limiter() -> None:
    with MovedClock() as clock:
        limiter = base("RateLimiter")(requests_per_minute=2, tokens_per_minute=100)
        began = clock.monotonic()
        for _ in range(2):
            async with limiter:
                pass
        assert clock.monotonic() == began
        await limiter.acquire(50)
        assert clock.monotonic() - began == pytest.approx(30)
        assert limiter.get_stats()["requests_per_minute"] == 2
        with pytest.raises(bruno_llm.RateLimitError):
            await limiter.acquire(101)


async def test_retries_of_ones_own_functions() -> None:
    tried: list[Exception] = []

    async def flaky(*errors: Exception) -> int:
        if len(tried) < len(errors):
            tried.append(errors[len(tried)])
            raise tried[-1]
        return len(tried)

    config = base("RetryConfig")(max_retries=2, jitter=False)
    assert [config.calculate_delay(n) for n in (0, 1, 9)] == [1, 2, 60]
    retry = base("retry_async")
    with MovedClock() as clock:
        began = clock.monotonic()
        told = bruno_llm.RateLimitError("slow", retry_after=7)
        assert await retry(flaky, ValueError(), told, config=config) == 2
        assert clock.monotonic() - began == 8
        tried.clear()
        with pytest.raises(bruno_llm.AuthenticationError):
            await base("RetryDecorator")(3)(flaky)(bruno_llm.AuthenticationError("no"))
        assert len(tried) == 1
        assert 0.9 <= base("RetryConfig")().calculate_delay(0) <= 1.1


async def pieces(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


@pytest.mark.parametrize(
    ("strategy", "size", "expected"),
    [
        ("word", 10, ["One ", "two.\n", "Three"]),
        ("sentence", 10, ["One two.\n", "Three"]),
        ("fixed", 4, ["One ", "two.", "\nThr", "ee"]),
        ("none", 4, ["On", "e two.\nTh", "ree"]),
        ("time", 4, ["One two.\nThree"]),
    ],
)
async def test_streams_in_other_pieces(strategy: str, size: int, expected: list[str]) -> None:
    aggregator = base("StreamAggregator")(strategy, size)
    found = [piece async for piece in aggregator.aggregate(pieces("On", "e two.\nTh", "ree"))]
    assert found == expected


async def test_a_stream_read_to_its_end() -> None:
    buffer = base("StreamBuffer")(max_size=4, batch_size=2)
    buffer.add("ab")
    assert buffer.get_batch() is None
    buffer.add("cd")
    with pytest.raises(bruno_llm.StreamError, match="buffer full"):
        buffer.add("e")
    assert buffer.get_batch() == "abcd" and buffer.is_empty()
    buffer.add("x")
    assert buffer.flush() == "x"
    buffer.clear()
    assert buffer.stats.chunks_received == 0

    heard: list[Any] = []
    processor = base("StreamProcessor")(heard.append, heard.append, heard.append)
    assert await processor.process(pieces("a", "bc")) == ["a", "bc"]
    assert heard[:2] == ["a", "bc"] and heard[2].total_chars == 3

    async def broken(error: Exception) -> AsyncIterator[str]:
        yield "a"
        raise error

    with pytest.raises(bruno_llm.StreamError, match="ended early: ValueError") as caught:
        await processor.process(broken(ValueError("secret")))
    assert isinstance(caught.value.__cause__, ValueError) and "secret" not in str(caught.value)
    with pytest.raises(ProviderConnectionError):
        await processor.process(broken(ProviderConnectionError("gone")))


async def test_a_stream_with_a_timeout() -> None:
    never = asyncio.Event()

    async def silent() -> AsyncIterator[str]:
        yield "a"
        await never.wait()

    limited = base("stream_with_timeout")
    assert [piece async for piece in limited(pieces("a", "b"))] == ["a", "b"]
    found = []
    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        async for piece in limited(silent(), timeout=0.05):
            found.append(piece)
    assert found == ["a"]


# --- embedders ----------------------------------------------------------------------------------


async def test_the_old_embedders_embed(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    factory = old("bruno_llm.embedding_factory", "EmbeddingFactory")
    openai = factory.create(
        "openai", {"api_key": "k", "organization": "org"}, base_url=server.base_url("openai")
    )
    assert (openai.model, openai.get_dimension()) == ("text-embedding-ada-002", 1536)
    assert await openai.embed_texts(["one", "two"]) == [
        pytest.approx(embedding_of(text, 8)) for text in ("one", "two")
    ]
    assert server.requests[-1].headers["openai-organization"] == "org"
    assert openai.retry == Retry(attempts=4)

    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_EMBEDDING_MODEL", "text-embedding-3-large")
    monkeypatch.setenv("BRUNO_LLM_OPENAI_EMBEDDING_DIMENSIONS", "256")
    monkeypatch.setenv("BRUNO_LLM_OPENAI_EMBEDDING_ORG_ID", "org")
    monkeypatch.setenv("EMBEDDING_BATCH_SIZE", "5")
    found = factory.create_from_env("openai")
    assert (found.model, found.get_dimension()) == ("text-embedding-3-large", 256)
    assert (found.organization, found.get_max_batch_size()) == ("org", 5)
    monkeypatch.setenv("OLLAMA_BASE_URL", server.base_url("ollama"))
    ollama = factory.create_from_env("ollama")
    assert len(await ollama.embed_text("one")) == 8
    monkeypatch.setenv("EMBEDDING_BATCH_SIZE", "many")
    with pytest.raises(ConfigurationError, match="BATCH_SIZE must be a number"):
        factory.create_from_env("openai")
    monkeypatch.delenv("EMBEDDING_BATCH_SIZE")
    assert factory.create_from_env("gemini").model == "gemini-embedding-001"


def test_the_embedding_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = old("bruno_llm.embedding_factory", "EmbeddingFactory")
    monkeypatch.setattr(factory, "_providers", dict(factory._providers))
    assert factory.list_providers() == ["gemini", "ollama", "openai"]
    assert factory.get_provider_info("openai")["class_name"] == "OpenAIEmbeddingProvider"
    with pytest.raises(ConfigurationError, match="'nobody' not found; there are gemini, ollama"):
        factory.create("nobody")
    with pytest.raises(ConfigurationError, match="no option 'colour'"):
        factory.create("openai", colour=1)
    factory.register("Own", lambda wanted: bruno_llm.OllamaEmbedder(wanted, retry=None))
    assert factory.is_registered("own")
    with pytest.raises(ConfigurationError, match="Failed to create embedding provider 'own'"):
        factory.create("own")
    assert factory.create("own", wanted="m").get_model_name() == "m"


async def test_sums_with_vectors() -> None:
    class Own(base("BaseEmbeddingProvider")):  # type: ignore[misc]
        async def embed_text(self, text: str) -> list[float]:
            return [float(len(text)), 1.0]

        def get_dimension(self) -> int:
            return 2

        async def check_connection(self) -> bool:
            return True

    own = Own("m", timeout=2, more=1)
    assert (own.get_model_name(), own.timeout, own.config) == ("m", 2, {"more": 1})
    assert await own.embed_texts(["a", "bc"]) == [[1, 1], [2, 1]]
    assert await own.embed_message(HELLO[0]) == [5, 1]
    assert own.calculate_similarity([1, 0], [-1, 0]) == -1
    assert own.calculate_similarity([0, 0], [1, 0]) == 0
    with pytest.raises(ValueError, match="vectors of 1 and 2"):
        own.calculate_similarity([1], [1, 2])
    found = own.find_most_similar([1, 0], [[0, 1], [1, 0], [1, 1]], top_k=2)
    assert [place for place, _ in found] == [1, 2]
    assert own.average_embeddings([[1, 2], [3, 4]]) == [2, 3]
    assert own.weighted_average_embeddings([[1, 2], [3, 4]], [0.25, 0.75]) == [2.5, 3.5]
    for wrong in ([[], []], [[[1]], [1, 2]], [[[1]], [0]]):
        with pytest.raises(ValueError, match="give vectors"):
            own.weighted_average_embeddings(*wrong)
    numpy = pytest.importorskip("numpy")
    table = own.batch_cosine_similarity([[1, 0], [0, 1]], [[1, 0]])
    assert numpy.array_equal(table, [[1], [0]])
    own.validate_embedding([1.0, 2.0])
    for vector, says in (
        ([], "not an empty one"),
        ([float("nan"), 1], "NaN"),
        ([float("inf"), 1], "infinite"),
        ([1.0], "dimension mismatch: 1 numbers, not 2"),
    ):
        with pytest.raises(ValueError, match=says):
            own.validate_embedding(vector)
