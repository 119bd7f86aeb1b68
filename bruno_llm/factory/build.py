"""From a provider's name and its configuration to the object: what ``LLMFactory`` does inside."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bruno_core.interfaces.llm import LLMInterface
from pydantic import SecretStr

from bruno_llm.checks import nearest
from bruno_llm.config import policies
from bruno_llm.config.settings import ProviderConfig
from bruno_llm.exceptions import ConfigurationError, LLMError
from bruno_llm.factory.plugins import adopt, list_plugins, load_plugin, problems
from bruno_llm.keys import provider_variable, resolve_key, variable_part
from bruno_llm.redaction import argument_of
from bruno_llm.vendors.routes import KEY_VARIABLES, ROUTES

__all__ = ["BUILTIN", "ProviderClass", "Registry", "Target", "arguments_of", "build", "split"]

ProviderClass = Callable[..., LLMInterface]

BUILTIN: Mapping[str, str] = {
    "claude": "bruno_llm.providers.claude:ClaudeProvider",
    "gemini": "bruno_llm.providers.gemini:GeminiProvider",
    "litellm": "bruno_llm.provider:LiteLLMProvider",
    "mistral": "bruno_llm.providers.mistral:MistralProvider",
    "ollama": "bruno_llm.providers.ollama:OllamaProvider",
    "openai": "bruno_llm.providers.openai:OpenAIProvider",
}
"""The providers of this package, imported when they are asked for."""

_ALSO = {"anthropic": "claude", "google": "gemini", "ollama_chat": "ollama"}

# A person may put a key where a name belongs; names of providers are short.
_LONGEST_NAME_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Target:
    """What a name stands for.

    Attributes:
        name: The provider's name, whose settings and keys are used.
        create: Its class, or a function that returns a provider.
        model: The model that the name holds (``gpt-4o`` in ``openai/gpt-4o``).
        route: The generic provider's first part of a model string (``groq``).
    """

    name: str
    create: ProviderClass
    model: str | None = None
    route: str | None = None

    @property
    def key_env(self) -> tuple[str, ...]:
        """The variables of the vendor that may hold the key."""
        if self.route is not None:
            # The second is litellm's own rule for nearly all of its vendors.
            return KEY_VARIABLES.get(self.route) or (f"{variable_part(self.route)}_API_KEY",)
        return tuple(getattr(self.create, "api_key_env", None) or ())


@dataclass(slots=True)
class Registry:
    """The names that stand for a provider: registered, built in, or of a plugin."""

    registered: dict[str, ProviderClass] = field(default_factory=dict)

    def names(self) -> list[str]:
        """All of them, sorted; nothing is imported for it."""
        return sorted({*self.registered, *BUILTIN, *(plugin.name for plugin in list_plugins())})

    def register(self, name: str, provider: ProviderClass) -> None:
        """Give a name to a class or function."""
        key = name.strip().lower()
        if not key or "/" in key:
            raise ConfigurationError(f"{name!r} cannot name a provider: it is empty or has a /")
        wrong = problems(provider) if isinstance(provider, type) else []
        if wrong or not callable(provider):
            raise ConfigurationError(
                f"provider {name!r} does not fit LLMInterface: "
                + "; ".join(wrong or [f"{provider!r} cannot be called"])
            )
        self.registered[key] = adopt(provider) if isinstance(provider, type) else provider

    def find(self, name: str) -> Target:
        """What a name, or a litellm model string, stands for.

        Raises:
            ConfigurationError: Nothing has that name; the nearest is named.
        """
        text = name.strip()
        vendor, slash, model = text.partition("/")
        key = vendor.strip().lower()
        if not slash or (key and model):
            create = self._by_name(key)
            if create is not None and key in self.registered:
                return Target(key, create, model or None)
            if create is not None and (key != "litellm" or not model):
                return Target(_ALSO.get(key, key), create, model or None)
            if model or key in ROUTES:
                return Target(key, _import(BUILTIN["litellm"]), model or None, route=vendor)
        hidden = len(text) > _LONGEST_NAME_SHOWN or argument_of(text) == "api_key"
        shown = "of that name" if hidden else repr(text)
        raise ConfigurationError(
            f"Provider {shown} not found{nearest(key, [*self.names(), *_ALSO])}",
            hint="a litellm model string has a slash, such as groq/llama-3.3-70b-versatile",
        )

    def also(self, name: str) -> set[str]:
        """Every name of the same provider."""
        return {name, *(other for other, meant in _ALSO.items() if meant == name)}

    def has(self, name: str) -> bool:
        """Whether a name, without a model, stands for a provider; nothing is imported."""
        key = name.strip().lower()
        return key in self.registered or key in BUILTIN or key in _ALSO or _is_plugin(key)

    def _by_name(self, key: str) -> ProviderClass | None:
        if key in self.registered:
            return self.registered[key]
        target = BUILTIN.get(_ALSO.get(key, key))
        if target is not None:
            return _import(target)
        return load_plugin(key) if _is_plugin(key) else None


def _is_plugin(key: str) -> bool:
    return any(plugin.name == key for plugin in list_plugins())


def _import(target: str) -> ProviderClass:
    module, _, name = target.partition(":")
    provider_class: ProviderClass = getattr(importlib.import_module(module), name)
    return provider_class


def split(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
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


def arguments_of(config: ProviderConfig) -> dict[str, Any]:
    """A constructor's arguments: what was written, policies built, ``params`` spread."""
    written = config.model_fields_set
    plain = ("model", "base_url", "system_prompt", "temperature", "max_tokens")
    arguments: dict[str, Any] = {
        name: getattr(config, name) for name in ("api_key", *plain) if name in written
    }
    if config.model is None:
        arguments.pop("model", None)
    arguments |= policies.unseal(config.params)
    for name in ("timeout", "retry", "rate_limit", "cache", "window"):
        if name in written:
            value = getattr(config, name)
            is_policy = isinstance(value, policies.PolicySettings)
            arguments[name] = value.build() if is_policy else value
    if config.budget is not None or config.costs is not None:
        arguments["costs"] = _costs(config)
    elif "costs" in written:
        arguments["costs"] = None
    return arguments


def _costs(config: ProviderConfig) -> Any:
    costs = config.costs if config.costs is not None else policies.CostsSettings()
    written = config.budget if config.budget is not None else costs.given().get("budget")
    return costs.build(budget=[budget.build() for budget in written or ()] or None)


def build(target: Target, config: ProviderConfig, objects: Mapping[str, Any]) -> LLMInterface:
    """Create the provider.

    Raises:
        ConfigurationError: The constructor refuses; the message holds no key.
    """
    arguments = {**arguments_of(config), **objects}
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
        key = resolve_key(target.name, None, target.key_env)
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
