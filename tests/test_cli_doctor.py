"""``bruno-llm doctor``: what is set up, what works, what to do next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bruno_llm import keys
from bruno_llm.testing import FakeServer
from tests import cli_runs
from tests.cli_runs import PLANTED, invoke, vendor_addresses

home = cli_runs.home


@pytest.fixture
def vendors(home: pytest.MonkeyPatch, server: FakeServer) -> FakeServer:
    """Every vendor is the server."""
    for name, value in vendor_addresses(server).items():
        home.setenv(name, value)
    return server


def findings(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = invoke("doctor", "--json", *arguments)
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def health(found: dict[str, Any]) -> dict[str, Any]:
    return {line["name"]: line for line in found["providers"]}


def test_a_fresh_machine(home: pytest.MonkeyPatch) -> None:
    found = findings(code=1)
    lines = health(found)
    assert {"ollama", "claude", "openai", "gemini"} <= set(lines)
    assert lines["ollama"]["reachable"] is False
    assert "ollama serve" in lines["ollama"]["hint"]
    assert lines["openai"]["configured"] is False
    assert "OPENAI_API_KEY" in lines["openai"]["hint"]
    assert found["precedence"] == ["call", "constructor", "file", "environment", "default"]
    assert found["config_file"] == "none"
    assert found["versions"]["litellm"][0].isdigit()


def test_what_works_and_what_does_not(vendors: FakeServer, home: pytest.MonkeyPatch) -> None:
    vendors.require_key(PLANTED)
    vendors.models["openai"].append("gpt-5.4-mini")
    home.setenv("OPENAI_API_KEY", PLANTED)
    home.setenv("ANTHROPIC_API_KEY", "sk-another-wrong-key")
    home.setenv("GEMINI_API_KEY", PLANTED)
    lines = health(findings())
    openai = lines["openai"]
    assert openai["ok"]
    assert openai["key_source"] == "OPENAI_API_KEY"
    assert openai["key"] == "****WXYZ"
    assert openai["reachable"]
    assert openai["key_accepted"]
    assert openai["model_present"]
    assert openai["latency"] > 0
    assert lines["claude"]["key_accepted"] is False
    # The server has no such model, and says so.
    assert lines["gemini"]["model_present"] is False


def test_the_table(vendors: FakeServer, home: pytest.MonkeyPatch) -> None:
    vendors.require_key(PLANTED)
    vendors.models["openai"].append("gpt-5.4-mini")
    home.setenv("OPENAI_API_KEY", PLANTED)
    home.setenv("ANTHROPIC_API_KEY", "sk-another-wrong-key")
    home.setenv("GEMINI_API_KEY", PLANTED)
    shown = invoke("doctor").stdout
    (openai,) = [
        line for line in shown.splitlines() if line.startswith("openai ") and "asked at" not in line
    ]
    assert "ready" in openai
    assert "OPENAI_API_KEY ****WXYZ, accepted" in openai
    assert " ms" in openai
    (claude,) = [
        line for line in shown.splitlines() if line.startswith("claude ") and "asked at" not in line
    ]
    assert "not ready" in claude
    assert "ANTHROPIC_API_KEY ****-key, refused" in claude
    assert "gemini-3.8-flash, missing" in shown
    assert "Precedence: call > constructor > file > environment > default" in shown


def test_the_table_of_a_fresh_machine(home: pytest.MonkeyPatch) -> None:
    result = invoke("doctor")
    assert result.exit_code == 1
    assert "-> set OPENAI_API_KEY, or keep it with: bruno-llm keys set openai" in result.stdout
    assert "not reached" in result.stdout
    assert "ollama is asked at http://127.0.0.1:9" in result.stdout
    assert "not asked" in result.stdout
    assert "Keyring: this system has none" in result.stdout or keys.keyring_name()


def test_what_the_keyring_needs_is_told(home: pytest.MonkeyPatch) -> None:
    home.setattr("bruno_llm.cli._doctor.find_spec", lambda name: None)
    home.setattr(keys, "keyring_name", lambda: None)
    assert "pip install 'bruno-llm[keyring]'" in invoke("doctor").stdout


def test_named_providers_show_where_each_setting_came_from(
    vendors: FakeServer, home: pytest.MonkeyPatch
) -> None:
    home.setenv("OPENAI_API_KEY", PLANTED)
    home.setenv("BRUNO_LLM_OPENAI_MODEL", "gpt-4o-mini")
    home.setenv("OPENAI_BASE_URL", vendors.base_url("openai").replace("//", "//me:secret@"))
    result = invoke("doctor", "openai")
    assert "secret" not in result.output
    found = findings("openai")
    rows = {row["name"]: row for row in found["settings"]["openai"]}
    assert rows["model"] == {
        "name": "model",
        "value": "gpt-4o-mini",
        "source": "environment BRUNO_LLM_OPENAI_MODEL",
    }
    assert rows["api_key"]["value"] == "****WXYZ"
    assert rows["base_url"]["value"].startswith("http://****@127.0.0.1:")
    assert found["providers"][0]["base_url"].startswith("http://****@127.0.0.1:")
    assert "Settings of openai" in result.stdout


def test_all_that_are_named_must_be_ready(vendors: FakeServer) -> None:
    findings("ollama")
    findings("ollama", "openai/gpt-4o-mini", "gemini", code=1)


def test_a_configuration_is_checked(vendors: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "llm.yaml"
    file.write_text("profiles:\n  a:\n    provider: ollama\n    model: llama3.2\n    retry: 5\n")
    found = findings("--config", str(file))
    rows = {row["name"]: row for row in found["settings"]["ollama"]}
    assert rows["retry"]["source"] == "file llm.yaml [a]"
    assert health(found)["ollama"]["ok"]


def test_the_file_of_the_user_is_named(
    vendors: FakeServer, home: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    home.setenv("BRUNO_LLM_CONFIG", str(file))
    assert findings()["config_file"].startswith("cannot be used: ")
    file.write_text('[profiles.work]\nprovider = "ollama"\n[profiles.home]\nprovider = "ollama"\n')
    assert findings()["config_file"] == f"{file} (profiles: work, home)"
    file.write_text('provider = "ollama"\n')
    assert findings()["config_file"] == str(file)


def test_names_and_a_configuration_contradict(vendors: FakeServer) -> None:
    result = invoke("doctor", "ollama", "--profile", "a")
    assert (result.exit_code, "cannot be given together" in result.stderr) == (2, True)


def test_a_package_that_is_missing_is_told(vendors: FakeServer, home: pytest.MonkeyPatch) -> None:
    from bruno_llm.cli import _doctor

    home.setattr(_doctor, "_PACKAGES", ("no-such-package-here",))
    assert findings()["versions"]["no-such-package-here"] == "not installed"


def test_a_broken_plugin_is_named(vendors: FakeServer, home: pytest.MonkeyPatch) -> None:
    from bruno_llm.factory.factory import LLMFactory

    home.setattr(LLMFactory, "broken_plugins", classmethod(lambda cls: {"odd": "has no stream()"}))
    assert "plugin odd: has no stream()" in invoke("doctor").stdout


def test_what_cannot_be_asked_is_not_called_ready(home: pytest.MonkeyPatch) -> None:
    result = invoke("doctor", "bedrock/some-model", "groq/some-model")
    bedrock, groq = (
        next(line for line in result.stdout.splitlines() if line.startswith(f"{name}/"))
        for name in ("bedrock", "groq")
    )
    assert bedrock.split()[1:7] == ["not", "known", "not", "known", "not", "asked"]
    assert groq.split()[1:4] == ["not", "ready", "missing"]
    assert "set GROQ_API_KEY, or keep it with: bruno-llm keys set groq" in result.stdout
    settings = health(findings("bedrock/some-model"))["bedrock/some-model"]
    assert settings["ok"] and settings["reachable"] is None
