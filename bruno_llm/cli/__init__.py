"""The command ``bruno-llm``: one file here for each of its commands."""

from bruno_llm.cli._app import cli, main

__all__ = ["cli", "main"]
