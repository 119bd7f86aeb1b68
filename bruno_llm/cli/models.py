"""``bruno-llm models``: which models there are, what they can do and what they cost."""

from __future__ import annotations

import asyncio

import click

from bruno_llm.cli._app import Command
from bruno_llm.cli._choice import CANDIDATES

__all__ = ["command"]


@click.command("models", cls=Command, short_help="List models, what they can do and cost.")
@click.option(
    "-p",
    "--provider",
    "providers",
    multiple=True,
    help="Only this one, and all that is known of it; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(providers: tuple[str, ...], as_json: bool) -> None:
    """List models: context window, prices per million tokens, capabilities.

    A provider that can be reached is asked. For one that cannot, the models in litellm's map are
    listed (with --provider all of them, otherwise those whose price is pinned here).
    """
    from bruno_llm.cli._console import out, print_json
    from bruno_llm.cli._model_list import find_models, render, to_dict

    listed = asyncio.run(find_models(providers or CANDIDATES, whole=bool(providers)))
    if as_json:
        print_json([to_dict(one) for one in listed])
    else:
        out().print(render(listed))
