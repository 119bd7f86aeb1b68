"""Runs of tools over each vendor's wire: money, order, approval, images, a server of MCP."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bruno_llm import (
    BudgetExceededError,
    CostTracker,
    GeminiProvider,
    OpenAIProvider,
    RunEnd,
    ToolCall,
    ToolLimitError,
    ToolRun,
    Usage,
    resume_tools,
    run_tools,
    stream_tools,
    tool,
    tools_from_mcp,
)
from bruno_llm.testing import FakeServer, Reply
from tests.contract.matrix import OPENAI, USER, Case, Make, chats, only

pytestmark = pytest.mark.covering(1)
STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16
SHOWN = "iVBORw0KGgo"


@tool
def capital(country: str) -> str:
    """The capital of a country."""
    return {"Norway": "Oslo"}[country]


@tool
def flag(country: str) -> list[Any]:
    """The flag of a country."""
    return [f"The flag of {country}:", PNG]


@tool(approve=True)
def delete(file: str) -> str:
    """Delete a file."""
    return f"{file} is gone"


CAPITAL = Reply("", tool_calls=[ToolCall("call_1", "capital", {"country": "Norway"})])
FLAG = Reply("", tool_calls=[ToolCall("call_1", "flag", {"country": "Norway"})])
DELETE = Reply("", tool_calls=[ToolCall("call_1", "delete", {"file": "a.txt"})])


async def run(llm: Any, tools: list[Any], streamed: bool, **options: Any) -> ToolRun:
    if not streamed:
        return await run_tools(llm, USER, tools, **options)
    *_, end = [event async for event in stream_tools(llm, USER, tools, **options)]
    assert isinstance(end, RunEnd)
    return end.run


def results(run: ToolRun) -> list[str]:
    return [m.content for m in run.messages if m.role.value == "tool"]


# --- money ----------------------------------------------------------------------------------------


@STREAMED
async def test_every_round_is_booked_once_and_the_run_costs_their_sum(
    case: Case, make: Make, server: FakeServer, streamed: bool
) -> None:
    costs = CostTracker()
    server.script(CAPITAL, CAPITAL, Reply("Oslo."))
    done = await run(make(costs=costs), [capital], streamed)
    assert len(costs.recent()) == len(chats(server)) == 3
    assert done.cost == pytest.approx(float(costs.total))
    assert (done.cost == 0) == (case.vendor == "ollama")
    booked = costs.recent()
    used = sum(one.prompt_tokens + one.completion_tokens for one in booked)
    assert done.usage.total_tokens == used


@only(OPENAI)
@STREAMED
async def test_a_budget_that_runs_out_between_rounds_keeps_the_run(
    make: Make, server: FakeServer, streamed: bool
) -> None:
    costs = CostTracker(budget=0.01)
    # One answer of 16,000 tokens costs 0.0096 dollars.
    spent = Reply("", tool_calls=CAPITAL.tool_calls, usage=Usage(10, 16_000, 16_010))
    server.script(spent)
    with pytest.raises(BudgetExceededError) as caught:
        await run(make(costs=costs, max_tokens=16_000), [capital], streamed)
    kept = caught.value.run
    assert kept is not None and results(kept) == ["Oslo"]
    assert kept.cost == pytest.approx(float(costs.total))
    assert len(server.requests) == 1


@STREAMED
async def test_the_limit_of_rounds_keeps_the_run(
    make: Make, server: FakeServer, streamed: bool
) -> None:
    costs = CostTracker()
    server.script(CAPITAL, CAPITAL)
    with pytest.raises(ToolLimitError) as caught:
        await run(make(costs=costs), [capital], streamed, max_rounds=1)
    kept = caught.value.run
    assert (kept.rounds, results(kept)) == (2, ["Oslo"])
    assert kept.cost == pytest.approx(float(costs.total))


async def test_the_tools_stay_the_same_from_round_to_round(make: Make, server: FakeServer) -> None:
    """The vendors' prompt caches hold as long as the beginning of the request is the same."""
    tools = [flag, capital, delete]
    server.script(CAPITAL, Reply("Oslo."), Reply("Oslo."))
    await run(make(), tools, streamed=False)
    await run(make(), tools, streamed=True)
    sent = {json.dumps(request.json["tools"]) for request in chats(server)}
    assert len(sent) == 1
    (listed,) = sent
    places = [listed.index(f'"{one.name}"') for one in tools]
    assert places == sorted(places)


# --- approval -------------------------------------------------------------------------------------


