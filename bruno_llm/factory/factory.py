"""Providers by name: from code, a configuration, a file or the environment.

llm = LLMFactory.create("ollama", model="llama3.2")
llm = LLMFactory.create("groq/llama-3.3-70b-versatile")
llm = LLMFactory.create_from_file("bruno-llm.toml", "cloud")
llm = await LLMFactory.create_available(["ollama", "openai"], prefer="local")
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from bruno_core.interfaces.llm import LLMInterface
from bruno_core.models.config import BrunoConfig, LLMConfig

from bruno_llm._runtime.log import get_logger
from bruno_llm.config.explain import Setting
from bruno_llm.config.settings import ProviderConfig
from bruno_llm.exceptions import ConfigurationError, LLMError
from bruno_llm.factory import health
from bruno_llm.factory.build import (
    ask_ahead,
    build_provider,
    configurable_and_objects,
    inherited,
    own_names,
)
from bruno_llm.factory.choose import (
    Candidate,
    Preference,
    check_preference,
    close_all,
    create_and_check,
    name_of,
    rank,
    reasons,
)
from bruno_llm.factory.configure import configure
from bruno_llm.factory.named import BUILTIN, AnyConfig, ProvidersByName
from bruno_llm.factory.plugins import broken_plugins
from bruno_llm.factory.registry import ProviderClass, Registry, Target
from bruno_llm.redaction import keeps_secrets

if TYPE_CHECKING:
    from bruno_llm.fallback import FallbackProvider

__all__ = ["LLMFactory"]

logger = get_logger(__name__)


class LLMFactory(ProvidersByName):
    """Creates providers by name. Needs no instance; every method is a class method.

    A name is one of ``list_providers()``, or any litellm model string (``vendor/model``).
    Settings are taken in the order of ``bruno_llm.config.layers.PRECEDENCE``. Nothing is
    connected, and a missing key is the first call's error, not this one's.
    """

    _registry: ClassVar[Registry] = Registry()

    @classmethod
    def _named(
        cls, provider: str | None, config: AnyConfig | None, more_settings: Mapping[str, Any]
    ) -> LLMInterface:
        base: ProviderConfig | None = None
        values: dict[str, Any] = {}
        objects: dict[str, Any] = {}
        if isinstance(config, ProviderConfig):
            base = config
        elif isinstance(config, LLMConfig | BrunoConfig):
            base = ProviderConfig.from_bruno_core(config)
        elif config is not None:
            values, objects = configurable_and_objects(config)
        more, more_objects = configurable_and_objects(more_settings)
        objects = {n: o for n, o in objects.items() if n not in more} | more_objects
        target, settings = configure(cls._registry, provider, base, {**values, **more})
        return cls._create(target, settings, objects)

    @classmethod
    @keeps_secrets
    def create_from_config(cls, config: AnyConfig, **kwargs: Any) -> LLMInterface:
        """Create the provider that a configuration names: ours, bruno-core's or a mapping.

        Raises:
            ConfigurationError: See :meth:`create`.
        """
        return cls.create(None, config, **kwargs)

    @classmethod
    @keeps_secrets
    def create_from_env(
        cls, provider: str | None = None, prefix: str = "BRUNO_LLM", **kwargs: Any
    ) -> LLMInterface:
        """Create a provider from ``BRUNO_LLM_<PROVIDER>_<SETTING>`` and the vendor's own variables.

        Args:
            provider: A name; ``None`` takes ``BRUNO_LLM_PROVIDER``.
            prefix: What the variables begin with instead of ``BRUNO_LLM``.
            **kwargs: Settings that win.

        Raises:
            ConfigurationError: See :meth:`create`; or no provider is named anywhere.
        """
        plain, objects = configurable_and_objects(kwargs)
        target, settings = configure(
            cls._registry, provider, None, plain, prefix=prefix, ask_env=True
        )
        return cls._create(target, settings, objects)

    @classmethod
    @keeps_secrets
    def create_from_file(
        cls,
        path: str | os.PathLike[str] | None = None,
        profile: str | None = None,
        **kwargs: Any,
    ) -> LLMInterface:
        """Create the provider of a profile in a TOML, YAML or JSON file.

        Args:
            path: The file; ``None`` takes ``$BRUNO_LLM_CONFIG`` or the one in the user's
                configuration folder.
            profile: The profile; ``None`` takes ``$BRUNO_LLM_PROFILE`` or the file's default.
            **kwargs: Settings that win.

        Raises:
            ConfigurationError: The file, the profile, a reference or a setting is wrong.
        """
        plain, objects = configurable_and_objects(kwargs)
        config = ProviderConfig.from_file(
            path, profile, others=cls.list_providers(), accepts=cls.options_of, **plain
        )
        return cls._create(*configure(cls._registry, None, config, {}), objects)

    @classmethod
    @keeps_secrets
    async def create_with_fallback(
        cls,
        providers: Sequence[str],
        configs: Sequence[AnyConfig | None] | None = None,
        *,
        timeout: float = health.TIMEOUT,
    ) -> FallbackProvider:
        """Create providers that stand in for one another, and check that one can be reached.

        All are checked at the same time. Those that passed come first, in the order given; the
        others stay behind them as a last resort.

        Args:
            providers: Names in order of preference.
            configs: A configuration for each, or ``None``.
            timeout: Seconds for all checks together.

        Returns:
            A ``FallbackProvider`` over all of them.

        Raises:
            ConfigurationError: A name or a setting is wrong, or the lists differ in length.
            LLMError: None can be reached; the message says why, for each.
        """
        if not providers:
            raise ConfigurationError("No providers specified")
        if configs is not None and len(configs) != len(providers):
            raise ConfigurationError(
                f"configs length is {len(configs)}, but there are {len(providers)} providers"
            )
        created = [
            (name, await cls._new(name, config))
            for name, config in zip(providers, configs or [None] * len(providers), strict=True)
        ]
        checks = await health.check_all(created, timeout=timeout)
        if not any(found.ok for found in checks):
            await close_all([provider for _, provider in created])
            raise LLMError(f"All providers failed to connect: {reasons(checks)}")
        order = sorted(range(len(created)), key=lambda place: not checks[place].ok)
        return _fallback([created[place][1] for place in order])

    @classmethod
    @keeps_secrets
    async def create_available(
        cls,
        candidates: Sequence[Candidate] | None = None,
        *,
        prefer: Preference | None = None,
        requires: Collection[str] = (),
        timeout: float = health.TIMEOUT,
    ) -> LLMInterface:
        """Create the best provider that is configured, reachable and has its model.

        Args:
            candidates: Names, model strings, configurations or providers, in order; ``None``
                takes every built-in provider with its default model.
            prefer: ``"local"`` (this machine or network first), ``"cheapest"`` (by the price of
                a million prompt and a million completion tokens; unknown prices last),
                ``"fastest"`` (by the answer to the check) or a list of names. Ties, and ``None``,
                keep the order given.
            requires: Capabilities that the model must be known to have, such as ``"tools"``.
            timeout: Seconds for all checks together.

        Returns:
            The chosen provider; the others that were created here are closed.

        Raises:
            ConfigurationError: ``prefer`` or ``requires`` is wrong, or there are no candidates.
            LLMError: None can be used; the message says why, for each.
        """
        health.check_required(requires)
        wanted = [name for name in BUILTIN if name != "litellm"]
        listed: Sequence[Candidate] = wanted if candidates is None else candidates
        if not listed:
            raise ConfigurationError("there are no candidates to choose from")
        check_preference(prefer, [name_of(candidate) for candidate in listed])
        examined = await create_and_check(cls._new, listed, requires, timeout)
        usable = [pair for pair in examined if pair[0].ok]
        found, chosen = min(usable, key=lambda pair: rank(pair[0], prefer), default=(None, None))
        await close_all(
            [
                own
                for _, own in examined
                if own is not chosen and not any(own is given for given in listed)
            ]
        )
        if found is None or chosen is None:
            raise LLMError(f"no provider can be used: {reasons([line for line, _ in examined])}")
        logger.info("provider_chosen", provider=found.name, model=found.model, prefer=prefer)
        return chosen

    @classmethod
    async def health_check(
        cls,
        providers: Sequence[Candidate] | None = None,
        *,
        timeout: float = health.TIMEOUT,
    ) -> dict[str, health.ProviderHealth]:
        """Check providers at the same time, by free requests.

        Args:
            providers: As the candidates of :meth:`create_available`; ``None`` takes every name of
                ``list_providers()`` that needs no further setting.
            timeout: Seconds for all checks together.

        Returns:
            Name -> what was found; ``name/model`` where the name was listed before. A provider
            that cannot be created has a ``problem``.
        """
        listed: Sequence[Candidate] = (
            [name for name in cls.list_providers() if name != "litellm"]
            if providers is None
            else providers
        )
        examined = await create_and_check(cls._new, listed, (), timeout)
        await close_all([own for _, own in examined if not any(own is given for given in listed)])
        found: dict[str, health.ProviderHealth] = {}
        for line, _ in examined:
            found[line.name if line.name not in found else f"{line.name}/{line.model}"] = line
        return found

    @classmethod
    def explain(
        cls, provider: str | None = None, config: ProviderConfig | None = None
    ) -> list[Setting]:
        """Every setting of a provider, its value as it may be shown, and where it came from.

        Raises:
            ConfigurationError: See :meth:`create`.
        """
        target, settings = configure(cls._registry, provider, config, {}, ask_env=config is None)
        return settings.explain(target.create if isinstance(target.create, type) else None)

    @classmethod
    def register(cls, name: str, provider_class: ProviderClass) -> None:
        """Give a name to a provider class, or to a function that returns a provider.

        A registered name wins over a built-in provider or a plugin of the same name.

        Raises:
            ConfigurationError: The class does not fit ``LLMInterface`` (the message says what is
                missing), or the name is empty or has a slash.
        """
        cls._registry.register(name, provider_class)

    @classmethod
    def unregister(cls, name: str) -> None:
        """Take back what :meth:`register` gave."""
        cls._registry.registered.pop(name.strip().lower(), None)

    @classmethod
    def list_providers(cls) -> list[str]:
        """The names that can be created, sorted: registered, built in and of plugins.

        Imports none of them.
        """
        return cls._registry.names()

    @classmethod
    def is_registered(cls, provider: str) -> bool:
        """Whether a name stands for a provider (a model string never does)."""
        return cls._registry.has(provider)

    @classmethod
    def broken_plugins(cls) -> dict[str, str]:
        """Plugins that cannot be used -> why. Imports every plugin."""
        taken = dict.fromkeys(BUILTIN, "a provider of bruno-llm")
        return broken_plugins({**taken, **dict.fromkeys(cls._registry.registered, "register()")})

    @classmethod
    def options_of(cls, provider: str) -> frozenset[str]:
        """The names that a provider's own constructor takes; none for the built-in providers.

        Raises:
            ConfigurationError: No provider has that name.
        """
        return own_names(cls._registry.find(provider).create)

    @classmethod
    async def _new(cls, provider: str | None, config: AnyConfig | None) -> LLMInterface:
        await ask_ahead(cls._registry, provider, config)
        return cls.create(provider, config)

    @classmethod
    def _create(
        cls, target: Target, config: ProviderConfig, objects: Mapping[str, Any]
    ) -> LLMInterface:
        first = build_provider(target, config, objects)
        if not config.fallback:
            return first
        members = [first]
        for member in config.fallback:
            lower = ProviderConfig(provider=member) if isinstance(member, str) else member
            create = cls._registry.find(lower.provider).create
            extra = inherited(create, lower, config, objects, first)
            # Its own fallback is not followed, so two profiles may name each other.
            members.append(cls.create(None, lower.model_copy(update={"fallback": []}), **extra))
        return _fallback(members)


def _fallback(providers: list[LLMInterface]) -> FallbackProvider:
    from bruno_llm.fallback import FallbackProvider

    return FallbackProvider(providers)
