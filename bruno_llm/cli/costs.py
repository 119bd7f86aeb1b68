"""``bruno-llm costs``: what calls cost, from a ledger."""

from __future__ import annotations

from pathlib import Path

import click

from bruno_llm.cli._app import Command
from bruno_llm.cli._choice import file_options

__all__ = ["command"]


@click.command("costs", cls=Command, short_help="Show what calls cost.")
@click.option(
    "--ledger", help="A file or postgresql:// address; without it the one of the configuration."
)
@file_options
@click.option("--since", help="A day (2025-11-21), a time, or how long ago (12h, 7d, 2w).")
@click.option(
    "--by",
    type=click.Choice(["model", "provider", "day", "tag"]),
    default="model",
    show_default=True,
    help="What the lines are.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with charts."
)
def command(
    ledger: str | None,
    config: str | None,
    profile: str | None,
    since: str | None,
    by: str,
    as_csv: bool,
    as_json: bool,
    html: Path | None,
) -> None:
    """Show what calls cost, as they were booked in a ledger (CostTracker(ledger=...))."""
    if as_csv + as_json + (html is not None) > 1:
        raise click.UsageError("give one of --csv, --json and --html.")
    from bruno_llm.cli._console import note_aside, out
    from bruno_llm.costs import render_html, render_table
    from bruno_llm.costs import report as cost_report

    report = cost_report.report_from_ledger(ledger or _configured(config, profile), since, by)  # type: ignore[arg-type]
    if as_csv:
        click.echo(cost_report.to_csv(report), nl=False)
    elif as_json:
        click.echo(cost_report.to_json(report))
    elif html is not None:
        html.write_text(render_html(report), encoding="utf-8")
        note_aside(f"written to {html}")
    else:
        out().print(render_table(report))


def _configured(config: str | None, profile: str | None) -> str:
    from bruno_llm.cli._doctor import configured
    from bruno_llm.config.file import find_config_file

    if config or profile or find_config_file():
        costs = configured(config, profile).costs
        target = costs.given().get("ledger") if costs is not None else None
        if target:
            return str(target)
        raise click.UsageError("the configuration has no ledger (costs: ledger: FILE).")
    raise click.UsageError("no ledger: give --ledger, or a configuration that has one.")
