"""``--tool`` and ``--schema``, as a person and as a shell script use them."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bruno_llm import LLMFactory, ToolCall, Usage
from bruno_llm.testing import FakeServer, Fault, Reply
from tests import cli_runs
from tests.cli_runs import invoke
from tests.terminal import Terminal, bare_environment
from tests.test_cli_ask import Plain

home = cli_runs.home
CAPITAL = "tests.tools.offered:capital"
DELETE = "tests.tools.offered:delete"


@pytest.fixture
def ollama(home: pytest.MonkeyPatch, server: FakeServer) -> FakeServer:
    """A machine on which Ollama runs and nothing else is set up."""
    home.setenv("OLLAMA_API_BASE", server.base_url("ollama"))
    return server


def calling(name: str, **arguments: Any) -> Reply:
    calls = [ToolCall("call_1", name, arguments)]
    return Reply("", tool_calls=calls, usage=Usage(500, 5, 505))


def bodies(server: FakeServer) -> list[Any]:
    return [request.json for request in server.requests if request.endpoint == "chat"]


def results(server: FakeServer) -> list[str]:
    """The tool results of the last request."""
    return [m["content"] for m in bodies(server)[-1]["messages"] if m["role"] == "tool"]


def test_the_answer_is_on_stdout_and_the_calls_on_stderr(ollama: FakeServer) -> None:
    spent = Usage(500, 5, 505)
    ollama.script(calling("capital", country="Norway"), Reply("It is Oslo.", usage=spent))
    done = invoke("ask", "--tool", CAPITAL, "The capital of Norway?")
    assert done.exit_code == 0
    assert done.stdout == "It is Oslo.\n"
    call, result, facts = done.stderr.splitlines()
    assert call == 'capital(country="Norway")'
    assert result.startswith("capital: Oslo | ")
    assert facts.startswith("ollama/llama3.2 | 1,000 + 10 tokens | free | ")
    assert results(ollama) == ["Oslo"]


def test_a_failed_call_is_shown_and_told_to_the_model(ollama: FakeServer) -> None:
    ollama.script(calling("capital", country="Atlantis"), Reply("There is none."))
    done = invoke("ask", "--json", "--tool", CAPITAL, "The capital of Atlantis?")
    assert json.loads(done.stdout)["text"] == "There is none."
    assert json.loads(done.stdout)["usage"]["total_tokens"] == 520
    assert "capital: KeyError: 'Atlantis' | " in done.stderr
    assert len(results(ollama)) == 1 and "KeyError" in results(ollama)[0]


def test_a_module_of_the_current_directory(
    ollama: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = 'def double(n: int) -> int:\n    """Twice n."""\n    return 2 * n\n\nall = [double]\n'
    (tmp_path / "my_own_tools.py").write_text(source, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", __import__("sys").path[:])
    ollama.script(calling("double", n=21), Reply("42"))
    assert invoke("ask", "--tool", "my_own_tools:all", "Twice 21?").stdout == "42\n"
    assert results(ollama) == ["42"]


def test_without_a_terminal_what_needs_a_yes_is_refused(ollama: FakeServer) -> None:
    ollama.script(calling("delete", file="a.txt"), Reply("I may not."))
    done = invoke("ask", "--tool", DELETE, "Delete a.txt")
    assert done.stdout == "I may not.\n"
    refused = 'delete(file="a.txt") is refused: it needs a yes, and this is not a terminal'
    assert refused in done.stderr.splitlines()
    assert results(ollama) == ["Error: nobody could be asked to allow this call"]


@pytest.mark.parametrize(("typed", "told"), [("y", "a.txt is gone"), ("n", "did not allow")])
def test_a_person_is_asked(tmp_path: Path, server: FakeServer, typed: str, told: str) -> None:
    server.script(calling("delete", file="a.txt"), Reply("Well then."))
    env = bare_environment(tmp_path, {"OLLAMA_API_BASE": server.base_url("ollama")})
    with Terminal(["ask", "--tool", DELETE, "Delete a.txt"], env) as terminal:
        terminal.until('delete(file="a.txt")')
        terminal.until("Run it? [y/N] ")
        terminal.type(typed)
        terminal.until("Well then.")
        assert terminal.exit_code() == 0
    (result,) = results(server)
    assert told in result


def test_ctrl_c_ends_the_question(tmp_path: Path, server: FakeServer) -> None:
    server.script(calling("delete", file="a.txt"))
    env = bare_environment(tmp_path, {"OLLAMA_API_BASE": server.base_url("ollama")})
    with Terminal(["ask", "--tool", DELETE, "Delete a.txt"], env) as terminal:
        terminal.until("Run it? [y/N] ")
        terminal.press("c")
        assert terminal.exit_code() == 130
        assert "Traceback" not in terminal.seen
    assert len(bodies(server)) == 1


def test_a_chat_remembers_its_calls(ollama: FakeServer) -> None:
    ollama.script(calling("capital", country="Norway"), Reply("Oslo."), Reply("As I said."))
    done = invoke("chat", "--tool", CAPITAL, stdin="The capital of Norway?\nAnd again?\n")
    assert done.stdout == "Oslo.\nAs I said.\n"
    assert 'capital(country="Norway")' in done.stderr
    roles = [message["role"] for message in bodies(ollama)[-1]["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


def test_a_stopped_answer_keeps_the_calls_that_were_made_for_it(ollama: FakeServer) -> None:
    gate = ollama.gate()

    def interrupt(_request: object) -> Reply:
        os.kill(os.getpid(), signal.SIGINT)
        return Reply("never", gate=gate)

    ollama.script(calling("capital", country="Norway"), interrupt, Reply("Later."))
    done = invoke("chat", "--tool", CAPITAL, stdin="The capital of Norway?\nWell?\n")
    assert (done.exit_code, "(stopped)" in done.stderr) == (0, True)
    roles = [message["role"] for message in bodies(ollama)[-1]["messages"]]
    assert roles == ["user", "assistant", "tool", "user"]
    assert results(ollama) == ["Oslo"]


def test_a_broken_answer_keeps_them_too(ollama: FakeServer) -> None:
    cut = Fault.cut(2, reply=Reply("one two three"))
    ollama.script(calling("capital", country="Norway"), cut, Reply("Later."))
    invoke("chat", "--tool", CAPITAL, stdin="The capital of Norway?\nWell?\n")
    messages = bodies(ollama)[-1]["messages"]
    assert [message["role"] for message in messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert messages[3]["content"] == "one two"


# --- --schema -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["type", "file"])
def test_a_typed_answer_is_json_on_stdout(ollama: FakeServer, tmp_path: Path, kind: str) -> None:
    from tests.tools.offered import City

    path = tmp_path / "city.json"
    path.write_text(json.dumps(City.model_json_schema()), "utf-8")
    ollama.script(Reply('{"name": "Oslo", "people": 700000}'))
    named = "tests.tools.offered:City" if kind == "type" else str(path)
    done = invoke("ask", "--schema", named, "The capital of Norway?")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"name": "Oslo", "people": 700000}
    assert done.stderr.startswith("ollama/llama3.2 | 10 + 5 tokens | free | ")
    assert bodies(ollama)[-1]["format"]["required"] == ["name", "people"]


def test_a_typed_answer_and_its_facts_are_the_sums_of_all_tries(ollama: FakeServer) -> None:
    ollama.script(Reply('{"name": "Oslo"}'), Reply('{"name": "Oslo", "people": 1}'))
    done = invoke("ask", "--json", "--schema", "tests.tools.offered:City", "The capital?")
    said = json.loads(done.stdout)
    assert said["value"] == {"name": "Oslo", "people": 1}
    assert said["usage"]["total_tokens"] == 30
    assert done.stderr == ""


def test_an_answer_that_never_fits_is_an_error(ollama: FakeServer) -> None:
    ollama.script(*[Reply('{"name": "Oslo"}')] * 3)
    done = invoke("ask", "--schema", "tests.tools.offered:City", "The capital?")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "people" in done.stderr


# --- wrong use ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tool", "nothing"], "takes module:name"),
        (["--tool", "no_such_module_here:f"], "No module named 'no_such_module_here'"),
        (["--tool", "tests.tools.offered:missing"], "has no attribute 'missing'"),
        (["--tool", "breaks:f"], "breaks failed with KeyError"),
        (
            ["--tool", CAPITAL, "--tool", "tests.tools.offered:both"],
            "two tools are called 'capital'",
        ),
        (["--schema", "absent.json"], "No such file"),
        (["--schema", "broken.json"], "broken.json is not valid JSON"),
        (["--schema", "list.json"], "an object"),
        (["--schema", "list.json", "--tool", CAPITAL], "cannot be given together"),
    ],
)
def test_wrong_use_is_said_before_anybody_is_asked(
    ollama: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    (tmp_path / "breaks.py").write_text("{}['secret']\n", "utf-8")
    (tmp_path / "broken.json").write_text("{", "utf-8")
    (tmp_path / "list.json").write_text("[]", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    done = invoke("ask", *arguments, "hello")
    assert done.exit_code == 2
    assert words in done.stderr
    assert "secret" not in done.stderr
    assert ollama.requests == []


@pytest.mark.parametrize(
    "arguments", [["--tool", CAPITAL], ["--schema", "tests.tools.offered:City"]]
)
def test_a_provider_with_nothing_but_the_interface(
    home: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    LLMFactory.register("plain", Plain)
    try:
        done = invoke("ask", "-p", "plain", *arguments, "hello")
    finally:
        LLMFactory.unregister("plain")
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{arguments[0]} needs a provider of bruno_llm, and Plain is none" in done.stderr
