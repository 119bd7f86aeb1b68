"""The factory: providers by name, policies by configuration, choice by what is there."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from bruno_core.interfaces.llm import LLMInterface
from bruno_core.models.config import BrunoConfig, LLMConfig, MemoryConfig
from pydantic import SecretStr

from bruno_llm import keys
from bruno_llm.config.settings import ProviderConfig
from bruno_llm.costs.tracker import CostTracker
from bruno_llm.exceptions import (
    AuthenticationError,
    BudgetExceededError,
    ConfigurationError,
    LLMError,
    ProviderConnectionError,
    ServiceUnavailableError,
)
from bruno_llm.factory.factory import LLMFactory
from bruno_llm.factory.health import ProviderHealth, check_all, is_local
from bruno_llm.factory.unified import UnifiedProviderFactory
from bruno_llm.fallback import FallbackProvider
from bruno_llm.policies.retry import Retry
from bruno_llm.provider import LiteLLMProvider
from bruno_llm.providers.claude import ClaudeProvider
from bruno_llm.providers.gemini import GeminiProvider
from bruno_llm.providers.ollama import OllamaProvider
from bruno_llm.providers.openai import OpenAIProvider
from bruno_llm.testing import FakeServer, Fault, Reply

KEY = "sk-planted-1234567890-WXYZ"
HELLO = [{"role": "user", "content": "hello"}]
# A port of the discard service, which nobody listens on: refused at once.
NOWHERE = "http://127.0.0.1:9"


class Plain(LLMInterface):
    """A provider of a third party, with a constructor of its own."""

    def __init__(self, voice: str = "soft", api_key: str | None = None, fail: str = "") -> None:
        if fail == "constructor":
            raise ValueError(f"cannot use {api_key}")
        self.voice, self.api_key, self.fail = voice, api_key, fail
        self.model = "plain-1"
        self.closed = False
        self._prompt: str | None = None

    async def generate(
        self, messages: Any, temperature: Any = None, max_tokens: Any = None, **kwargs: Any
    ) -> str:
        if self.fail == "generate":
            raise ProviderConnectionError("gone", "plain")
        return f"{self.voice} {self._prompt}"

    async def stream(  # type: ignore[override]
        self, messages: Any, temperature: Any = None, max_tokens: Any = None, **kwargs: Any
    ) -> AsyncIterator[str]:
        yield await self.generate(messages)

    def get_token_count(self, text: str) -> int:
        return len(text)

    async def check_connection(self) -> bool:
        if self.fail == "hang":
            await asyncio.Event().wait()
        if self.fail == "check":
            raise ValueError(f"with {self.api_key}")
        return not self.fail

    async def list_models(self) -> list[str]:
        if self.fail == "key":
            raise AuthenticationError("no such key", "plain", hint="get another")
        return ["other"] if self.fail == "model" else []

    def get_model_info(self) -> dict[str, Any]:
        return {}

    def set_system_prompt(self, prompt: str) -> None:
        self._prompt = prompt

    def get_system_prompt(self) -> str | None:
        return self._prompt

    async def aclose(self) -> None:
        self.closed = True


class Local(Plain):
    local = True


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variable, key or registration of anybody else."""
    for name in list(os.environ):
        if name.startswith(("BRUNO_LLM_", "OLLAMA_")) or name.endswith(("_API_KEY", "_BASE_URL")):
            monkeypatch.delenv(name)
    # Without the package, nobody's own keyring is asked.
    monkeypatch.setitem(sys.modules, "keyring", None)
    keys.forget()
    LLMFactory.register("plain", Plain)
    LLMFactory.register("local", Local)
    yield
    for name in ("plain", "local", "openai", "made"):
        LLMFactory.unregister(name)
    keys.forget()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


def openai(server: FakeServer, **settings: Any) -> Any:
    return LLMFactory.create(
        "openai", base_url=server.base_url("openai"), api_key=KEY, model="gpt-5-mini", **settings
    )


