"""Routes with a wire of their own, or a client that litellm does not take from its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from bruno_llm import (
    AuthenticationError,
    Completion,
    ContextLengthExceededError,
    LiteLLMProvider,
    LLMError,
    RateLimitError,
    ReasoningDelta,
    ServiceUnavailableError,
    StreamEnd,
    StreamError,
    StreamEvent,
    TextDelta,
    Usage,
    _litellm,
)
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.canned import Canned, aws_events, canned, sse

pytestmark = pytest.mark.usefixtures("no_collector")

ASK = [{"role": "user", "content": "What is the capital of Norway?"}]
KEY = "k" * 20
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
NOTHING_COUNTED = {"choices": [{"message": {"role": "assistant", "content": "Hi"}, "index": 0}]}


@pytest.fixture
def vendor() -> Iterator[Canned]:
    with canned() as running:
        yield running


@pytest.fixture
def openai() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def llm(model: str, url: str, **options: Any) -> LiteLLMProvider:
    settings = {"api_key": KEY, "base_url": url, "retry": None, **options}
    return LiteLLMProvider(model, **settings)


async def events(provider: LiteLLMProvider, **options: Any) -> tuple[list[StreamEvent], Completion]:
    seen = [event async for event in provider.stream_events(ASK, **options)]
    last = seen[-1]
    assert isinstance(last, StreamEnd)
    return seen[:-1], last.completion


class TestAzure:
    """Its own class of OpenAI's client, made by litellm's rules, with ours inside."""

    @pytest.mark.parametrize("model", ["azure/my-deployment", "azure/o3-mini", "azure_ai/gpt-4o"])
    async def test_answers(self, model: str, openai: FakeServer) -> None:
        openai.default = Reply("Oslo", usage=Usage(7, 666, 673))
        provider = llm(model, openai.url, api_version="2024-10-21")
        plain = await provider.complete(ASK)
        _, streamed = await events(provider)
        for completion in (plain, streamed):
            assert completion.text == "Oslo"
            assert completion.finish_reason == "stop"
            assert completion.usage == Usage(7, 666, 673)
        name = model.partition("/")[2]
        path = f"/openai/deployments/{name}/chat/completions"
        assert [request.path for request in openai.requests] == [path] * 2
        assert {request.query["api-version"] for request in openai.requests} == {"2024-10-21"}
        assert {request.headers["api-key"] for request in openai.requests} == {KEY}

    @pytest.mark.parametrize("model", ["azure/gpt-5.4-mini", "azure_ai/gpt-5.4-mini"])
    async def test_a_tool_stays_with_the_endpoint(self, model: str, openai: FakeServer) -> None:
        """litellm would go to OpenAI's other endpoint, on Foundry with a client that cannot."""
        provider = llm(model, openai.url, api_version="2024-10-21")
        await provider.complete(ASK, tools=[TOOL])
        await events(provider, tools=[TOOL])
        path = "/openai/deployments/gpt-5.4-mini/chat/completions"
        assert [request.path for request in openai.requests] == [path] * 2
        for request in openai.requests:
            assert [tool["function"]["name"] for tool in request.json["tools"]] == ["f"]

    async def test_the_newer_address(self, openai: FakeServer) -> None:
        await llm("azure/my-deployment", openai.url, api_version="v1").generate(ASK)
        assert openai.requests[0].path == "/openai/v1/chat/completions"

    async def test_key_and_address_from_the_environment(
        self, openai: FakeServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AZURE_API_KEY", KEY)
        monkeypatch.setenv("AZURE_API_BASE", openai.url)
        monkeypatch.setenv("AZURE_API_VERSION", "2024-06-01")
        await LiteLLMProvider("azure/my-deployment", retry=None).generate(ASK)
        assert openai.requests[0].headers["api-key"] == KEY
        assert openai.requests[0].query["api-version"] == "2024-06-01"

    async def test_failures(self, openai: FakeServer) -> None:
        provider = llm("azure/my-deployment", openai.url, api_version="2024-10-21")
        openai.script(Fault.status(429, headers={"retry-after": "7"}), Fault.cut(after=2))
        with pytest.raises(RateLimitError) as caught:
            await provider.generate(ASK)
        assert (caught.value.status_code, caught.value.retry_after) == (429, 7)
        with pytest.raises(StreamError) as cut:
            await events(provider)
        assert cut.value.partial is not None
        assert len(openai.requests) == 2, "one request a try"

    async def test_the_responses_endpoint(self, openai: FakeServer) -> None:
        openai.default = Reply("Oslo", usage=Usage(7, 666, 673))
        provider = llm("azure/responses/gpt-5-mini", openai.url, api_version="2025-04-01-preview")
        plain = await provider.complete(ASK, tools=[TOOL])
        _, streamed = await events(provider, tools=[TOOL])
        for completion in (plain, streamed):
            assert (completion.text, completion.usage) == ("Oslo", Usage(7, 666, 673))
        assert [request.path for request in openai.requests] == ["/openai/responses"] * 2
        assert {request.query["api-version"] for request in openai.requests} == {
            "2025-04-01-preview"
        }
        assert {request.model for request in openai.requests} == {"gpt-5-mini"}

    async def test_litellm_does_not_keep_our_client(self, openai: FakeServer) -> None:
        """Whoever else calls litellm in this process would be given a closed one."""
        async with llm("azure/my-deployment", openai.url, api_version="2024-10-21") as provider:
            await provider.generate(ASK)
        litellm = await _litellm.load()
        kept = litellm.in_memory_llm_clients_cache.cache_dict.values()
        assert not [client for client in kept if hasattr(client, "_bruno_client")]


CONVERSE_NUMBERS = {
    "usage": {"inputTokens": 11, "outputTokens": 222, "totalTokens": 233},
    "metrics": {"latencyMs": 5},
}
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Oslo"}]}},
    **CONVERSE_NUMBERS,
}
CONVERSE_EVENTS = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Os"}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo"}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", CONVERSE_NUMBERS),
]


