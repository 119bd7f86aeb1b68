"""Names that stand for a provider: registered, built in, of a plugin, or a litellm model string."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field

from bruno_core.interfaces.llm import LLMInterface

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.factory.named import ALSO, BUILTIN
from bruno_llm.factory.plugins import adopt, list_plugins, load_plugin, problems
from bruno_llm.keys import variable_part
from bruno_llm.options.checks import nearest
from bruno_llm.redaction import argument_of
from bruno_llm.vendors.routes import KEY_VARIABLES, ROUTES

__all__ = ["ProviderClass", "Registry", "Target"]

ProviderClass = Callable[..., LLMInterface]

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
                return Target(ALSO.get(key, key), create, model or None)
            if model or key in ROUTES:
                return Target(key, _import(BUILTIN["litellm"]), model or None, route=vendor)
        hidden = len(text) > _LONGEST_NAME_SHOWN or argument_of(text) == "api_key"
        shown = "of that name" if hidden else repr(text)
        raise ConfigurationError(
            f"Provider {shown} not found{nearest(key, [*self.names(), *ALSO])}",
            hint="a litellm model string has a slash, such as groq/llama-3.3-70b-versatile",
        )

    def also(self, name: str) -> set[str]:
        """Every name of the same provider."""
        return {name, *(other for other, meant in ALSO.items() if meant == name)}

    def has(self, name: str) -> bool:
        """Whether a name, without a model, stands for a provider; nothing is imported."""
        key = name.strip().lower()
        return key in self.registered or key in BUILTIN or key in ALSO or _is_plugin(key)

    def _by_name(self, key: str) -> ProviderClass | None:
        if key in self.registered:
            return self.registered[key]
        target = BUILTIN.get(ALSO.get(key, key))
        if target is not None:
            return _import(target)
        return load_plugin(key) if _is_plugin(key) else None


def _is_plugin(key: str) -> bool:
    return any(plugin.name == key for plugin in list_plugins())


def _import(target: str) -> ProviderClass:
    module, _, name = target.partition(":")
    provider_class: ProviderClass = getattr(importlib.import_module(module), name)
    return provider_class
