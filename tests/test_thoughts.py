"""Thoughts in an answer's text, between tags: parted alike, plain and streamed, however cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from bruno_llm import (
    Completion,
    EmptyResponseError,
    LiteLLMProvider,
    OllamaProvider,
    OpenAIProvider,
    ReasoningDelta,
    StreamEnd,
    TextDelta,
)
from bruno_llm.testing import FakeServer, Reply
from bruno_llm.wire.think import ThinkTags, may_hold_tags

ASK = [{"role": "user", "content": "Name the capital of Norway."}]
TAGGED = "<think>\nNorway < Sweden?\nIt is <b>Oslo</b>.\n</think>\n\nOslo < is it."
THOUGHT, TEXT = "Norway < Sweden?\nIt is <b>Oslo</b>.", "Oslo < is it."


def parted(pieces: Sequence[str]) -> tuple[str, str]:
    tags = ThinkTags()
    both = [tags.feed(piece, last=n == len(pieces)) for n, piece in enumerate(pieces, 1)]
    return "".join(thought for thought, _ in both), "".join(text for _, text in both)


@pytest.mark.parametrize("size", range(1, len(TAGGED) + 1))
def test_pieces_of_any_size(size: int) -> None:
    pieces = [TAGGED[at : at + size] for at in range(0, len(TAGGED), size)]
    assert parted(pieces) == (THOUGHT, TEXT)
    other = TAGGED.replace("think>", "thinking>")
    assert parted([other[:size], other[size:]]) == (THOUGHT, TEXT)


@pytest.mark.parametrize("at", range(1, len(TAGGED)))
def test_two_pieces_cut_anywhere(at: int) -> None:
    assert parted([TAGGED[:at], "", TAGGED[at:]]) == (THOUGHT, TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        "  \n Hello <think>there</think>",
        "<thin",
        "<thinker>x</thinker>",
        "<",
        "Write <think> and </think>.",
    ],
)
def test_what_only_looks_like_a_thought_is_text(text: str) -> None:
    assert parted([text]) == ("", text)
    assert parted([*text, ""]) == ("", text)


def test_a_thought_without_an_end_is_all_thought() -> None:
    assert parted(["<think>Let me", " see </thi"]) == ("Let me see </thi", "")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture(params=["ollama", "openai", "compatible"])
def llm(request: pytest.FixtureRequest, server: FakeServer) -> LiteLLMProvider:
    key = "k" * 20
    if request.param == "ollama":
        return OllamaProvider("qwen3", base_url=server.base_url("ollama"), retry=None)
    url = server.base_url("openai")
    if request.param == "openai":
        return OpenAIProvider("deepseek-r1", base_url=url, api_key=key, retry=None)
    return LiteLLMProvider("hosted_vllm/deepseek-r1", base_url=url, api_key=key, retry=None)


async def streamed(llm: LiteLLMProvider) -> Completion:
    events = [event async for event in llm.stream_events(ASK)]
    last = events[-1]
    assert isinstance(last, StreamEnd)
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    thoughts = [event.text for event in events if isinstance(event, ReasoningDelta)]
    assert "".join(texts) == last.completion.text
    assert "".join(thoughts) == (last.completion.reasoning or "")
    return last.completion


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
async def test_plain_and_streamed_say_the_same(
    llm: LiteLLMProvider, server: FakeServer, size: int
) -> None:
    pieces = [TAGGED[at : at + size] for at in range(0, len(TAGGED), size)]
    server.default = Reply(TAGGED, pieces=pieces)
    assert await llm.generate(ASK) == TEXT
    assert "".join([piece async for piece in llm.stream(ASK)]) == TEXT
    for done in (await llm.complete(ASK), await streamed(llm)):
        assert (done.text, done.reasoning) == (TEXT, THOUGHT)


async def test_an_answer_about_tags_stays_as_it_is(
    llm: LiteLLMProvider, server: FakeServer
) -> None:
    text = "</think> ends what <think> began, <think>."
    for pieces in ([*text], text.partition(" ends "), [text]):
        server.default = Reply(text, pieces=pieces)
        for done in (await llm.complete(ASK), await streamed(llm)):
            assert (done.text, done.reasoning) == (text, None)


async def test_a_server_that_parts_them_itself_is_believed(
    llm: LiteLLMProvider, server: FakeServer
) -> None:
    server.default = Reply("<think> is a tag.", reasoning="A tag?")
    assert (await streamed(llm)).text == "<think> is a tag."
    assert (await llm.complete(ASK)).text == "<think> is a tag."


async def test_only_a_thought_until_the_tokens_were_used_up(
    llm: LiteLLMProvider, server: FakeServer
) -> None:
    server.default = Reply("<think>Let me see, Norway", finish_reason="length")
    for done in (await llm.complete(ASK), await streamed(llm)):
        assert (done.text, done.reasoning) == ("", "Let me see, Norway")
    with pytest.raises(EmptyResponseError, match="raise max_tokens"):
        await llm.generate(ASK)


@pytest.mark.parametrize(
    ("body", "may"),
    [
        (b'{"content": "<think>so</think>Yes"}', True),
        (b'{"content": "\\u003cthink\\u003eso"}', True),
        ('{"content": "<thinking>so"}'.encode("utf-16"), True),
        (b'{"content": "a < b, I think"}', False),
    ],
)
def test_a_body_is_parted_however_its_tag_is_spelt(body: bytes, may: bool) -> None:
    assert may_hold_tags(body) is may