def refused(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        LLMFactory.create(*args, **kwargs)
    return str(caught.value)


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "model"),
    [
        ("ollama", OllamaProvider, "llama3.2"),
        (" OpenAI ", OpenAIProvider, OpenAIProvider.default_model),
        ("anthropic", ClaudeProvider, ClaudeProvider.default_model),
        ("google", GeminiProvider, GeminiProvider.default_model),
        ("openai/gpt-4o", OpenAIProvider, "gpt-4o"),
        ("anthropic/claude-haiku-4-5", ClaudeProvider, "claude-haiku-4-5"),
        ("ollama_chat/llama3.2:1b", OllamaProvider, "llama3.2:1b"),
        ("groq/llama-3.3-70b-versatile", LiteLLMProvider, "groq/llama-3.3-70b-versatile"),
        ("together_ai/Qwen/Qwen2.5", LiteLLMProvider, "together_ai/Qwen/Qwen2.5"),
        ("some_new_vendor/model", LiteLLMProvider, "some_new_vendor/model"),
        ("litellm/groq/llama", LiteLLMProvider, "litellm/groq/llama"),
    ],
)
def test_names_and_model_strings(name: str, kind: type, model: str) -> None:
    llm = LLMFactory.create(name)
    assert type(llm) is kind
    assert llm.model == model  # type: ignore[attr-defined]


def test_a_vendor_of_litellm_with_its_model_apart() -> None:
    for model in ("llama", "groq/llama"):
        assert LLMFactory.create("groq", model=model).model == "groq/llama"  # type: ignore
    assert LLMFactory.create("litellm", model="groq/llama").model == "groq/llama"  # type: ignore
    assert LLMFactory.create(None, {"model": "groq/llama"}).model == "groq/llama"  # type: ignore
    assert "'groq' needs a model (model=..., or the name groq/<model>)" in refused("groq")


def test_names_that_nobody_has() -> None:
    assert "Provider 'opnai' not found; did you mean 'openai'?" in refused("opnai")
    assert "a litellm model string has a slash" in refused("gpt-4o")
    assert "no provider is named" in refused(None, {"timeout": 3})
    assert "no provider is named" in refused("  ")
    assert "Provider 'openai/' not found" in refused("openai/")


def test_a_key_in_the_place_of_the_name_is_not_repeated() -> None:
    long_key = "sk-proj-" + "x" * 40
    assert long_key not in refused(long_key)


def test_contradictions() -> None:
    assert "the provider is 'openai' here, but 'claude' in" in refused(
        "openai", {"provider": "claude"}
    )
    assert "'openai/gpt-4o' names a model already, but model is 'x'" in refused(
        "openai/gpt-4o", model="x"
    )
    assert LLMFactory.create("claude", {"provider": "anthropic"}) is not None
    assert LLMFactory.create("openai/gpt-4o", model="gpt-4o") is not None


