"""The loop over tools: what runs, what the model is told, what is kept."""

from __future__ import annotations

import asyncio
import contextvars
import pickle
import threading
from typing import Any

import pytest
from bruno_core.models.message import Message

from bruno_llm import Completion, ConfigurationError, InvalidRequestError, ToolCall, Usage, _clock
from bruno_llm.exceptions import BudgetExceededError
from bruno_llm.testing import MockProvider, MovedClock
from bruno_llm.tools import (
    RunEnd,
    RunProgress,
    ToolError,
    ToolFinished,
    ToolLimitError,
    ToolProvider,
    ToolRun,
    ToolStarted,
    resume_tools,
    run_tools,
    stream_tools,
    tool,
)

ASK = [{"role": "user", "content": "What is the weather?"}]
SPENT = Usage(10, 5, 15)


def calls(*named: tuple[str, Any], cost: float | None = 0.25) -> Completion:
    made = []
    for place, (name, arguments) in enumerate(named):
        raw = arguments if isinstance(arguments, str) else ""
        given = {} if raw else arguments
        made.append(ToolCall(f"c{place}-{name}", name, given, raw))
    return Completion(tool_calls=tuple(made), usage=SPENT, cost=cost)


def answer(text: str = "Done.") -> Completion:
    return Completion(text=text, usage=SPENT, cost=0.5)


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"Sunny in {city}"


def told(llm: MockProvider, request: int = -1) -> list[str]:
    """The tool results that a request carried."""
    return [m["content"] for m in llm.calls[request].messages if m["role"] == "tool"]


async def test_calls_are_run_and_the_answer_comes_with_the_sums() -> None:
    llm = MockProvider(calls(("weather", {"city": "Oslo"})), answer("It is sunny."))
    run = await run_tools(llm, ASK, [weather])
    assert run.text == "It is sunny."
    assert told(llm) == ["Sunny in Oslo"]
    assert (run.rounds, run.usage, run.cost) == (1, Usage(20, 10, 30), 0.75)
    assert [call.name for call in run.calls] == ["weather"]
    assert [m.role.value for m in run.messages] == ["assistant", "tool", "assistant"]
    assert all(isinstance(m, Message) for m in run.messages)
    assert llm.calls[0].options["tools"][0]["function"]["name"] == "weather"


async def test_the_new_messages_go_into_the_history() -> None:
    llm = MockProvider(calls(("weather", {"city": "Oslo"})), answer(), answer("Still sunny."))
    run = await run_tools(llm, ASK, [weather])
    history = [*ASK, *run.messages, {"role": "user", "content": "And now?"}]
    assert (await run_tools(llm, history, [weather])).text == "Still sunny."
    assert told(llm) == ["Sunny in Oslo"]


async def test_streamed_events_in_their_order() -> None:
    llm = MockProvider(calls(("weather", {"city": "Oslo"})), answer("It is sunny."))
    events = [event async for event in stream_tools(llm, ASK, [weather])]
    kinds = [type(event).__name__ for event in events]
    assert kinds[:3] == ["ToolCallDelta", "RunProgress", "ToolStarted"]
    assert kinds[3:5] == ["ToolFinished", "RunProgress"]
    assert kinds[5:] == ["TextDelta", "TextDelta", "TextDelta", "RunEnd"]
    finished = next(event for event in events if isinstance(event, ToolFinished))
    assert (finished.result, finished.error) == ("Sunny in Oslo", None)
    end = events[-1]
    assert isinstance(end, RunEnd) and end.run.cost == 0.75


async def test_calls_of_one_round_run_side_by_side() -> None:
    """None of three ends before all have begun, so three of 0.2 s take as long as one."""
    all_began = asyncio.Event()
    began: list[int] = []

    @tool
    async def slow(n: int) -> int:
        """Waits for the others, and takes a while."""
        began.append(n)
        if len(began) == 3:
            all_began.set()
        await all_began.wait()
        await _clock.sleep(0.2)
        return n

    llm = MockProvider(calls(*[("slow", {"n": n}) for n in range(3)]), answer())
    with MovedClock() as clock:
        start = clock.monotonic()
        await run_tools(llm, ASK, [slow])
        took = clock.monotonic() - start
    assert took == pytest.approx(0.2)
    assert told(llm) == ["0", "1", "2"]


def test_sync_calls_run_side_by_side_too() -> None:
    all_began = threading.Barrier(3)

    @tool
    def slow(n: int) -> int:
        """Waits for the others."""
        all_began.wait(timeout=60)  # broken, it fails the call
        return n

    llm = MockProvider(calls(*[("slow", {"n": n}) for n in range(3)]), answer())
    asyncio.run(run_tools(llm, ASK, [slow]))
    assert told(llm) == ["0", "1", "2"]


async def test_not_more_than_eight_run_at_once() -> None:
    running: set[int] = set()
    most = 0
    eight = asyncio.Event()

    @tool
    async def slow(n: int) -> int:
        """Waits until eight run."""
        nonlocal most
        running.add(n)
        most = max(most, len(running))
        if len(running) == 8:
            eight.set()
        await eight.wait()
        running.discard(n)
        return n

    llm = MockProvider(calls(*[("slow", {"n": n}) for n in range(20)]), answer())
    await run_tools(llm, ASK, [slow])
    assert most == 8
    assert told(llm) == [str(n) for n in range(20)]


