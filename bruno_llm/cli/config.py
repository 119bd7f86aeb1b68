"""``bruno-llm config``: the settings in force, and the schema of a configuration file."""

from __future__ import annotations

import click

from bruno_llm.cli._app import Group
from bruno_llm.cli._choice import file_options

__all__ = ["command"]


@click.group("config", cls=Group, short_help="Show settings; print their schema.")
def command() -> None:
    """Show settings and where they came from; print the schema of a configuration file."""


@command.command("show")
@click.option("-p", "--provider", help="Its settings, from the environment.")
@file_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(provider: str | None, config: str | None, profile: str | None, as_json: bool) -> None:
    """Show every setting, with keys masked, and where it came from.

    Without options: of the configuration file, or of the provider that the environment names.
    """
    if provider and (config or profile):
        raise click.UsageError("--provider and a configuration cannot be given together.")
    from dataclasses import asdict

    from bruno_llm.cli._console import out, print_json
    from bruno_llm.cli._doctor import configured, settings_table
    from bruno_llm.config.file import find_config_file
    from bruno_llm.factory.factory import LLMFactory

    of_file = not provider and bool(config or profile or find_config_file())
    rows = LLMFactory.explain(provider, configured(config, profile) if of_file else None)
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        name = next(str(row.value) for row in rows if row.name == "provider")
        out().print(settings_table(rows, f"Settings of {name}"))


@command.command("schema")
def schema() -> None:
    """Print the JSON schema of a configuration file, for editors and forms."""
    from bruno_llm.cli._console import print_json
    from bruno_llm.config.schema import config_schema

    print_json(config_schema())
