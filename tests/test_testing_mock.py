"""MockProvider: a script in place of a vendor."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from bruno_core.models.message import Message, MessageRole

from bruno_llm import (
    Completion,
    ConfigurationError,
    ContentFilterError,
    EmptyResponseError,
    FallbackProvider,
    InvalidRequestError,
    LiteLLMProvider,
    RateLimitError,
    ReasoningDelta,
    StreamEnd,
    StreamError,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    testing,
)
from bruno_llm.testing import MockCall, MockProvider, ScriptUsedUpError
from tests.contract.matrix import WAYS, ask, collect

USER = [{"role": "user", "content": "Which city?"}]
EACH_WAY = pytest.mark.parametrize("way", WAYS)


def run(llm: MockProvider, way: str, **options: Any) -> Any:
    return ask(llm, way, USER, **options)  # type: ignore[arg-type]  # the same methods


@EACH_WAY
async def test_answers_come_in_the_order_of_the_script(way: str) -> None:
    llm = MockProvider("one two", Completion(text="three"), default="four")
    assert [await run(llm, way) for _ in range(4)] == ["one two", "three", "four", "four"]
    assert llm.pending == 0


@EACH_WAY
async def test_an_error_is_raised(way: str) -> None:
    scripted = RateLimitError("slow down", retry_after=2.0)
    llm = MockProvider(scripted, ValueError, default="Hi")
    with pytest.raises(RateLimitError) as caught:
        await run(llm, way)
    assert caught.value is scripted
    with pytest.raises(ValueError, match="scripted"):
        await run(llm, way)
    assert await run(llm, way) == "Hi"


@EACH_WAY
async def test_a_function_sees_the_call(way: str) -> None:
    async def later(call: MockCall) -> str:
        await asyncio.sleep(0)
        return f"{call.system}|{call.text}"

    def fail(call: MockCall) -> Exception:
        return RateLimitError(call.text)

    llm = MockProvider(later, fail, system_prompt="Be brief.")
    assert await run(llm, way) == "Be brief.|Which city?"
    with pytest.raises(RateLimitError, match="Which city"):
        await run(llm, way)


@EACH_WAY
async def test_a_script_that_is_used_up_says_so(way: str) -> None:
    llm = MockProvider("Hi")
    await run(llm, way)
    with pytest.raises(ScriptUsedUpError, match="call 2 of MockProvider has no answer"):
        await run(llm, way)
    llm.script("again")
    assert llm.pending == 1
    assert await run(llm, way) == "again"


@EACH_WAY
async def test_calls_are_kept_as_a_vendor_would_get_them(way: str) -> None:
    llm = MockProvider(default="Hi")
    await run(llm, way)
    llm.set_system_prompt("Be brief.")
    assert llm.get_system_prompt() == "Be brief."
    await run(llm, way, temperature=0.5, max_tokens=9, tools=[])
    bare, full = llm.calls
    assert bare.system is None
    assert bare.messages == USER
    assert bare.options == {}
    assert full.messages == [{"role": "system", "content": "Be brief."}, *USER]
    assert full.options == {"temperature": 0.5, "max_tokens": 9, "tools": []}
    assert full.method == ("complete" if way in ("generate", "complete") else "stream_events")


@EACH_WAY
async def test_what_cannot_be_sent_is_refused_before_an_answer_is_used(way: str) -> None:
    llm = MockProvider("Hi")
    with pytest.raises(InvalidRequestError):
        await ask(llm, way, [])  # type: ignore[arg-type]
    assert llm.pending == 1
    message = Message(role=MessageRole.USER, content="Which city?")
    assert await ask(llm, way, [message]) == "Hi"  # type: ignore[arg-type]


@EACH_WAY
async def test_an_empty_answer_is_an_error(way: str) -> None:
    llm = MockProvider("", Completion(finish_reason="stop"))
    for _ in range(2):
        with pytest.raises(EmptyResponseError):
            await run(llm, way)


@pytest.mark.parametrize("way", ["generate", "stream"])
async def test_an_answer_without_text_is_an_error_for_those_who_want_text(way: str) -> None:
    call = ToolCall("c1", "clock", {})
    llm = MockProvider(
        Completion(tool_calls=(call,)),
        Completion(finish_reason="content_filter"),
        Completion(refusal="I will not."),
    )
    with pytest.raises(EmptyResponseError, match="called tools"):
        await run(llm, way)
    with pytest.raises(ContentFilterError):
        await run(llm, way)
    assert await run(llm, way) == "I will not."


async def test_the_facts_of_a_text() -> None:
    completion = await MockProvider("12345678", model="m").complete(USER)
    assert completion == Completion(
        text="12345678",
        finish_reason="stop",
        usage=Usage(3, 2, 5, estimated=True),
        cost=0.0,
        model="m",
        provider="mock",
    )


async def test_the_facts_of_a_scripted_completion_are_kept() -> None:
    whole = Completion(
        text="Hi", finish_reason="length", usage=Usage(1, 2, 3), cost=0.5, model="m", provider="p"
    )
    assert await MockProvider(whole).complete(USER) == whole
    call = ToolCall("c1", "clock", {"zone": "UTC"})
    called = await MockProvider(Completion(tool_calls=(call,))).complete(USER)
    assert called.finish_reason == "tool_calls"


async def test_a_stream_comes_in_pieces() -> None:
    call = ToolCall("c1", "clock", {"zone": "UTC"})
    whole = Completion(text="one two", reasoning="hm", tool_calls=(call,))
    llm: Any = MockProvider(whole)
    *pieces, last = await collect(llm, USER)
    assert pieces == [
        ReasoningDelta("hm"),
        TextDelta("one"),
        TextDelta(" two"),
        ToolCallDelta(0, "c1", "clock", '{"zone": "UTC"}'),
    ]
    assert isinstance(last, StreamEnd)
    assert last.completion.text == "one two"


async def test_a_stream_can_break() -> None:
    llm = MockProvider(StreamError("lost", partial=Completion(text="one two")), StreamError("cut"))
    stream = llm.stream(USER)
    assert [await anext(stream), await anext(stream)] == ["one", " two"]
    with pytest.raises(StreamError, match="lost"):
        await anext(stream)
    with pytest.raises(StreamError, match="cut"):
        await anext(llm.stream(USER))


async def test_other_tasks_run_between_the_pieces() -> None:
    llm = MockProvider("a b c", "d e f")
    order: list[str] = []

    async def read() -> None:
        async for piece in llm.stream(USER):
            order.append(piece)

    await asyncio.gather(read(), read())
    assert order == ["a", "d", " b", " e", " c", " f"]


async def test_the_rest_of_the_interface() -> None:
    async with MockProvider(model="m", connected=False) as llm:
        assert repr(llm) == "MockProvider(model='m', pending=0)"
        assert await llm.list_models() == ["m"]
        assert llm.get_model_info() == {"model": "m", "provider": "mock"}
        assert llm.capabilities().tools
        assert not await llm.check_connection()
        llm.connected = True
        assert await llm.check_connection()
        assert [llm.get_token_count(text) for text in ("", "a", "12345")] == [0, 1, 2]
        assert await llm.count_message_tokens(USER) == 3
        await llm.close()


@pytest.mark.parametrize("answer", [None, 5, int, ["Hi"]])
def test_an_answer_of_another_type_is_refused(answer: Any) -> None:
    with pytest.raises(ConfigurationError, match="MockProvider cannot answer with a"):
        MockProvider(answer)


async def test_a_function_that_returns_another_type_is_refused() -> None:
    llm = MockProvider(lambda call: 5)
    with pytest.raises(ConfigurationError, match="cannot answer with a int"):
        await llm.generate(USER)


async def test_it_stands_in_for_a_provider_in_a_fallback() -> None:
    llm = FallbackProvider([MockProvider(RateLimitError("slow down")), MockProvider("Hi there")])
    assert await llm.generate(USER) == "Hi there"


def test_it_has_the_methods_of_the_real_provider() -> None:
    def public(kind: type) -> set[str]:
        return {
            name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))
        }

    about_keys = {"diagnose", "found_key", "missing_key"}  # of which a mock has none
    assert public(LiteLLMProvider) - public(MockProvider) == about_keys


def test_litellm_is_not_imported() -> None:
    code = (
        "import asyncio, sys; from bruno_llm.testing import MockProvider\n"
        "llm = MockProvider('Hi')\n"
        "print(asyncio.run(llm.generate([{'role': 'user', 'content': 'Hello'}])))\n"
        "assert not {'litellm', 'tiktoken'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "Hi\n"


def test_every_public_name_of_the_package_is_there() -> None:
    for name in testing.__all__:
        assert getattr(testing, name) is not None
    assert set(testing.__all__) <= set(dir(testing))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = testing.no_such_name