async def test_sequential_tools_run_in_the_models_order() -> None:
    seen: list[str] = []

    @tool(sequential=True)
    async def step(name: str) -> str:
        """One step."""
        seen.append(f"{name} begins")
        await asyncio.sleep(0)
        seen.append(f"{name} ends")
        return name

    llm = MockProvider(calls(("step", {"name": "a"}), ("step", {"name": "b"})), answer())
    await run_tools(llm, ASK, [step])
    assert seen == ["a begins", "a ends", "b begins", "b ends"]


async def test_tools_see_the_callers_context_sync_ones_in_a_thread() -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user")
    user.set("ada")
    loop_thread = threading.get_ident()

    @tool
    def who() -> str:
        """The user."""
        assert threading.get_ident() != loop_thread
        return user.get()

    @tool
    async def whom() -> str:
        """The user."""
        return user.get()

    llm = MockProvider(calls(("who", {}), ("whom", {})), answer())
    await run_tools(llm, ASK, [who, whom])
    assert told(llm) == ["ada", "ada"]


@tool
def fails(how: str) -> str:
    """Fails."""
    if how == "said":
        raise ToolError("ask for a city in Norway")
    raise KeyError(how)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("weather", '{"city": "Os', "not valid JSON"),
        ("weather", "[1]", "must be a JSON object"),
        ("weather", {}, "city: Field required"),
        ("weather", {"city": 5}, "city: Input should be a valid string"),
        ("wether", {"city": "Oslo"}, "there is no tool 'wether'; there are: weather, fails"),
        ("fails", {"how": "said"}, "Error: ask for a city in Norway"),
        ("fails", {"how": "bad"}, "Error: KeyError: 'bad'"),
    ],
)
async def test_what_goes_wrong_is_told_to_the_model_and_costs_a_round(
    name: str, arguments: Any, words: str
) -> None:
    llm = MockProvider(calls((name, arguments)), answer())
    run = await run_tools(llm, ASK, [weather, fails])
    assert words in told(llm)[0]
    assert "Traceback" not in told(llm)[0]
    assert run.text == "Done."


async def test_a_tool_that_takes_too_long_is_told() -> None:
    @tool(timeout=0.01)
    async def stuck() -> str:
        """Never ends."""
        await asyncio.Event().wait()
        return ""

    llm = MockProvider(calls(("stuck", {})), answer())
    await run_tools(llm, ASK, [stuck])
    assert told(llm) == ["Error: the tool did not finish within 0.01 s"]


async def test_a_sync_tool_that_takes_too_long_is_told_and_not_waited_for() -> None:
    release = threading.Event()

    @tool(timeout=0.01)
    def stuck() -> str:
        """Ends when it may."""
        release.wait(timeout=60)
        return ""

    llm = MockProvider(calls(("stuck", {})), answer())
    try:
        await run_tools(llm, ASK, [stuck])
    finally:
        release.set()
    assert told(llm) == ["Error: the tool did not finish within 0.01 s"]


async def test_one_round_more_than_allowed_keeps_everything() -> None:
    endless = MockProvider(default=calls(("weather", {"city": "Oslo"})))
    with pytest.raises(ToolLimitError, match="more than 3 rounds") as caught:
        await run_tools(endless, ASK, [weather], max_rounds=3)
    run = caught.value.run
    assert len(endless.calls) == 4
    assert (run.rounds, run.cost, run.usage.total_tokens) == (4, 1.0, 60)
    assert len(told(endless)) == 3
    assert pickle.loads(pickle.dumps(caught.value)).run == run


async def test_max_rounds_rounds_and_an_answer_are_fine() -> None:
    llm = MockProvider(*[calls(("weather", {"city": "Oslo"}))] * 3, answer())
    assert (await run_tools(llm, ASK, [weather], max_rounds=3)).text == "Done."


async def test_a_budget_that_runs_out_between_rounds_keeps_the_run() -> None:
    llm = MockProvider(calls(("weather", {"city": "Oslo"})), BudgetExceededError("spent"))
    with pytest.raises(BudgetExceededError) as caught:
        await run_tools(llm, ASK, [weather])
    run = caught.value.run
    assert run is not None and run.cost == 0.25
    assert [m.role.value for m in run.messages] == ["assistant", "tool"]


async def test_an_unknown_price_makes_the_sum_unknown() -> None:
    unpriced = Completion(text="Done.", usage=SPENT, cost=None)

    class Unpriced(MockProvider):
        def _completion(self, call: Any, answer: Any) -> Completion:
            return unpriced if answer is unpriced else super()._completion(call, answer)

    llm = Unpriced(calls(("weather", {"city": "Oslo"})), unpriced)
    assert (await run_tools(llm, ASK, [weather])).cost is None


async def test_cancelling_cancels_the_tools() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    @tool
    async def waits() -> None:
        """Waits."""
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    task = asyncio.ensure_future(run_tools(MockProvider(calls(("waits", {}))), ASK, [waits]))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()


