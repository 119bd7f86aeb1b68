"""``bruno-llm demo``: everything once, on a machine with no key and no Ollama."""

from __future__ import annotations

import asyncio

import click

from bruno_llm.cli._app import FAILED, Command

__all__ = ["command"]


@click.command("demo", cls=Command, short_help="See it all work, without a key.")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Ask a real llama.cpp server on this machine, in two formats and three ways.

    No key, no account, no download: the model is computed. The exit code is 0 when every answer
    was right. Needs the extra bruno-llm[demo].
    """
    from bruno_llm.cli._demo import run

    if not asyncio.run(run()):
        ctx.exit(FAILED)
