"""``bruno-llm completion``: the shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from bruno_llm.cli._app import Command

__all__ = ["command"]


@click.command("completion", cls=Command, short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that makes SHELL complete this command.

    \b
    bash  eval "$(bruno-llm completion bash)"          in ~/.bashrc
    zsh   eval "$(bruno-llm completion zsh)"           in ~/.zshrc
    fish  bruno-llm completion fish | source           in ~/.config/fish/config.fish
    """
    from bruno_llm.cli._app import cli

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(cli, {}, "bruno-llm", "_BRUNO_LLM_COMPLETE").source())
