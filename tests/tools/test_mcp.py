"""The tools of real MCP servers, in processes of their own; two of them only at full size."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bruno_llm import (
    Completion,
    ConfigurationError,
    OpenAIProvider,
    Tool,
    ToolCall,
    run_tools,
    tools_from_mcp,
)
from bruno_llm.testing import FakeServer, MockProvider, Reply
from bruno_llm.tools import ToolError
from tests.size import FULL
from tests.tools.test_docs import examples

mcp = pytest.importorskip("mcp", reason="the package mcp is not installed")
from tests.tools.mcp_server import odd, without_end  # noqa: E402  needs it

SCRIPT = str(Path(__file__).with_name("mcp_server.py"))
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16
ASK = [{"role": "user", "content": "What is the capital of Norway?"}]


def in_a_process(kind: str) -> Any:
    return mcp.StdioServerParameters(command=sys.executable, args=["-W", "ignore", SCRIPT, kind])


@asynccontextmanager
async def client(server: Any) -> AsyncIterator[Any]:
    async with mcp.Client(server) as opened:
        yield opened


@pytest.fixture
def address() -> Iterator[str]:
    """A server of streamable HTTP; connections wait in the socket until it is up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        arguments = [sys.executable, "-W", "ignore", SCRIPT, "http", str(listening.fileno())]
        with subprocess.Popen(arguments, pass_fds=[listening.fileno()]) as process:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
            process.kill()


def calling(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(f"call_{name}", name, arguments)


def named(tools: list[Tool], name: str) -> Any:
    return next(tool for tool in tools if tool.name == name).call


async def test_a_model_uses_a_server(server: FakeServer) -> None:
    known, unknown = {"country": "Norway"}, {"country": "Atlantis"}
    asked = [ToolCall("call_1", "capital", known), ToolCall("call_2", "capital", unknown)]
    server.script(Reply("", tool_calls=asked), Reply("Oslo."))
    llm = OpenAIProvider(base_url=server.base_url("openai"), api_key="sk-test")
    async with llm, client(in_a_process("usual")) as session:
        run = await run_tools(llm, ASK, await tools_from_mcp(session))
    assert run.text == "Oslo."
    right, wrong = (m.content for m in run.messages if m.role.value == "tool")
    assert right == "Oslo"
    assert wrong.startswith("Error: ") and "there is no country Atlantis" in wrong
    sent = {t["function"]["name"]: t["function"] for t in server.requests[0].json["tools"]}
    assert sent["capital"]["description"] == "The capital of a country."
    assert sent["population"]["parameters"]["required"] == ["city", "year"]  # strict mode


@pytest.mark.full
async def test_a_session_of_the_older_handshake() -> None:
    async with (
        mcp.stdio_client(in_a_process("usual")) as (read, write),
        mcp.ClientSession(read, write) as session,
    ):
        await session.initialize()
        tools = await tools_from_mcp(session, prefix="geo_", approve=True, timeout=30)
        assert [tool.name for tool in tools][:2] == ["geo_capital", "geo_population"]
        assert all(tool.approve and tool.timeout == 30 for tool in tools)
        assert await named(tools, "geo_capital")(country="Sweden") == "Stockholm"


async def test_over_http(address: str) -> None:
    llm = MockProvider(Completion(tool_calls=(calling("population", city="Oslo"),)), "Many.")
    async with mcp.Client(address) as session:
        run = await run_tools(llm, ASK, await tools_from_mcp(session))
    assert run.text == "Many."
    (told,) = (m.content for m in run.messages if m.role.value == "tool")
    assert '"Oslo": 702026' in told


@pytest.mark.sized
async def test_every_page_every_name_and_every_kind_of_content() -> None:
    async with client(in_a_process("odd") if FULL else odd()) as session:
        tools = await tools_from_mcp(session)
        names = [tool.name for tool in tools]
        first, second, third, pictures, long, longer, *_ = names
        # They keep their names; the model is shown clean ones.
        assert (first, second, third) == ("notes.read", "notes/read", "notes_read")
        assert pictures == "2 pictures"
        assert (long, longer) == ("x" * 70, "x" * 71)
        assert tools[0].description == "Title of notes.read"
        assert tools[0].parameters == {"type": "object", "properties": {}}
        assert await named(tools, first)() == "# Notes\nreport (file:///r.pdf): The whole report."
        assert await named(tools, second)() == {"read": True}
        assert await named(tools, third)() == ""
        assert await named(tools, pictures)() == [{"pictures": 2}, PNG, PNG]
        assert await named(tools, long)() == [PNG]
        assert (await named(tools, longer)()).startswith("<svg")
        assert await named(tools, "sound")() == "(audio: audio/wav, 1,200 bytes, not shown)"
        assert await named(tools, "broken")() == "(image: broken base64)"
        with pytest.raises(ToolError, match="does not say why"):
            await named(tools, "fails")()


@pytest.mark.sized
async def test_a_list_without_an_end() -> None:
    async with client(in_a_process("endless") if FULL else without_end()) as session:
        with pytest.raises(ConfigurationError, match="more than 100 pages"):
            await tools_from_mcp(session)


@pytest.mark.full
async def test_a_server_that_died_costs_a_round_and_not_the_run() -> None:
    llm = MockProvider(Completion(tool_calls=(calling("leave"),)), "It is gone.")
    async with client(in_a_process("usual")) as session:
        run = await run_tools(llm, ASK, await tools_from_mcp(session))
    assert run.text == "It is gone."
    (told,) = (m.content for m in run.messages if m.role.value == "tool")
    assert told.startswith("Error: ")


@pytest.mark.full
async def test_the_example_of_the_page() -> None:
    llm = MockProvider(Completion(tool_calls=(calling("capital", country="Norway"),)), "Oslo.")
    assert await examples()["with_server"](llm, SCRIPT, ASK) == "Oslo."
    assert llm.calls[-1].messages[-1]["content"] == "Oslo"


async def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(ConfigurationError, match=r"bruno-llm\[mcp\]"):
        await tools_from_mcp(object())
