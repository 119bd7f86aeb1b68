"""The commands beside the call path: tokens, costs, keys, config."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import keyring
import pytest

from bruno_llm import CostTracker, Usage, keys
from bruno_llm.config.schema import config_schema
from tests import cli_runs
from tests.cli_runs import PLANTED, invoke
from tests.terminal import Terminal, bare_environment
from tests.test_keys import MemoryKeyring

home = cli_runs.home
pytestmark = pytest.mark.usefixtures("home")


# --- tokens ---------------------------------------------------------------------------------


def test_tokens_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("Hello world, how are you?")
    counted = json.loads(invoke("tokens", "--json", str(file)).stdout)
    by_provider = {one["provider"]: one for one in counted}
    assert by_provider["openai"] == {
        "provider": "openai",
        "model": "gpt-5.4-mini",
        "tokens": 7,
        "exact": True,
        "window": 272000,
        "cost_usd": 7 * 0.75 / 1e6,
    }
    assert not by_provider["claude"]["exact"]
    assert by_provider["ollama"]["cost_usd"] == 0


def test_tokens_of_a_pipe_for_some_models() -> None:
    models = ["-m", "openai/gpt-4o", "-m", "groq/llama-3.1-8b-instant", "-m", "ollama/mine"]
    shown = invoke("tokens", "-", *models, stdin="a word " * 40_000).stdout
    assert "280,000 characters" in shown
    openai, groq, ollama = shown.splitlines()[2:]
    assert openai.split()[:3] == ["openai/gpt-4o", "80,001", "exact"]
    assert openai.split()[3:] == ["62.5%", "$0.2000"]
    assert groq.split()[2] == "estimate"
    assert ollama.split()[3:] == ["?", "$0.00"]
    small = invoke("tokens", "-", "-m", "openai", stdin="word").stdout
    assert "<0.1%" in small


def test_tokens_of_what_is_no_text_and_for_whom(tmp_path: Path) -> None:
    file = tmp_path / "photo"
    file.write_bytes(b"\xff\xfe\x00")
    for arguments, said in (
        ([str(file)], "is not UTF-8 text"),
        (["missing"], "No such file"),
        (["-m", "groq", "-"], "'groq' needs a model"),
    ):
        result = invoke("tokens", *arguments, stdin="x")
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


# --- costs ----------------------------------------------------------------------------------


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    """A ledger with two calls."""
    pytest.importorskip("sqlalchemy")
    target = str(tmp_path / "costs.db")
    tracker = CostTracker(ledger=target)

    async def book() -> None:
        await tracker.book(
            provider="openai", model="gpt-5", usage=Usage(100, 50, 150), cost=Decimal("0.5")
        )
        await tracker.book(
            provider="claude", model="opus", usage=Usage(10, 5, 15), cost=Decimal(2), tag="ann"
        )

    asyncio.run(book())
    tracker.close()
    return target


def test_costs_as_a_table(ledger: str) -> None:
    shown = invoke("costs", "--ledger", ledger).stdout
    assert "openai/gpt-5" in shown
    assert "$2.50" in shown


def test_costs_as_csv_and_json(ledger: str) -> None:
    rows = list(csv.DictReader(io.StringIO(invoke("costs", "--ledger", ledger, "--csv").stdout)))
    assert [Decimal(row["cost_usd"]) for row in rows] == [2, Decimal("0.5")]
    told = json.loads(invoke("costs", "--ledger", ledger, "--by", "tag", "--json").stdout)
    assert [line["key"] for line in told["lines"]] == ["ann", "(no tag)"]


def test_costs_as_a_page(ledger: str, tmp_path: Path) -> None:
    page = tmp_path / "costs.html"
    result = invoke("costs", "--ledger", ledger, "--since", "1d", "--html", str(page))
    assert (result.stdout, result.stderr) == ("", f"written to {page}\n")
    assert page.read_text().startswith("<!doctype html>")


def test_costs_of_the_configured_ledger(
    ledger: str, tmp_path: Path, home: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "c.toml"
    file.write_text(f'provider = "ollama"\n[costs]\nledger = "{ledger}"\n')
    assert "$2.50" in invoke("costs", "--config", str(file)).stdout
    home.setenv("BRUNO_LLM_CONFIG", str(file))
    assert "$2.50" in invoke("costs").stdout
    file.write_text('provider = "ollama"\n')
    assert "the configuration has no ledger" in invoke("costs").stderr


def test_what_costs_refuses(ledger: str, tmp_path: Path) -> None:
    for arguments, said in (
        ([], "no ledger: give --ledger"),
        (["--ledger", ledger, "--csv", "--json"], "give one of"),
        (["--ledger", ledger, "--since", "yesterday"], "is not understood"),
        (["--ledger", ledger, "--html", str(tmp_path / "no" / "x.html")], "No such file"),
        (["--ledger", str(tmp_path / "none.db")], "none.db"),
    ):
        result = invoke("costs", *arguments)
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


# --- keys -----------------------------------------------------------------------------------


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    previous, ring = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(ring)
    keys.forget()
    yield ring
    keyring.set_keyring(previous)
    keys.forget()


def test_a_key_is_kept_listed_used_and_deleted(ring: MemoryKeyring) -> None:
    assert "no key of bruno-llm" in invoke("keys", "list").stderr
    result = invoke("keys", "set", "anthropic", stdin=f"{PLANTED}\n")
    assert result.stdout.startswith("claude: ****WXYZ is kept in ")
    assert ring.entries["bruno-llm", "claude"] == PLANTED
    assert invoke("keys", "list").stdout == "claude\t****WXYZ\n"
    assert "keyring ****WXYZ" in invoke("doctor", "claude").stdout
    assert invoke("keys", "delete", "claude").stdout == "the key for claude is removed\n"
    result = invoke("keys", "delete", "claude")
    assert (result.exit_code, result.stderr) == (1, "Error: the keyring has no key for claude\n")


def test_a_key_of_nobody_is_refused(ring: MemoryKeyring) -> None:
    result = invoke("keys", "set", "opnai", stdin=f"{PLANTED}\n")
    assert (result.exit_code, "did you mean 'openai'" in result.stderr) == (2, True)
    assert not ring.entries


def test_an_empty_key_is_refused(ring: MemoryKeyring) -> None:
    result = invoke("keys", "set", "openai", stdin="\n")
    assert (result.exit_code, "is empty" in result.stderr) == (2, True)


def test_a_key_that_is_typed_is_not_shown(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "python_keyring"
    folder.mkdir(parents=True)
    env = bare_environment(
        tmp_path,
        {
            "PYTHON_KEYRING_BACKEND": "tests.test_keys.MemoryKeyring",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        },
    )
    with Terminal(["keys", "set", "openai"], env) as terminal:
        terminal.until("API key for openai: ")
        terminal.type(PLANTED)
        terminal.until("openai: ****WXYZ is kept in ")
        assert terminal.exit_code() == 0
        assert PLANTED not in terminal.seen


# --- config ---------------------------------------------------------------------------------


def test_the_schema_is_json() -> None:
    assert json.loads(invoke("config", "schema").stdout) == config_schema()


def test_settings_and_where_they_came_from(tmp_path: Path, home: pytest.MonkeyPatch) -> None:
    home.setenv("OPENAI_API_KEY", PLANTED)
    home.setenv("BRUNO_LLM_OPENAI_TEMPERATURE", "0.25")
    shown = invoke("config", "show", "--provider", "openai").stdout
    assert "Settings of openai" in shown
    assert "****WXYZ" in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("temperature")]
    assert line.split() == [
        "temperature",
        "0.25",
        "environment",
        "BRUNO_LLM_OPENAI_TEMPERATURE",
    ]
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"provider": "openai", "api_key": PLANTED, "budget": 2}))
    told = json.loads(invoke("config", "show", "--config", str(file), "--json").stdout)
    rows = {row["name"]: (row["value"], row["source"]) for row in told}
    assert rows["api_key"] == ("****WXYZ", "file c.json")
    assert rows["temperature"] == (0.25, "environment BRUNO_LLM_OPENAI_TEMPERATURE")


def test_what_config_show_refuses(tmp_path: Path) -> None:
    result = invoke("config", "show")
    assert (result.exit_code, "no provider is named" in result.stderr) == (2, True)
    result = invoke("config", "show", "-p", "openai", "--profile", "x")
    assert (result.exit_code, "cannot be given together" in result.stderr) == (2, True)