def test_listing_imports_no_provider() -> None:
    code = (
        "import sys; from bruno_llm.factory.factory import LLMFactory\n"
        "names = LLMFactory.list_providers(); assert LLMFactory.is_registered('OpenAI')\n"
        "assert LLMFactory.is_registered('anthropic') and not LLMFactory.is_registered('groq/x')\n"
        "print(names, [m for m in ('litellm', 'httpx', 'bruno_llm.provider') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'claude', " in run.stdout and "'ollama', 'openai'" in run.stdout
    assert run.stdout.strip().endswith("[]")


# --- registering ----------------------------------------------------------------------------


def test_a_registered_class_wins_and_is_taken_back() -> None:
    LLMFactory.register("OpenAI", Plain)
    assert type(LLMFactory.create("openai")) is Plain
    LLMFactory.unregister("openai")
    assert type(LLMFactory.create("openai")) is OpenAIProvider


def test_a_function_may_be_registered() -> None:
    LLMFactory.register("made", lambda voice="loud": Plain(voice))
    assert LLMFactory.create("made").voice == "loud"  # type: ignore[attr-defined]
    LLMFactory.register("made", lambda: "not a provider")  # type: ignore[arg-type,return-value]
    assert "what 'made' returns does not fit LLMInterface: check_connection() is" in refused("made")


def test_what_cannot_be_registered() -> None:
    class Half:
        async def generate(self, messages: Any) -> str:
            return ""

    with pytest.raises(ConfigurationError, match=r"stream\(\) is missing"):
        LLMFactory.register("half", Half)
    with pytest.raises(ConfigurationError, match="cannot be called"):
        LLMFactory.register("three", 3)  # type: ignore[arg-type]
    for name in ("", "a/b"):
        with pytest.raises(ConfigurationError, match="cannot name a provider"):
            LLMFactory.register(name, Plain)


# --- providers with a constructor of their own ----------------------------------------------


async def test_a_foreign_constructor_gets_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUNO_LLM_PLAIN_VOICE", "from-env")
    monkeypatch.setenv("BRUNO_LLM_PLAIN_API_KEY", KEY)
    llm: Any = LLMFactory.create("plain", {"system_prompt": "be kind"})
    assert (llm.voice, llm.api_key) == ("from-env", KEY)
    assert await llm.generate(HELLO) == "from-env be kind"
    assert LLMFactory.create("plain", voice="own").voice == "own"  # type: ignore[attr-defined]
    assert LLMFactory.create("plain", api_key=SecretStr("k")).api_key == "k"  # type: ignore


def test_a_foreign_constructor_refuses() -> None:
    assert "unknown setting 'voize'; did you mean" in refused("plain", voize="x")
    assert "provider 'plain' has no setting 'retry'; known: api_key, fail" in refused(
        "plain", retry=True
    )
    with pytest.raises(ConfigurationError) as caught:
        LLMFactory.create("plain", fail="constructor", api_key=KEY)
    assert str(caught.value) == "provider 'plain' refuses its settings: ValueError"
    assert KEY not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ConfigurationError, match="ValueError: cannot use None") as other:
        LLMFactory.create("plain", fail="constructor")
    assert isinstance(other.value.__cause__, ValueError)

    def own_error() -> LLMInterface:
        raise AuthenticationError("mine")

    LLMFactory.register("made", own_error)
    with pytest.raises(AuthenticationError, match="mine"):
        LLMFactory.create("made")


# --- settings and policies in the path ------------------------------------------------------


async def test_retry_by_configuration(server: FakeServer) -> None:
    quick = {"attempts": 3, "wait_initial": 0, "wait_max": 0}
    server.script(Fault.status(503), Fault.status(503), Reply("third"))
    assert await openai(server, retry=quick).generate(HELLO) == "third"
    server.script(Fault.status(503))
    with pytest.raises(ServiceUnavailableError):
        await openai(server, retry=False).generate(HELLO)
    assert len(server.requests) == 4


async def test_a_budget_by_configuration_stands_before_plain_and_streamed_calls(
    server: FakeServer,
) -> None:
    llm = openai(server, budget=0.000001)
    with pytest.raises(BudgetExceededError):
        await llm.generate(HELLO)
    with pytest.raises(BudgetExceededError):
        async for _ in llm.stream(HELLO):
            pass
    assert server.requests == []


