"""``bruno-llm chat``: a conversation in the terminal."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

from bruno_llm.cli._app import Command
from bruno_llm.cli._choice import ProviderChoice, provider_options

if TYPE_CHECKING:
    from bruno_llm.cli._chat import Conversation

__all__ = ["command"]


@click.command("chat", cls=Command, short_help="Talk with a model in the terminal.")
@provider_options
@click.option("-s", "--system", help="System prompt.")
@click.option("-t", "--temperature", type=click.FloatRange(min=0))
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer, in tokens.")
@click.option(
    "--tool",
    "tools",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="A function that the model may call; may be repeated.",
)
def command(
    provider: str | None,
    model: str | None,
    config: str | None,
    profile: str | None,
    system: str | None,
    temperature: float | None,
    max_tokens: int | None,
    tools: tuple[str, ...],
) -> None:
    """Talk with a model. Ctrl-C stops an answer, Ctrl-D ends; /help lists the commands."""
    from bruno_llm.cli._chat import Conversation
    from bruno_llm.cli._console import note_aside
    from bruno_llm.cli._loaded import tools_of

    settings = {"system_prompt": system, "temperature": temperature, "max_tokens": max_tokens}
    with Conversation(
        ProviderChoice(provider, model, config, profile, settings), tools_of(tools)
    ) as chat:
        if sys.stdin.isatty():
            note_aside(f"{chat.who} | /help lists the commands, Ctrl-D ends")
            with contextlib.suppress(ImportError):  # not on Windows
                import readline  # noqa: F401  input() edits and recalls lines with it
        _converse(chat)


def _converse(chat: Conversation) -> None:
    from bruno_llm.cli._console import note_aside

    while True:
        try:
            line = _read_line()
        except KeyboardInterrupt:
            click.echo(err=True)
            note_aside("(Ctrl-D or /quit ends)")
            continue
        except EOFError:
            if sys.stdin.isatty():
                click.echo(err=True)
            return
        if line.startswith("/"):
            if not chat.obey(line):
                return
        elif line:
            chat.say(line)


def _read_line() -> str:
    if sys.stdin.isatty() and not sys.stdout.isatty():
        # input() would write the prompt among the answers.
        click.echo("> ", nl=False, err=True)
        return input().strip()
    return input("> " if sys.stdin.isatty() else "").strip()
