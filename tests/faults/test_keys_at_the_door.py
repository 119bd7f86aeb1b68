"""An error of a constructor, of the factory or of a configuration holds no secret it was given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bruno_llm import (
    LiteLLMProvider,
    LLMError,
    LLMFactory,
    OpenAIProvider,
    ProviderConfig,
)
from bruno_llm.embeddings import OpenAIEmbedder
from tests.planted import KEY, held

pytestmark = [pytest.mark.usefixtures("no_keys"), pytest.mark.covering(1)]

HEADER, WORD = "planted-header-55", "planted-Word-77"
SECRETS = {
    "api_key": KEY,
    "base_url": f"http://u:{WORD}@h/v1",
    "extra_headers": {"x-tenant": HEADER},
}
WRONG: dict[str, dict[str, Any]] = {
    "unknown": {"tempratur": 1},
    "out of range": {"temperature": 99},
    "kind": {"max_tokens": "many"},
    "policy": {"retry": {"attempts": -1}},
    "address": {"base_url": f"ftp://u:{WORD}@h/v1"},
    "model": {"model": "sk-proj-abcdefghijklmnop"},
    "header": {"extra_headers": {"x-tenant": f"{HEADER}\n"}},
}
DOORS: dict[str, Callable[..., Any]] = {
    "OpenAIProvider": OpenAIProvider,
    "LiteLLMProvider": lambda **given: LiteLLMProvider(**{"model": "groq/some", **given}),
    "OpenAIEmbedder": OpenAIEmbedder,
    "create": lambda **given: LLMFactory.create("openai", **given),
    "create a route": lambda **given: LLMFactory.create("groq", **{"model": "some", **given}),
    "create a fallback": lambda **given: LLMFactory.create(
        "openai", **{**SECRETS, "fallback": [{"provider": "ollama", **given}]}
    ),
    "ProviderConfig": lambda **given: ProviderConfig(provider="openai", **given),
}


def assert_clean(error: BaseException) -> None:
    found = [
        where for where, text in held(error) for secret in (KEY, HEADER, WORD) if secret in text
    ]
    assert found == []


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("door", DOORS)
def test_what_was_given(door: str, wrong: str) -> None:
    try:
        DOORS[door](**{**SECRETS, **WRONG[wrong]})
    except LLMError as error:
        assert_clean(error)
    else:
        assert (door, wrong) in {("ProviderConfig", w) for w in ("address", "model", "header")}


@pytest.mark.parametrize("door", ["from_env", "from_file", "create", "config"])
def test_what_the_environment_and_a_file_say(
    door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRUNO_LLM_OPENAI_API_KEY", KEY)
    monkeypatch.setenv("BRUNO_LLM_OPENAI_BASE_URL", SECRETS["base_url"])
    monkeypatch.setenv("BRUNO_LLM_OPENAI_TEMPERATURE", "hot")
    file = tmp_path / "bruno-llm.toml"
    file.write_text(
        f'[profiles.a]\nprovider = "openai"\napi_key = "{KEY}"\ntempratur = 1\n'
        f'base_url = "http://u:{WORD}@h/v1"\nextra_headers = {{"x-tenant" = "{HEADER}"}}\n',
        encoding="utf-8",
    )
    file.chmod(0o600)
    doors: dict[str, Callable[[], Any]] = {
        "from_env": lambda: ProviderConfig.from_env("openai"),
        "from_file": lambda: ProviderConfig.from_file(file),
        "create": lambda: LLMFactory.create("openai"),
        "config": lambda: LLMFactory.create("openai", **SECRETS),
    }
    with pytest.raises(LLMError) as caught:
        doors[door]()
    assert_clean(caught.value)
