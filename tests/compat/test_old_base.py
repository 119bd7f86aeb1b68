"""`bruno_llm.base` of 0.2.0: providers, caches, counters, conversations."""

from __future__ import annotations

from typing import Any

import pytest

import bruno_llm
from bruno_llm import (
    LLMError,
    OllamaProvider,
    OpenAIProvider,
    ProviderConnectionError,
)
from bruno_llm.testing import MovedClock
from tests.compat.former import HELLO, base, conversation

pytestmark = pytest.mark.usefixtures("no_keys")


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
