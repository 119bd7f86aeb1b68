"""What comes back: text, usage, cost, finish reasons, refusals, reasoning."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest

from bruno_llm import (
    ContentFilterError,
    EmptyResponseError,
    LiteLLMProvider,
    ReasoningDelta,
    StreamEnd,
    TextDelta,
    Usage,
)
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import (
    CLAUDE,
    GENERIC,
    OLLAMA,
    OPENAI,
    USER,
    Case,
    Make,
    all_but,
    ask,
    collect,
    complete,
    only,
)

pytestmark = pytest.mark.covering(1)

WORDS = "Oslo is the capital — naïve café, 日本, 🙂"
USAGE = Usage(100, 40, 140, cached_tokens=30, reasoning_tokens=15)


async def test_the_text_is_the_same_by_every_way(make: Make, server: FakeServer, way: str) -> None:
    server.script(Reply(WORDS))
    assert await ask(make(), way) == WORDS
    assert len(server.requests) == 1


async def test_a_stream_gives_the_pieces_that_were_sent(make: Make, server: FakeServer) -> None:
    server.script(Reply("Hello there!", pieces=["Hel", "lo", " there!"]))
    assert [piece async for piece in make().stream(USER)] == ["Hel", "lo", " there!"]


async def test_the_first_piece_is_read_before_the_second_is_sent(
    make: Make, server: FakeServer
) -> None:
    gate = server.gate()
    server.script(Reply("one two three", gate=gate))
    stream = make().stream(USER)
    assert await anext(stream) == "one"
    gate.set()
    assert [piece async for piece in stream] == [" two", " three"]


async def test_who_answered(case: Case, make: Make, server: FakeServer, facts: str) -> None:
    server.script(Reply("Oslo", id="answer-1"))
    completion = await complete(make(), facts)
    assert completion.model == case.bare
    assert completion.provider == case.named
    assert completion.latency > 0
    assert not completion.cached
    assert completion.trimmed is None
    if case.vendor != "ollama":  # its answers carry no id
        assert completion.id == "answer-1"


async def test_the_vendors_request_id_is_kept(
    case: Case, make: Make, server: FakeServer, facts: str
) -> None:
    completion = await complete(make(), facts)
    expected = {"request_id": "req_fake000001"} if case.vendor not in ("gemini", "ollama") else {}
    assert completion.metadata == expected


async def test_usage_is_what_the_vendor_bills(
    case: Case, make: Make, server: FakeServer, facts: str
) -> None:
    server.script(Reply("Oslo", usage=USAGE))
    usage = (await complete(make(), facts)).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 40, 140)
    assert not usage.estimated
    if case.vendor != "ollama":  # it caches and thinks, but does not say how many tokens
        assert usage.cached_tokens == 30
    if case.vendor in ("openai", "gemini"):
        assert usage.reasoning_tokens == 15


@only(CLAUDE)
async def test_cache_writes_are_counted_as_input_and_priced(
    make: Make, server: FakeServer, facts: str
) -> None:
    server.script(Reply("Oslo", usage=Usage(100, 40, 140, 30, cache_creation_tokens=20)))
    completion = await complete(make(), facts)
    usage = completion.usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.cached_tokens, usage.cache_creation_tokens) == (100, 30, 20)
    assert completion.cost == pytest.approx((50 * 3 + 30 * 0.3 + 20 * 3.75 + 40 * 15) / 1e6)


async def test_without_numbers_of_the_vendor_the_usage_is_estimated(
    make: Make, server: FakeServer, facts: str
) -> None:
    server.script(Reply(WORDS, usage=None))
    provider = make()
    usage = (await complete(provider, facts)).usage
    assert usage is not None
    assert usage.estimated
    assert usage.prompt_tokens == await provider.count_message_tokens(USER)
    assert usage.completion_tokens == provider.get_token_count(WORDS)


async def test_the_cost_is_priced_by_kind_of_token(
    case: Case, make: Make, server: FakeServer, facts: str
) -> None:
    server.script(Reply("Oslo", usage=Usage(100, 40, 140, cached_tokens=30)))
    fresh, cached, output = case.prices
    expected = (70 * fresh + 30 * cached + 40 * output) / 1_000_000
    assert (await complete(make(), facts)).cost == pytest.approx(expected)


@all_but(OLLAMA)
async def test_an_alias_is_priced_as_the_model_that_answered(
    case: Case, make: Make, server: FakeServer, facts: str
) -> None:
    server.script(Reply("Oslo", model=case.dearer), Reply("Oslo"))
    costly, usual = await complete(make(), facts), await complete(make(), facts)
    assert costly.model == case.dearer
    assert costly.cost is not None
    assert usual.cost is not None
    assert costly.cost > usual.cost


async def test_an_unknown_price_is_none_and_never_zero(
    case: Case, server: FakeServer, facts: str
) -> None:
    model = "openai/nobody-priced-this" if case.id == "generic" else "nobody-priced-this"
    provider = case.cls(model, base_url=server.base_url(case.vendor), api_key="any-key-at-all")
    completion = await complete(provider, facts)
    assert completion.cost == (0.0 if case.vendor == "ollama" else None)
    assert completion.usage is not None


@pytest.mark.parametrize("reason", ["stop", "length"])
async def test_finish_reasons(make: Make, server: FakeServer, facts: str, reason: str) -> None:
    server.script(Reply("Oslo", finish_reason=reason))
    assert (await complete(make(), facts)).finish_reason == reason


async def test_an_unknown_finish_reason_keeps_the_vendors_word(
    make: Make, server: FakeServer, facts: str
) -> None:
    server.script(Reply("Oslo", finish_reason="BORED"))
    assert (await complete(make(), facts)).finish_reason == "other:BORED"


async def test_reasoning_is_kept_apart_from_the_answer(
    make: Make, server: FakeServer, way: str
) -> None:
    server.script(Reply("Oslo", reasoning="Norway, so it must be"))
    assert await ask(make(), way) == "Oslo"


async def test_reasoning_is_in_the_completion_and_streamed(make: Make, server: FakeServer) -> None:
    server.default = Reply("Oslo", reasoning="Norway, so it must be")
    provider = make()
    assert (await provider.complete(USER)).reasoning == "Norway, so it must be"
    events = await collect(provider)
    thought = [event.text for event in events if isinstance(event, ReasoningDelta)]
    said = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(thought) > 1
    assert "".join(thought) == "Norway, so it must be"
    assert "".join(said) == "Oslo"
    assert isinstance(events[-1], StreamEnd)
    assert events[-1].completion.reasoning == "Norway, so it must be"


@only(OPENAI, OLLAMA, GENERIC)  # the others mark a refusal without words
async def test_a_refusal_is_the_answer_in_words(
    case: Case, make: Make, server: FakeServer, way: str
) -> None:
    server.script(Reply("", refusal="I would rather not."))
    provider = make()
    if way in ("generate", "stream"):
        assert await ask(provider, way) == "I would rather not."
        return
    completion = await complete(provider, way)
    if case.vendor == "openai":
        assert completion.refusal == "I would rather not."
        assert completion.text == ""
    else:  # Ollama has no mark for it
        assert completion.text == "I would rather not."


@all_but(OLLAMA)  # Ollama filters nothing
async def test_a_filtered_answer_is_an_error_where_only_text_can_be_returned(
    make: Make, server: FakeServer, way: str
) -> None:
    server.script(Reply("", finish_reason="content_filter"))
    provider = make()
    if way in ("generate", "stream"):
        with pytest.raises(ContentFilterError) as caught:
            await ask(provider, way)
        assert caught.value.partial is not None
        assert caught.value.partial.finish_reason == "content_filter"
    else:
        completion = await complete(provider, way)
        assert (completion.text, completion.finish_reason) == ("", "content_filter")


async def test_an_empty_answer_is_an_error_by_every_way(
    case: Case, make: Make, server: FakeServer, way: str
) -> None:
    server.script(Fault.empty())
    with pytest.raises(EmptyResponseError) as caught:
        await ask(make(), way)
    error = caught.value
    assert error.provider == case.named
    assert error.partial is not None
    assert error.partial.usage is not None


@pytest.mark.parametrize("way", ["generate", "stream"])
async def test_max_tokens_that_leave_no_room_say_so(
    make: Make, server: FakeServer, way: str
) -> None:
    server.script(Reply("", finish_reason="length", reasoning="Let me think about"))
    with pytest.raises(EmptyResponseError, match="max_tokens"):
        await ask(make(), way)


async def test_each_call_leaves_one_event_with_its_facts(
    case: Case,
    make: Make,
    server: FakeServer,
    events: list[MutableMapping[str, Any]],
    way: str,
) -> None:
    await ask(make(), way)
    finished = [event for event in events if event["event"] == "llm_call_finished"]
    assert len(finished) == 1
    assert finished[0]["provider"] == case.named
    assert (finished[0]["prompt_tokens"], finished[0]["completion_tokens"]) == (10, 5)


async def test_any_string_of_litellm_reaches_its_vendor(
    server: FakeServer, no_keys: None, way: str
) -> None:
    for model, vendor in (
        ("anthropic/claude-sonnet-4-5", "anthropic"),
        ("gemini/gemini-2.5-flash", "gemini"),
        ("ollama_chat/llama3.2", "ollama"),
        ("groq/llama-3.3-70b-versatile", "openai"),
    ):
        provider = LiteLLMProvider(model, base_url=server.base_url(vendor), api_key="a-key-for-it")
        assert await ask(provider, way) == "Hello"
        assert server.requests[-1].vendor == vendor
        assert server.requests[-1].key == "a-key-for-it"
    assert len(server.requests) == 4
