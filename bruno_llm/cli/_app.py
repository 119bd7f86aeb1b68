"""What all commands share: how they are found, what they log, how they end.

Exit codes: 0; 1 when the model's side failed; 2 for a wrong use or configuration; 130 after
Ctrl-C; 141 when the reader of the output left, as shells report it.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import click

from bruno_llm._version import __version__

__all__ = ["Command", "Group", "cli", "main"]

_COMMANDS = (
    "ask",
    "chat",
    "models",
    "doctor",
    "tokens",
    "costs",
    "keys",
    "config",
    "demo",
    "completion",
)
FAILED, MISUSED, INTERRUPTED, READER_LEFT = 1, 2, 130, 141

_VERBOSE = "bruno_llm.verbose"
# The command says these itself, in the words of the error.
_SAID_BY_THE_COMMAND = ("llm_call_failed", "message_processing_failed")


def _set_verbose(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_VERBOSE] = True


def _verbose_option() -> click.Option:
    return click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        expose_value=False,
        callback=_set_verbose,
        help="Show events, and where an error came from, on stderr.",
    )


class Command(click.Command):
    """A command whose stdout is its answer alone, and whose errors are one line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(_verbose_option())

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command with its events on stderr."""
        verbose = ctx.meta.get(_VERBOSE, False)
        with _events_on_stderr(verbose=verbose):
            try:
                return super().invoke(ctx)
            except BrokenPipeError:
                _forget_stdout()
                ctx.exit(READER_LEFT)
            except (click.ClickException, click.exceptions.Exit, click.Abort):
                raise
            except Exception as error:
                if verbose:
                    # Where, and not what: the texts of a chain of causes may hold a key.
                    traceback.print_tb(error.__traceback__)
                raise


class Group(click.Group):
    """Commands of this package within a command."""

    command_class = Command


class _Bruno(Group):
    """Imports a command's file when it is asked for, and turns errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(f"bruno_llm.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        def call() -> Any:
            return Group.main(self, *args, **{**extra, "standalone_mode": False})

        if not standalone_mode:
            return call()
        sys.exit(_exit_code(call))


def _exit_code(call: Callable[[], Any]) -> int:
    try:
        result = call()
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:
        return _failed(error)


def _failed(error: Exception) -> int:
    from bruno_core.utils.exceptions import BrunoError

    from bruno_llm.cli._console import say_error
    from bruno_llm.exceptions import ConfigurationError

    if isinstance(error, BrunoError):
        say_error(str(error))
        return MISUSED if isinstance(error, ConfigurationError) else FAILED
    if isinstance(error, OSError) and error.strerror:
        say_error(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
        return MISUSED
    # The text of any other exception was not written for people, and may hold anything.
    say_error(f"{type(error).__name__} (this should not happen; --verbose shows where)")
    return FAILED


@contextmanager
def _events_on_stderr(*, verbose: bool) -> Iterator[None]:
    """structlog prints to stdout unless it is told otherwise, and stdout is for answers."""
    import structlog

    before = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *([] if verbose else [_drop_said]),
            structlog.processors.add_log_level,
            _one_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.INFO if verbose else logging.WARNING
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _drop_said(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if event.get("event") in _SAID_BY_THE_COMMAND:
        import structlog

        raise structlog.DropEvent
    return event


def _one_line(_logger: Any, _method: str, event: Mapping[str, Any]) -> str:
    from bruno_llm.cli._console import printable

    facts = dict(event)
    level, name = facts.pop("level", ""), facts.pop("event", "")
    known = (f"{key}={value}" for key, value in facts.items() if value is not None)
    return printable(" ".join([f"{level}: {name}", *known])).replace("\n", " ")


def _forget_stdout() -> None:
    """Let Python close a stdout whose reader is gone without another error."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    "bruno-llm",
    cls=_Bruno,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="bruno-llm")
def cli() -> None:
    """Ask every language model: Ollama, Claude, OpenAI, Gemini and all that LiteLLM reaches."""


cli.params.append(_verbose_option())


def main() -> NoReturn:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or a pipe that cannot show a character is no reason to lose the answer.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries: nothing that the user could change
    # Without a handler Python prints what libraries log.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        cli.main(prog_name="bruno-llm")
    except SystemExit as end:
        _leave(end.code if isinstance(end.code, int) else FAILED)
    raise AssertionError("cli.main() exits")  # pragma: no cover


def _leave(code: int) -> NoReturn:
    """End the process, also while litellm is imported in a thread, which Python would wait for."""
    # Here a second Ctrl-C would print a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loading = sys.modules.get("bruno_llm._litellm.loading")
    if loading is None or not loading.is_busy():
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # its reader is gone
            stream.flush()
    os._exit(code)
