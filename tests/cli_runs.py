"""Commands run inside of the test's own process, where they can be measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bruno_llm.cli import cli
from bruno_llm.testing import FakeServer

PLANTED = "sk-planted-0123456789-WXYZ"
"""A key that no output may show."""


@pytest.fixture
def home(
    no_keys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """A machine where nothing is set up; more can be set."""
    import os

    for name in list(os.environ):
        if name.startswith("BRUNO_LLM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("OLLAMA_API_BASE", "http://127.0.0.1:9")
    return monkeypatch


def invoke(*arguments: str, stdin: str | bytes | None = None) -> Result:
    """Run a command; an exception that is not an exit fails the test."""
    result = CliRunner().invoke(cli, list(arguments), input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert PLANTED not in result.output
    assert "Traceback" not in result.output
    return result


def vendor_addresses(server: FakeServer) -> Mapping[str, str]:
    """The variables that send every vendor's requests to the server."""
    return {
        "OPENAI_BASE_URL": server.base_url("openai"),
        "ANTHROPIC_API_BASE": server.base_url("anthropic"),
        "GEMINI_API_BASE": server.base_url("gemini"),
        "OLLAMA_API_BASE": server.base_url("ollama"),
    }
