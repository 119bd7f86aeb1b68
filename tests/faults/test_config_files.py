"""Configuration files that are made to hang, to fill the memory, or to break the parser."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bruno_llm import ConfigurationError, LLMFactory, ProviderConfig
from bruno_llm.config.file import read_config_file

KEY = "sk-planted-0123456789"
DEEP = 100_000


def _bomb() -> str:
    """Nine levels of ten: a billion values by reference."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines)


def _merging_bomb() -> str:
    """The same by merge keys, which PyYAML copies while it builds the value."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 10)]
    return "\n".join(lines)


ATTACKS = {
    "deep.json": "[" * DEEP,
    "deep-object.json": '{"a":' * 40 + "1" + "}" * 40,
    "deep.toml": "a = " + "[" * 1_000 + "]" * 1_000,
    "deep.yaml": "[" * 5_000,
    "deep-value.yaml": "a: " + "[" * 40 + "]" * 40,
    "number.json": f'{{"provider": "openai", "max_tokens": {"9" * 5_000}}}',
    "number.toml": f"max_tokens = {'9' * 5_000}",
    "number.yaml": f"max_tokens: {'9' * 5_000}",
    "bomb.yaml": _bomb(),
    "merge.yaml": _merging_bomb(),
    "circle.yaml": "a: &a [*a]",
    "circle-of-mappings.yaml": "a: &a {b: *a}",
    "large.toml": f"system_prompt = '{'x' * 300_000}'",
    "many.json": "[" + "1," * 20_000 + "1]",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_file_that_attacks_is_a_configuration_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(f"{ATTACKS[name]}\n# {KEY}" if name.endswith("l") else ATTACKS[name])
    with pytest.raises(ConfigurationError) as caught:
        LLMFactory.create_from_file(path)
    assert name in str(caught.value)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.toml"
    os.mkfifo(path)
    with pytest.raises(ConfigurationError, match="is not a regular file"):
        read_config_file(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_device_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "zero.json"
    path.symlink_to("/dev/zero")
    with pytest.raises(ConfigurationError, match="is not a regular file"):
        read_config_file(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "folder.toml"
    path.mkdir()
    with pytest.raises(ConfigurationError, match=r"folder\.toml"):
        read_config_file(path)


@pytest.mark.skipif(os.name != "posix", reason="permissions are told in another way there")
@pytest.mark.parametrize(("mode", "warned"), [(0o646, True), (0o644, False), (0o600, False)])
def test_a_file_that_everybody_may_write_is_warned_of(
    tmp_path: Path, mode: int, warned: bool
) -> None:
    path = tmp_path / "open.toml"
    path.write_text(f"provider = 'openai'\napi_key = '{KEY}'\n")
    path.chmod(mode)
    with capture_logs() as events:
        assert ProviderConfig.from_file(path).provider == "openai"
    found = [e for e in events if e["event"] == "config_file_writable_by_everybody"]
    assert bool(found) is warned
    assert all(e["log_level"] == "warning" and "chmod o-w" in e["hint"] for e in found)
    assert KEY not in repr(events)


@pytest.mark.parametrize("digits", [400, 5_000])
@pytest.mark.parametrize(
    "setting", ["temperature", "max_tokens", "timeout", "retry", "rate_limit", "budget", "window"]
)
def test_a_number_that_no_float_holds_is_refused_by_name(setting: str, digits: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        LLMFactory.create("openai", **{setting: 10**digits})
    assert len(str(caught.value)) < 400


def test_json_in_a_variable_that_is_nested_without_end_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BRUNO_LLM_OPENAI_PARAMS", "[" * DEEP)
    with pytest.raises(ConfigurationError, match="BRUNO_LLM_OPENAI_PARAMS"):
        LLMFactory.create("openai")
