"""FallbackProvider over real providers, a real server, and providers of other packages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from bruno_core.interfaces.llm import LLMInterface
from bruno_core.utils.exceptions import LLMError as CoreLLMError

from bruno_llm import (
    AllProvidersFailedError,
    AuthenticationError,
    ClaudeProvider,
    ConfigurationError,
    FallbackProvider,
    GeminiProvider,
    InvalidRequestError,
    LLMError,
    OllamaProvider,
    OpenAIProvider,
    RateLimitError,
    StreamEnd,
    StreamError,
    StreamRestart,
    TextDelta,
    ToolCall,
)
from bruno_llm.testing import FakeServer, Fault, MovedClock, Reply

ASK = [{"role": "user", "content": "What is the weather like?"}]


async def test_an_absurd_wait_does_not_send_a_provider_away_for_good(server: FakeServer) -> None:
    server.script(Fault.status(429, retry_after=999_999_999), Reply("second"))
    both = FallbackProvider([openai(server), claude(server)])
    with MovedClock() as clock:
        assert await both.generate(ASK) == "second"
        clock.advance(299)
        assert (await both.complete(ASK)).provider == "claude"
        clock.advance(2)
        assert (await both.complete(ASK)).provider == "openai"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def openai(server: FakeServer, **kwargs: Any) -> OpenAIProvider:
    url = server.base_url("openai")
    return OpenAIProvider("gpt-4o-mini", api_key="k" * 20, base_url=url, retry=None, **kwargs)


def claude(server: FakeServer, **kwargs: Any) -> ClaudeProvider:
    url = server.base_url("anthropic")
    model = "claude-haiku-4-5"
    return ClaudeProvider(model, api_key="k" * 20, base_url=url, retry=None, **kwargs)


def gemini(server: FakeServer) -> GeminiProvider:
    url = server.base_url("gemini")
    return GeminiProvider("gemini-2.5-flash", api_key="k" * 20, base_url=url, retry=None)


def ollama(server: FakeServer) -> OllamaProvider:
    return OllamaProvider("llama3.2", base_url=server.base_url("ollama"), retry=None)


class Foreign(LLMInterface):
    """A provider of somebody else: only what the interface asks for."""

    def __init__(self, *pieces: str, error: Exception | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.prompt: str | None = None
        self.calls = 0
        self.closed = False

    async def generate(
        self, messages: Any, temperature: Any = None, max_tokens: Any = None, **kwargs: Any
    ) -> str:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return "".join(self.pieces)

    async def stream(  # type: ignore[override]
        self, messages: Any, temperature: Any = None, max_tokens: Any = None, **kwargs: Any
    ) -> AsyncIterator[str]:
        self.calls += 1
        for piece in self.pieces:
            yield piece
        if self.error is not None:
            raise self.error

    def get_token_count(self, text: str) -> int:
        return 7

    async def check_connection(self) -> bool:
        return self.error is None

    async def list_models(self) -> list[str]:
        if self.error is not None:
            raise self.error
        return ["foreign-1"]

    def get_model_info(self) -> dict[str, Any]:
        return {"model": "foreign-1"}

    def set_system_prompt(self, prompt: str) -> None:
        self.prompt = prompt

    def get_system_prompt(self) -> str | None:
        return self.prompt

    async def close(self) -> None:
        self.closed = True


async def text_of(provider: FallbackProvider) -> str:
    return "".join([piece async for piece in provider.stream(ASK)])


@pytest.mark.covering(1)
@pytest.mark.parametrize("first", [openai, claude, gemini, ollama])
@pytest.mark.parametrize("fault", [Fault.status(503), Fault.reset(), Fault.status(401)])
async def test_the_next_one_answers(server: FakeServer, first: Any, fault: Any) -> None:
    second = claude if first is openai else openai
    provider = FallbackProvider([first(server), second(server)], cooldown=0)
    server.script(fault, Reply("from the second"), fault, Reply("streamed by the second"))

    completion = await provider.complete(ASK)
    assert completion.text == "from the second"
    assert completion.provider == second(server).name
    ((who, error, why),) = completion.metadata["failures"]
    assert who == first(server).name
    assert error in {"ServiceUnavailableError", "ProviderConnectionError", "AuthenticationError"}
    assert why

    assert await text_of(provider) == "streamed by the second"
    assert [request.vendor for request in server.requests[:2]] == [
        request.vendor for request in server.requests[2:]
    ]


async def test_generate_and_stream_give_the_text(server: FakeServer) -> None:
    provider = FallbackProvider([openai(server), claude(server)])
    server.script(Reply("one"), Reply("two"))
    assert await provider.generate(ASK, temperature=0.5) == "one"
    assert await text_of(provider) == "two"
    assert server.requests[0].json["temperature"] == 0.5


async def test_a_bad_request_stays_one(server: FakeServer) -> None:
    provider = FallbackProvider([openai(server), claude(server)])
    server.script(Fault.status(400), Fault.status(400))
    with pytest.raises(InvalidRequestError):
        await provider.complete(ASK)
    with pytest.raises(InvalidRequestError):
        await text_of(provider)
    assert {request.vendor for request in server.requests} == {"openai"}


async def test_what_falls_over_can_be_chosen(server: FakeServer) -> None:
    provider = FallbackProvider([openai(server), claude(server)], on=(InvalidRequestError,))
    server.script(Fault.status(400), Reply("yes"), Fault.status(503))
    assert await provider.generate(ASK) == "yes"
    other = FallbackProvider([openai(server), claude(server)], on=(InvalidRequestError,))
    with pytest.raises(LLMError, match="openai"):
        await other.generate(ASK)


async def test_all_failed_lists_them_all(server: FakeServer) -> None:
    provider = FallbackProvider([openai(server), claude(server), Foreign(error=OSError("secret"))])
    server.script(Fault.status(429, retry_after=7), Fault.status(401))
    with pytest.raises(AllProvidersFailedError) as caught:
        await provider.complete(ASK)
    error = caught.value
    assert [type(e) for e in error.errors] == [RateLimitError, AuthenticationError, OSError]
    assert "openai: RateLimitError" in str(error)
    assert "claude: AuthenticationError" in str(error)
    assert "Foreign: OSError" in str(error)
    assert "secret" not in str(error)
    assert error.retry_after == 7
    assert error.retryable
    assert error.__cause__ is error.errors[-1]


async def test_a_failed_one_rests_and_is_probed_once(server: FakeServer) -> None:
    with MovedClock(auto=False) as clock:
        provider = FallbackProvider([openai(server), claude(server)], cooldown=30)
        server.script(Fault.status(503))
        await provider.generate(ASK)
        await provider.generate(ASK)
        assert [r.vendor for r in server.requests] == ["openai", "anthropic", "anthropic"]

        clock.advance(31)
        gate = server.gate()
        server.script(Reply("probe", gate=gate))
        probe = asyncio.create_task(provider.complete(ASK))
        await server.wait_for(lambda: len(server.requests) == 4)
        beside = await provider.complete(ASK)
        assert beside.provider == "claude"
        gate.set()
        assert (await probe).provider == "openai"
        assert (await provider.complete(ASK)).provider == "openai"


async def test_the_vendors_own_wait_is_kept(server: FakeServer) -> None:
    with MovedClock(auto=False) as clock:
        provider = FallbackProvider([openai(server), claude(server)], cooldown=1)
        server.script(Fault.status(429, retry_after=60))
        await provider.generate(ASK)
        clock.advance(30)
        assert (await provider.complete(ASK)).provider == "claude"
        clock.advance(31)
        assert (await provider.complete(ASK)).provider == "openai"


async def test_when_all_rest_they_are_asked_all_the_same(server: FakeServer) -> None:
    with MovedClock(auto=False):
        provider = FallbackProvider([openai(server), claude(server)], cooldown=30)
        server.script(Fault.status(503), Fault.status(503), Reply("again"))
        with pytest.raises(AllProvidersFailedError):
            await provider.generate(ASK)
        assert await provider.generate(ASK) == "again"


@pytest.mark.parametrize("first", [openai, claude, gemini, ollama])
async def test_a_broken_stream_is_not_continued(server: FakeServer, first: Any) -> None:
    provider = FallbackProvider([first(server), openai(server)])
    server.script(Reply("Hello", pieces=["Hel", "lo"]), Fault.cut(after=1))
    assert await text_of(provider) == "Hello"
    got = []
    with pytest.raises(StreamError) as caught:
        async for piece in provider.stream(ASK):
            got.append(piece)
    assert caught.value.partial is not None
    assert "".join(got) == caught.value.partial.text
    assert len(server.requests) == 2


async def test_restart_is_said_before_the_text_comes_again(server: FakeServer) -> None:
    provider = FallbackProvider([openai(server), claude(server)], resume="restart", cooldown=0)
    server.script(Fault.cut(after=2), Reply("Hello", pieces=["Hel", "lo"]))
    events = [event async for event in provider.stream_events(ASK)]
    restart = next(place for place, e in enumerate(events) if isinstance(e, StreamRestart))
    assert all(isinstance(event, TextDelta) for event in events[:restart])
    assert restart == 2
    after = [event.text for event in events[restart:] if isinstance(event, TextDelta)]
    assert "".join(after) == "Hello"
    assert events[restart].provider == "claude"
    assert isinstance(events[-1], StreamEnd)
    assert events[-1].completion.text == "Hello"
    assert events[-1].completion.metadata["failures"][0][1] == "StreamError"

    # Text alone cannot say it: "Hel, lo, Hello" must not come out.
    server.script(Fault.cut(after=1))
    pieces = []
    with pytest.raises(StreamError):
        async for piece in provider.stream(ASK):
            pieces.append(piece)
    assert len(pieces) == 1


async def test_restart_with_nobody_left(server: FakeServer) -> None:
    provider = FallbackProvider([openai(server), claude(server)], resume="restart")
    server.script(Fault.cut(after=1), Fault.status(503))
    with pytest.raises(AllProvidersFailedError) as caught:
        async for _ in provider.stream_events(ASK):
            pass
    assert isinstance(caught.value.errors[0], StreamError)


async def test_leaving_a_stream_reaches_the_server(server: FakeServer) -> None:
    provider = FallbackProvider([openai(server)])
    server.script(Reply("abc", pieces=["a", "b", "c"], gate=server.gate()))
    stream = provider.stream(ASK)
    assert await anext(stream) == "a"
    await stream.aclose()
    await server.wait_for(lambda: server.disconnects == 1)


async def test_tool_calls_pass_through(server: FakeServer) -> None:
    provider = FallbackProvider([openai(server), claude(server)])
    call = ToolCall("call_1", "get_weather", {"city": "Paris"})
    server.script(Fault.status(500), Reply("", tool_calls=[call]))
    tool = {
        "type": "function",
        "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
    }
    completion = await provider.complete(ASK, tools=[tool])
    assert completion.tool_calls[0].arguments == {"city": "Paris"}


async def test_providers_of_others() -> None:
    broken = Foreign("Hel", "lo", error=RuntimeError("boom"))
    refuses = Foreign(error=CoreLLMError("no"))
    answers = Foreign("Hel", "lo")
    provider = FallbackProvider([refuses, answers], cooldown=0)
    assert await provider.generate(ASK) == "Hello"
    completion = await provider.complete(ASK)
    assert (completion.text, completion.provider) == ("Hello", "Foreign")
    assert completion.metadata["failures"] == (("Foreign", "LLMError", ""),)
    assert await text_of(provider) == "Hello"
    assert refuses.calls == 3

    with pytest.raises(RuntimeError, match="boom"):
        await FallbackProvider([broken, answers]).generate(ASK)
    with pytest.raises(StreamError) as caught:
        await text_of(FallbackProvider([broken, answers]))
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hello"


async def test_the_rest_of_the_interface(server: FakeServer) -> None:
    dead = Foreign(error=CoreLLMError("down"))
    alive = Foreign("x")
    provider = FallbackProvider([dead, alive])
    assert provider.get_token_count("text") == 7
    assert await provider.check_connection()
    assert not await FallbackProvider([dead]).check_connection()
    assert await provider.list_models() == ["foreign-1"]
    with pytest.raises(AllProvidersFailedError):
        await FallbackProvider([dead]).list_models()
    assert provider.get_model_info() == {
        "model": "foreign-1",
        "fallbacks": [{"model": "foreign-1"}],
    }
    provider.set_system_prompt("Be brief.")
    assert alive.prompt == dead.prompt == provider.get_system_prompt() == "Be brief."
    async with provider:
        assert "FallbackProvider([" in repr(provider)
    assert alive.closed
    await FallbackProvider([openai(server)]).close()


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"providers": []}, "at least one"),
        ({"providers": ["openai"]}, "LLMInterfaces, not str"),
        ({"cooldown": -1}, "cooldown"),
        ({"resume": "continue"}, "resume"),
    ],
)
def test_bad_settings_are_named(kwargs: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        FallbackProvider(**{"providers": [Foreign()], **kwargs})