async def test_leaving_the_events_cancels_the_tools() -> None:
    cancelled = asyncio.Event()

    @tool
    async def waits() -> None:
        """Waits."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    events = stream_tools(MockProvider(calls(("waits", {}))), ASK, [waits])
    async for event in events:
        if isinstance(event, ToolStarted):
            break
    await events.aclose()
    assert cancelled.is_set()


async def test_a_run_that_was_left_goes_on_from_its_last_progress() -> None:
    @tool
    async def waits() -> str:
        """Waits."""
        await asyncio.Event().wait()
        return ""

    llm = MockProvider(calls(("weather", {"city": "Oslo"}), ("waits", {})), answer())
    events = stream_tools(llm, ASK, [weather, waits])
    async for event in events:
        if isinstance(event, RunProgress) and len(event.run.messages) == 2:
            break
    await events.aclose()
    run = ToolRun.from_json(event.run.to_json())  # type: ignore[union-attr]
    assert (run.cost, [call.name for call in run.pending]) == (0.25, ["waits"])

    @tool(name="waits")
    def at_once() -> str:
        """Does not wait."""
        return "now"

    later = await resume_tools(llm, run, [weather, at_once], approved={run.pending[0].id: True})
    assert later.text == "Done."
    assert told(llm) == ["Sunny in Oslo", "now"]


# --- approval -----------------------------------------------------------------------------------


@tool(approve=True)
def delete(file: str) -> str:
    """Delete a file."""
    return f"{file} is gone"


async def test_without_a_person_the_run_waits_and_goes_on_from_json() -> None:
    llm = MockProvider(
        calls(("delete", {"file": "a"}), ("weather", {"city": "Oslo"}), ("delete", {"file": "b"})),
        answer("One is gone."),
    )
    run = await run_tools(llm, ASK, [delete, weather])
    assert [call.arguments["file"] for call in run.pending] == ["a", "b"]
    assert len(llm.calls) == 1

    again = ToolRun.from_json(run.to_json())
    assert again == run
    first, second = again.pending
    done = await resume_tools(
        llm, again, [delete, weather], approved={first.id: True, second.id: "keep that one"}
    )
    assert done.text == "One is gone."
    assert sorted(told(llm)) == ["Error: keep that one", "Sunny in Oslo", "a is gone"]
    assert (done.cost, done.rounds, done.pending) == (0.75, 1, ())


async def test_what_nobody_approved_is_refused() -> None:
    llm = MockProvider(calls(("delete", {"file": "a"})), answer())
    run = await run_tools(llm, ASK, [delete])
    await resume_tools(llm, run, [delete], approved={})
    assert told(llm) == ["Error: the user did not allow this call"]
    with pytest.raises(ConfigurationError, match="no call 'nope' waits"):
        await resume_tools(llm, run, [delete], approved={"nope": True})


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (True, "a is gone"),
        (False, "Error: the user did not allow this call"),
        ("not today", "Error: not today"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_person_is_asked(verdict: bool | str, expected: str, streamed: bool) -> None:
    async def approve(call: ToolCall) -> bool | str:
        assert call.arguments == {"file": "a"}
        return verdict

    llm = MockProvider(calls(("delete", {"file": "a"})), answer())
    if streamed:
        events = [e async for e in stream_tools(llm, ASK, [delete], approve=approve)]
        assert isinstance(events[-1], RunEnd)
    else:
        await run_tools(llm, ASK, [delete], approve=lambda call: verdict)
    assert told(llm) == [expected]


def test_what_is_no_run_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not the JSON of a ToolRun"):
        ToolRun.from_json('{"pending": 5}')


# --- as a provider ------------------------------------------------------------------------------


async def test_a_provider_that_uses_tools_by_itself() -> None:
    script = [calls(("weather", {"city": "Oslo"})), answer("It is sunny.")]
    llm = ToolProvider(MockProvider(*script, *script), [weather])
    assert await llm.generate(ASK) == "It is sunny."
    assert "".join([piece async for piece in llm.stream(ASK)]) == "It is sunny."
    assert llm.get_model_info()["tool_names"] == ["weather"]


async def test_its_completion_has_the_sums_and_the_run() -> None:
    llm = ToolProvider(MockProvider(calls(("weather", {"city": "Oslo"})), answer()), [weather])
    completion = await llm.complete(ASK)
    assert (completion.cost, completion.usage) == (0.75, Usage(20, 10, 30))
    assert completion.metadata["tool_run"].rounds == 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_it_takes_no_other_tools(streamed: bool) -> None:
    llm = ToolProvider(MockProvider(), [weather])
    assert llm.capabilities().tools is False
    with pytest.raises(InvalidRequestError, match="takes its tools when it is made"):
        if streamed:
            _ = [piece async for piece in llm.stream(ASK, tools=[weather])]
        else:
            await llm.complete(ASK, tools=[weather])


def test_it_needs_somebody_to_ask() -> None:
    with pytest.raises(ConfigurationError, match="'delete' needs approval"):
        ToolProvider(MockProvider(), [delete])
    ToolProvider(MockProvider(), [delete], approve=lambda call: True)
