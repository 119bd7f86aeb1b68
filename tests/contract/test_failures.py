"""What goes wrong at the vendor, and which error the caller gets for it."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from bruno_llm import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthExceededError,
    InvalidRequestError,
    LiteLLMProvider,
    LLMError,
    ModelNotFoundError,
    OllamaProvider,
    PermissionDeniedError,
    ProviderConnectionError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
    StreamError,
    TransientError,
)
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import (
    CLAUDE,
    GENERIC,
    KEY,
    OLLAMA,
    OPENAI,
    USER,
    Case,
    Make,
    all_but,
    ask,
    collect,
    only,
)

pytestmark = pytest.mark.covering(1)

STATUSES: list[tuple[int, str | None, type[LLMError]]] = [
    (400, None, InvalidRequestError),
    (400, "context_length_exceeded", ContextLengthExceededError),
    (401, None, AuthenticationError),
    (403, None, PermissionDeniedError),
    (404, None, ModelNotFoundError),
    (408, None, RequestTimeoutError),
    (413, "request_too_large", InvalidRequestError),
    (422, None, InvalidRequestError),
    (429, None, RateLimitError),
    (500, None, ServiceUnavailableError),
    (502, None, ServiceUnavailableError),
    (503, None, ServiceUnavailableError),
    (504, None, RequestTimeoutError),
    (529, None, ServiceUnavailableError),
]


@pytest.mark.parametrize(
    ("status", "code", "expected"), STATUSES, ids=[f"{s}-{c or e.__name__}" for s, c, e in STATUSES]
)
async def test_a_status_becomes_the_error_that_says_what_to_do(
    case: Case,
    make: Make,
    server: FakeServer,
    facts: str,
    status: int,
    code: str | None,
    expected: type[LLMError],
) -> None:
    server.script(Fault.status(status, code=code))
    with pytest.raises(LLMError) as caught:
        await ask(make(), facts)
    error = caught.value
    assert type(error) is expected
    assert error.status_code == status
    assert error.provider == case.named
    assert error.model in (case.model, case.bare)
    assert error.retryable == issubclass(expected, TransientError)
    assert error.__cause__ is error.original_error is error.cause
    assert "\n" not in str(error)
    if case.vendor not in ("gemini", "ollama"):
        assert error.request_id == "req_fake000001"
    if expected is ContextLengthExceededError:
        assert "ContextWindow" in (error.hint or "")


@all_but(OLLAMA)
async def test_money_that_is_gone_is_no_rate_limit(
    case: Case, make: Make, server: FakeServer, way: str
) -> None:
    server.script(
        Fault.status(400 if case.vendor == "anthropic" else 429, code="insufficient_quota")
    )
    with pytest.raises(QuotaExceededError) as caught:
        await ask(make(), way)
    assert not caught.value.retryable


@only(OPENAI, CLAUDE, GENERIC)
async def test_a_blocked_prompt(make: Make, server: FakeServer, way: str) -> None:
    server.script(Fault.status(400, code="content_filter"))
    with pytest.raises(ContentFilterError):
        await ask(make(), way)


@pytest.mark.parametrize("seconds", [7, 0.25])
async def test_the_vendor_says_how_long_to_wait(
    make: Make, server: FakeServer, way: str, seconds: float
) -> None:
    server.script(Fault.status(429, retry_after=seconds))
    with pytest.raises(RateLimitError) as caught:
        await ask(make(), way)
    assert caught.value.retry_after == seconds


async def test_words_that_say_how_long_to_wait(make: Make, server: FakeServer, way: str) -> None:
    server.script(Fault.status(429, message="Rate limit reached. Please try again in 1m2.5s."))
    with pytest.raises(RateLimitError) as caught:
        await ask(make(), way)
    assert caught.value.retry_after == 62.5


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.reset(), ProviderConnectionError),
        (Fault.html(), ServiceUnavailableError),
        (Fault.html(502), ServiceUnavailableError),
        (Fault.malformed(after=0), ServiceUnavailableError),
        (Fault.cut(after=0), ServiceUnavailableError),
    ],
    ids=["reset", "html", "html-502", "malformed", "cut"],
)
async def test_what_is_no_answer_at_all(
    make: Make, server: FakeServer, facts: str, fault: Fault, expected: type[LLMError]
) -> None:
    server.script(fault)
    with pytest.raises(TransientError) as caught:
        await ask(make(), facts)
    assert type(caught.value) is expected
    assert "\n" not in str(caught.value)
    assert "html" not in str(caught.value).lower()
    assert len(server.requests) == 1


@pytest.mark.covering(2)
async def test_a_refused_connection(case: Case, way: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        suffix = "" if case.vendor in ("anthropic", "gemini", "ollama") else "/v1"
        provider = case.cls(case.model, base_url=address + suffix, api_key=KEY, retry=None)
        with pytest.raises(ProviderConnectionError) as caught:
            await ask(provider, way)
    assert caught.value.retryable
    if case is OLLAMA:
        assert "ollama serve" in str(caught.value)


async def test_a_model_that_was_not_pulled(server: FakeServer, no_keys: None, way: str) -> None:
    server.script(Fault.status(404))
    provider = OllamaProvider("qwen3:8b", base_url=server.base_url("ollama"), retry=None)
    with pytest.raises(ModelNotFoundError, match="ollama pull qwen3:8b"):
        await ask(provider, way)


BREAKS = [Fault.cut(2), Fault.reset_stream(2), Fault.error_event(2), Fault.malformed(2)]


@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.kind)
async def test_a_stream_that_breaks_says_so_and_keeps_what_came(
    case: Case, make: Make, server: FakeServer, fault: Fault
) -> None:
    server.script(fault)
    pieces: list[str] = []
    with pytest.raises(StreamError) as caught:
        async for piece in make().stream(USER):
            pieces.append(piece)
    error = caught.value
    assert pieces
    assert error.partial is not None
    assert error.partial.text == "".join(pieces)
    assert fault.reply.text.startswith("".join(pieces))
    assert error.partial.finish_reason in (None, "stop")
    assert error.partial.usage is not None
    assert error.partial.usage.estimated
    assert not error.retryable
    assert (error.provider, len(server.requests)) == (case.named, 1)


@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.kind)
async def test_a_broken_stream_has_no_end_event(
    make: Make, server: FakeServer, fault: Fault
) -> None:
    server.script(fault)
    with pytest.raises(StreamError):
        await collect(make())


async def test_an_error_event_before_the_first_piece_is_a_plain_error(
    make: Make, server: FakeServer
) -> None:
    server.script(Fault.error_event(0, status=503))
    with pytest.raises(ServiceUnavailableError):
        await collect(make())


async def test_a_stream_that_has_ended_may_be_asked_again(make: Make, server: FakeServer) -> None:
    server.script(Fault.cut(1), Reply("whole"))
    provider = make()
    with pytest.raises(StreamError):
        await ask(provider, "stream")
    assert await ask(provider, "stream") == "whole"


@pytest.mark.parametrize("name", ["stream", "stream_events"])
async def test_nothing_is_sent_before_a_stream_is_read(
    make: Make, server: FakeServer, name: str
) -> None:
    stream: Any = getattr(make(), name)(USER)
    assert server.requests == []
    await stream.aclose()
    assert server.requests == []


async def test_a_model_litellm_does_not_know_is_not_refused_here(
    server: FakeServer, no_keys: None, way: str
) -> None:
    provider = LiteLLMProvider(
        "openai/brand-new-model", base_url=server.base_url("openai"), api_key=KEY
    )
    assert await ask(provider, way, temperature=0.3) == "Hello"
