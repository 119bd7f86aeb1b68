"""``bruno-llm tokens``: how many tokens a text is."""

from __future__ import annotations

from typing import BinaryIO

import click

from bruno_llm.cli._app import Command
from bruno_llm.cli._choice import CANDIDATES

__all__ = ["command"]


@click.command("tokens", cls=Command, short_help="Count the tokens of a text.")
@click.argument("file", type=click.File("rb"))
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    help="vendor/model, or a provider for its default model; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: BinaryIO, models: tuple[str, ...], as_json: bool) -> None:
    """Count the tokens of FILE (- for stdin), asking nobody.

    OpenAI's are exact; those of the others are estimates, and say so.
    """
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError(f"{file.name} is not UTF-8 text.") from None
    from bruno_llm.cli._console import out, print_json
    from bruno_llm.cli._token_counts import count_of, render, to_dict

    counted = [count_of(text, name) for name in models or CANDIDATES]
    if as_json:
        print_json([to_dict(one) for one in counted])
    else:
        out().print(render(counted, len(text)))
