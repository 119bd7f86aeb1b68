"""``bruno-llm chat`` in a terminal and in a pipe."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bruno_llm.completion import Usage
from bruno_llm.testing import FakeServer, Fault, Reply
from tests import cli_runs
from tests.cli_runs import PLANTED, invoke, vendor_addresses
from tests.terminal import Terminal, bare_environment

home = cli_runs.home


@pytest.fixture
def ollama(home: pytest.MonkeyPatch, server: FakeServer) -> FakeServer:
    """A machine on which Ollama runs; the other vendors are the server too."""
    for name, value in vendor_addresses(server).items():
        home.setenv(name, value)
    return server


def conversation(server: FakeServer, place: int = -1) -> list[tuple[str, str]]:
    """Role and text of every message of a chat request."""
    asked: Any = [r for r in server.requests if r.endpoint == "chat"][place].json
    return [(message["role"], message["content"]) for message in asked["messages"]]


@pytest.mark.slow
def test_a_conversation_in_a_terminal(tmp_path: Path, server: FakeServer) -> None:
    gate = server.gate()
    server.script(
        Reply("Hello to you"),
        Reply("never to be read whole", gate=gate),
        Reply("Third"),
    )
    env = bare_environment(tmp_path, {"OLLAMA_API_BASE": server.base_url("ollama")})
    with Terminal(["chat"], env) as terminal:
        terminal.until("ollama/llama3.2 | /help lists the commands, Ctrl-D ends")
        terminal.until("> ")
        terminal.type("hi")
        terminal.until("Hello to you")
        terminal.until("10 + 5 tokens | free")
        terminal.until("> ")
        terminal.insist("c", "(Ctrl-D or /quit ends)")
        terminal.until("> ")
        terminal.type("again")
        terminal.until("never")
        terminal.press("c")
        terminal.until("(stopped)")
        asyncio.run(server.wait_for(lambda: server.disconnects == 1))
        terminal.until("> ")
        terminal.type("and now")
        terminal.until("Third")
        terminal.until("> ")
        terminal.press("d")
        assert terminal.exit_code() == 0
        assert "Traceback" not in terminal.seen
    assert conversation(server) == [
        ("user", "hi"),
        ("assistant", "Hello to you"),
        ("user", "again"),
        ("assistant", "never"),
        ("user", "and now"),
    ]


def test_answers_to_a_pipe_are_without_prompts(ollama: FakeServer) -> None:
    ollama.script(Reply("One"), Reply("Two"))
    result = invoke("chat", stdin="first\n\nsecond\n")
    assert (result.exit_code, result.stdout) == (0, "One\nTwo\n")
    assert conversation(ollama) == [("user", "first"), ("assistant", "One"), ("user", "second")]


def test_quit_ends_before_the_end_of_the_input(ollama: FakeServer) -> None:
    result = invoke("chat", stdin="/quit\nnever sent\n")
    assert result.exit_code == 0
    assert not [r for r in ollama.requests if r.endpoint == "chat"]


def test_help_and_unknown_commands(ollama: FakeServer) -> None:
    result = invoke("chat", stdin="/help\n/hlep\n")
    for name in ("/model", "/system", "/save", "/cost", "/clear", "/help", "/quit"):
        assert name in result.stderr
    assert "Error: there is no command /hlep; /help lists them" in result.stderr
    assert result.stdout == ""


def test_system_prompt_and_clear(ollama: FakeServer) -> None:
    lines = "/system\n/system Be brief.\n/system\nfirst\n/clear\nsecond\n"
    result = invoke("chat", "-s", "Be kind.", stdin=lines)
    told = [line for line in result.stderr.splitlines() if line.startswith("system prompt")]
    assert told == [
        "system prompt: Be kind.",
        "system prompt: Be brief.",
        "system prompt: Be brief.",
    ]
    assert conversation(ollama) == [("system", "Be brief."), ("user", "second")]


def test_another_model_goes_on_with_the_conversation(
    ollama: FakeServer, home: pytest.MonkeyPatch
) -> None:
    home.setenv("OPENAI_API_KEY", PLANTED)
    lines = (
        "/system Be brief.\nfirst\n/model mistral\nsecond\n/model openai/gpt-4o-mini\nthird\n"
        "/model nonsense-vendor/\n/model opanai/gpt-4o\n/model\n/cost\n"
    )
    result = invoke("chat", stdin=lines)
    asked = [r for r in ollama.requests if r.endpoint == "chat"]
    assert [(r.vendor, r.model) for r in asked] == [
        ("ollama", "llama3.2"),
        ("ollama", "mistral"),
        ("openai", "gpt-4o-mini"),
    ]
    assert len(conversation(ollama)) == 6
    assert conversation(ollama)[0] == ("system", "Be brief.")
    assert "Error: Provider 'nonsense-vendor/' not found" in result.stderr
    assert "Error: there is no vendor 'opanai'; did you mean 'openai'?" in result.stderr
    # 10 x 0.15 + 5 x 0.60 dollars per million tokens.
    assert result.stderr.endswith("openai/gpt-4o-mini\n3 calls | 30 + 15 tokens | <$0.0001\n")


def test_unknown_prices_are_counted_apart(ollama: FakeServer, home: pytest.MonkeyPatch) -> None:
    home.setenv("OPENAI_API_KEY", PLANTED)
    ollama.default = Reply(usage=Usage(2000, 0, 2000))
    lines = "hi\n/model gpt-5-mini\nhi\n/cost\n"
    result = invoke("chat", "-p", "openai", "-m", "mine", stdin=lines)
    assert "2 calls | 4,000 + 0 tokens | $0.0005 | 1 of unknown price" in result.stderr


def test_costs_of_a_configured_ledger_are_those_of_this_chat(
    ollama: FakeServer, tmp_path: Path
) -> None:
    file = tmp_path / "c.json"
    ledger = tmp_path / "costs.db"
    file.write_text(json.dumps({"provider": "ollama", "costs": {"ledger": str(ledger)}}))
    for _ in range(2):
        result = invoke("chat", "--config", str(file), stdin="hi\n/cost\n")
        assert "1 call | 10 + 5 tokens | free" in result.stderr
    costs = invoke("costs", "--ledger", str(ledger), "--json")
    assert json.loads(costs.stdout)["total"]["calls"] == 2


def test_a_failed_turn_is_forgotten(ollama: FakeServer) -> None:
    ollama.script(Fault.status(400, message="this is wrong"), Reply("Better"))
    result = invoke("chat", stdin="first\nsecond\n")
    assert result.exit_code == 0
    assert "Error: [ollama] llama3.2: " in result.stderr
    assert conversation(ollama) == [("user", "second")]


def test_what_came_before_a_break_is_kept(ollama: FakeServer) -> None:
    ollama.script(Fault.cut(2, reply=Reply("one two three")), Reply("ok"))
    result = invoke("chat", stdin="first\nsecond\n")
    assert result.stdout == "one two\nok\n"
    assert conversation(ollama)[1] == ("assistant", "one two")


def test_an_interrupt_stops_the_answer_and_not_the_chat(ollama: FakeServer) -> None:
    gate = ollama.gate()

    def interrupt(_request: object) -> Reply:
        os.kill(os.getpid(), signal.SIGINT)
        return Reply("never", gate=gate)

    ollama.script(interrupt, Reply("Later"))
    before = signal.getsignal(signal.SIGINT)
    result = invoke("chat", stdin="first\nsecond\n")
    assert (result.exit_code, "(stopped)" in result.stderr) == (0, True)
    assert result.stdout.endswith("Later\n")
    assert signal.getsignal(signal.SIGINT) is before


def test_a_conversation_is_saved(ollama: FakeServer, tmp_path: Path) -> None:
    ollama.default = Reply("Café")
    theirs = tmp_path / "theirs.md"
    theirs.write_text("precious")
    paper, data = tmp_path / "chat.md", tmp_path / "chat.json"
    lines = (
        f"hi\n/save {theirs}\n/save\n/save {tmp_path}/no/where\n/save {paper}\n"
        f"/save {data}\nmore\n/save {paper}\n"
    )
    result = invoke("chat", "-s", "Be brief.", stdin=lines)
    assert theirs.read_text() == "precious"
    assert "exists; choose another name" in result.stderr
    assert "/save needs the name of a file" in result.stderr
    assert "No such file or directory" in result.stderr
    assert json.loads(data.read_text()) == {
        "model": "ollama/llama3.2",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "Café"},
        ],
    }
    assert paper.read_text() == (
        "# ollama/llama3.2\n\n## System\n\nBe brief.\n\n## User\n\nhi\n\n## Assistant\n\nCafé\n"
        "\n## User\n\nmore\n\n## Assistant\n\nCafé\n"
    )


def test_a_chat_with_nobody_does_not_begin(home: pytest.MonkeyPatch) -> None:
    result = invoke("chat", stdin="hi\n")
    assert result.exit_code == 1
    assert "no provider can be used" in result.stderr


def test_answers_that_go_to_a_file_are_without_prompts(tmp_path: Path, server: FakeServer) -> None:
    server.script(Reply("Into the file"))
    env = bare_environment(tmp_path, {"OLLAMA_API_BASE": server.base_url("ollama")})
    target = tmp_path / "answers.txt"
    with Terminal(["chat"], env, stdout=target) as terminal:
        terminal.until("> ")
        terminal.type("hi")
        terminal.until("tokens")
        terminal.until("> ")
        terminal.type("/quit")
        assert terminal.exit_code() == 0
    assert target.read_text() == "Into the file\n"
