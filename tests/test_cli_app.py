"""What every command does: starts fast, keeps stdout clean, ends with the right code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import structlog
from bruno_core.utils.logging import get_logger

from bruno_llm._version import __version__
from bruno_llm.cli._app import Command, cli
from bruno_llm.exceptions import LLMError
from bruno_llm.testing import FakeServer, Reply
from tests import cli_runs
from tests.cli_runs import invoke
from tests.terminal import Piped, bare_environment, run

home = cli_runs.home
COMMANDS = cli.list_commands(click.Context(cli))


def test_version() -> None:
    result = invoke("--version")
    assert result.stdout == f"bruno-llm, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], *([c, "--help"] for c in COMMANDS)]
)
def test_help_loads_neither_litellm_nor_what_waits_for_it(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom bruno_llm.cli import cli\n"
        f"try:\n    cli.main({arguments!r})\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "slow = {'litellm', 'openai', 'httpx', 'tiktoken', 'rich', 'pydantic'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_help_lists_every_command_with_its_whole_line() -> None:
    lines = invoke("--help").stdout.splitlines()
    for name in COMMANDS:
        (line,) = [line for line in lines if line.startswith(f"  {name} ")]
        assert line.endswith(".")
        assert not line.endswith("...")


def test_an_unknown_command_is_a_misuse() -> None:
    result = invoke("aks", "hello")
    assert result.exit_code == 2
    assert "No such command 'aks'" in result.stderr


@pytest.fixture
def failing() -> Iterator[list[BaseException]]:
    """A command ``fail`` that raises what the test puts into the list."""
    errors: list[BaseException] = []

    @click.command("fail", cls=Command)
    def fail() -> None:
        get_logger("test").warning("something_odd", reason="the moon", code=None)
        get_logger("test").warning("llm_call_failed")
        get_logger("test").info("not_worth_a_line")
        raise errors[0]

    before = cli.get_command

    def get_command(ctx: click.Context, name: str) -> click.Command | None:
        return fail if name == "fail" else before(ctx, name)

    cli.get_command = get_command  # type: ignore[method-assign]
    yield errors
    del cli.get_command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (LLMError("it is down", "openai", hint="wait"), 1, "Error: [openai] it is down (wait)"),
        (LLMError("red \x1b[31m\x07"), 1, "Error: red [31m"),
        (OSError(13, "Permission denied", "/x"), 2, "Error: /x: Permission denied"),
        (OSError(28, "No space left"), 2, "Error: No space left"),
        (
            ValueError("sk-secret"),
            1,
            "Error: ValueError (this should not happen; --verbose shows where)",
        ),
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
    ],
)
def test_errors_are_one_line_and_a_code(
    failing: list[BaseException], error: BaseException, code: int, said: str
) -> None:
    failing.append(error)
    result = invoke("fail")
    assert result.exit_code == code
    assert result.stderr.strip().splitlines() == [
        "warning: something_odd reason=the moon",
        *([said] if said else []),
    ]
    assert result.stdout == ""


def test_verbose_shows_events_and_where_an_error_came_from(failing: list[BaseException]) -> None:
    failing.append(ValueError("sk-secret"))
    for arguments in (["fail", "--verbose"], ["-v", "fail"]):
        result = invoke(*arguments)
        assert "info: not_worth_a_line" in result.stderr
        assert "warning: llm_call_failed" in result.stderr
        assert "in fail" in result.stderr
        assert "sk-secret" not in result.output
        assert result.stdout == ""


def test_the_events_of_the_application_are_left_as_they_were(failing: list[BaseException]) -> None:
    before = structlog.get_config()
    failing.append(LLMError("no"))
    invoke("fail")
    assert structlog.get_config() == before


def test_the_command_can_be_embedded() -> None:
    assert cli.main(["--version"], standalone_mode=False) == 0
    with pytest.raises(click.UsageError):
        cli.main(["nonsense"], standalone_mode=False)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    if shell == "bash" and not Path("/bin/bash").exists():
        pytest.skip("there is no bash")
    script = invoke("completion", shell).stdout
    assert "_BRUNO_LLM_COMPLETE" in script
    assert f"{shell}_complete" in script


def test_bash_completes_commands_and_providers(tmp_path: Path) -> None:
    def complete(words: str, position: int) -> list[str]:
        env = {"_BRUNO_LLM_COMPLETE": "bash_complete", "COMP_WORDS": words}
        env["COMP_CWORD"] = str(position)
        said = run([], bare_environment(tmp_path, env)).stdout
        return [line.partition(",")[2] for line in said.splitlines()]

    assert complete("bruno-llm co", 1) == ["costs", "config", "completion"]
    assert complete("bruno-llm ask --provider o", 3) == ["ollama", "openai"]


def test_nothing_is_lost_when_the_reader_leaves(tmp_path: Path, server: FakeServer) -> None:
    gate = server.gate()

    def second_piece_after_the_reader_left(_request: object) -> Reply:
        return Reply("one two three " * 5000, gate=gate)

    server.script(second_piece_after_the_reader_left)
    env = bare_environment(tmp_path, {"OLLAMA_API_BASE": server.base_url("ollama")})
    with Piped(["ask", "--provider", "ollama", "hello"], env) as program:
        assert program.stdout.read(3) == b"one"
        program.stdout.close()
        gate.set()
        assert program.stderr.readall() == b""
        assert program.wait() == 141


def test_a_pipe_that_cannot_show_a_character_gets_the_rest(
    tmp_path: Path, server: FakeServer
) -> None:
    server.script(Reply("Café is here"))
    more = {"OLLAMA_API_BASE": server.base_url("ollama"), "PYTHONIOENCODING": "ascii"}
    done = run(["ask", "-p", "ollama", "hello"], bare_environment(tmp_path, more))
    assert done.stdout == "Caf? is here\n"