async def test_settings_reach_the_wire(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BRUNO_LLM_OPENAI_MAX_TOKENS", "77")
    monkeypatch.setenv("TEST_KEY", KEY)
    path = tmp_path / "llm.json"
    cloud = {
        "provider": "openai",
        "model": "gpt-4o-mini",
        "base_url": server.base_url("openai"),
        "api_key": "${TEST_KEY}",
        "temperature": 0.5,
        "top_p": 0.25,
        "system_prompt": "be kind",
        "cache": True,
    }
    path.write_text(json.dumps({"profiles": {"cloud": cloud}}))
    llm = LLMFactory.create_from_file(path, "cloud", temperature=0.75)
    assert await llm.generate(HELLO) == await llm.generate(HELLO)
    (request,) = server.requests
    sent = request.json
    assert request.key == KEY
    assert (sent["max_tokens"], sent["top_p"], sent["temperature"]) == (77, 0.25, 0.75)
    assert sent["messages"][0] == {"role": "system", "content": "be kind"}


def test_policies_by_configuration() -> None:
    llm: Any = LLMFactory.create(
        "openai",
        {
            "retry": {"attempts": 7},
            "rate_limit": {"concurrency": 2, "requests_per_minute": 60},
            "budget": [{"limit": 5, "period": "day"}],
            "costs": {"warn_at": 0.5},
            "cache": {"ttl": 60},
            "window": {"max_input_tokens": 1000},
        },
    )
    assert llm.retry.attempts == 7
    assert llm.cache.ttl == 60
    assert None not in (llm.rate_limit, llm.costs, llm.window)
    off: Any = LLMFactory.create("openai", {"retry": False, "costs": False, "cache": None})
    assert (off.retry, off.costs, off.cache) == (None, None, None)
    assert LLMFactory.create("openai").retry == Retry()  # type: ignore[attr-defined]
    assert "strategy" in refused("openai", window={"strategy": "sideways"})


def test_policies_may_be_objects() -> None:
    tracker, retry = CostTracker(), Retry(attempts=9)
    llm: Any = LLMFactory.create("openai", {"retry": retry, "costs": tracker})
    assert llm.retry is retry and llm.costs is tracker
    other: Any = LLMFactory.create("openai", {"retry": retry}, retry={"attempts": 2})
    assert other.retry.attempts == 2


def test_unknown_settings_name_the_nearest() -> None:
    assert "unknown setting 'temprature'; did you mean 'temperature'?" in refused(
        "openai", temprature=1
    )
    assert "num_ctx" in refused("openai", num_ctx=5)


def test_from_configurations() -> None:
    llm = LLMConfig(provider="ollama", model="m", additional_params={"num_ctx": 5})
    whole = BrunoConfig(llm=llm, memory=MemoryConfig(backend="sqlite", connection_string="x"))
    ours = ProviderConfig(provider="ollama", model="m", num_ctx=5)
    for config in (llm, whole, ours, {"provider": "ollama", "model": "m", "num_ctx": 5}):
        made: Any = LLMFactory.create_from_config(config, temperature=0.5)
        assert (type(made), made.model, made.params) == (OllamaProvider, "m", {"num_ctx": 5})
        assert made.temperature == 0.5
    assert LLMFactory.create("ollama", ours).model == "m"  # type: ignore[attr-defined]


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUNO_LLM_PROVIDER", "anthropic")
    monkeypatch.setenv("BRUNO_LLM_MODEL", "generic")
    monkeypatch.setenv("BRUNO_LLM_OPENAI_MODEL", "gpt-env")
    monkeypatch.setenv("BRUNO_LLM_OPENAI_RETRY", "false")
    monkeypatch.setenv("MY_OPENAI_MODEL", "gpt-mine")
    llm: Any = LLMFactory.create_from_env("openai")
    assert (llm.model, llm.retry) == ("gpt-env", None)
    assert LLMFactory.create("openai").model == "gpt-env"  # type: ignore[attr-defined]
    assert LLMFactory.create("openai/given").model == "given"  # type: ignore[attr-defined]
    assert LLMFactory.create("openai", model="given").model == "given"  # type: ignore
    assert LLMFactory.create_from_env("openai", "MY").model == "gpt-mine"  # type: ignore
    named: Any = LLMFactory.create_from_env()
    assert (type(named), named.model) == (ClaudeProvider, "generic")
    assert type(LLMFactory.create_from_env("ollama")) is OllamaProvider
    monkeypatch.setenv("BRUNO_LLM_GROQ_MODEL", "llama-env")
    assert LLMFactory.create_from_env("groq").model == "groq/llama-env"  # type: ignore
    monkeypatch.setenv("BRUNO_LLM_OPENAI_MODLE", "x")
    with pytest.raises(ConfigurationError, match="did you mean 'model'"):
        LLMFactory.create_from_env("openai")
    monkeypatch.delenv("BRUNO_LLM_PROVIDER")
    with pytest.raises(ConfigurationError, match="set BRUNO_LLM_PROVIDER"):
        LLMFactory.create_from_env()


async def test_the_key_of_bruno_is_asked_for_at_each_call(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRUNO_LLM_OPENAI_API_KEY", "first-key-1234567")
    llm = LLMFactory.create("openai", base_url=server.base_url("openai"))
    await llm.generate(HELLO)
    monkeypatch.setenv("BRUNO_LLM_OPENAI_API_KEY", "second-key-123456")
    await llm.generate(HELLO)
    assert [r.key for r in server.requests] == ["first-key-1234567", "second-key-123456"]


async def test_the_generic_provider_gets_the_key_under_the_name_of_the_vendor(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRUNO_LLM_HOSTED_VLLM_API_KEY", KEY)
    llm = LLMFactory.create("hosted_vllm/model", base_url=server.base_url("openai"))
    await llm.generate(HELLO)
    assert server.requests[-1].key == KEY


def test_explaining() -> None:
    config = ProviderConfig(provider="ollama", api_key=KEY, timeout=3)
    rows = {row.name: row for row in LLMFactory.explain(config=config)}
    assert (rows["timeout"].value, rows["timeout"].source) == (3, "constructor")
    assert (rows["model"].value, rows["model"].source) == ("llama3.2", "default")
    assert rows["base_url"].value == "http://localhost:11434"
    assert rows["api_key"].value == "****WXYZ"
    assert {row.name: row.source for row in LLMFactory.explain("openai")}["api_key"] == "not set"
    assert LLMFactory.explain("plain")


def test_explaining_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUNO_LLM_PROVIDER", "plain")
    monkeypatch.setenv("BRUNO_LLM_PLAIN_VOICE", "x")
    rows = {row.name: row.source for row in LLMFactory.explain()}
    assert rows["provider"] == "environment BRUNO_LLM_PROVIDER"
    assert rows["params.voice"] == "environment BRUNO_LLM_PLAIN_VOICE"


# --- fallback -------------------------------------------------------------------------------


async def test_a_fallback_by_configuration(server: FakeServer) -> None:
    llm: Any = openai(server, retry=False, fallback=["plain"], system_prompt="be kind")
    server.script(Fault.status(503))
    assert await llm.generate(HELLO) == "soft be kind"


async def test_profiles_fall_back_on_each_other(server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "llm.json"
    profiles = {
        "a": {"provider": "plain", "fail": "generate", "fallback": ["b", "ollama/x"]},
        "b": {"provider": "plain", "voice": "of b", "fallback": ["a"]},
    }
    path.write_text(json.dumps({"profiles": profiles, "default_profile": "a"}))
    assert await LLMFactory.create_from_file(path).generate(HELLO) == "of b None"


def test_what_a_member_of_a_fallback_takes_over() -> None:
    llm: Any = LLMFactory.create(
        "openai",
        {
            "model": "gpt-5-mini",
            "temperature": 0.5,
            "timeout": 9,
            "retry": False,
            "budget": 5,
            "cache": True,
            "top_p": 0.1,
            "fallback": [
                "claude/claude-haiku-4-5",
                {"provider": "gemini", "temperature": 0.1, "budget": 1, "retry": {"attempts": 2}},
            ],
        },
    )
    assert isinstance(llm, FallbackProvider)
    first, second, third = (p for p in llm.providers if isinstance(p, LiteLLMProvider))
    assert (second.model, second.temperature, second.retry) == ("claude-haiku-4-5", 0.5, None)
    assert second.costs is first.costs is not None and second.cache is first.cache is not None
    assert second.params == {}
    assert (third.temperature, third.retry) == (0.1, Retry(attempts=2))
    assert third.costs is not first.costs


async def test_create_with_fallback(server: FakeServer) -> None:
    llm: Any = await LLMFactory.create_with_fallback(
        providers=["openai", "plain"],
        configs=[{"base_url": NOWHERE, "api_key": KEY, "retry": False}, {"voice": "there"}],
    )
    assert isinstance(llm, FallbackProvider)
    assert await llm.generate(HELLO) == "there None"
    assert isinstance(llm.providers[1], OpenAIProvider)


async def test_create_with_fallback_when_nothing_answers() -> None:
    with pytest.raises(LLMError) as caught:
        await LLMFactory.create_with_fallback(
            ["openai", "claude", "plain"],
            [{"base_url": NOWHERE, "api_key": KEY}, None, {"fail": "key", "api_key": KEY}],
        )
    text = str(caught.value)
    assert "openai: ProviderConnectionError" in text
    assert "claude: there is no API key (set ANTHROPIC_API_KEY" in text
    assert "plain: AuthenticationError: no such key (get another)" in text
    assert KEY not in text


async def test_create_with_fallback_refuses() -> None:
    with pytest.raises(ConfigurationError, match="No providers specified"):
        await LLMFactory.create_with_fallback([])
    with pytest.raises(ConfigurationError, match="configs length is 1, but there are 2 providers"):
        await LLMFactory.create_with_fallback(["openai", "plain"], [{}])
    with pytest.raises(ConfigurationError, match="did you mean 'temperature'"):
        await LLMFactory.create_with_fallback(["openai"], [{"temprature": 1}])


# --- choosing -------------------------------------------------------------------------------


def ready(server: FakeServer, name: str, model: str) -> dict[str, Any]:
    return {"provider": name, "model": model, "base_url": server.base_url(name), "api_key": KEY}


async def test_the_first_that_can_be_used() -> None:
    llm = await LLMFactory.create_available(["openai", "plain", "local"])
    assert type(llm) is Plain


async def test_preferences(server: FakeServer) -> None:
    dear = ready(server, "openai", "gpt-5.5")
    server.models["openai"] = ["gpt-5.5", "gpt-5-mini"]
    assert type(await LLMFactory.create_available(["plain", "local"], prefer="local")) is Local
    both = ["plain", "local"]
    assert type(await LLMFactory.create_available(both, prefer=["local"])) is Local
    assert type(await LLMFactory.create_available(both, prefer=["plain", "local"])) is Plain
    # The address is this machine's, so it is free of charge; of the others nobody knows.
    assert type(await LLMFactory.create_available(["plain", dear], prefer="cheapest")) is (
        OpenAIProvider
    )

    slow = Plain("slow")
    original = slow.check_connection

    async def later() -> bool:
        await asyncio.sleep(0.05)
        return await original()

    slow.check_connection = later  # type: ignore[method-assign]
    fast = Plain("fast")
    assert await LLMFactory.create_available([slow, fast], prefer="fastest") is fast
    assert not slow.closed


async def test_prices_of_the_vendors() -> None:
    found = await check_all(
        [
            ("openai", LLMFactory.create("openai/gpt-4o-mini")),
            ("groq/x", LLMFactory.create("mistral/mistral-large-latest")),
            ("none", LLMFactory.create("some_vendor/some-model")),
        ]
    )
    assert found[0].price == pytest.approx(0.75)
    assert found[1].price is not None and found[1].price > 0
    assert found[2].price is None


async def test_needed_capabilities(server: FakeServer) -> None:
    candidates = ["plain", ready(server, "openai", "gpt-5-mini")]
    chosen = await LLMFactory.create_available(candidates, requires=["tools", "streaming"])
    assert type(chosen) is OpenAIProvider
    with pytest.raises(LLMError, match="plain: not known to support tools, vision"):
        await LLMFactory.create_available(["plain"], requires={"vision", "tools", "streaming"})
    with pytest.raises(ConfigurationError, match="no capability 'tool'; did you mean 'tools'"):
        await LLMFactory.create_available(["plain"], requires=["tool"])


async def test_why_none_can_be_used(server: FakeServer) -> None:
    server.require_key("another")
    candidates: list[Any] = [
        "nobody",
        {"provider": "openai", "temprature": 1},
        "claude",
        {"provider": "ollama", "base_url": NOWHERE},
        ready(server, "openai", "gpt-5-mini"),
        {"provider": "plain", "fail": "check", "api_key": KEY},
        {"provider": "plain", "fail": "model"},
        {"provider": "plain", "fail": "says-no"},
        Plain(fail="hang"),
        {"timeout": 3},
    ]
    loop = asyncio.get_running_loop()
    started = loop.time()
    with pytest.raises(LLMError) as caught:
        await LLMFactory.create_available(candidates, timeout=1.0)
    assert loop.time() - started < 4
    text = str(caught.value)
    for reason in (
        "nobody: Provider 'nobody' not found",
        "openai: Invalid configuration: unknown setting 'temprature'",
        "claude: there is no API key (set ANTHROPIC_API_KEY, or keep it with: bruno-llm keys set",
        "ollama: ProviderConnectionError",
        "openai: AuthenticationError",
        "plain: its check failed with ValueError",
        "plain: it has no model 'plain-1'",
        "plain: its check_connection() says no",
        "Plain: no answer within 1 s",
        "without a name: no provider is named",
    ):
        assert reason in text
    assert KEY not in text


async def test_what_is_wrong_with_a_choice() -> None:
    with pytest.raises(ConfigurationError, match="no candidates"):
        await LLMFactory.create_available([])
    with pytest.raises(ConfigurationError, match="'local', 'cheapest', 'fastest' or a list"):
        await LLMFactory.create_available(["plain"], prefer="nearest")
    with pytest.raises(ConfigurationError, match="'x', which is not among the candidates: plain"):
        await LLMFactory.create_available(["plain"], prefer=["x"])
    with pytest.raises(LLMError, match="openai: there is no API key"):
        await LLMFactory.create_available(timeout=5)


# --- health ---------------------------------------------------------------------------------


async def test_health_of_what_is_there_and_what_is_not(server: FakeServer) -> None:
    mine = Plain()
    found = await LLMFactory.health_check(
        [ready(server, "openai", "gpt-5-mini"), ready(server, "ollama", "gone"), mine, "nobody"]
    )
    good = found["openai"]
    assert good.ok and good.reachable and good.key_accepted and good.model_present and good.local
    assert (good.key, good.key_source, good.price) == ("****WXYZ", "argument", 2.25)
    assert good.latency is not None and good.latency >= 0
    missing = found["ollama"]
    assert (missing.ok, missing.reachable, missing.model_present) == (False, True, False)
    assert missing.hint == "get it with: ollama pull gone"
    assert found["Plain"].ok and not mine.closed
    assert not found["nobody"].configured
    assert all(r.endpoint == "models" for r in server.requests)
    assert KEY not in repr(found)


async def test_health_of_two_models_of_one_provider(server: FakeServer) -> None:
    found = await LLMFactory.health_check(
        [ready(server, "openai", "gpt-5-mini"), ready(server, "openai", "gpt-4o-mini")]
    )
    assert set(found) == {"openai", "openai/gpt-4o-mini"}


async def test_health_shows_no_password_of_an_address() -> None:
    candidate = {"provider": "openai", "base_url": f"http://user:{KEY}@127.0.0.1:9/v1"}
    found = (await LLMFactory.health_check([candidate]))["openai"]
    assert found.base_url == "http://****@127.0.0.1:9/v1"
    assert KEY not in repr(found)


def test_plugins_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "thief-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thief\nVersion: 1.0\n")
    points = "[bruno.llm_providers]\nopenai = thief:P\nlost = thief:P\n"
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "lost" in LLMFactory.list_providers() and LLMFactory.is_registered("lost")
    broken = LLMFactory.broken_plugins()
    assert broken["openai"] == "the name 'openai' belongs to a provider of bruno-llm"
    assert "ModuleNotFoundError" in broken["lost"] and "ModuleNotFoundError" in refused("lost")
    assert type(LLMFactory.create("openai")) is OpenAIProvider


async def test_health_of_everything() -> None:
    found = await LLMFactory.health_check()
    assert {"openai", "claude", "gemini", "ollama", "plain"} <= set(found)
    assert not found["openai"].configured and found["openai"].hint is not None
    assert "OPENAI_API_KEY" in found["openai"].hint
    assert await LLMFactory.health_check([]) == {}


async def test_a_vendor_that_cannot_be_asked_is_given_a_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COHERE_API_KEY", KEY)
    found = (await LLMFactory.health_check(["cohere_chat/command-a"])).popitem()[1]
    assert found.ok and found.reachable is None
    assert found.key_source == "COHERE_API_KEY"


def test_what_is_local() -> None:
    def at(url: str | None) -> Any:
        return type("P", (), {"base_url": url})()

    for url in ("http://localhost:1", "http://127.0.0.1", "http://10.0.0.8/v1", "http://box.local"):
        assert is_local(at(url))
    for url in (None, "https://api.openai.com/v1", "http://8.8.8.8"):
        assert not is_local(at(url))
    assert is_local(LLMFactory.create("ollama"))
    assert not is_local(LLMFactory.create("openai"))
    assert ProviderHealth("x").ok


# --- bruno-llm 0.2.0 ------------------------------------------------------------------------


async def test_programs_of_bruno_llm_0_2_0(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm: Any = LLMFactory.create(
        provider="ollama", config={"model": "llama2", "base_url": server.base_url("ollama")}
    )
    assert await llm.generate(HELLO, max_tokens=100) == "Hello"
    assert "".join([piece async for piece in llm.stream(HELLO)]) == "Hello"
    await llm.close()
    monkeypatch.setenv("BRUNO_LLM_OPENAI_API_KEY", KEY)
    monkeypatch.setenv("BRUNO_LLM_OPENAI_MODEL", "gpt-4")
    other: Any = LLMFactory.create_from_env(provider="openai")
    assert (type(other), other.model) == (OpenAIProvider, "gpt-4")
    old = {"api_key": KEY, "organization": "org", "max_retries": 0, "track_cost": True, "stop": []}
    made: Any = LLMFactory.create("openai", old)
    assert (made.retry.attempts, made.costs is not None) == (1, True)
    chosen = await LLMFactory.create_with_fallback(
        providers=["openai", "ollama"],
        configs=[
            {"base_url": NOWHERE},
            {"model": "llama3.2", "base_url": server.base_url("ollama")},
        ],
    )
    assert await chosen.generate(HELLO) == "Hello"


async def test_the_unified_factory(server: FakeServer) -> None:
    assert type(UnifiedProviderFactory.create_llm("ollama", {"model": "m"})) is OllamaProvider
    names = UnifiedProviderFactory.list_all_providers()
    assert names["embedding"] == ["gemini", "mistral", "ollama", "openai"]
    assert names["llm"] == UnifiedProviderFactory.list_llm_providers()
    embedder: Any = UnifiedProviderFactory.create_embedding(
        "openai",
        {"api_key": KEY, "base_url": server.base_url("openai"), "batch_size": 2},
        retry={"attempts": 2},
    )
    assert len(await embedder.embed_text("hello")) == 8
    assert embedder.retry.attempts == 2
    generic: Any = UnifiedProviderFactory.create_embedding("mistral/mistral-embed")
    assert type(generic).__name__ == "LiteLLMEmbedder"
    with pytest.raises(ConfigurationError, match="no embedder 'opnai'; did you mean 'openai'"):
        UnifiedProviderFactory.create_embedding("opnai")
