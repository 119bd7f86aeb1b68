"""The configuration: what it reads, what it refuses, where values come from, what it shows."""

from __future__ import annotations

import inspect
import json
import pickle
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from bruno_core.models.config import BrunoConfig, LLMConfig, MemoryConfig
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bruno_llm import (
    Budget,
    Cache,
    ContextWindow,
    CostTracker,
    LLMFactory,
    RateLimit,
    Retry,
    Timeout,
    keys,
)
from bruno_llm.config import policies
from bruno_llm.config.explain import Setting
from bruno_llm.config.file import find_config_file, read_config_file
from bruno_llm.config.layers import PRECEDENCE, Layer
from bruno_llm.config.names import KINDS, VENDOR_PARAMS
from bruno_llm.config.schema import config_schema
from bruno_llm.config.settings import ProviderConfig
from bruno_llm.exceptions import ConfigurationError

KEY = "sk-planted-1234567890-WXYZ"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no configuration of the person who runs the tests."""
    import os

    for name in list(os.environ):
        if name.startswith("BRUNO_LLM_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nowhere"))
    keys.forget()


def refused(**settings: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        ProviderConfig(**settings)
    return str(caught.value)


def row(config: ProviderConfig, name: str, provider_class: type | None = None) -> Setting:
    (found,) = [line for line in config.explain(provider_class) if line.name == name]
    return found


class Vendor:
    """The attributes and constructor of a provider class."""

    default_model = "small"
    api_key_env = ("VENDOR_API_KEY",)
    base_url_env = ("VENDOR_URL",)
    needs_key = True

    def __init__(self, model: str, *, timeout: float = 60.0, retry: Any = (3,)) -> None:
        """Never called."""


# --- what it refuses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"temprature": 1}, "unknown setting 'temprature'; did you mean 'temperature'?"),
        ({"top_P": 0.9}, "unknown setting 'top_P'; did you mean 'top_p'?"),
        ({"zzzzz": 1}, "unknown setting 'zzzzz'; known: api, api_key,"),
        ({"retry": {"atempts": 2}}, "unknown setting 'retry.atempts'; did you mean 'attempts'?"),
        ({"rate_limit": {"rpm": 2}}, "unknown setting 'rate_limit.rpm'; known: burst,"),
        ({"window": {"max_tokens": 5}}, "unknown setting 'window.max_tokens'; did you mean"),
        ({"timeout": "12s"}, "timeout = '12s': input should be a valid number"),
        ({"timeout": 0}, "timeout = 0: input should be greater than 0"),
        ({"temperature": 2.5}, "temperature = 2.5: input should be less than or equal to 2"),
        ({"retry": {"attempts": 0}}, "retry.attempts = 0: input should be greater than"),
        ({"retry": "often"}, "retry.attempts: input should be a valid integer"),
        ({"rate_limit": True}, "rate_limit needs requests_per_minute, tokens_per_minute or"),
        ({"rate_limit": {"concurrency": 1, "on_store_failure": "x"}}, "'error' or 'local'"),
        ({"params": 3}, "params = 3: input should be a valid dictionary"),
        ({"params": {"top_p": 1}, "top_p": 0.5}, "'top_p' is given twice"),
        ({"budget": -1}, "budget.0.limit = -1: input should be greater than or equal to 0"),
        ({"budget": True}, "budget must be a number of US dollars"),
        ({"budget": {"limit": 5, "period": "week"}}, "budget.0.period: input should be 'total'"),
        ({"budget": 5, "costs": False}, "costs is off, but a budget is set"),
        ({"budget": 5, "costs": {"budget": 6}}, "budget and costs.budget differ"),
        ({"budget": {"warn_at": 0.5}, "costs": {}}, "the same: give one of them"),
        ({"max_retries": "many"}, "retry.attempts: input should be a valid integer"),
        ({"fallback": [3]}, "fallback.0 = 3"),
        ({"fallback": [{"provider": "x", "modle": "y"}]}, "did you mean 'model'?"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(settings: dict[str, Any], says: str) -> None:
    assert says in refused(provider="openai", **settings)


def test_a_configuration_needs_a_provider() -> None:
    assert refused() == "Invalid configuration: provider is missing"


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": KEY},
        {"timeout": KEY},
        {"retry": KEY},
        {"retry": {"attempts": KEY}},
        {"api_key": [KEY]},
        {"api_key": KEY, "temperature": 9},
        {"params": KEY},
        {"rate_limit": {"requests_per_minute": KEY}},
        {"fallback": [{"provider": "openai", "api_key": KEY, "timeout": "x"}]},
        {"base_url": 5, "params": {"extra_headers": {"Authorization": KEY}}},
    ],
)
def test_no_error_holds_a_key(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ProviderConfig(provider="openai", **settings)
    error = caught.value
    assert KEY not in "".join(traceback.format_exception(error))
    assert KEY not in f"{error!r}{error.details}{error.original_error!r}"
    assert error.__context__ is None and error.__cause__ is None


# --- what it takes --------------------------------------------------------------------------


def test_policies_are_options_a_switch_or_their_main_option() -> None:
    config = ProviderConfig(
        provider=" OpenAI ",
        retry=5,
        rate_limit={"concurrency": "3"},
        budget=2.5,
        cache=60,
        window=True,
    )
    assert config.provider == "openai"
    assert config.retry is not None and config.retry.given() == {"attempts": 5}
    assert config.rate_limit is not None and config.rate_limit.concurrency == 3
    assert config.budget is not None and config.budget[0].limit == 2.5
    assert config.cache is not None and config.cache.ttl == 60
    assert config.window is not None and config.window.given() == {}
    off = ProviderConfig(provider="openai", retry=False, cache=None, budget=False)
    assert (off.retry, off.cache, off.budget) == (None, None, None)
    assert {"retry", "cache", "budget"} <= off.model_fields_set


def test_a_budget_is_a_number_options_or_several() -> None:
    one = ProviderConfig(provider="openai", budget={"limit": 5, "period": "day"})
    assert one.budget is not None and one.budget[0].period == "day"
    several = ProviderConfig(provider="openai", budget=[10, {"limit": 1, "tag": "*"}])
    assert several.budget is not None and [b.limit for b in several.budget] == [10, 1]
    inside = ProviderConfig(provider="openai", budget={"budget": 5, "ledger": "costs.jsonl"})
    assert inside.budget is not None and inside.budget[0].limit == 5
    assert inside.costs is not None and inside.costs.given() == {"ledger": "costs.jsonl"}


def test_parameters_of_the_vendor_may_stand_beside_the_settings() -> None:
    config = ProviderConfig(provider="ollama", top_p=0.9, num_ctx=8192, params={"seed": 1})
    assert config.params == {"top_p": 0.9, "num_ctx": 8192, "seed": 1}


def test_every_parameter_the_vendors_take_is_known() -> None:
    from bruno_llm.options.params import CHAT_PARAMS, GENERIC_PARAMS
    from bruno_llm.vendors import registry as vendors

    of_vendors = [v.params for v in vars(vendors).values() if isinstance(v, vendors.Vendor)]
    assert (CHAT_PARAMS | GENERIC_PARAMS).union(*of_vendors) - set(VENDOR_PARAMS) <= set(KINDS)


def test_older_forms() -> None:
    config = ProviderConfig(provider="openai", max_retries="4", track_cost=True)
    assert config.retry is not None and config.retry.attempts == 5
    assert config.costs is not None
    off = ProviderConfig(provider="openai", track_cost=False, params=None)
    assert off.costs is None and off.params == {}


def test_a_model_string_names_its_provider_and_keeps_its_case() -> None:
    config = ProviderConfig(model="together_ai/Qwen/Qwen2.5-72B")
    assert (config.provider, config.model) == ("together_ai/Qwen/Qwen2.5-72B", None)


def test_none_leaves_a_plain_setting_to_the_layers_below() -> None:
    config = ProviderConfig.from_layers(
        Layer({"provider": "openai", "model": None, "retry": None}, "constructor"),
        Layer({"model": "below", "retry": 5}, "environment"),
    )
    assert (config.model, config.retry) == ("below", None)
    empty = ProviderConfig(provider="openai", model="", api_key="", base_url="")
    assert empty.written() == {"provider": "openai"}


# Whatever a policy's class refuses, its configuration and the schema refuse too.
NOT_BUILT: list[tuple[str, Any, str]] = [
    ("cache", "redis://host/0", "cache.store: input should be None"),
    ("cache", {"max_entries": 0}, "cache.max_entries = 0: input should be greater than or equal"),
    ("window", {"strategy": "summarize"}, "window.strategy: input should be 'drop_oldest', 'keep"),
    ("window", {"warn_at": 0}, "window.warn_at = 0: input should be greater than 0"),
    ("rate_limit", {"tokens_per_minute": 0.5}, "rate_limit.tokens_per_minute = 0.5"),
    ("rate_limit", {"concurrency": 1, "lease": 0}, "rate_limit.lease = 0"),
    ("retry", {"attempts": 0}, "retry.attempts = 0: input should be greater than or equal to 1"),
    ("retry", {"timeout": 0}, "retry.timeout = 0"),
    ("budget", {"limit": -1}, "budget.0.limit = -1"),
    ("budget", {"limit": 1, "period": "week"}, "budget.0.period: input should be 'total', 'day'"),
    ("costs", {"warn_at": 2}, "costs.warn_at = 2"),
    ("timeout", 0, "timeout = 0: input should be greater than 0"),
    ("timeout", True, "timeout = True: needs a number of seconds"),
    ("timeout", {"reed": 3}, "unknown setting 'timeout.reed'; did you mean 'read'?"),
    ("timeout", {"total": -1}, "timeout.total = -1: input should be greater than 0"),
    ("temperature", 3, "temperature = 3: input should be less than or equal to 2"),
]


@pytest.mark.parametrize(("name", "value", "told"), NOT_BUILT)
def test_what_cannot_be_built_is_refused_before(name: str, value: Any, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ProviderConfig(provider="openai", **{name: value})
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("budget", {"limit": 1, "tag": ""}),  # what only the class itself can see
        ("rate_limit", {"concurrency": 1, "key": ""}),
        ("retry", {"wait_max": float("inf")}),
        ("timeout", float("nan")),
    ],
)
def test_a_policy_has_the_last_word(setting: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        ProviderConfig(provider="openai", **{setting: value})


@pytest.mark.parametrize(
    ("field", "policy", "code_only"),
    [
        ("retry", Retry, set()),
        ("timeout", Timeout, set()),
        ("rate_limit", RateLimit, set()),
        ("budget", Budget, set()),
        ("costs", CostTracker, {"on_warning"}),
        ("cache", Cache, set()),
        ("window", ContextWindow, {"summarizer", "on_warning"}),
    ],
)
def test_a_policy_has_the_settings_and_defaults_of_its_class(
    field: str, policy: type, code_only: set[str]
) -> None:
    settings = policies.OF_FIELD[field].model_fields
    signature = inspect.signature(policy).parameters
    assert set(settings) == set(signature) - code_only
    for name, one in settings.items():
        default = signature[name].default
        assert one.is_required() if default is inspect.Parameter.empty else one.default == default
        assert one.description, f"{field}.{name} is not described"


def test_timeouts_are_a_number_or_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"read": 30, "total": 120}
    assert LLMFactory.create("openai", {"timeout": both}).timeout == Timeout(read=30, total=120)
    assert LLMFactory.create("openai", timeout=30).timeout == Timeout.of(30)
    assert LLMFactory.create("openai", timeout=False).timeout == Timeout.of(None)
    monkeypatch.setenv("BRUNO_LLM_OPENAI_TIMEOUT__TOTAL", "120")
    assert LLMFactory.create("openai").timeout == Timeout(total=120)
    monkeypatch.setenv("BRUNO_LLM_OPENAI_TIMEOUT__TOTAL", "")
    monkeypatch.setenv("BRUNO_LLM_OPENAI_TIMEOUT", "2.5")
    assert LLMFactory.create("openai").timeout == Timeout.of(2.5)


# --- what it shows --------------------------------------------------------------------------

SECRETIVE: dict[str, Any] = {
    "provider": "openai",
    "api_key": KEY,
    "base_url": f"https://user:{KEY}@host/v1?key={KEY}",
    "system_prompt": "Be brief.",
    "extra_headers": {"Authorization": KEY, "x-api-key": KEY, "accept": "*"},
    "params": {"aws_secret_access_key": KEY, "vertex_credentials": [KEY]},
    "rate_limit": {"concurrency": 1, "store": f"redis://:{KEY}@host/0"},
    "fallback": [{"provider": "claude", "api_key": KEY}, "ollama"],
}


def test_no_repr_dump_or_explanation_holds_a_key() -> None:
    config = ProviderConfig(**SECRETIVE)
    shown = [
        repr(config),
        str(config),
        config.model_dump_json(),
        repr(config.rate_limit),
        repr(config.explain()),
        repr(config.explain(Vendor)),
        repr(config.params),
    ]
    for text in shown:
        assert KEY not in text
    assert "****WXYZ" in repr(config)
    assert config.api_key is not None and config.api_key.get_secret_value() == KEY
    assert config.params["extra_headers"]["Authorization"].get_secret_value() == KEY
    assert config.params["extra_headers"]["accept"] == "*"
    assert isinstance(config.params["vertex_credentials"][0], SecretStr)


def test_a_system_prompt_is_shown_as_its_length() -> None:
    config = ProviderConfig(**SECRETIVE)
    assert row(config, "system_prompt").value == "(9 characters)"
    assert "Be brief" not in repr(config)


def test_it_can_be_copied_and_pickled() -> None:
    config = ProviderConfig(**SECRETIVE)
    again = pickle.loads(pickle.dumps(config))
    assert again == config
    assert ProviderConfig(**config.written()).written() == config.written()


# --- the environment ------------------------------------------------------------------------


def from_env(provider: str | None = None, **environ: str) -> ProviderConfig:
    return ProviderConfig.from_env(
        provider, environ={f"BRUNO_LLM_{name}": text for name, text in environ.items()}
    )


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        ("TIMEOUT", "12", 12.0),
        ("TIMEOUT", "none", None),
        ("MAX_TOKENS", "12", 12),
        ("MODEL", "12", "12"),
        ("SYSTEM_PROMPT", "false", "false"),
        ("RETRY", "false", None),
        ("RETRY", "off", None),
        ("CACHE", "FALSE", None),
        ("FALLBACK", "claude, ollama", ["claude", "ollama"]),
        ("FALLBACK", '["claude"]', ["claude"]),
    ],
)
def test_settings_have_the_right_types(setting: str, text: str, value: Any) -> None:
    config = from_env("openai", **{f"OPENAI_{setting}": text})
    assert getattr(config, setting.lower()) == value
    assert setting.lower() in config.model_fields_set


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        ("TOP_P", "0.9", 0.9),
        ("SEED", "12", 12),
        ("PARALLEL_TOOL_CALLS", "False", False),
        ("LOGPROBS", "true", True),
        ("STOP", "a,b", ["a", "b"]),
        ("STOP", '["a,b"]', ["a,b"]),
        ("USER", "12", "12"),
        ("LOGIT_BIAS", '{"50256": -100}', {"50256": -100}),
        ("REASONING_EFFORT", "high", "high"),
    ],
)
def test_parameters_have_the_right_types(setting: str, text: str, value: Any) -> None:
    config = from_env("openai", **{f"OPENAI_{setting}": text})
    assert config.params == {setting.lower(): value}


def test_policies_from_the_environment() -> None:
    config = from_env(
        "openai",
        OPENAI_RETRY="true",
        OPENAI_RATE_LIMIT='{"requests_per_minute": 60}',
        OPENAI_RATE_LIMIT__CONCURRENCY="3",
        OPENAI_BUDGET="2.50",
        OPENAI_CACHE="60",
    )
    assert config.retry is not None
    assert config.rate_limit is not None
    assert config.rate_limit.given() == {"requests_per_minute": 60, "concurrency": 3}
    assert config.budget is not None and config.budget[0].limit == 2.5
    assert config.cache is not None and config.cache.ttl == 60


def test_bruno_core_names_belong_to_the_provider_they_name() -> None:
    environ = {"PROVIDER": "OpenAI", "MODEL": "gpt", "API_KEY": KEY, "MAX_TOKENS": "9"}
    config = from_env(None, **environ)
    assert (config.provider, config.model, config.max_tokens) == ("openai", "gpt", 9)
    assert from_env("claude", **environ).api_key is None
    assert from_env(None, OPENAI_MODEL="own", **environ).model == "own"
    assert row(config, "model").source == "environment BRUNO_LLM_MODEL"


def test_a_model_string_alone_names_the_provider() -> None:
    config = from_env(None, MODEL="groq/llama", GROQ_TIMEOUT="3", GROQ_MODEL="other")
    assert (config.provider, config.model, config.timeout) == ("groq/llama", None, 3)
    assert row(config, "provider").source == "environment BRUNO_LLM_MODEL"


def test_no_provider_named_anywhere() -> None:
    with pytest.raises(ConfigurationError, match="set BRUNO_LLM_PROVIDER"):
        from_env(None, MODEL="no-slash")


def test_empty_variables_are_unset_and_other_prefixes_are_possible() -> None:
    assert from_env("openai", OPENAI_MODEL="  ").model is None
    environ = {"MY_APP_OPENAI_MODEL": "a", "BRUNO_LLM_OPENAI_MODEL": "b"}
    assert ProviderConfig.from_env("openai", prefix="MY_APP", environ=environ).model == "a"


def test_a_provider_whose_name_begins_with_another() -> None:
    environ = {"BRUNO_LLM_MY_OTHER_MODEL": "theirs", "BRUNO_LLM_MY_MODEL": "mine"}
    config = ProviderConfig.from_env("my", environ=environ, others=["my", "my-other"])
    assert config.written() == {"provider": "my", "model": "mine"}


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"OPENAI_MODLE": "x"}, "BRUNO_LLM_OPENAI_MODLE sets 'modle', which is unknown; did you"),
        ({"OPENAI_RETRY": '{"attempts"'}, "BRUNO_LLM_OPENAI_RETRY looks like JSON"),
        ({"OPENAI_RETRY": "false", "OPENAI_RETRY__ATTEMPTS": "3"}, "reaches into 'retry'"),
        ({"OPENAI_RETRY__A__B": "3"}, "BRUNO_LLM_OPENAI_RETRY__A__B reaches deeper"),
        ({"OPENAI_TIMEOUT": "soon"}, "timeout: input should be a valid number"),
    ],
)
def test_what_is_wrong_in_the_environment(environ: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        from_env("openai", **environ)
    assert says in str(caught.value)


def test_broken_json_with_a_key_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as caught:
        from_env("openai", OPENAI_EXTRA_HEADERS=f'{{"Authorization": "{KEY}"')
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


@settings(deadline=None)
@given(st.floats(0.01, 1e6), st.integers(1, 10**9), st.text(st.characters(codec="ascii")))
def test_what_is_written_to_the_environment_is_read_back(
    timeout: float, max_tokens: int, prompt: str
) -> None:
    config = from_env(
        "openai",
        OPENAI_TIMEOUT=str(timeout),
        OPENAI_MAX_TOKENS=str(max_tokens),
        OPENAI_SYSTEM_PROMPT=prompt,
    )
    assert (config.timeout, config.max_tokens) == (timeout, max_tokens)
    assert config.system_prompt == (prompt if prompt.strip() else None)


# --- files ----------------------------------------------------------------------------------

PROFILES: dict[str, Any] = {
    "default_profile": "cloud",
    "defaults": {"timeout": 30, "params": {"seed": 1}},
    "profiles": {
        "cloud": {
            "provider": "openai",
            "model": "gpt",
            "api_key": "${TEST_KEY}",
            "fallback": ["local", "claude"],
            "params": {"top_p": 0.5},
        },
        "local": {"provider": "ollama", "timeout": 90, "fallback": ["cloud"]},
    },
}
TOML = """
default_profile = "cloud"
[defaults]
timeout = 30
params = {seed = 1}
[profiles.cloud]
provider = "openai"
model = "gpt"
api_key = "${TEST_KEY}"
fallback = ["local", "claude"]
params = {top_p = 0.5}
[profiles.local]
provider = "ollama"
timeout = 90
fallback = ["cloud"]
"""


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".toml", ".yaml", ".yml", ".json"])
def test_profiles_in_every_format(tmp_path: Path, suffix: str) -> None:
    text = {".toml": TOML, ".json": json.dumps(PROFILES)}.get(suffix, yaml.safe_dump(PROFILES))
    path = write(tmp_path / f"llm{suffix}", text)
    cloud = ProviderConfig.from_file(path, environ={"TEST_KEY": KEY})
    assert (cloud.provider, cloud.model, cloud.timeout) == ("openai", "gpt", 30)
    assert cloud.params == {"seed": 1, "top_p": 0.5}
    assert cloud.api_key is not None and cloud.api_key.get_secret_value() == KEY
    local, claude = cloud.fallback
    assert isinstance(local, ProviderConfig) and claude == "claude"
    assert (local.provider, local.timeout, local.fallback) == ("ollama", 90, [])
    assert row(cloud, "timeout").source == f"file llm{suffix} [cloud]"
    # The other profile is readable without the variables of the first.
    with pytest.raises(ConfigurationError, match="TEST_KEY"):
        ProviderConfig.from_file(path, "local", environ={})
    by_variable = {"BRUNO_LLM_PROFILE": "local", "TEST_KEY": KEY}
    assert ProviderConfig.from_file(path, environ=by_variable).provider == "ollama"


def test_one_configuration_without_profiles(tmp_path: Path) -> None:
    path = write(tmp_path / "one.yaml", "provider: ollama\nnum_ctx: 8192\nretry: false\n")
    config = ProviderConfig.from_file(path, model="given")
    assert (config.provider, config.model, config.retry) == ("ollama", "given", None)
    assert row(config, "retry") == Setting("retry", None, "file one.yaml")
    with pytest.raises(ConfigurationError, match="no profile 'x'; the file has no profiles"):
        ProviderConfig.from_file(path, "x")


def test_a_file_of_bruno_core(tmp_path: Path) -> None:
    path = write(
        tmp_path / "bruno.yaml",
        "llm:\n  provider: ollama\n  model: llama3.2\n  additional_params: {num_ctx: 8192}\n"
        "memory: {backend: sqlite, connection_string: x.db}\n",
    )
    config = ProviderConfig.from_file(path)
    assert (config.model, config.params) == ("llama3.2", {"num_ctx": 8192})


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${A}", 12.0),
        ("${MISSING:-7}", 7.0),
        ("${EMPTY:-7}", 7.0),
        ("${MISSING:-none}", None),
        ("1${A}", 112.0),
    ],
)
def test_references_take_the_type_of_the_setting(
    tmp_path: Path, written: str, value: float | None
) -> None:
    path = write(tmp_path / "r.json", json.dumps({"provider": "openai", "timeout": written}))
    environ = {"A": "12", "EMPTY": ""}
    assert ProviderConfig.from_file(path, environ=environ).timeout == value


def test_references_anywhere_in_a_value(tmp_path: Path) -> None:
    content = {
        "provider": "openai",
        "model": "$${A} costs $5",
        "base_url": "http://${HOST}:${PORT:-80}/v1",
        "stop": ["${A}", "b"],
        "retry": {"attempts": "${N}"},
        "cache": "${OFF}",
        "extra_headers": {"Authorization": "Bearer ${A}"},
    }
    path = write(tmp_path / "r.json", json.dumps(content))
    environ = {"A": "12", "HOST": "h", "N": "4", "OFF": "false"}
    config = ProviderConfig.from_file(path, environ=environ)
    assert (config.model, config.base_url) == ("${A} costs $5", "http://h:80/v1")
    assert config.params["stop"] == ["12", "b"]
    assert config.retry is not None and config.retry.attempts == 4
    assert config.cache is None
    assert config.params["extra_headers"]["Authorization"].get_secret_value() == "Bearer 12"


def test_the_files_in_the_documentation_are_right(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text(encoding="utf-8")
    one, several, _ = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    config = ProviderConfig.from_file(write(tmp_path / "one.toml", one))
    assert config.retry is not None and config.retry.attempts == 5
    path = write(tmp_path / "several.toml", several)
    cloud = ProviderConfig.from_file(path, environ={"ANTHROPIC_API_KEY": KEY})
    assert isinstance(cloud.fallback[0], ProviderConfig)
    assert cloud.fallback[0].model == "llama3.2"


def test_an_unset_reference_names_the_setting_and_the_variable(tmp_path: Path) -> None:
    path = write(tmp_path / "r.json", '{"provider": "openai", "retry": {"attempts": "${N}"}}')
    with pytest.raises(ConfigurationError) as caught:
        ProviderConfig.from_file(path, environ={})
    assert "retry.attempts refers to ${N}, which is not set" in str(caught.value)
    assert "${N:-default}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.ini", "", "must end in .toml, .yaml, .yml, .json"),
        ("a.toml", f"api_key = '{KEY}", "is not valid TOML at"),
        ("a.yaml", f"api_key: '{KEY}", "is not valid YAML at line 1"),
        ("a.yaml", "a: 2024-99-99", "is not valid YAML"),
        ("a.yaml", "a: \x01", "is not valid YAML"),
        ("a.json", f'{{"api_key": "{KEY}"', "is not valid JSON at line 1"),
        ("a.json", "[1]", "must hold settings by name, not a list"),
        ("a.json", "null", "must hold settings by name, not nothing"),
        ("a.json", '{"profiles": {}}', "profiles is empty"),
        ("a.json", '{"profiles": 3}', "profiles must hold settings by name, not a int"),
        ("a.json", '{"profiles": {"a": []}}', "a must hold settings by name, not a list"),
        ("a.json", '{"profiles": {"a": {}}, "default": {}}', "unknown key 'default'; did you"),
        ("a.json", '{"profiles": {"ab": {}}, "default_profile": "abc"}', "did you mean 'ab'?"),
        ("a.json", '{"profiles": {"a": {}, "b": {}}}', "has the profiles a, b; name one"),
        ("a.json", '{"profiles": {"a": {}}}', "provider is missing"),
        ("a.json", '{"provider": "openai", "modle": 1}', "did you mean 'model'?"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path: Path, name: str, content: str, says: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(ConfigurationError) as caught:
        ProviderConfig.from_file(path)
    assert says in str(caught.value)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        ProviderConfig.from_file(tmp_path / "missing.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        ProviderConfig.from_file(tmp_path / "bytes.toml")
    path = write(tmp_path / "a.json", '{"profiles": {"cloud": {}}}')
    with pytest.raises(ConfigurationError, match="no profile 'clod'; did you mean 'cloud'"):
        read_config_file(path).choose("clod")


def test_where_a_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "config.toml", 'provider = "not-from-here"')
    with pytest.raises(ConfigurationError, match="set BRUNO_LLM_CONFIG"):
        ProviderConfig.from_file()
    named = write(tmp_path / "named.yaml", "provider: ollama")
    monkeypatch.setenv("BRUNO_LLM_CONFIG", str(named))
    assert ProviderConfig.from_file().provider == "ollama"
    (tmp_path / "home" / "bruno-llm").mkdir(parents=True)
    own = write(tmp_path / "home" / "bruno-llm" / "config.yaml", "provider: gemini")
    home = str(tmp_path / "home")
    assert find_config_file({"XDG_CONFIG_HOME": home, "APPDATA": home}) == own


# --- bruno-core -----------------------------------------------------------------------------


def test_from_bruno_core() -> None:
    llm = LLMConfig(
        provider="Ollama", model="llama3.2", timeout=5, additional_params={"num_ctx": 1, "retry": 2}
    )
    whole = BrunoConfig(llm=llm, memory=MemoryConfig(backend="sqlite", connection_string="x"))
    environ = {"BRUNO_LLM_OLLAMA_MODEL": "below", "BRUNO_LLM_OLLAMA_MAX_TOKENS": "7"}
    for given_ in (llm, whole):
        config = ProviderConfig.from_bruno_core(given_, environ=environ)
        assert (config.provider, config.model, config.timeout) == ("ollama", "llama3.2", 5)
        assert config.params == {"num_ctx": 1}
        assert config.retry is not None and config.retry.attempts == 2
        assert config.max_tokens == 7
        # bruno-core's default was not written by anyone.
        assert config.temperature is None
        assert row(config, "model").source == f"constructor {type(given_).__name__}"
    twice = LLMConfig(provider="o", model="m", additional_params={"model": "n"})
    with pytest.raises(ConfigurationError, match="additional_params repeats 'model'"):
        ProviderConfig.from_bruno_core(twice)


# --- precedence -----------------------------------------------------------------------------


def test_the_order_of_precedence(tmp_path: Path) -> None:
    assert PRECEDENCE == ("call", "constructor", "file", "environment", "default")
    path = write(
        tmp_path / "c.json",
        '{"provider": "openai", "model": "file", "timeout": 2, "top_p": 0.2, "stop": ["f"]}',
    )
    environ = {
        "BRUNO_LLM_OPENAI_MODEL": "environment",
        "BRUNO_LLM_OPENAI_TIMEOUT": "3",
        "BRUNO_LLM_OPENAI_MAX_TOKENS": "3",
        "BRUNO_LLM_OPENAI_TOP_P": "0.3",
        "BRUNO_LLM_OPENAI_SEED": "3",
    }
    config = ProviderConfig.from_file(path, environ=environ, model="constructor", stop=["c"])
    rows = {line.name: (line.value, line.source) for line in config.explain(Vendor)}
    assert rows["model"] == ("constructor", "constructor")
    assert rows["timeout"] == (2, "file c.json")
    assert rows["max_tokens"] == (3, "environment BRUNO_LLM_OPENAI_MAX_TOKENS")
    assert rows["params.top_p"] == (0.2, "file c.json")
    assert rows["params.stop"] == (["c"], "constructor")
    assert rows["params.seed"] == (3, "environment BRUNO_LLM_OPENAI_SEED")
    assert rows["temperature"] == (None, "default")


def test_explaining_what_the_class_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    config = ProviderConfig(provider="vendor")
    assert row(config, "model", Vendor) == Setting("model", "small", "default")
    assert row(config, "timeout", Vendor) == Setting("timeout", 60.0, "default")
    assert row(config, "retry", Vendor) == Setting("retry", "(3,)", "default")
    assert row(config, "api_key", Vendor) == Setting("api_key", None, "not set")
    monkeypatch.setenv("VENDOR_API_KEY", KEY)
    monkeypatch.setenv("VENDOR_URL", f"http://u:{KEY}@host")
    assert row(config, "api_key", Vendor) == Setting(
        "api_key", "****WXYZ", "environment VENDOR_API_KEY"
    )
    assert row(config, "base_url", Vendor) == Setting(
        "base_url", "http://****@host", "environment VENDOR_URL"
    )
    assert row(config, "model") == Setting("model", None, "default")


def test_explaining_a_budget_and_a_fallback() -> None:
    config = ProviderConfig(
        provider="openai", budget=5, fallback=["ollama", {"provider": "claude"}]
    )
    assert row(config, "budget").value == 5
    assert row(config, "fallback").value == ["ollama", "claude"]
    daily = ProviderConfig(provider="openai", budget={"limit": 5, "period": "day"})
    assert row(daily, "budget").value == {"limit": 5, "period": "day"}


def test_settings_over_a_configuration_keep_the_sources_of_the_others() -> None:
    config = from_env("openai", OPENAI_MODEL="m", OPENAI_TIMEOUT="3", OPENAI_SEED="1")
    over = config.over(Layer({"max_tokens": 5}, "environment X"), timeout=9, seed=2)
    sources = {line.name: line.source for line in over.explain()}
    assert sources["model"] == "environment BRUNO_LLM_OPENAI_MODEL"
    assert sources["timeout"] == sources["params.seed"] == "constructor"
    assert sources["max_tokens"] == "environment X"
    assert (over.model, over.timeout, over.params) == ("m", 9, {"seed": 2})


# --- the schema -----------------------------------------------------------------------------


def test_the_schema_accepts_what_the_loader_accepts() -> None:
    schema = config_schema()
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    good: list[dict[str, Any]] = [
        PROFILES,
        {"provider": "openai", "top_p": 0.5, "retry": {"attempts": 5}, "cache": True},
        {"provider": "openai", "retry": False, "budget": 2.5, "window": True, "cache": 60},
        {"provider": "openai", "timeout": {"total": 120, "connect": None}},
        {"provider": "openai", "timeout": 30, "window": 8000},
        {"provider": "openai", "budget": {"limit": 1}, "costs": {"ledger": "x"}, "retry": 3},
        {"provider": "openai", "fallback": ["a", {"provider": "b"}], "api_key": "${KEY}"},
    ]
    for config in good:
        assert list(validator.iter_errors(config)) == []
        ProviderConfig(**config) if "provider" in config else None
    bad = [{"temprature": 1}, {"retry": {"atempts": 1}}, {"profiles": {"a": {"modle": "x"}}}]
    bad += [{name: value} for name, value, _ in NOT_BUILT]
    for config in bad:
        assert list(validator.iter_errors(config)), config
    json.dumps(schema)


def test_importing_it_is_light() -> None:
    code = (
        "import sys; import bruno_llm.config.settings\n"
        "print([m for m in ('litellm', 'httpx', 'tiktoken', 'keyring') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
