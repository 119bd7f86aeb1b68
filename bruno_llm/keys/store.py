"""Keys in the keyring of the system: put there, listed masked, removed. For people, so it waits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.keys.aside import SERVICE, forget
from bruno_llm.redaction import mask

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["StoredKey", "delete_key", "keyring_name", "list_keys", "set_key"]

# A keyring cannot list its entries, so the names (never the keys) are one entry of their own.
_INDEX = "bruno-llm:providers"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key in the keyring, without the key itself."""

    provider: str
    masked: str


def set_key(provider: str, key: SecretStr | str) -> str:
    """Keep a key in the keyring of the system and return it masked.

    Raises:
        ConfigurationError: The key is empty or not one line of printable ASCII, the extra
            ``[keyring]`` is not installed, or the keyring refuses.
    """
    name = _account(provider)
    value = (key.get_secret_value() if isinstance(key, SecretStr) else key).strip()
    if not value or not value.isascii() or not value.isprintable():
        raise ConfigurationError(
            f"the API key for {name!r} is empty or not one line of printable ASCII characters"
        )
    keyring = _keyring()
    _ask(keyring.set_password, SERVICE, name, value)
    names = _index(keyring)
    if name not in names:
        _ask(keyring.set_password, SERVICE, _INDEX, json.dumps(sorted({*names, name})))
    forget(name)
    return mask(value)


def delete_key(provider: str) -> bool:
    """Remove a provider's key from the keyring; ``False`` when there was none.

    Raises:
        ConfigurationError: The extra ``[keyring]`` is not installed, or the keyring refuses.
    """
    name = _account(provider)
    keyring = _keyring()
    found = _ask(keyring.get_password, SERVICE, name) is not None
    if found:
        _ask(keyring.delete_password, SERVICE, name)
    names = _index(keyring)
    if name in names:
        _ask(keyring.set_password, SERVICE, _INDEX, json.dumps([n for n in names if n != name]))
    forget(name)
    return found


def list_keys(providers: Iterable[str] = ()) -> list[StoredKey]:
    """The keys in the keyring, masked, sorted by provider.

    Args:
        providers: Names to look for besides the ones set through :func:`set_key`; a keyring
            cannot list what other programs stored in it.

    Raises:
        ConfigurationError: The extra ``[keyring]`` is not installed, or the keyring refuses.
    """
    keyring = _keyring()
    names = sorted({*_index(keyring), *(_account(name) for name in providers)})
    found = ((name, _ask(keyring.get_password, SERVICE, name)) for name in names)
    return [StoredKey(name, mask(value)) for name, value in found if value]


def keyring_name() -> str | None:
    """Which keyring is in use, for a person to read; ``None`` when there is none."""
    if find_spec("keyring") is None:
        return None
    import keyring
    from keyring.backends import fail

    backend = keyring.get_keyring()
    return None if isinstance(backend, fail.Keyring) else str(backend.name)


def _account(provider: str) -> str:
    name = provider.strip().lower()
    if not name or name == _INDEX:
        raise ConfigurationError("the name of the provider is missing")
    return name


def _keyring() -> ModuleType:
    if find_spec("keyring") is None:
        raise ConfigurationError(
            "the keyring of the system needs the package keyring",
            hint="pip install 'bruno-llm[keyring]', or set the key in the environment",
        )
    import keyring

    return keyring


def _index(keyring: ModuleType) -> list[str]:
    text = _ask(keyring.get_password, SERVICE, _INDEX)
    try:
        names = json.loads(text) if text else []
    except ValueError:
        names = []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _ask(call: Any, *arguments: str) -> Any:
    """Call the keyring; its errors become ours, without their text, which a backend may fill."""
    from keyring.errors import KeyringError, NoKeyringError

    try:
        return call(*arguments)
    except NoKeyringError:
        problem, hint = "this system has no keyring", "set the key in the environment instead"
    except KeyringError as error:
        problem = f"the keyring of the system refused ({type(error).__name__})"
        hint = "unlock it, or set the key in the environment instead"
    raise ConfigurationError(problem, hint=hint)
