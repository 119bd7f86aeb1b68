"""``bruno-llm keys``: API keys in the keyring of the system."""

from __future__ import annotations

import sys

import click

from bruno_llm.cli._app import Group

__all__ = ["command"]


@click.group("keys", cls=Group, short_help="Keep API keys in the keyring.")
def command() -> None:
    """Keep API keys in the keyring of the system, never in a file of ours."""


@command.command("set")
@click.argument("provider")
def set_(provider: str) -> None:
    """Keep the key of PROVIDER. It is asked for, or piped in; never an argument.

    What stands on a command line can be read by every user of the machine and stays in the
    shell's history.
    """
    from bruno_llm import keys

    name = _account(provider)
    if sys.stdin.isatty():
        key = click.prompt(f"API key for {name}", hide_input=True, err=True)
    else:
        key = sys.stdin.readline()
    click.echo(f"{name}: {keys.set_key(name, key)} is kept in {keys.keyring_name()}")


@command.command("list")
def list_() -> None:
    """List whose keys are kept, with the last four characters of each."""
    from bruno_llm import keys
    from bruno_llm.cli._console import note_aside
    from bruno_llm.factory.factory import LLMFactory

    stored = keys.list_keys(LLMFactory.list_providers())
    for key in stored:
        click.echo(f"{key.provider}\t{key.masked}")
    if not stored:
        note_aside(
            "the keyring has no key of bruno-llm; keep one with: bruno-llm keys set PROVIDER"
        )


@command.command("delete")
@click.argument("provider")
@click.pass_context
def delete(ctx: click.Context, provider: str) -> None:
    """Remove the key of PROVIDER from the keyring; exit code 1 when there was none."""
    from bruno_llm import keys
    from bruno_llm.cli._app import FAILED
    from bruno_llm.cli._console import say_error

    name = _account(provider)
    if not keys.delete_key(name):
        say_error(f"the keyring has no key for {name}")
        ctx.exit(FAILED)
    click.echo(f"the key for {name} is removed")


def _account(provider: str) -> str:
    """The name that a provider's key is looked up under, whichever of its names was given."""
    from bruno_llm.factory.registry import Registry

    return Registry().find(provider).name
