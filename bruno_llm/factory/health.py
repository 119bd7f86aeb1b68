"""Is a provider ready to be called: configured, reachable, its key accepted, its model there?"""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from bruno_core.interfaces.llm import LLMInterface
from pydantic import SecretStr

from bruno_llm import _clock
from bruno_llm.capabilities import Capabilities
from bruno_llm.chat import models_of
from bruno_llm.exceptions import (
    AuthenticationError,
    ConfigurationError,
    LLMError,
    ModelNotFoundError,
    TransientError,
)
from bruno_llm.keys import given_key, kept_key_soon
from bruno_llm.options.checks import nearest
from bruno_llm.redaction import hide_url_secrets

__all__ = ["ProviderHealth", "check_all", "check_one", "check_required", "is_local"]

TIMEOUT = 5.0
"""Seconds that a check may take."""


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """What a check found. ``None`` means that it could not be found out.

    Attributes:
        name: The provider, as it was asked for.
        model: The model it would call.
        base_url: Its address, ``None`` for the vendor's own.
        local: It is on this machine or in this network.
        configured: It has all that a call needs; ``False`` when the key is missing.
        key_source: Where the key was found.
        key: The key's last four characters.
        reachable: Its server answers.
        key_accepted: The vendor takes the key.
        model_present: The vendor has the model for this key.
        latency: Seconds until the server answered.
        price: US dollars for a million prompt tokens and a million completion tokens together.
        problem: Why it cannot be used; ``None`` when nothing stands against it.
        hint: What to do about it.
    """

    name: str
    model: str | None = None
    base_url: str | None = None
    local: bool = False
    configured: bool = True
    key_source: str | None = None
    key: str | None = None
    reachable: bool | None = None
    key_accepted: bool | None = None
    model_present: bool | None = None
    latency: float | None = None
    price: float | None = None
    problem: str | None = None
    hint: str | None = None

    @property
    def ok(self) -> bool:
        """Whether a call can be tried."""
        return self.problem is None


def check_required(requires: Collection[str]) -> None:
    """Refuse the names of capabilities that do not exist.

    Raises:
        ConfigurationError: Names the nearest.
    """
    known = [f.name for f in fields(Capabilities) if f.type in ("bool", "bool | None")]
    for name in requires:
        if name not in known:
            raise ConfigurationError(f"there is no capability {name!r}{nearest(name, known)}")


async def check_all(
    candidates: Sequence[tuple[str, LLMInterface]],
    *,
    requires: Collection[str] = (),
    timeout: float = TIMEOUT,
) -> list[ProviderHealth]:
    """Check providers at the same time; the whole takes no longer than ``timeout`` seconds.

    Raises:
        Nothing for a provider that fails, however it fails: its line says so.
    """
    tasks = [
        asyncio.ensure_future(check_one(name, provider, requires=requires))
        for name, provider in candidates
    ]
    if not tasks:
        return []
    try:
        await asyncio.wait(tasks, timeout=timeout)
        return [
            task.result() if task.done() else _too_slow(name, provider, timeout)
            for task, (name, provider) in zip(tasks, candidates, strict=True)
        ]
    finally:
        for task in tasks:
            task.cancel()


def _too_slow(name: str, provider: LLMInterface, timeout: float) -> ProviderHealth:
    return ProviderHealth(
        **_known(name, provider), reachable=False, problem=f"no answer within {timeout:g} s"
    )


async def check_one(
    name: str, provider: LLMInterface, *, requires: Collection[str] = ()
) -> ProviderHealth:
    """Check one provider by a free request; the time it takes is the provider's own bound."""
    facts = _known(name, provider)
    missing = await _missing_key(name, provider, facts)
    if missing is not None:
        return ProviderHealth(**facts, configured=False, **missing)
    lacking = [c for c in sorted(requires) if not _has_capability(provider, c)]
    if lacking:
        return ProviderHealth(**facts, problem=f"not known to support {', '.join(lacking)}")
    started = _clock.monotonic()
    try:
        found = await _ask(provider)
    except AuthenticationError as error:
        found = {"reachable": True, "key_accepted": False, **_said(error)}
    except ModelNotFoundError as error:
        found = {"reachable": True, "model_present": False, **_said(error)}
    except TransientError as error:
        found = {"reachable": False, **_said(error)}
    except LLMError as error:
        found = _said(error)
    except Exception as error:
        # The text of a stranger's exception may hold anything.
        found = {"problem": f"its check failed with {type(error).__name__}"}
    return ProviderHealth(**facts, latency=_clock.monotonic() - started, **found)