class TestBedrock:
    """Its wire is not read: the facts are litellm's, and so is the end of a stream."""

    @pytest.fixture
    def provider(self, vendor: Canned) -> LiteLLMProvider:
        return llm(
            "bedrock/converse/amazon.nova-lite-v1:0",
            vendor.url,
            api_key=None,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            aws_region_name="us-east-1",
        )

    @pytest.mark.parametrize(
        ("said", "means"),
        [
            ("end_turn", "stop"),
            ("max_tokens", "length"),
            ("guardrail_intervened", "content_filter"),
        ],
    )
    async def test_a_plain_answer(
        self, said: str, means: str, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        vendor.says({**CONVERSED, "stopReason": said})
        completion = await provider.complete(ASK)
        assert (completion.text, completion.finish_reason) == ("Oslo", means)
        assert completion.usage == Usage(11, 222, 233)

    @pytest.mark.parametrize(
        "usage", [{}, {"usage": None}, {"usage": {"outputTokens": 3}}], ids=str
    )
    async def test_a_plain_answer_without_numbers(
        self, usage: dict[str, Any], vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        vendor.says({"output": CONVERSED["output"], "stopReason": "end_turn", **usage})
        completion = await provider.complete(ASK)
        assert (completion.text, completion.finish_reason) == ("Oslo", "stop")
        assert completion.usage is not None
        assert completion.usage.estimated
        assert completion.usage.prompt_tokens > 0

    async def test_an_answer_that_is_no_object(
        self, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        vendor.says([CONVERSED])
        with pytest.raises(LLMError):
            await provider.complete(ASK)

    async def test_a_stream(self, vendor: Canned, provider: LiteLLMProvider) -> None:
        vendor.says(aws_events(CONVERSE_EVENTS))
        seen, completion = await events(provider)
        assert [event.text for event in seen if isinstance(event, TextDelta)] == ["Os", "lo"]
        assert (completion.text, completion.finish_reason) == ("Oslo", "stop")
        assert completion.usage == Usage(11, 222, 233)

    async def test_a_stream_without_numbers(
        self, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        vendor.says(aws_events(CONVERSE_EVENTS[:-1]))
        _, completion = await events(provider)
        assert completion.usage is not None
        assert completion.usage.estimated

    async def test_a_stream_that_is_cut(self, vendor: Canned, provider: LiteLLMProvider) -> None:
        vendor.says(aws_events(CONVERSE_EVENTS[:3]))
        with pytest.raises(StreamError, match="ended before the answer did") as cut:
            await events(provider)
        assert cut.value.partial is not None
        assert cut.value.partial.text == "Oslo"

    @pytest.mark.parametrize(
        "words",
        [
            "The model returned the following errors: Input Tokens Exceeded: Number of input "
            "tokens exceeds maximum length. Please update the input to try again.",
            "Input is too long for requested model.",
            "Malformed input request: expected maxLength: 2048, actual: 4096, please reformat",
        ],
    )
    async def test_too_long_a_prompt(
        self, words: str, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        vendor.says({"message": words}, 400)
        for ask in (provider.complete(ASK), events(provider)):
            with pytest.raises(ContextLengthExceededError) as caught:
                await ask
            assert caught.value.status_code == 400

    async def test_throttled(self, vendor: Canned, provider: LiteLLMProvider) -> None:
        vendor.says({"message": "Too many requests, please wait"}, 429, retry_after="3")
        with pytest.raises(RateLimitError) as caught:
            await provider.complete(ASK)
        assert caught.value.retry_after == 3
        assert len(vendor.requests) == 1


COHERE_USAGE = {
    "billed_units": {"input_tokens": 5, "output_tokens": 3},
    "tokens": {"input_tokens": 71, "output_tokens": 9},
    "cached_tokens": 64,
}


def cohere_delta(kind: str, **message: Any) -> dict[str, Any]:
    return {"type": kind, "index": 0, "delta": {"message": message}}


def cohere_end(reason: str) -> dict[str, Any]:
    return {"type": "message-end", "delta": {"finish_reason": reason, "usage": COHERE_USAGE}}


class TestCohere:
    """litellm drops our client there, and cannot read its streams."""

    @pytest.fixture
    def provider(self, vendor: Canned) -> LiteLLMProvider:
        return llm("cohere_chat/command-a", f"{vendor.url}/v2/chat")

    @pytest.mark.parametrize(
        ("said", "means"),
        [("COMPLETE", "stop"), ("STOP_SEQUENCE", "stop"), ("MAX_TOKENS", "length")],
    )
    async def test_a_plain_answer(
        self, said: str, means: str, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        parts = [{"type": "thinking", "thinking": "A capital."}, {"type": "text", "text": "Oslo"}]
        message = {"role": "assistant", "content": parts}
        vendor.says({"id": "c1", "finish_reason": said, "message": message, "usage": COHERE_USAGE})
        completion = await provider.complete(ASK)
        assert (completion.text, completion.finish_reason) == ("Oslo", means)
        assert (completion.reasoning, completion.id) == ("A capital.", "c1")
        assert completion.usage == Usage(71, 9, 80, cached_tokens=64)

    async def test_a_stream(self, vendor: Canned, provider: LiteLLMProvider) -> None:
        vendor.says(
            sse(
                {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant"}}},
                cohere_delta("content-start", content={"type": "thinking", "thinking": ""}),
                cohere_delta("content-delta", content={"thinking": "A capital."}),
                cohere_delta("content-start", content={"type": "text", "text": ""}),
                cohere_delta("content-delta", content={"text": "Os"}),
                cohere_delta("content-delta", content={"text": "lo"}),
                {"type": "content-end", "index": 0},
                cohere_end("COMPLETE"),
            )
        )
        seen, completion = await events(provider)
        assert seen == [ReasoningDelta("A capital."), TextDelta("Os"), TextDelta("lo")]
        assert (completion.text, completion.finish_reason) == ("Oslo", "stop")
        assert (completion.reasoning, completion.id) == ("A capital.", "c1")
        assert completion.usage == Usage(71, 9, 80, cached_tokens=64)

    async def test_tool_calls_of_a_stream(self, vendor: Canned, provider: LiteLLMProvider) -> None:
        def started(index: int, name: str) -> dict[str, Any]:
            call = {"id": f"{name}_1", "type": "function", "function": {"name": name}}
            return {**cohere_delta("tool-call-start", tool_calls=call), "index": index}

        def argued(index: int, piece: str) -> dict[str, Any]:
            call = {"function": {"arguments": piece}}
            return {**cohere_delta("tool-call-delta", tool_calls=call), "index": index}

        vendor.says(
            sse(
                {"type": "message-start", "id": "c1", "delta": {"message": {}}},
                cohere_delta("tool-plan-delta", tool_plan="I will look."),
                started(0, "time"),
                {"type": "tool-call-end", "index": 0},
                started(1, "weather"),
                argued(1, '{"city": '),
                argued(1, '"Oslo"}'),
                {"type": "tool-call-end", "index": 1},
                cohere_end("TOOL_CALL"),
            )
        )
        _, completion = await events(provider, tools=[TOOL])
        assert completion.finish_reason == "tool_calls"
        calls = [(call.id, call.name, dict(call.arguments)) for call in completion.tool_calls]
        assert calls == [("time_1", "time", {}), ("weather_1", "weather", {"city": "Oslo"})]

    async def test_failures(self, vendor: Canned, provider: LiteLLMProvider) -> None:
        vendor.says({"message": "invalid api token"}, 401)
        for ask in (provider.complete(ASK), events(provider)):
            with pytest.raises(AuthenticationError) as caught:
                await ask
            assert caught.value.status_code == 401
        vendor.says({"message": "too many tokens: size limit exceeded by 9 tokens"}, 400)
        with pytest.raises(ContextLengthExceededError):
            await provider.complete(ASK)
        start = {"type": "message-start", "id": "c1", "delta": {"message": {}}}
        said = cohere_delta("content-delta", content={"text": "Os"})
        broken = {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "no GPU"}}
        for last in ([], [broken]):
            vendor.says(sse(start, said, *last))
            with pytest.raises(StreamError, match="no GPU" if last else "ended before") as cut:
                await events(provider)
            assert cut.value.partial is not None
            assert cut.value.partial.text == "Os"

    def test_from_one_event_loop_after_another(
        self, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        message = {"role": "assistant", "content": [{"type": "text", "text": "Oslo"}]}
        vendor.says({"id": "c1", "finish_reason": "COMPLETE", "message": message})
        assert [asyncio.run(provider.generate(ASK)) for _ in range(3)] == ["Oslo"] * 3


class TestRoutesThatDropOurClient:
    """litellm takes one from its cache there: it gets ours all the same."""

    async def test_cloudflare(self, openai: FakeServer) -> None:
        openai.default = Reply("Oslo", usage=Usage(7, 666, 673))
        provider = llm("cloudflare/@cf/meta/llama-3-8b", openai.base_url("openai"))
        assert (await provider.complete(ASK)).usage == Usage(7, 666, 673)
        _, streamed = await events(provider)
        assert (streamed.text, streamed.usage) == ("Oslo", Usage(7, 666, 673))
        openai.script(Fault.cut(after=2))
        with pytest.raises(StreamError):
            await events(provider)

    async def test_other_users_of_litellm_get_their_own(self, openai: FakeServer) -> None:
        await llm("cloudflare/@cf/meta/llama-3-8b", openai.base_url("openai")).generate(ASK)
        await _litellm.load()
        from litellm.llms.custom_httpx.http_handler import get_async_httpx_client

        own = get_async_httpx_client(llm_provider="cloudflare")
        assert not hasattr(own, "_bruno_client")
        await own.close()


class TestPlainAnswersOfCompatibleServers:
    async def test_without_a_service_tier(self, vendor: Canned) -> None:
        """litellm's Groq route reads it of every answer."""
        vendor.says({**NOTHING_COUNTED, "id": "g1", "model": "m", "object": "chat.completion"})
        assert await llm("groq/some-model", f"{vendor.url}/v1").generate(ASK) == "Hi"

    @pytest.mark.parametrize("route", ["mistral", "openai"])
    async def test_thinking_among_the_parts(self, route: str, vendor: Canned) -> None:
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": "A capital."}]}
        parts = [thought, {"type": "text", "text": "Oslo"}]
        provider = llm(f"{route}/some-model", f"{vendor.url}/v1")
        message = {"role": "assistant", "content": parts}
        vendor.says({"id": "m1", "model": "m", "choices": [{"index": 0, "message": message}]})
        completion = await provider.complete(ASK)
        assert (completion.text, completion.reasoning) == ("Oslo", "A capital.")
        chunks = [
            {"index": 0, "delta": {"role": "assistant", "content": [thought]}},
            {"index": 0, "delta": {"content": "Oslo"}},
            {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"},
        ]
        vendor.says(sse(*({"id": "m1", "model": "m", "choices": [c]} for c in chunks), "[DONE]"))
        seen, _ = await events(provider)
        assert seen == [ReasoningDelta("A capital."), TextDelta("Oslo")]


class TestOpenRouter:
    """It says what it billed, and litellm has no price for what is behind it."""

    @pytest.mark.parametrize(
        ("said", "cost"),
        [
            ({"cost": 0.0125, "is_byok": False}, 0.0125),
            ({"cost": 0, "is_byok": False}, 0),
            (
                {
                    "cost": 0.0005,
                    "is_byok": True,
                    "cost_details": {"upstream_inference_cost": 0.01},
                },
                0.0105,
            ),
            ({"cost": 0.0005, "is_byok": True}, None),
            ({"cost": -1}, None),
            ({}, None),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
    async def test_what_it_billed(
        self, said: dict[str, Any], cost: float | None, streamed: bool, vendor: Canned
    ) -> None:
        counts = {"prompt_tokens": 7, "completion_tokens": 666, "total_tokens": 673}
        told = {"id": "gen-1", "created": 1, "model": "some/model", "usage": {**counts, **said}}
        whole = {"role": "assistant", "content": "Oslo"}
        choice = {"index": 0, "finish_reason": "stop"}
        provider = llm("openrouter/some/model", vendor.url)
        if streamed:
            vendor.says(sse({"choices": [{**choice, "delta": whole}], **told}, "[DONE]"))
            _, completion = await events(provider)
        else:
            vendor.says({"choices": [{**choice, "message": whole}], **told})
            completion = await provider.complete(ASK)
        assert completion.usage == Usage(7, 666, 673)
        assert completion.cost == (None if cost is None else pytest.approx(cost))


class TestTexts:
    """Routes on which litellm makes one text of the messages, to be completed."""

    COUNTS = Usage(7, 666, 673)
    SAID: ClassVar[dict[str, Any]] = {"id": "cmpl-1", "model": "some-model", "created": 1}

    @pytest.fixture(params=["azure_text", "text-completion-openai"])
    def provider(self, request: pytest.FixtureRequest, vendor: Canned) -> LiteLLMProvider:
        return llm(f"{request.param}/some-model", vendor.url, api_version="2024-10-21")

    def event(self, text: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
        choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
        return {**self.SAID, "object": "text_completion", "choices": [choice], **more}

    @pytest.fixture
    def usage(self) -> dict[str, Any]:
        counts = {"prompt_tokens": 7, "completion_tokens": 666, "total_tokens": 673}
        return {"usage": counts}

    async def test_a_plain_answer(
        self, vendor: Canned, provider: LiteLLMProvider, usage: dict[str, Any]
    ) -> None:
        vendor.says(self.event("Oslo", "length", **usage))
        completion = await provider.complete(ASK)
        assert (completion.text, completion.finish_reason) == ("Oslo", "length")
        assert completion.usage == self.COUNTS

    async def test_a_stream(
        self, vendor: Canned, provider: LiteLLMProvider, usage: dict[str, Any]
    ) -> None:
        last = {**self.event(""), "choices": [], **usage}
        vendor.says(sse(self.event("Os"), self.event("lo", "length"), last, "[DONE]"))
        seen, completion = await events(provider)
        assert [event.text for event in seen if isinstance(event, TextDelta)] == ["Os", "lo"]
        assert (completion.text, completion.finish_reason) == ("Oslo", "length")
        assert completion.usage == self.COUNTS

    async def test_a_stream_without_numbers(
        self, vendor: Canned, provider: LiteLLMProvider
    ) -> None:
        vendor.says(sse(self.event("Os"), self.event("lo", "stop"), "[DONE]"))
        _, completion = await events(provider)
        assert completion.usage is not None
        assert completion.usage.estimated

    async def test_a_stream_that_is_cut(self, vendor: Canned, provider: LiteLLMProvider) -> None:
        vendor.says(sse(self.event("Os"), self.event("lo")))
        with pytest.raises(StreamError) as cut:
            await events(provider)
        assert cut.value.partial is not None
        assert cut.value.partial.text == "Oslo"

    async def test_a_refused_stream(self, vendor: Canned, provider: LiteLLMProvider) -> None:
        vendor.says({"error": {"message": "Slow down"}}, status=429, retry_after="7")
        with pytest.raises(RateLimitError) as refused:
            await events(provider)
        assert (refused.value.status_code, refused.value.retry_after) == (429, 7)
        assert len(vendor.requests) == 1


async def test_an_option_that_litellm_refuses_to_itself(openai: FakeServer) -> None:
    """GradientAI: litellm made no request at all, because of what it adds to every call."""
    provider = llm("gradient_ai/some-model", openai.base_url("openai"))
    openai.script(Fault.status(503))
    with pytest.raises(ServiceUnavailableError):
        await provider.generate(ASK)
    assert len(openai.requests) == 1, "one request a try"
    assert await provider.generate(ASK) == "Hello"
    assert "".join([piece async for piece in provider.stream(ASK)]) == "Hello"