@STREAMED
@pytest.mark.parametrize("verdict", [True, "keep it"])
async def test_a_run_waits_for_a_person_and_goes_on_elsewhere(
    make: Make, server: FakeServer, streamed: bool, verdict: bool | str
) -> None:
    server.script(DELETE, Reply("Well then."))
    waiting = await run(make(), [delete], streamed)
    assert [call.name for call in waiting.pending] == ["delete"]
    text = waiting.to_json()  # and now in another process
    waiting = ToolRun.from_json(text)
    approved = {call.id: verdict for call in waiting.pending}
    done = await resume_tools(make(), waiting, [delete], approved=approved)
    assert done.text == "Well then."
    assert results(done) == ["a.txt is gone" if verdict is True else "Error: keep it"]


# --- images ---------------------------------------------------------------------------------------


@STREAMED
async def test_an_image_of_a_tool_goes_to_the_model(
    case: Case, make: Make, server: FakeServer, streamed: bool
) -> None:
    server.script(FLAG, Reply("A cross."))
    done = await run(make(), [flag], streamed)
    assert done.text == "A cross."
    sent = server.requests[-1].json
    assert "The flag of Norway:" in json.dumps(sent) and SHOWN in json.dumps(sent)
    last = (sent.get("messages") or sent.get("contents"))[-1]
    # Claude reads it in the result; the others are shown it by the user, behind the results.
    assert (last["role"], "tool_result" in json.dumps(last)) == ("user", case.vendor == "anthropic")


@STREAMED
async def test_an_image_in_a_result_of_the_responses_endpoint(
    server: FakeServer, streamed: bool
) -> None:
    server.script(FLAG, Reply("A cross."))
    url = server.base_url("openai")
    llm = OpenAIProvider("gpt-5.4-mini", base_url=url, api_key="sk-t", api="responses")
    await run(llm, [flag], streamed)
    (output,) = (one for one in server.requests[-1].json["input"] if "output" in one)
    assert [part["type"] for part in output["output"]] == ["input_text", "input_image"]


@STREAMED
async def test_a_model_that_cannot_see_is_told_of_the_image(
    server: FakeServer, no_keys: None, streamed: bool
) -> None:
    server.script(FLAG, Reply("I cannot see it."))
    llm = OpenAIProvider("gpt-3.5-turbo", base_url=server.base_url("openai"), api_key="sk-t")
    await run(llm, [flag], streamed)
    told = server.requests[-1].json["messages"][-1]
    assert told["role"] == "tool"
    assert told["content"] == "The flag of Norway:\n(an image that this model cannot see)"


# --- a server of MCP ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mcp_address() -> Iterator[str]:
    """A real server in a process of its own; connections wait in the socket until it is up."""
    pytest.importorskip("mcp", reason="the package mcp is not installed")
    script = Path(__file__).parents[1] / "tools" / "mcp_server.py"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listened = listening.fileno()
        arguments = [sys.executable, "-W", "ignore", str(script), "http", str(listened)]
        with subprocess.Popen(arguments, pass_fds=[listened]) as process:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
            process.kill()


@STREAMED
async def test_the_tools_of_an_mcp_server(
    make: Make, server: FakeServer, mcp_address: str, streamed: bool
) -> None:
    import mcp

    unknown = ToolCall("call_2", "capital", {"country": "Atlantis"})
    people = ToolCall("call_3", "population", {"city": "Oslo"})
    picture = ToolCall("call_4", "flag", {"country": "Norway"})
    asked = [*CAPITAL.tool_calls, unknown, people, picture]
    server.script(Reply("", tool_calls=asked), Reply("Oslo."))
    async with mcp.Client(mcp_address) as session:
        done = await run(make(), await tools_from_mcp(session), streamed)
    assert done.text == "Oslo."
    right, wrong, many, shown = results(done)
    assert right == "Oslo"
    assert "there is no country Atlantis" in wrong
    assert '"Oslo": 702026' in many
    assert shown == "The flag of Norway:"
    assert SHOWN in json.dumps(server.requests[-1].json)


async def test_gemini_3_takes_the_image_beside_its_signed_calls(
    server: FakeServer, no_keys: None
) -> None:
    server.script(FLAG, Reply("A cross."))
    url = server.base_url("gemini")
    llm = GeminiProvider("gemini-3-flash-preview", base_url=url, api_key="key")
    assert (await run(llm, [flag], streamed=False)).text == "A cross."
    assert SHOWN in json.dumps(server.requests[-1].json)
