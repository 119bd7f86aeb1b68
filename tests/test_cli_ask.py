"""``bruno-llm ask``, as a person and as a shell script use it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bruno_core.interfaces.llm import LLMInterface

from bruno_llm import FallbackProvider, LLMFactory, OllamaProvider, OpenAIProvider
from bruno_llm._version import __version__
from bruno_llm.cli._answer import as_dict, facts, stream_answer
from bruno_llm.completion import Completion, Trimmed, Usage
from bruno_llm.testing import FakeServer, Fault, Reply
from tests import cli_runs
from tests.cli_runs import PLANTED, invoke, vendor_addresses
from tests.size import FULL
from tests.terminal import Piped, Terminal, bare_environment, run, run_installed
from tests.warm import Program

home = cli_runs.home
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16


@pytest.fixture
def ollama(home: pytest.MonkeyPatch, server: FakeServer) -> FakeServer:
    """A machine on which Ollama runs and nothing else is set up."""
    home.setenv("OLLAMA_API_BASE", server.base_url("ollama"))
    return server


@pytest.fixture
def all_vendors(home: pytest.MonkeyPatch, server: FakeServer) -> FakeServer:
    """Every vendor is the server, and every key is set."""
    for name, value in vendor_addresses(server).items():
        home.setenv(name, value)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        home.setenv(name, PLANTED)
    return server


def asked(server: FakeServer) -> Any:
    """The body of the last chat request."""
    return [r for r in server.requests if r.endpoint == "chat"][-1].json


def turns(server: FakeServer) -> list[tuple[str, str]]:
    """Role and text of every message of that request."""
    return [(message["role"], message["content"]) for message in asked(server)["messages"]]


# --- in a shell -----------------------------------------------------------------------------


def test_the_command_is_installed(tmp_path: Path) -> None:
    done = run_installed(["--version"], bare_environment(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout


@pytest.mark.sized
def test_the_answer_is_on_stdout_and_its_facts_on_stderr(
    tmp_path: Path, server: FakeServer
) -> None:
    server.script(Reply("Hello there", usage=Usage(1234, 5, 1239)))
    env = bare_environment(tmp_path, {"OLLAMA_API_BASE": server.base_url("ollama")})
    done = (run_installed if FULL else run)(["ask", "What", "is this?"], env, "piped text\n")
    assert done.returncode == 0
    assert done.stdout == "Hello there\n"
    who, tokens, price, seconds = done.stderr.strip().split(" | ")
    assert (who, tokens, price) == ("ollama/llama3.2", "1,234 + 5 tokens", "free")
    assert seconds.endswith(" s")
    assert turns(server) == [("user", "What is this?\n\npiped text")]


def test_the_answer_is_written_as_it_arrives(tmp_path: Path, server: FakeServer) -> None:
    gate = server.gate()
    server.script(Reply("first second", gate=gate))
    env = bare_environment(tmp_path, {"OLLAMA_API_BASE": server.base_url("ollama")})
    with Piped(["ask", "--quiet", "hello"], env) as program:
        assert program.stdout.read(100) == b"first"
        gate.set()
        assert program.stdout.readall() == b" second\n"
        assert program.stderr.readall() == b""
        assert program.wait() == 0


def test_ctrl_c_ends_the_request_and_the_program(tmp_path: Path, server: FakeServer) -> None:
    server.script(Reply("first second", gate=server.gate()))
    env = bare_environment(tmp_path, {"OLLAMA_API_BASE": server.base_url("ollama")})
    with Terminal(["ask", "hello"], env) as terminal:
        terminal.until("first")
        terminal.press("c")
        assert terminal.exit_code() == 130
        assert "Traceback" not in terminal.seen
        assert "Error" not in terminal.seen
    asyncio.run(server.wait_for(lambda: server.disconnects == 1))


def test_a_terminal_is_safe_from_the_model(tmp_path: Path, server: FakeServer) -> None:
    server.script(Reply("\x1b]52;c;cm0gLXJm\x07 safe\nand\tsound"))
    env = bare_environment(tmp_path, {"OLLAMA_API_BASE": server.base_url("ollama")})
    with Terminal(["ask", "hello"], env) as terminal:
        terminal.until("sound")
        assert "\x1b]52" not in terminal.seen
        assert terminal.exit_code() == 0


def test_without_anything_set_up_it_says_what_to_do(tmp_path: Path) -> None:
    done = run(["ask", "hello"], bare_environment(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    for word in ("ollama serve", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "bruno-llm doctor"):
        assert word in line


# --- who answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "vendor", "model"),
    [
        ([], "ollama", "llama3.2"),
        (["-p", "openai"], "openai", "gpt-5.4-mini"),
        (["-p", "claude", "-m", "claude-haiku-4-5"], "anthropic", "claude-haiku-4-5"),
        (["--provider", "anthropic"], "anthropic", "claude-sonnet-5-5"),
        (["-m", "gemini/gemini-2.5-flash"], "gemini", "gemini-2.5-flash"),
        # Nobody is named, so the one that has the model answers.
        (["-m", "gpt-4o-mini"], "openai", "gpt-4o-mini"),
    ],
)
def test_the_options_choose_the_provider(
    all_vendors: FakeServer, arguments: list[str], vendor: str, model: str
) -> None:
    result = invoke("ask", *arguments, "hello")
    assert (result.exit_code, result.stdout) == (0, "Hello\n"), result.stderr
    request = [r for r in all_vendors.requests if r.endpoint == "chat"][-1]
    assert (request.vendor, request.model) == (vendor, model)


def test_ollama_that_does_not_run_is_passed_over(
    all_vendors: FakeServer, home: pytest.MonkeyPatch
) -> None:
    home.setenv("OLLAMA_API_BASE", "http://127.0.0.1:9")
    all_vendors.models["anthropic"].append("claude-sonnet-5-5")
    assert "claude/claude-sonnet-5-5" in invoke("ask", "hello").stderr


def test_a_profile_chooses_the_provider(ollama: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "llm.toml"
    file.write_text(
        '[profiles.a]\nprovider = "ollama"\nmodel = "one"\ntemperature = 0.5\n'
        '[profiles.b]\nprovider = "ollama"\nmodel = "two"\n'
    )
    invoke("ask", "--config", str(file), "--profile", "a", "hello")
    assert asked(ollama)["model"] == "one"
    assert asked(ollama)["options"]["temperature"] == 0.5
    invoke("ask", "--config", str(file), "--profile", "a", "-m", "three", "-t", "0.1", "hello")
    assert asked(ollama)["model"] == "three"
    assert asked(ollama)["options"]["temperature"] == 0.1


def test_the_configuration_file_of_the_user_is_found(ollama: FakeServer, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "bruno-llm"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('provider = "ollama"\nmodel = "mine"\n')
    invoke("ask", "hello")
    assert asked(ollama)["model"] == "mine"


@pytest.mark.parametrize("variable", ["BRUNO_LLM_PROVIDER", "BRUNO_LLM_MODEL"])
def test_the_environment_names_the_provider(
    all_vendors: FakeServer, home: pytest.MonkeyPatch, variable: str
) -> None:
    home.setenv(variable, "openai" if variable.endswith("PROVIDER") else "openai/gpt-5-mini")
    assert "openai/" in invoke("ask", "hello").stderr


def test_a_provider_and_a_configuration_contradict(ollama: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('provider = "ollama"')
    result = invoke("ask", "-p", "openai", "--config", str(file), "hello")
    assert result.exit_code == 2
    assert "cannot be given together" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-p", "opnai", "hello"], 2, "did you mean 'openai'"),
        (["-p", "openai", "hello"], 1, "set OPENAI_API_KEY"),
        (["-t", "hot", "hello"], 2, "not a valid float"),
        (["-t", "-1", "hello"], 2, "x>=0"),
        (["--max-tokens", "0", "hello"], 2, "x>=1"),
        ([], 2, "there is no question"),
        (["--profile", "x", "hello"], 2, "no configuration file was found"),
        (["--file", "missing.txt", "hello"], 2, "does not exist"),
        (["--image", "missing.png", "hello"], 2, "cannot read missing.png"),
    ],
)
def test_what_is_wrong_is_said(
    home: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    result = invoke("ask", *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""


# --- what is asked --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "stdin", "text"),
    [
        (["why"], None, "why"),
        (["why"], "because\n", "why\n\nbecause"),
        ([], "from a pipe", "from a pipe"),
        (["-"], "from a pipe", "from a pipe"),
    ],
)
def test_the_question_and_the_pipe(
    ollama: FakeServer, arguments: list[str], stdin: str | None, text: str
) -> None:
    assert invoke("ask", *arguments, stdin=stdin).exit_code == 0
    assert turns(ollama) == [("user", text)]


def test_a_background_input_that_never_ends_is_not_waited_for(
    tmp_path: Path, server: FakeServer
) -> None:
    env = bare_environment(tmp_path, {"OLLAMA_API_BASE": server.base_url("ollama")})
    main, side = os.openpty()
    try:
        # A terminal is no pipe and no file.
        with (tmp_path / "out").open("wb") as out:
            program = Program(["ask", "hi"], env, side, out.fileno(), out.fileno())
            assert program.wait(60) == 0
    finally:
        os.close(main)
        os.close(side)


def test_bytes_in_the_pipe_are_refused(ollama: FakeServer) -> None:
    result = invoke("ask", "what is it", stdin=b"\xff\xfe\x00")
    assert result.exit_code == 2
    assert "not UTF-8" in result.stderr


def test_system_prompt_and_options_are_sent(ollama: FakeServer) -> None:
    invoke("ask", "-s", "Be brief.", "-t", "0.3", "--max-tokens", "7", "hello")
    assert turns(ollama) == [("system", "Be brief."), ("user", "hello")]
    assert asked(ollama)["options"] == {"temperature": 0.3, "num_predict": 7}


def test_files_and_images_go_along(all_vendors: FakeServer, tmp_path: Path) -> None:
    notes, photo, paper = tmp_path / "notes.md", tmp_path / "p.png", tmp_path / "paper.pdf"
    notes.write_text("# Notes\n")
    photo.write_bytes(PNG)
    paper.write_bytes(b"%PDF-1.4 \xff")
    files = [x for f in (notes, photo, paper) for x in ("--file", str(f))]
    result = invoke("ask", "-p", "openai", *files, "--image", str(photo), "What?")
    assert result.exit_code == 0, result.stderr
    (message,) = asked(all_vendors)["messages"]
    kinds = [part["type"] for part in message["content"]]
    assert sorted(kinds) == ["file", "image_url", "image_url", "text", "text"]
    texts = [part["text"] for part in message["content"] if part["type"] == "text"]
    assert "What?\n\nFile notes.md:\n\n# Notes" in texts


def test_an_empty_file_and_a_false_image_are_refused(ollama: FakeServer, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n")
    result = invoke("ask", "--file", str(empty), "hi")
    assert (result.exit_code, "empty.txt is empty" in result.stderr) == (2, True)
    text = tmp_path / "a.txt"
    text.write_text("words")
    result = invoke("ask", "--image", str(text), "hi")
    assert (result.exit_code, "not an image" in result.stderr) == (2, True)


# --- what comes back ------------------------------------------------------------------------


def test_json_has_the_answer_and_its_facts(ollama: FakeServer) -> None:
    ollama.script(Reply("Hi", usage=Usage(3, 2, 5)))
    result = invoke("ask", "--json", "hello")
    told = json.loads(result.stdout)
    assert told["text"] == "Hi"
    assert (told["provider"], told["model"]) == ("ollama", "llama3.2")
    assert told["usage"]["prompt_tokens"] == 3
    assert told["cost_usd"] == 0.0
    assert result.stderr == ""


def test_a_refusal_is_an_answer(all_vendors: FakeServer) -> None:
    all_vendors.script(Reply("", refusal="I will not."))
    assert invoke("ask", "-p", "openai", "hello").stdout == "I will not.\n"


def test_an_empty_answer_is_an_error(ollama: FakeServer) -> None:
    ollama.default = Fault.empty()
    result = invoke("ask", "hello")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "the model said nothing" in result.stderr


def test_a_broken_stream_leaves_what_came_and_says_so(ollama: FakeServer) -> None:
    ollama.script(Fault.cut(2, reply=Reply("one two three four")))
    result = invoke("ask", "hello")
    assert result.exit_code == 1
    assert result.stdout == "one two\n"
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: [ollama] llama3.2: ")


def test_a_refused_key_is_not_shown(all_vendors: FakeServer) -> None:
    all_vendors.require_key("another")
    for arguments in (["-p", "openai"], ["-p", "claude", "--verbose"], ["-p", "gemini"]):
        result = invoke("ask", *arguments, "hello")  # looks for the key in all it says
        assert result.exit_code == 1
        assert "Error: " in result.stderr


def test_ctrl_c_in_this_process(ollama: FakeServer) -> None:
    # A shell starts what runs in the background with SIGINT ignored, and Python leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    gate = ollama.gate()

    def interrupt(_request: object) -> Reply:
        os.kill(os.getpid(), signal.SIGINT)
        return Reply("never", gate=gate)

    ollama.script(interrupt)
    try:
        assert invoke("ask", "hello").exit_code == 130
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_line_of_facts() -> None:
    some = Completion(
        text="x", provider="groq", model="groq/llama", latency=1.26, usage=Usage(1, 2, 3), cost=0.25
    )
    assert facts(some) == "groq/llama | 1 + 2 tokens | $0.2500 | 1.3 s"
    odd = Completion(
        provider="openai",
        model="gpt",
        usage=Usage(1, 2, 3, estimated=True),
        finish_reason="length",
        trimmed=Trimmed(4, 100, "drop_oldest"),
    )
    assert facts(odd) == (
        "openai/gpt | 1 + 2 tokens (estimated) | price unknown | 0.0 s"
        " | cut at max_tokens | 4 earlier messages left out"
    )
    hit = Completion(provider="plugin", cached=True, finish_reason="tool_calls")
    assert facts(hit) == "plugin | tokens unknown | from the cache | 0.0 s | ended with tool_calls"
    assert as_dict(hit)["usage"] is None


class Plain(LLMInterface):
    """A provider with nothing but the interface of bruno-core."""

    async def generate(self, messages: Any, **kwargs: Any) -> str:
        return "plain"

    async def stream(self, messages: Any, **kwargs: Any) -> AsyncIterator[str]:  # type: ignore[override]
        for piece in ("pl", "ain"):
            yield piece

    def get_token_count(self, text: str) -> int:
        return len(text)

    async def check_connection(self) -> bool:
        return True

    async def list_models(self) -> list[str]:
        return ["one"]

    def get_model_info(self) -> dict[str, Any]:
        return {}

    def set_system_prompt(self, prompt: str) -> None:
        self.prompt = prompt

    def get_system_prompt(self) -> str | None:
        return None


def test_a_provider_with_nothing_but_the_interface(home: pytest.MonkeyPatch) -> None:
    LLMFactory.register("plain", Plain)
    try:
        result = invoke("ask", "-p", "plain", "hello")
    finally:
        LLMFactory.unregister("plain")
    assert result.stdout == "plain\n"
    assert result.stderr.startswith("Plain | tokens unknown | price unknown | ")


def test_another_provider_that_starts_again_is_told(
    home: pytest.MonkeyPatch, server: FakeServer
) -> None:
    server.script(Fault.cut(2, reply=Reply("one two three")), Reply("all of it"))
    providers = [
        OllamaProvider(base_url=server.base_url("ollama"), retry=None),
        OpenAIProvider(base_url=server.base_url("openai"), api_key="k"),
    ]
    both = FallbackProvider(providers, resume="restart")
    LLMFactory.register("both", lambda: both)
    try:
        result = invoke("ask", "-p", "both", "hello")
    finally:
        LLMFactory.unregister("both")
    assert result.stdout == "one two\nall of it\n"
    assert "openai starts again" in result.stderr


async def test_pieces_of_a_plain_provider_are_shown_one_by_one() -> None:
    shown: list[str] = []
    completion = await stream_answer(Plain(), [], shown.append, shown.append)
    assert shown == ["pl", "ain"]
    assert completion.text == "plain"
