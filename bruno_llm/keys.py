"""Where an API key comes from: the argument, the environment, the keyring of the system.

A key is never written to a file of this package. ``bruno-llm keys set openai`` puts it into the
keyring of the operating system (macOS Keychain, Windows Credential Manager, Secret Service),
which needs the extra ``bruno-llm[keyring]``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bruno_llm._runtime.log import get_logger
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.checks import no_text
from bruno_llm.redaction import hide_url_secrets, mask

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "ResolvedKey",
    "StoredKey",
    "delete_key",
    "fits_a_header",
    "forget",
    "hide_url_secrets",
    "keyring_name",
    "list_keys",
    "mask",
    "provider_variable",
    "resolve_key",
    "sealed",
    "set_key",
    "variable_part",
    "where_from",
]

logger = get_logger(__name__)

SERVICE = "bruno-llm"
"""The service under which the keys are kept in the keyring; the account is the provider."""

# A keyring cannot list its entries, so the names (never the keys) are one entry of their own.
_INDEX = "bruno-llm:providers"


@dataclass(frozen=True, slots=True)
class ResolvedKey:
    """A key and where it was found.

    Attributes:
        value: The key.
        source: ``"argument"``, ``"keyring"`` or the name of an environment variable.
    """

    value: SecretStr
    source: str

    @property
    def masked(self) -> str:
        """The last four characters, as :func:`mask` shows them."""
        return mask(self.value)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key in the keyring, without the key itself."""

    provider: str
    masked: str


def provider_variable(provider: str, setting: str = "api_key") -> str:
    """The variable of this package for a setting: ``BRUNO_LLM_OPENAI_API_KEY``."""
    return f"BRUNO_LLM_{variable_part(provider)}_{setting.upper()}"


def variable_part(name: str) -> str:
    """A provider's name as part of a variable: letters and digits, the rest as ``_``."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name).upper()


_looked_up: dict[str, SecretStr | None] = {}


def sealed(api_key: str | SecretStr | None) -> SecretStr | None:
    """The key that a constructor was given, as it is kept: without the blanks around it.

    Raises:
        ConfigurationError: It is no text.
    """
    if api_key is None:
        return None
    if not isinstance(api_key, str | SecretStr):
        raise no_text("api_key", api_key)
    value = api_key if isinstance(api_key, str) else api_key.get_secret_value()
    return SecretStr(value.strip())


def fits_a_header(key: SecretStr) -> bool:
    """Whether an HTTP header can hold the key: one line of ASCII."""
    value = key.get_secret_value()
    return value.isascii() and value.isprintable()


def resolve_key(
    provider: str, argument: SecretStr | None, env: Sequence[str]
) -> ResolvedKey | None:
    """Find the key of a provider: argument, then environment, then keyring.

    The environment is read at each call, so a key that is set later is found. What the keyring
    answers is remembered for the life of the process; :func:`forget` makes it ask again. The
    first question to a keyring may take a moment or open a dialog of the system: it is only
    asked when the argument and the environment have no key.

    Args:
        provider: Name of the provider, such as ``"openai"``.
        argument: The key given in code or by a configuration; an empty one counts as none.
        env: The vendor's variables in order, such as ``("OPENAI_API_KEY",)``.
            ``BRUNO_LLM_<PROVIDER>_API_KEY`` is asked before them.

    Returns:
        The key and its source; ``None`` when there is none anywhere.
    """
    if argument is not None and argument.get_secret_value().strip():
        return ResolvedKey(SecretStr(argument.get_secret_value().strip()), "argument")
    for variable in (provider_variable(provider), *env):
        value = os.environ.get(variable, "").strip()
        if value:
            return ResolvedKey(SecretStr(value), variable)
    stored = _from_keyring(provider)
    return ResolvedKey(stored, "keyring") if stored is not None else None


def where_from(key: ResolvedKey, variables: Iterable[str] = ()) -> str:
    """Where a key stands that must be changed, in words, with its last four characters.

    Args:
        key: The key and its source.
        variables: Where else the value of an argument may stand: code that reads a variable, or a
            configuration, gives it on as an argument.
    """
    if key.source == "keyring":
        return f"the key is {key.masked}, from the keyring of the system"
    if key.source != "argument":
        return f"the key is {key.masked}, from {key.source}"
    value = key.value.get_secret_value()
    same = [name for name in variables if os.environ.get(name, "").strip() == value]
    # Only what was asked already: a question could open a dialog of the system.
    known = (stored for stored in _looked_up.values() if stored is not None)
    if any(stored.get_secret_value() == value for stored in known):
        same.append("the keyring of the system")
    also = f", and stands in {' and '.join(same)}" if same else ""
    return f"the key is {key.masked}, given as api_key{also}"


def _from_keyring(provider: str) -> SecretStr | None:
    name = provider.lower()
    if name in _looked_up:
        return _looked_up[name]
    if find_spec("keyring") is None:
        _looked_up[name] = None
        return None
    import keyring
    from keyring.errors import KeyringError, NoKeyringError

    try:
        stored = keyring.get_password(SERVICE, name)
    except NoKeyringError:
        stored = None
    except KeyringError as error:
        # Perhaps locked: it may be open at the next call, so this answer is not remembered.
        logger.warning("keyring_unavailable", provider=name, error=type(error).__name__)
        return None
    found = SecretStr(stored) if stored else None
    _looked_up[name] = found
    return found


def forget(provider: str | None = None) -> None:
    """Ask the keyring again for this provider's key, or for every provider's."""
    if provider is None:
        _looked_up.clear()
    else:
        _looked_up.pop(provider.lower(), None)


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