async def _ask(provider: LLMInterface) -> dict[str, Any]:
    from bruno_llm.call.endpoint import Endpoint

    # Not a check of a subclass, or one that somebody put in its place: those decide themselves.
    ours: Any = Endpoint.check_connection
    if (
        isinstance(provider, Endpoint)
        and getattr(provider.check_connection, "__func__", None) is ours
    ):
        found = await provider.diagnose()
        return {
            "reachable": found.reachable,
            "key_accepted": found.key_accepted,
            "model_present": found.model_present,
            **(_said(found.error) if found.error is not None else {}),
        }
    if await provider.check_connection():
        return {"reachable": True, "key_accepted": True}
    # Only to say why: its error tells more than the bool.
    models = await models_of(provider)
    model = getattr(provider, "model", None)
    if models and model is not None and model not in models:
        return {
            "reachable": True,
            "model_present": False,
            "problem": f"it has no model {model!r}",
        }
    return {"problem": "its check_connection() says no"}


def _said(error: LLMError) -> dict[str, str | None]:
    kind = "" if isinstance(error, ModelNotFoundError) else f"{type(error).__name__}: "
    return {"problem": f"{kind}{error.message}", "hint": error.hint}


def _known(name: str, provider: LLMInterface) -> dict[str, Any]:
    base_url = getattr(provider, "base_url", None)
    return {
        "name": name,
        "model": getattr(provider, "model", None),
        "base_url": hide_url_secrets(base_url) if base_url else None,
        "local": is_local(provider),
        "price": _price_to_compare(provider),
    }


async def _missing_key(name: str, provider: Any, facts: dict[str, Any]) -> dict[str, Any] | None:
    """What to say when there is no key; otherwise where it is goes into ``facts``."""
    from bruno_llm.call.endpoint import Endpoint

    missing: LLMError | None
    if isinstance(provider, Endpoint):
        key, missing = await provider._find_key()
        variables, owner = provider.key_variables, name.partition("/")[0]
    else:
        variables = tuple(getattr(provider, "api_key_env", ()) or ())
        owner = str(getattr(provider, "name", name))
        argument = getattr(provider, "_api_key", None)
        key = given_key(owner, argument if isinstance(argument, SecretStr) else None, variables)
        why = "there is no API key"
        if key is None:
            try:
                key = await kept_key_soon(owner)
            except ConfigurationError as silent:
                why = silent.message
        needed = getattr(provider, "needs_key", False) and not facts["base_url"]
        missing = ConfigurationError(why) if needed and key is None else None
    if key is not None:
        facts |= {"key_source": key.source, "key": key.masked}
    if missing is None:
        return None
    variable = " or ".join(variables[:2]) or "its key"
    return {
        "problem": missing.message,
        "hint": f"set {variable}, or keep it with: bruno-llm keys set {owner}",
    }


def _has_capability(provider: Any, capability: str) -> bool:
    if not hasattr(provider, "capabilities"):
        return capability == "streaming"
    return getattr(provider.capabilities(), capability, None) is True


def is_local(provider: Any) -> bool:
    """Whether a provider is on this machine or in this network: its own word, or its address."""
    own = inspect.getattr_static(provider, "local", None)
    if isinstance(own, bool):
        return own
    host = urlsplit(getattr(provider, "base_url", None) or "").hostname
    if host is None:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".local", ".localhost")) or "." not in host
    return address.is_loopback or address.is_private


def _price_to_compare(provider: Any) -> float | None:
    """The price of the provider's calls as one number, to compare providers by."""
    from bruno_llm.provider import LiteLLMProvider

    if not isinstance(provider, LiteLLMProvider):
        return 0.0 if is_local(provider) else None
    price = provider.price
    return None if price is None else price.input + price.output
