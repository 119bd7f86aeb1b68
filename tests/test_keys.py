"""Keys: where they are found, and that they are shown nowhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked, PasswordDeleteError
from pydantic import SecretStr

from bruno_llm import keys
from bruno_llm.exceptions import ConfigurationError

KEY = "sk-planted-1234567890-WXYZ"


class MemoryKeyring(KeyringBackend):
    """A keyring like the system's, which also counts how often it is asked."""

    priority = 1  # type: ignore[assignment]
    # Every subclass is registered, and the first test that asks the keyring of the machine would
    # be given one of these: for one that is shut it would wait for ever.
    viable = False  # type: ignore[assignment]

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.asked = 0
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        if self.locked:
            raise KeyringLocked(f"locked: {self.entries}")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise KeyringLocked(f"cannot store {password}")
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.entries:
            raise PasswordDeleteError("not there")
        del self.entries[service, username]


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryKeyring]:
    for name in ("BRUNO_LLM_OPENAI_API_KEY", "OPENAI_API_KEY", "BRUNO_LLM_MY_LLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    previous, ring = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(ring)
    keys.forget()
    yield ring
    keyring.set_keyring(previous)
    keys.forget()


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter in which keyring is not installed."""
    keys.forget()
    monkeypatch.setitem(sys.modules, "keyring", None)


def resolve(argument: str | None = None, env: tuple[str, ...] = ("OPENAI_API_KEY",)) -> Any:
    return keys.resolve_key("openai", SecretStr(argument) if argument is not None else None, env)


def test_argument_then_environment_then_keyring(
    ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resolve() is None
    keys.set_key("openai", "from-the-keyring")
    assert resolve().source == "keyring"
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-vendor")
    assert resolve().source == "OPENAI_API_KEY"
    monkeypatch.setenv("BRUNO_LLM_OPENAI_API_KEY", "from-bruno")
    assert resolve().source == "BRUNO_LLM_OPENAI_API_KEY"
    found = resolve("from-code")
    assert (found.source, found.value.get_secret_value()) == ("argument", "from-code")


def test_the_first_variable_that_is_set_wins_and_an_empty_one_is_not(
    ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "  ")
    monkeypatch.setenv("B_KEY", " value\n")
    found = resolve("", env=("A_KEY", "B_KEY"))
    assert (found.source, found.value.get_secret_value()) == ("B_KEY", "value")


def test_names_with_other_signs_have_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUNO_LLM_MY_LLM_API_KEY", KEY)
    found = keys.resolve_key("my-llm", None, ())
    assert found is not None and found.source == "BRUNO_LLM_MY_LLM_API_KEY"


def test_the_keyring_is_asked_once_until_forgotten(ring: MemoryKeyring) -> None:
    assert resolve() is None and resolve() is None
    assert ring.asked == 1
    ring.entries["bruno-llm", "openai"] = KEY
    assert resolve() is None
    keys.forget("OpenAI")
    assert resolve().value.get_secret_value() == KEY
    assert resolve() is not None
    assert ring.asked == 2


def test_setting_and_deleting_are_seen_at_once(ring: MemoryKeyring) -> None:
    assert resolve() is None
    assert keys.set_key(" OpenAI ", SecretStr(KEY + "\n")) == "****WXYZ"
    assert resolve().value.get_secret_value() == KEY
    assert keys.delete_key("openai") is True
    assert resolve() is None
    assert keys.delete_key("openai") is False


def test_listing_shows_names_and_last_characters(ring: MemoryKeyring) -> None:
    keys.set_key("openai", KEY)
    keys.set_key("claude", "short")
    keys.set_key("claude", "short")
    ring.entries["bruno-llm", "groq"] = KEY
    shown = keys.list_keys()
    assert [(k.provider, k.masked) for k in shown] == [("claude", "****"), ("openai", "****WXYZ")]
    assert [k.provider for k in keys.list_keys(["groq", "ollama"])] == ["claude", "groq", "openai"]
    assert KEY not in repr(shown)
    keys.delete_key("claude")
    assert [k.provider for k in keys.list_keys()] == ["openai"]


@pytest.mark.parametrize("index", ["not json", "3", '[1, "openai"]'])
def test_a_spoiled_index_is_not_an_error(ring: MemoryKeyring, index: str) -> None:
    ring.entries["bruno-llm", "bruno-llm:providers"] = index
    keys.set_key("openai", KEY)
    assert [k.provider for k in keys.list_keys()] == ["openai"]


@pytest.mark.parametrize("key", ["", "  ", "two\nlines", "ключ", "tab\tinside"])
def test_what_cannot_be_a_key_is_refused(ring: MemoryKeyring, key: str) -> None:
    with pytest.raises(ConfigurationError, match="'openai' is empty or not one line"):
        keys.set_key("openai", key)
    assert ring.entries == {}


@pytest.mark.parametrize("name", ["", "  ", "bruno-llm:providers"])
def test_a_key_needs_a_provider(ring: MemoryKeyring, name: str) -> None:
    with pytest.raises(ConfigurationError, match="name of the provider"):
        keys.set_key(name, KEY)


def test_a_locked_keyring_is_no_key_now_and_is_asked_again(ring: MemoryKeyring) -> None:
    keys.set_key("openai", KEY)
    ring.locked = True
    assert resolve() is None
    ring.locked = False
    assert resolve() is not None


def test_a_refusal_does_not_repeat_what_the_keyring_says(
    ring: MemoryKeyring, capsys: pytest.CaptureFixture[str]
) -> None:
    keys.set_key("openai", KEY)
    ring.locked = True
    assert resolve() is None
    for call in (lambda: keys.set_key("openai", KEY), keys.list_keys):
        with pytest.raises(ConfigurationError, match=r"refused \(KeyringLocked\)") as caught:
            call()
        assert KEY not in f"{caught.value}{caught.value!r}"
        assert caught.value.__cause__ is None and caught.value.__context__ is None
    assert KEY not in capsys.readouterr().out


def test_a_system_without_a_keyring(ring: MemoryKeyring) -> None:
    keyring.set_keyring(NoKeyring())
    assert resolve() is None
    assert keys.keyring_name() is None
    with pytest.raises(ConfigurationError, match=r"no keyring .*environment"):
        keys.set_key("openai", KEY)


def test_no_keyring_of_the_tests_is_taken_for_the_machines() -> None:
    found = set(KeyringBackend.get_viable_backends())
    assert not [backend for backend in found if backend.__module__.startswith("tests.")]


def test_the_keyring_in_use_has_a_name(ring: MemoryKeyring) -> None:
    assert "MemoryKeyring" in str(keys.keyring_name())


def test_without_the_package_the_environment_still_works(
    without_package: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert resolve() is None
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert resolve().source == "OPENAI_API_KEY"
    assert keys.keyring_name() is None
    with pytest.raises(ConfigurationError, match=r"bruno-llm\[keyring\]"):
        keys.set_key("openai", KEY)


@pytest.mark.parametrize(
    ("key", "shown"),
    [("", "****"), ("12345678901", "****"), ("123456789012", "****9012"), (KEY, "****WXYZ")],
)
def test_masking_shows_four_characters_of_a_long_key_and_none_of_a_short_one(
    key: str, shown: str
) -> None:
    assert keys.mask(key) == keys.mask(SecretStr(key)) == shown


def test_a_resolved_key_shows_itself_masked(ring: MemoryKeyring) -> None:
    found = resolve(KEY)
    assert found.masked == "****WXYZ"
    assert KEY not in f"{found}{found!r}"


def test_nothing_is_imported_for_a_key_that_is_given() -> None:
    import subprocess

    code = (
        "import sys; from pydantic import SecretStr; from bruno_llm.keys import resolve_key\n"
        "assert resolve_key('openai', SecretStr('k'), ()).source == 'argument'\n"
        "print([m for m in ('keyring', 'litellm', 'httpx') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
