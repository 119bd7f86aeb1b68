"""Input of the wrong kind is an error of the caller's, never an outage, and no request is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bruno_core.models.message import Message

from bruno_llm import (
    ConfigurationError,
    InvalidRequestError,
    LLMError,
    LLMFactory,
    OllamaEmbedder,
    OpenAIEmbedder,
    OpenAIProvider,
    tool_result,
)
from bruno_llm.options.call import AnswerOptions, names_of
from bruno_llm.testing import FakeServer
from tests.contract.matrix import CLAUDE, GEMINI, OLLAMA, OPENAI, Case

pytestmark = pytest.mark.covering(1)

HI = {"role": "user", "content": "Hi"}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SECRET = "planted-secret-0123456789"


class Odd:
    """Something that no vendor knows."""

    def __repr__(self) -> str:
        return SECRET


NO_CONTENT: tuple[Any, ...] = (
    5,
    1.5,
    True,
    b"text",
    {"type": "text", "text": "x"},
    {1, 2},
    Odd(),
    [5],
    [None],
    ["text"],
    [{}],
    [{"type": 5}],
    [{"type": "text"}],
    [{"type": "text", "text": 5}],
    [{"type": "image_url"}],
    [{"type": "image_url", "image_url": 5}],
    [{"type": "image_url", "image_url": {"url": 5}}],
    "half of a pair: \ud83d",
    [{"type": "text", "text": "\ud83d"}],
)
NO_CALLS: tuple[Any, ...] = (
    5,
    "x",
    {"a": 1},
    [5],
    [{}],
    [{"id": 5, "function": {"name": "f"}}],
    [{"id": "a", "function": 5}],
    [{"id": "a", "function": {"name": 5}}],
    [{"id": "a", "function": {"name": "f", "arguments": 5}}],
)


def wrong_messages() -> Iterator[tuple[str, Any]]:
    for content in NO_CONTENT:
        for role in ("system", "user", "assistant"):
            yield f"{role} {content!r}", [{"role": role, "content": content}, HI]
        result = {"role": "tool", "tool_call_id": "a", "content": content}
        yield f"tool {content!r}", [HI, {"role": "assistant", "tool_calls": [CALL]}, result]
        made = Message.model_construct(role="user", content=content, metadata={})
        yield f"made {content!r}", [made]
    for calls in NO_CALLS:
        yield f"calls {calls!r}", [HI, {"role": "assistant", "content": "x", "tool_calls": calls}]
        said = Message(role="assistant", content="x", metadata={"tool_calls": calls})
        yield f"metadata calls {calls!r}", [HI, said]
    for value in (5, [1], {"a": 1}):
        yield f"name {value!r}", [{**HI, "name": value}]
        yield f"role {value!r}", [{**HI, "role": value}]
        result = {"role": "tool", "tool_call_id": value, "content": "x"}
        yield f"id {value!r}", [HI, {"role": "assistant", "tool_calls": [CALL]}, result]
    for value in (5, "x", [5], {"a": 1}, [[]]):
        yield f"parts {value!r}", [Message(role="user", content="x", metadata={"parts": value})]
    for value in (5, "x", [1]):
        yield f"native {value!r}", [HI, {"role": "assistant", "content": "x", "native": value}, HI]
        yield f"call {value!r}", [
            HI,
            {"role": "assistant", "content": "x", "function_call": value},
            HI,
        ]
        yield f"metadata {value!r}", [
            Message.model_construct(role="user", content="x", metadata=value)
        ]
    for value in (5, b"x", HI, Message(role="user", content="x"), Odd(), [5], [None], ["x"]):
        yield f"messages {value!r}", value


UNFIT: tuple[Any, ...] = (Odd(), b"x", {1}, {"a": {1}}, [Odd()], {"a": float("nan")}, 10**400)
OPTIONS: dict[str, tuple[Any, ...]] = {
    "temperature": ("warm", -1, 3, True, [1], float("nan")),
    "max_tokens": ("many", 0, 1.5, True, float("inf")),
    "max_completion_tokens": (0, "x"),
    "top_p": (1.5, -0.1, "x"),
    "presence_penalty": (2.5, "x"),
    "frequency_penalty": (-2.5, "x"),
    "top_logprobs": (-1, "x"),
    "logprobs": ("x", 5),
    "seed": ("x", 1.5),
    "stop": (5, [5]),
    "user": (5, ["x"], "\ud83d"),
    "logit_bias": ([1], {"a": "x"}),
    "metadata": ("x", {"a": 5}),
    "parallel_tool_calls": ("x", 1),
    "response_format": (3, "json"),
    "tools": (3, "x", [3], [{"name": 3}], {"a": 1}),
    "tool_choice": (3,),
    "extra_headers": (3, {"x": 3}, {"x": "a\nb"}, {"x": "ä"}, {"a b": "x"}, {"": "x"}),
    "extra_body": (3, "x"),
    "timeout": ("x", -1, [1], True),
    "prompt": (3, [1]),
    "n": ("x", 2, [1]),
}


def wrong_options() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, values in OPTIONS.items():
        for value in (*values, *UNFIT):
            yield f"{name}={value!r}"[:60], {name: value}


async def verdict(case: Case, server: FakeServer, way: str, messages: Any, **options: Any) -> str:
    """What is wrong with how the input was refused; nothing when it was refused well."""
    before = len(server.requests)
    try:
        answer = getattr(case.provider(server), way)(messages, **options)
        if hasattr(answer, "__aiter__"):
            _ = [event async for event in answer]
        else:
            await answer
        said: Any = "not refused"
    except (InvalidRequestError, ConfigurationError) as error:
        said = "can be retried" if error.retryable else ""
        said += "secret shown" if SECRET in f"{error!s} {error!r}" else ""
    except LLMError as error:
        said = f"an outage: {type(error).__name__}"
    except Exception as error:
        said = f"bare: {type(error).__name__}"
    return said + (" and sent" if len(server.requests) > before else "")


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("case", [OPENAI, CLAUDE, GEMINI, OLLAMA], ids=str)
async def test_no_wrong_message_looks_like_an_outage(
    case: Case, way: str, server: FakeServer
) -> None:
    found = [(what, await verdict(case, server, way, sent)) for what, sent in wrong_messages()]
    assert [one for one in found if one[1]] == []


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("case", [OPENAI, CLAUDE, GEMINI, OLLAMA], ids=str)
async def test_no_wrong_option_looks_like_an_outage(
    case: Case, way: str, server: FakeServer
) -> None:
    found = [
        (what, await verdict(case, server, way, [HI], **options))
        for what, options in wrong_options()
    ]
    assert [one for one in found if one[1]] == []


async def test_a_wrong_message_is_named(server: FakeServer) -> None:
    llm = OPENAI.provider(server)
    with pytest.raises(InvalidRequestError, match="message 1: content must be a text or a list"):
        await llm.complete([HI, {"role": "user", "content": 5}])
    with pytest.raises(
        InvalidRequestError, match="message 0: a part of its content must be a dict"
    ):
        await llm.complete([{"role": "user", "content": ["x"]}])
    with pytest.raises(InvalidRequestError, match="half of a surrogate pair") as caught:
        await llm.complete([{"role": "user", "content": f"{SECRET}\ud83d"}])
    assert caught.value.hint is not None
    link: BaseException | None = caught.value
    while link is not None:
        assert SECRET not in f"{link!r} {vars(link)}"
        link = link.__cause__ or link.__context__


@pytest.mark.parametrize("name", sorted(OPTIONS.keys() - {"timeout", "prompt", "n", "tools"}))
def test_an_option_has_one_table_for_constructor_factory_and_call(name: str) -> None:
    assert name in names_of(AnswerOptions)
    for value in OPTIONS[name]:
        with pytest.raises(ConfigurationError):
            OpenAIProvider(**{name: value})
        with pytest.raises(ConfigurationError):
            LLMFactory.create("openai", **{name: value})


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("case", [CLAUDE, GEMINI], ids=str)
async def test_litellms_error_about_a_message_does_not_quote_it(
    case: Case, way: str, server: FakeServer
) -> None:
    picture = {"type": "image_url", "image_url": {"url": "no address, but what Mum wrote to me"}}
    answer = getattr(case.provider(server), way)([{"role": "user", "content": [picture]}])
    with pytest.raises(InvalidRequestError) as caught:
        if way == "complete":
            await answer
        else:
            _ = [event async for event in answer]
    assert "Mum" not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize("cls", [OpenAIEmbedder, OllamaEmbedder])
@pytest.mark.parametrize(
    "option", [{"extra_headers": {"x": 3}}, {"user": 3}, {"dimensions": "x"}, {"extra_body": {1}}]
)
def test_so_have_those_of_an_embedder(cls: Any, option: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        cls(**option)


@pytest.mark.parametrize("name", ["vertex_location", "vertex_project", "aws_region_name"])
@pytest.mark.parametrize("value", ["evil.test/", "evil.test#", "a@evil.test", "", "a b", 5])
def test_what_becomes_a_part_of_an_address_is_a_plain_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        LLMFactory.create("vertex_ai/gemini-2.5-flash", **{name: value})


async def test_a_system_prompt_is_a_text() -> None:
    with pytest.raises(ConfigurationError, match="system_prompt=5 is not allowed: a text"):
        OpenAIProvider(system_prompt=5)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="system_prompt=a list is not allowed"):
        OpenAIProvider().set_system_prompt(["x"])  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("case", [OPENAI, CLAUDE, GEMINI, OLLAMA], ids=str)
async def test_what_is_right_still_passes(case: Case, way: str, server: FakeServer) -> None:
    parts = ({"type": "text", "text": "Grüße 👋"}, {"type": "text", "text": "x"})
    history: list[Any] = [
        Message(role="system", content="Be brief."),
        {"role": "user", "content": parts},
        {"role": "assistant", "tool_calls": [CALL]},
        tool_result("a", "3"),
        Message.model_construct(role="user", content="Hi", metadata=None),
    ]
    options = {"extra_headers": {"x-mine": "a b"}, "stop": ("a", "b"), "top_p": 1, "seed": 2}
    assert await verdict(case, server, way, history, **options) == "not refused and sent"
