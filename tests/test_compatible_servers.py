"""Servers in OpenAI's format: what they leave out, LiteLLM's proxy, and OpenAI's own words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bruno_llm import (
    AuthenticationError,
    ClaudeProvider,
    Completion,
    LiteLLMProvider,
    ModelNotFoundError,
    OpenAIProvider,
    StreamEnd,
    StreamError,
    Usage,
)
from bruno_llm.testing import FakeServer
from tests.canned import Canned, canned, sse

ASK = [{"role": "user", "content": "What is the capital of Norway?"}]
KEY = "k" * 20
ANSWER = {
    "id": "a1",
    "model": "gpt-4o-mini",
    "object": "chat.completion",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Oslo"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}


@pytest.fixture
def vendor() -> Iterator[Canned]:
    with canned() as running:
        yield running


def chunk(**fields: Any) -> dict[str, Any]:
    return {"id": "a1", "model": "gpt-4o-mini", "object": "chat.completion.chunk", **fields}


SAID = chunk(choices=[{"index": 0, "delta": {"role": "assistant", "content": "Oslo"}}])
FINISHED = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
COUNTED = chunk(choices=[], usage=ANSWER["usage"])


async def streamed(provider: LiteLLMProvider, **options: Any) -> Completion:
    *_, last = [event async for event in provider.stream_events(ASK, **options)]
    assert isinstance(last, StreamEnd)
    return last.completion


class TestAStreamWithoutItsLastLine:
    """vLLM, LM Studio and others are reached by ``OpenAIProvider(base_url=...)``."""

    @pytest.fixture
    def provider(self, vendor: Canned) -> OpenAIProvider:
        return OpenAIProvider("gpt-4o-mini", api_key=KEY, base_url=f"{vendor.url}/v1", retry=None)

    async def test_is_whole_with_finish_reason_and_usage(
        self, vendor: Canned, provider: OpenAIProvider
    ) -> None:
        vendor.says(sse(SAID, FINISHED, COUNTED))
        completion = await streamed(provider)
        assert (completion.text, completion.finish_reason) == ("Oslo", "stop")
        assert completion.usage == Usage(7, 2, 9)

    @pytest.mark.parametrize("events", [(SAID, FINISHED), (SAID, COUNTED), (SAID,)])
    async def test_is_cut_without_one_of_them(
        self, events: tuple[Any, ...], vendor: Canned, provider: OpenAIProvider
    ) -> None:
        vendor.says(sse(*events))
        with pytest.raises(StreamError, match="ended before the answer did") as cut:
            await streamed(provider)
        assert cut.value.partial is not None
        assert cut.value.partial.text == "Oslo"


class TestLiteLLMsProxy:
    @pytest.fixture
    def provider(self, vendor: Canned) -> LiteLLMProvider:
        return LiteLLMProvider(
            "litellm_proxy/gpt-4o-mini", api_key=KEY, base_url=f"{vendor.url}/v1", retry=None
        )

    async def test_what_it_says_of_cost_and_call(
        self, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        vendor.says(ANSWER, x_litellm_response_cost="0.0125", x_litellm_call_id="call-7")
        completion = await provider.complete(ASK)
        assert (completion.cost, completion.metadata["request_id"]) == (0.0125, "call-7")
        # A stream begins before its cost is known.
        vendor.says(
            sse(SAID, FINISHED, COUNTED, "[DONE]"),
            x_litellm_response_cost="0.0",
            x_litellm_call_id="call-8",
        )
        completion = await streamed(provider)
        assert completion.metadata["request_id"] == "call-8"
        assert completion.cost == pytest.approx(7 * 0.15e-6 + 2 * 0.6e-6)

    async def test_its_id_is_meant_and_not_the_one_behind_it(
        self, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        """It hands on what the vendor behind it says of itself."""
        ids = {"x_litellm_call_id": "call-9", "x_request_id": "req-of-another"}
        vendor.says(ANSWER, **ids)
        assert (await provider.complete(ASK)).metadata["request_id"] == "call-9"
        vendor.says(sse(SAID, FINISHED, COUNTED, "[DONE]"), **ids)
        assert (await streamed(provider)).metadata["request_id"] == "call-9"

    @pytest.mark.parametrize(("said", "cost"), [(0.25, 0.25), (0.0, 0.0), (None, None), (-1, None)])
    async def test_what_a_stream_cost(
        self, said: Any, cost: float | None, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        """With ``include_cost_in_streaming_usage`` the cost stands in the usage."""
        counted = {**COUNTED, "usage": {**COUNTED["usage"], "cost": said}}
        vendor.says(sse(SAID, FINISHED, counted, "[DONE]"), x_litellm_call_id="call-10")
        by_price = 7 * 0.15e-6 + 2 * 0.6e-6
        assert (await streamed(provider)).cost == pytest.approx(by_price if cost is None else cost)
        # Elsewhere "cost" may be anything, in any currency.
        vendor.says(sse(SAID, FINISHED, counted, "[DONE]"))
        assert (await streamed(provider)).cost == pytest.approx(by_price)

    @pytest.mark.parametrize("said", ["None", "", "nan", "-1", "inf"])
    async def test_a_cost_that_is_none(
        self, said: str, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        vendor.says(ANSWER, x_litellm_response_cost=said)
        assert (await provider.complete(ASK)).cost == pytest.approx(7 * 0.15e-6 + 2 * 0.6e-6)

    async def test_a_model_it_has_not(self, vendor: Canned, provider: LiteLLMProvider) -> None:
        text = "/chat/completions: Invalid model name passed in model=gpt-4o-mini."
        error = {"message": text, "type": "invalid_request_error", "param": "model", "code": "400"}
        vendor.says({"error": error}, 400)
        for ask in (provider.complete(ASK), streamed(provider)):
            with pytest.raises(ModelNotFoundError) as caught:
                await ask
            assert caught.value.status_code == 400

    @pytest.mark.parametrize(
        "text",
        [
            "Authentication Error, No api key passed in.",
            "Authentication Error, LiteLLM Virtual Key expected. Received=k***, expected to start "
            "with 'sk-'.",
        ],
    )
    async def test_a_virtual_key_is_missing(
        self, text: str, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        vendor.says({"error": {"message": text, "type": "auth_error", "code": "401"}}, 401)
        with pytest.raises(AuthenticationError, match="LITELLM_PROXY_API_KEY"):
            await provider.complete(ASK)

    async def test_a_key_that_a_proxy_without_database_does_not_know(
        self, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        error = {"message": "No connected db.", "type": "no_db_connection", "code": "400"}
        vendor.says({"error": error}, 400)
        for ask in (provider.complete(ASK), streamed(provider)):
            with pytest.raises(AuthenticationError, match="LITELLM_PROXY_API_KEY"):
                await ask


WORDS: dict[str, Any] = {
    "n": 1,
    "metadata": {"batch": "7"},
    "store": True,
    "logprobs": True,
    "top_logprobs": 2,
    "service_tier": "flex",
    "prompt_cache_key": "mine",
    "prompt_cache_retention": "24h",
    "safety_identifier": "hash",
    "parallel_tool_calls": False,
    "user": "me",
    "seed": 4,
    "logit_bias": {"50256": -100},
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "prediction": {"type": "content", "content": "Oslo"},
    "stop": ["."],
    "top_p": 0.5,
}
"""What OpenAI's API reference, "Chat completions", documents and every model takes."""

TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


@pytest.mark.covering(1)
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "litellm_proxy/gpt-4o-mini"])
async def test_openais_words_arrive(word: str, model: str, server: FakeServer) -> None:
    url = server.base_url("openai")
    provider = LiteLLMProvider(model, api_key=KEY, base_url=url, retry=None)
    options = {word: WORDS[word], **({"tools": TOOLS} if word == "parallel_tool_calls" else {})}
    await provider.complete(ASK, **options)  # type: ignore[misc]  # by its name in the table
    await streamed(provider, **options)
    for request in server.requests:
        assert request.json is not None
        assert request.json[word] == WORDS[word]
    assert len(server.requests) == 2


@pytest.mark.parametrize("word", ["metadata", "prompt_cache_retention"])
async def test_where_they_mean_nothing_they_are_dropped_with_a_word(
    word: str, server: FakeServer
) -> None:
    url = server.base_url("anthropic")
    provider = ClaudeProvider(api_key=KEY, base_url=url, retry=None)
    with structlog.testing.capture_logs() as logs:
        await provider.complete(ASK, **{word: WORDS[word]})  # type: ignore[misc]  # as above
    assert [line["option"] for line in logs if line["event"] == "llm_option_dropped"] == [word]
    assert word not in (server.requests[0].json or {})
