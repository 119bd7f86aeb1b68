"""From a provider's name and its configuration to the object: what ``LLMFactory`` does inside."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from bruno_core.interfaces.llm import LLMInterface
from pydantic import SecretStr

from bruno_llm.config import policies
from bruno_llm.config.settings import ProviderConfig
from bruno_llm.exceptions import ConfigurationError, LLMError
from bruno_llm.factory.plugins import adopt, problems
from bruno_llm.factory.registry import ProviderClass, Registry, Target
from bruno_llm.keys import given_key, kept_key_soon, provider_variable, resolve_key
from bruno_llm.options.checks import nearest

__all__ = [
    "ask_ahead",
    "build_provider",
    "configurable_and_objects",
    "constructor_arguments",
    "inherited",
    "is_litellm",
    "own_names",
]


def configurable_and_objects(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part what a configuration can hold from objects, such as a ``Retry`` or a cost tracker."""
    plain: dict[str, Any] = {}
    objects: dict[str, Any] = {}
    for name, value in values.items():
        configurable = value is None or isinstance(
            value, str | int | float | Mapping | list | tuple | SecretStr | policies.PolicySettings
        )
        (plain if configurable else objects)[name] = value
    return plain, objects


def is_litellm(create: ProviderClass) -> bool:
    """Whether a class takes the arguments of ``LiteLLMProvider``."""
    from bruno_llm.provider import LiteLLMProvider

    return isinstance(create, type) and issubclass(create, LiteLLMProvider)


def own_names(create: ProviderClass) -> frozenset[str]:
    """The names that a constructor which is not ``LiteLLMProvider``'s takes."""
    if is_litellm(create):
        return frozenset()
    return frozenset(
        name
        for name, parameter in inspect.signature(create).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    )


def constructor_arguments(config: ProviderConfig) -> dict[str, Any]:
    """A constructor's arguments: what was written, policies built, ``params`` spread."""
    written = config.model_fields_set
    plain = (
        "model",
        "base_url",
        "system_prompt",
        "temperature",
        "max_tokens",
        "max_response_bytes",
    )
    arguments: dict[str, Any] = {
        name: getattr(config, name) for name in ("api_key", *plain) if name in written
    }
    if config.model is None:
        arguments.pop("model", None)
    arguments |= policies.unseal(config.params)
    return arguments | config.build_policies()


def build_provider(
    target: Target, config: ProviderConfig, objects: Mapping[str, Any]
) -> LLMInterface:
    """Create the provider.

    Raises:
        ConfigurationError: The constructor refuses; the message holds no key.
    """
    arguments = {**constructor_arguments(config), **objects}
    if target.model is not None:
        if config.model not in (None, target.model, config.provider):
            raise ConfigurationError(
                f"{config.provider!r} names a model already, but model is {config.model!r}"
            )
        arguments["model"] = target.model
    if not is_litellm(target.create):
        return _build_foreign(target, arguments)
    if target.route is not None:
        _to_generic(target, arguments)
    elif config.source("api_key") == f"environment {provider_variable(target.name)}":
        # The provider asks that variable itself, at each call.
        arguments.pop("api_key")
    return target.create(**arguments)


def _to_generic(target: Target, arguments: dict[str, Any]) -> None:
    """The generic provider needs the whole model string, and the key under the vendor's name."""
    model = arguments.get("model")
    if model is None:
        raise ConfigurationError(
            f"{target.name!r} needs a model", hint=f"model=..., or the name {target.name}/<model>"
        )
    arguments["model"] = f"{target.route}/{str(model).removeprefix(f'{target.route}/')}"
    if "api_key" not in arguments:
        # Whoever calls asks the keyring.
        key = given_key(target.name, None, target.key_env)
        # litellm asks the vendor's own variables itself, and some routes ask for several.
        if key is not None and key.source not in target.key_env:
            arguments["api_key"] = key.value


