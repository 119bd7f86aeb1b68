"""Writing to people and to pipes: colours and tables for a terminal, plain text elsewhere."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

__all__ = ["AnswerWriter", "note_aside", "out", "print_json", "printable", "say_error", "table"]

# Everything that moves the cursor, recolours or retitles a terminal, or fills its clipboard.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Wide enough that no table is folded for a program that reads it.
_PIPE_WIDTH = 10_000


def printable(text: str) -> str:
    """Text from elsewhere without the characters that command a terminal."""
    return _CONTROL.sub("", text)


def out() -> Console:
    """stdout: as wide as the terminal, or wide enough for every line of a pipe."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


def table(*columns: str, right: Sequence[str] = (), title: str | None = None) -> Table:
    """An empty table; a pipe gets it without lines."""
    from rich import box
    from rich.table import Table

    terminal = sys.stdout.isatty()
    made = Table(
        box=box.SIMPLE_HEAD if terminal else None,
        title=title,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        header_style="bold",
    )
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return made


def note_aside(text: str) -> None:
    """A line beside the answer, on stderr, dim in a terminal."""
    click.secho(printable(text), dim=True, err=True)


def say_error(text: str) -> None:
    """The one line of an error, on stderr."""
    click.echo(click.style("Error: ", fg="red", bold=True) + printable(text), err=True)


def print_json(value: Any) -> None:
    """A value as JSON on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


class AnswerWriter:
    """Writes an answer to stdout piece by piece, as it arrives."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._open = False

    def write(self, piece: str) -> None:
        """Show the next piece now."""
        shown = printable(piece) if self._terminal else piece
        if shown:
            sys.stdout.write(shown)
            sys.stdout.flush()
            self._open = not shown.endswith("\n")

    def end(self) -> None:
        """End the last line."""
        if self._open:
            sys.stdout.write("\n")
            sys.stdout.flush()
            self._open = False
