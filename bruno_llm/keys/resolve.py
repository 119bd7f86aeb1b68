"""Which key a provider uses, and where it was found."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.keys.aside import (
    SOON,
    ask_keyring,
    ask_keyring_aside,
    keys_given,
    said_before,
    silence,
)
from bruno_llm.options.checks import no_text
from bruno_llm.policies.timeouts import LimitReached, within
from bruno_llm.redaction import mask

__all__ = [
    "ResolvedKey",
    "fits_a_header",
    "given_key",
    "kept_key",
    "kept_key_aside",
    "kept_key_soon",
    "known_key",
    "provider_variable",
    "resolve_key",
    "sealed",
    "variable_part",
    "where_from",
]


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


def provider_variable(provider: str, setting: str = "api_key") -> str:
    """The variable of this package for a setting: ``BRUNO_LLM_OPENAI_API_KEY``."""
    return f"BRUNO_LLM_{variable_part(provider)}_{setting.upper()}"


def variable_part(name: str) -> str:
    """A provider's name as part of a variable: letters and digits, the rest as ``_``."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name).upper()


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


def given_key(provider: str, argument: SecretStr | None, env: Sequence[str]) -> ResolvedKey | None:
    """Find the key of a provider without the keyring; takes what :func:`resolve_key` takes."""
    if argument is not None and argument.get_secret_value().strip():
        return ResolvedKey(SecretStr(argument.get_secret_value().strip()), "argument")
    for variable in (provider_variable(provider), *env):
        value = os.environ.get(variable, "").strip()
        if value:
            return ResolvedKey(SecretStr(value), variable)
    return None


def resolve_key(
    provider: str, argument: SecretStr | None, env: Sequence[str]
) -> ResolvedKey | None:
    """Find the key of a provider: argument, then environment, then keyring.

    The environment is read at each call, so a key that is set later is found. What the keyring
    answers is remembered for the life of the process; :func:`forget` makes it ask again. The
    first question to a keyring may take a moment or open a dialog of the system: it is only
    asked when the argument and the environment have no key, and this thread waits for it.

    Args:
        provider: Name of the provider, such as ``"openai"``.
        argument: The key given in code or by a configuration; an empty one counts as none.
        env: The vendor's variables in order, such as ``("OPENAI_API_KEY",)``.
            ``BRUNO_LLM_<PROVIDER>_API_KEY`` is asked before them.

    Returns:
        The key and its source; ``None`` when there is none anywhere.

    Raises:
        ConfigurationError: The keyring did not answer within two minutes.
    """
    return given_key(provider, argument, env) or kept_key((provider,), env)


def kept_key(providers: Sequence[str], env: Sequence[str] = ()) -> ResolvedKey | None:
    """The key that the keyring has under the first of these names; this thread waits for it.

    Raises:
        ConfigurationError: It did not answer in time; the hint names the variables to set.
    """
    try:
        return _first(ask_keyring(name.lower()) for name in providers)
    except ConfigurationError as error:
        names = " or ".join((*env, *map(provider_variable, providers))[:2])
        raise ConfigurationError(error.message, hint=f"unlock it, or set {names}") from None


async def kept_key_aside(providers: Sequence[str]) -> ResolvedKey | None:
    """The key that the keyring has, without blocking the event loop; ``None`` when it has none.

    Raises:
        ConfigurationError: It did not answer in time.
    """
    for name in providers:
        found = await ask_keyring_aside(name.lower())
        if found is not None:
            return ResolvedKey(found, "keyring")
    return None


async def kept_key_soon(provider: str) -> ResolvedKey | None:
    """The key that the keyring has, for a check: ``kept_key_aside`` with three seconds at most.

    Raises:
        ConfigurationError: It did not answer within three seconds.
    """
    try:
        async with within(None, SOON):
            return await kept_key_aside((provider,))
    except LimitReached:
        raise ConfigurationError(silence(SOON)) from None


def known_key(providers: Sequence[str]) -> ResolvedKey | None:
    """What the keyring has said of these names before, asking nobody."""
    return _first(said_before(name.lower()) for name in providers)


def _first(found: Iterable[SecretStr | None]) -> ResolvedKey | None:
    key = next((key for key in found if key is not None), None)
    return None if key is None else ResolvedKey(key, "keyring")


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
    if any(stored.get_secret_value() == value for stored in keys_given()):
        same.append("the keyring of the system")
    also = f", and stands in {' and '.join(same)}" if same else ""
    return f"the key is {key.masked}, given as api_key{also}"