def _build_foreign(target: Target, arguments: dict[str, Any]) -> LLMInterface:
    """Create a provider whose constructor is its own: it is given only what it takes."""
    takes = own_names(target.create)
    parameters = inspect.signature(target.create).parameters.values()
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
    given_key = arguments.pop("api_key", None)
    wants_key = "api_key" in takes or given_key is not None
    key = resolve_key(target.name, given_key, target.key_env) if wants_key else None
    if key is not None:
        arguments["api_key"] = key.value.get_secret_value()
    system_prompt = None if "system_prompt" in takes else arguments.pop("system_prompt", None)
    for name in arguments:
        if name not in takes and not takes_all:
            known = nearest(name, takes) if takes else "; its constructor takes no settings"
            raise ConfigurationError(f"provider {target.name!r} has no setting {name!r}{known}")
    try:
        provider = target.create(**arguments)
    except LLMError:
        raise
    except Exception as error:
        secret = key.value.get_secret_value() if key is not None else None
        leaks = secret is not None and secret in f"{error!s}{error!r}"
        text = type(error).__name__ if leaks else f"{type(error).__name__}: {error}"
        cause = None if leaks else error
    else:
        if system_prompt is not None:
            provider.set_system_prompt(system_prompt)
        return _checked(target, provider)
    raise ConfigurationError(
        f"provider {target.name!r} refuses its settings: {text}", original_error=cause
    ) from cause


async def ask_ahead(registry: Registry, provider: str | None, config: Any) -> None:
    """Ask the keyring before :func:`build_provider` does where the event loop would wait for it.

    Only a class that is not ours is given its key, so only then is it asked for that early.

    Raises:
        ConfigurationError: The keyring did not answer in time.
    """
    written = config if isinstance(config, Mapping) else vars(config or object)
    name = provider or written.get("provider") or written.get("model")
    try:
        target = registry.find(str(name))
    except ConfigurationError:
        return  # who creates it says what is wrong
    if is_litellm(target.create) or "api_key" not in own_names(target.create):
        return
    if not written.get("api_key") and given_key(target.name, None, target.key_env) is None:
        await kept_key_soon(target.name)


def _checked(target: Target, provider: Any) -> LLMInterface:
    # A registered function is known by what it returns.
    wrong = [] if isinstance(target.create, type) else problems(type(provider))
    if wrong:
        raise ConfigurationError(
            f"what {target.name!r} returns does not fit LLMInterface: {'; '.join(wrong)}"
        )
    adopt(type(provider))
    checked: LLMInterface = provider
    return checked


# What a member of a fallback takes over from the first provider, when it has none of its own.
# Not the key, the address, the model and the limits: these belong to one vendor.
_INHERITED = (
    "timeout",
    "system_prompt",
    "temperature",
    "max_tokens",
    "retry",
    "window",
    "max_response_bytes",
)
_SHARED = ("costs", "cache")


def inherited(
    create: ProviderClass,
    member: ProviderConfig,
    config: ProviderConfig,
    objects: Mapping[str, Any],
    first: LLMInterface,
) -> dict[str, Any]:
    """The settings that a member of a fallback takes over.

    Args:
        create: The member's class.
        member: Its own configuration, which wins.
        config: That of the first provider.
        objects: Policies that the first one was given as objects.
        first: The first provider, whose tracker and cache are shared.
    """
    written = member.model_fields_set
    found = {n: getattr(config, n) for n in _INHERITED if n in config.model_fields_set}
    found |= {n: objects[n] for n in _INHERITED if n in objects}
    found |= {n: v for n in _SHARED if (v := getattr(first, n, None)) is not None}
    found = {name: value for name, value in found.items() if name not in written}
    if "budget" in written:
        found.pop("costs", None)
    if is_litellm(create):
        return found
    takes = own_names(create) | {"system_prompt"}
    return {name: value for name, value in found.items() if name in takes}
