"""Every sample of ``tests/wire`` through the provider of its vendor, with the facts that hold.

Streams go over the wire in six ways of cutting them; what comes out must be the same.
"""

from __future__ import annotations

import dataclasses
import gzip
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from bruno_llm import (
    ClaudeProvider,
    Completion,
    GeminiProvider,
    OllamaProvider,
    OpenAIProvider,
    ReasoningDelta,
    StreamEnd,
    TextDelta,
    ToolCallDelta,
)
from bruno_llm import exceptions as errors
from bruno_llm.exceptions import LLMError
from bruno_llm.testing import FakeServer, Raw
from tests.size import FULL
from tests.wire import Sample, load, samples
from tests.wire.variants import variants

PROVIDERS = {
    "openai": OpenAIProvider,
    "anthropic": ClaudeProvider,
    "gemini": GeminiProvider,
    "ollama": OllamaProvider,
}
CHAT = [*samples(endpoint="chat"), *variants()]


def one_of_each_kind() -> list[Any]:
    """Parameters of a test: in a small run no sample that holds what another one held."""
    seen, parameters = set(), []
    for sample in CHAT:
        told = sample.expected
        kind = (sample.vendor, sample.stream, told.get("finish_reason"), told.get("error"))
        kind += ("tool_calls" in told, "reasoning" in told)
        full = [pytest.mark.full] if kind in seen else []
        parameters.append(pytest.param(sample, id=str(sample), marks=full))
        seen.add(kind)
    return parameters


SPLITS = ("none", "random", "events", "line", "bytes:7", "bytes:1")


def cut(body: bytes, split: str) -> list[bytes]:
    """The TCP writes of a body."""
    if split == "none":
        return [body]
    if split.startswith("bytes:"):
        size = int(split.removeprefix("bytes:"))
        return [body[at : at + size] for at in range(0, len(body), size)]
    if split in ("line", "events"):
        end = b"\n\n" if split == "events" and b"\n\n" in body else b"\n"
        return [part + end for part in body.split(end)[:-1]] + [body.rsplit(end, 1)[-1]]
    dice = random.Random(body)
    marks = sorted(dice.sample(range(1, len(body)), min(9, max(0, len(body) - 1))))
    return [body[a:b] for a, b in zip([0, *marks], [*marks, len(body)], strict=True)]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


async def told(server: FakeServer, sample: Sample, split: str = "none") -> Any:
    """The completion of this answer, or the error."""
    kind = PROVIDERS[sample.vendor]
    url = server.base_url(sample.vendor)
    body: Any = cut(sample.body, split) if sample.body else b""
    server.script(Raw(sample.status, sample.headers, body))
    provider = kind("m-1", base_url=url, api_key="key-of-a-test", retry=None, timeout=20)
    messages = [{"role": "user", "content": "hi"}]
    try:
        async with provider:
            if not sample.stream:
                return await provider.complete(messages)
            return await _joined(provider.stream_events(messages))
    except LLMError as error:
        return error
    finally:
        assert server.pending == 0, "no request was made for this answer"


async def _joined(events: AsyncIterator[Any]) -> Completion:
    """The completion, once its deltas are seen to add up to it."""
    text, reasoning, names, arguments = "", "", [], ""
    async for event in events:
        if isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, ReasoningDelta):
            reasoning += event.text
        elif isinstance(event, ToolCallDelta):
            names += [event.name] if event.name else []
            arguments += event.arguments
        elif isinstance(event, StreamEnd):
            done = event.completion
            assert done.text == text
            assert (done.reasoning or "") == reasoning
            assert [call.name for call in done.tool_calls] == names
            assert sorted("".join(c.raw_arguments for c in done.tool_calls)) == sorted(arguments)
            return done
    raise AssertionError("the stream ended without its StreamEnd")


def check(outcome: Any, expected: Mapping[str, Any]) -> None:
    """Compare with what the index says."""
    if "error" in expected and not ("finish_reason" in expected and _is_done(outcome)):
        _check_error(outcome, expected)
        return
    assert isinstance(outcome, Completion), repr(outcome)
    for name in ("text", "finish_reason", "id", "model"):
        if name in expected:
            assert getattr(outcome, name) == expected[name], name
    for name in ("reasoning", "refusal"):
        if name in expected:
            assert getattr(outcome, name) == (expected[name] or None), name
    if "tool_calls" in expected:
        assert len(outcome.tool_calls) == len(expected["tool_calls"])
        for call, wanted in zip(outcome.tool_calls, expected["tool_calls"], strict=True):
            assert {name: getattr(call, name) for name in wanted} == wanted
    usage = outcome.usage
    assert usage is not None
    if "usage" in expected:
        names = ("prompt_tokens", "completion_tokens", "cached_tokens", "cache_creation_tokens")
        for name in (*names, "reasoning_tokens"):
            if name in expected["usage"] or name not in names[:2]:
                assert getattr(usage, name) == expected["usage"].get(name, 0), name
        assert not usage.estimated
        assert usage.total_tokens >= usage.prompt_tokens + usage.completion_tokens
    if expected.get("usage_estimated"):
        assert usage.estimated
        assert usage.prompt_tokens > 0


def _is_done(outcome: Any) -> bool:
    return isinstance(outcome, Completion)


def _check_error(outcome: Any, expected: Mapping[str, Any]) -> None:
    kind = getattr(errors, expected["error"])
    assert isinstance(outcome, kind), repr(outcome)
    exact = {errors.LLMError, errors.ContentFilterError}
    assert type(outcome) is kind or kind in exact, repr(outcome)
    if "retry_after" in expected:
        assert outcome.retry_after == pytest.approx(expected["retry_after"])
    if "retryable" in expected:
        assert outcome.retryable is expected["retryable"]
    if "status" in expected:
        assert outcome.status_code == expected["status"]
    if "hint" in expected:
        assert expected["hint"].rpartition(" ")[0] in str(outcome)
    if "partial" in expected:
        assert outcome.partial is not None
        assert outcome.partial.text == expected["partial"]
    assert len(str(outcome).splitlines()) == 1
    assert "Traceback" not in str(outcome)
    assert "litellm" not in str(outcome).lower()


@pytest.mark.parametrize("sample", one_of_each_kind())
async def test_an_answer_says_what_the_vendor_said(server: FakeServer, sample: Sample) -> None:
    check(await told(server, sample), sample.expected)


@pytest.mark.sized
@pytest.mark.covering(1)
@pytest.mark.parametrize("split", SPLITS[1:])
@pytest.mark.parametrize("vendor", PROVIDERS)
async def test_a_stream_says_the_same_however_it_is_cut(
    server: FakeServer, vendor: str, split: str
) -> None:
    streams = [s for s in CHAT if s.vendor == vendor and s.stream and s.status == 200]
    # In a small run each way of cutting takes its share of the samples.
    first, step = (0, 1) if FULL else (SPLITS.index(split) - 1, len(SPLITS) - 1)
    for sample in streams[first::step]:
        check(await told(server, sample, split), sample.expected)


@pytest.mark.parametrize("vendor", PROVIDERS)
@pytest.mark.parametrize("name", ["text", "stream_text"])
async def test_a_compressed_answer_is_read_too(server: FakeServer, vendor: str, name: str) -> None:
    sample = load(vendor, name)
    packed = gzip.compress(sample.body)
    headers = {**sample.headers, "content-encoding": "gzip"}
    check(
        await told(server, dataclasses.replace(sample, body=packed, headers=headers), "bytes:7"),
        sample.expected,
    )
