"""``bruno-llm models``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bruno_llm import LLMFactory
from bruno_llm.cli import _model_list
from bruno_llm.testing import FakeServer, Fault
from tests import cli_runs
from tests.cli_runs import PLANTED, invoke, vendor_addresses
from tests.test_cli_ask import Plain

home = cli_runs.home


@pytest.fixture
def vendors(home: pytest.MonkeyPatch, server: FakeServer) -> FakeServer:
    """Every vendor is the server, and every key is set."""
    for name, value in vendor_addresses(server).items():
        home.setenv(name, value)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        home.setenv(name, PLANTED)
    return server


def listed(*arguments: str) -> dict[str, Any]:
    result = invoke("models", "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    return {one["provider"]: one for one in json.loads(result.stdout)}


def test_vendors_that_can_be_reached_are_asked(vendors: FakeServer) -> None:
    found = listed()
    assert list(found) == ["ollama", "claude", "openai", "gemini"]
    assert all(one["live"] for one in found.values())
    names = {name: [model["name"] for model in one["models"]] for name, one in found.items()}
    assert names["claude"] == ["claude-haiku-4-5", "claude-sonnet-4-5"]
    # The embedding model in the vendor's list is not one for chat.
    assert names["openai"] == ["gpt-4o-mini", "gpt-5-mini"]
    mini = found["openai"]["models"][0]
    assert mini == {
        "name": "gpt-4o-mini",
        "max_input_tokens": 128000,
        "max_output_tokens": 16384,
        "input_price": 0.15,
        "output_price": 0.6,
        "capabilities": ["tools", "vision", "json_schema"],
    }
    local = found["ollama"]["models"][0]
    assert (local["name"], local["input_price"]) == ("llama3.2:latest", 0.0)


def test_the_others_come_from_the_map(home: pytest.MonkeyPatch) -> None:
    found = listed()
    assert not any(one["live"] for one in found.values())
    assert "OPENAI_API_KEY" in found["openai"]["problem"]
    assert "ollama serve" in found["ollama"]["problem"]
    assert found["ollama"]["models"] == []
    current = {model["name"] for model in found["openai"]["models"]}
    assert "gpt-5.4-mini" in current
    assert found["openai"]["more"] > 50
    every = listed("--provider", "openai")["openai"]
    assert len(every["models"]) == len(current) + found["openai"]["more"]


def test_a_vendor_that_has_no_list(home: pytest.MonkeyPatch) -> None:
    groq = listed("-p", "groq")["groq"]
    assert (groq["live"], groq["problem"]) == (False, None)
    model = next(m for m in groq["models"] if m["name"] == "openai/gpt-oss-120b")
    assert model["max_input_tokens"] > 1000
    assert model["input_price"] > 0


def test_the_table(vendors: FakeServer) -> None:
    vendors.script(Fault.status(401), endpoint="models")
    vendors.models["ollama"] = ["evil\x1b[2Jname"]
    shown = invoke("models").stdout
    assert "claude, asked now" in shown
    assert "gpt-5-mini" in shown
    assert "could not be asked: " in shown
    assert "more in litellm's map: bruno-llm models --provider" in shown
    assert "\x1b" not in shown


def test_an_unknown_provider_is_a_misuse(home: pytest.MonkeyPatch) -> None:
    result = invoke("models", "-p", "opnai")
    assert (result.exit_code, "did you mean 'openai'" in result.stderr) == (2, True)


class Slow(Plain):
    async def list_models(self) -> list[str]:
        import asyncio

        await asyncio.Event().wait()
        raise AssertionError


class Broken(Plain):
    async def list_models(self) -> list[str]:
        raise ValueError(PLANTED)


@pytest.mark.parametrize(
    ("provider", "problem"), [(Slow, "no answer within 0.01 s"), (Broken, "ValueError")]
)
def test_a_plugin_that_misbehaves_is_told(
    home: pytest.MonkeyPatch, provider: type[Plain], problem: str
) -> None:
    home.setattr(_model_list, "_TIMEOUT", 0.01)
    LLMFactory.register("odd", provider)
    try:
        home.setattr(_model_list, "Registry", lambda: LLMFactory._registry)
        assert listed("-p", "odd")["odd"]["problem"] == problem
    finally:
        LLMFactory.unregister("odd")
