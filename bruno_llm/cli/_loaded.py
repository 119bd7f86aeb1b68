"""What ``--tool`` and ``--schema`` name: functions, types, schema files."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bruno_llm.tools import Tool

__all__ = ["schema_from", "tools_of"]


def tools_of(names: Sequence[str]) -> list[Tool]:
    """The tools that ``module:function`` name; each may be a list of several.

    Raises:
        click.UsageError: Nothing is there under that name, or two tools have one name.
        ConfigurationError: It cannot be a tool.
    """
    from bruno_llm.exceptions import InvalidRequestError
    from bruno_llm.tools.definition import as_tools

    found: list[Any] = []
    for name in names:
        one = _named(name, "--tool")
        found.extend(one if isinstance(one, list | tuple) else [one])
    try:
        return as_tools(found)
    except InvalidRequestError as error:
        raise click.UsageError(error.message) from None


def schema_from(name: str) -> Any:
    """A JSON schema from its file, or the type that ``module:Type`` names.

    Raises:
        click.UsageError: There is no such file or type, or the file is no JSON object.
    """
    path = Path(name)
    if path.suffix != ".json" and not path.is_file():
        return _named(name, "--schema")
    try:
        schema = json.loads(path.read_text("utf-8"))
    except ValueError:
        raise click.UsageError(f"{path.name} is not valid JSON.") from None
    if not isinstance(schema, dict):
        raise click.UsageError(f"{path.name} must be a JSON schema: an object.")
    return schema


def _named(name: str, option: str) -> Any:
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise click.UsageError(f"{option} takes module:name, not {name!r}.")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does
    try:
        value = importlib.import_module(module_name)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (ImportError, SyntaxError, AttributeError) as error:
        raise click.UsageError(f"{option} {name}: {error}") from error
    except Exception as error:
        # Its text may hold anything that the module knows.
        raise click.UsageError(
            f"{option} {name}: {module_name} failed with {type(error).__name__}."
        ) from error
    return value
