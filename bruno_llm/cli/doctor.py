"""``bruno-llm doctor``: what is set up, what works, what to do next."""

from __future__ import annotations

import asyncio

import click

from bruno_llm.cli._app import FAILED, Command
from bruno_llm.cli._choice import file_options

__all__ = ["command"]


@click.command("doctor", cls=Command, short_help="Check what is set up and what works.")
@click.argument("providers", nargs=-1)
@file_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    providers: tuple[str, ...],
    config: str | None,
    profile: str | None,
    as_json: bool,
) -> None:
    """Check providers by free requests: key, server, model.

    Without PROVIDERS all are checked. With them, or with --config, every setting is shown with the
    place it came from. The exit code is 0 when one of them can be used (all, when they are named).
    """
    if providers and (config or profile):
        raise click.UsageError("PROVIDERS and a configuration cannot be given together.")
    from bruno_llm.cli import _doctor
    from bruno_llm.cli._console import out, print_json

    found = asyncio.run(_doctor.examine(providers, config, profile))
    if as_json:
        print_json(_doctor.to_dict(found))
    else:
        out().print(_doctor.render(found))
    states = [line.ok for line in found.health]
    if not (all(states) if found.settings else any(states)):
        ctx.exit(FAILED)
