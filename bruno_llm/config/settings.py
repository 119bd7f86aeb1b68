"""The configuration of a provider: from code, a file, the environment or bruno-core.

:mod:`bruno_llm.config.layers` says which place wins; :meth:`ProviderConfig.explain` says for every
setting where its value came from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any

from bruno_core.models.config import BrunoConfig, LLMConfig
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from bruno_llm.config import policies
from bruno_llm.config.env import named_provider
from bruno_llm.config.errors import fault_of_configuration
from bruno_llm.config.explain import Setting, explain, shown_setting
from bruno_llm.config.file import find_config_file, lay, read_config_file
from bruno_llm.config.layers import Layer, environment_layer, expanded
from bruno_llm.config.names import KINDS, VENDOR_PARAMS, canonical, with_provider
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.checks import Count, Temperature, nearest
from bruno_llm.redaction import keeps_secrets

__all__ = ["ProviderConfig"]


class ProviderConfig(BaseModel):
    """Everything that can be configured about a provider.

    Parameters of the vendor (``top_p``, ``num_ctx``) may stand beside the settings or under
    ``params``. A policy is its options, ``true`` for its defaults, ``false`` for off, or its
    main option alone (``retry: 5``, ``budget: 2.50``, ``cache: 3600``).

    Raises:
        ConfigurationError: A setting is unknown (with the nearest name) or its value is wrong.
            No value that could be a secret is in the message.

    Example:
        >>> ProviderConfig(provider="openai", model="gpt-4o-mini", retry={"attempts": 5})
        ProviderConfig(provider='openai', model='gpt-4o-mini', retry={'attempts': 5})
    """

    model_config = ConfigDict(extra="forbid", frozen=True, title="bruno-llm provider")

    provider: str = Field(
        min_length=1, description="Provider name, or a litellm model string such as groq/llama-3"
    )
    model: str | None = Field(default=None, min_length=1, description="Model, the vendor's name")
    api_key: SecretStr | None = Field(
        default=None, description="Better in the environment or in the keyring"
    )
    base_url: policies.Url | None = Field(default=None, description="Address of the API")
    timeout: policies.Timeouts = Field(
        default=None, description="Seconds, or the limits of a call each by itself; null for none"
    )
    system_prompt: str | None = Field(default=None, description="Sent before each conversation")
    temperature: Temperature | None = None
    max_tokens: Count | None = Field(default=None, description="Longest answer, in tokens")
    params: dict[str, Any] = Field(
        default_factory=dict, description="Parameters of the vendor, such as top_p"
    )
    retry: Annotated[
        policies.RetrySettings | None,
        policies.switch("attempts", policies.RetrySettings | bool | int | None),
    ] = None
    rate_limit: Annotated[
        policies.RateLimitSettings | None,
        policies.switch("requests_per_minute", policies.RateLimitSettings | bool | float | None),
    ] = None
    budget: policies.Budgets = Field(default=None, description="US dollars that may be spent")
    costs: Annotated[
        policies.CostsSettings | None,
        policies.switch("budget", policies.CostsSettings | bool | None),
    ] = None
    fallback: list[str | ProviderConfig] = Field(
        default_factory=list, description="Who answers when this provider cannot, in order"
    )
    cache: Annotated[
        policies.CacheSettings | None,
        policies.switch("ttl", policies.CacheSettings | bool | float | None, text="store"),
    ] = None
    window: Annotated[
        policies.WindowSettings | None,
        policies.switch("max_input_tokens", policies.WindowSettings | bool | int | None),
    ] = None
    max_response_bytes: Count | None = Field(
        default=None, description="The most that an answer may hold, in bytes; null for no limit"
    )

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    @keeps_secrets
    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            problem = fault_of_configuration(error)
        else:
            return
        # Raised here and not in the handler: pydantic's error holds the values it was given.
        raise ConfigurationError(f"Invalid configuration: {problem}")

    @model_validator(mode="before")
    @classmethod
    def _canonical(cls, values: Any) -> Any:
        return with_provider(canonical(values)) if isinstance(values, Mapping) else values

    @field_validator("provider")
    @classmethod
    def _provider_name(cls, value: str) -> str:
        # A model string keeps its case: vendors tell Qwen from qwen.
        return value.strip() if "/" in value else value.strip().lower()

    @field_validator("params")
    @classmethod
    def _seal_params(cls, value: dict[str, Any]) -> dict[str, Any]:
        return {name: policies.seal(inner, name) for name, inner in value.items()}

    @model_validator(mode="after")
    def _budget_needs_costs(self) -> ProviderConfig:
        if self.budget is not None and "costs" in self.model_fields_set and self.costs is None:
            raise ValueError("costs is off, but a budget is set")
        if self.rate_limit is not None and not self.rate_limit.model_fields_set & {
            "requests_per_minute",
            "tokens_per_minute",
            "concurrency",
        }:
            raise ValueError(
                "rate_limit needs requests_per_minute, tokens_per_minute or concurrency"
            )
        return self

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [
            (n, shown_setting(self, n))
            for n in type(self).model_fields
            if n in self.model_fields_set
        ]

    @classmethod
    @keeps_secrets
    def from_layers(cls, *layers: Layer, accepts: Collection[str] = ()) -> ProviderConfig:
        """Lay settings from several places over one another, the place that wins first.

        Args:
            *layers: The places, highest first.
            accepts: Further names that go to ``params``: what a plugin's constructor takes.

        Raises:
            ConfigurationError: See the class.
        """
        merged: dict[str, Any] = {}
        sources: dict[str, str] = {}
        for layer in reversed(layers):
            values = canonical(layer.values, accepts)
            merged = lay(values, merged)
            for name in values if accepts else ():
                if name not in KINDS:
                    known = {*KINDS, *VENDOR_PARAMS, *accepts}
                    raise ConfigurationError(f"unknown setting {name!r}{nearest(name, known)}")
            params = values.get("params")
            names = [*values, *(f"params.{p}" for p in params)] if params else list(values)
            for name in names:
                exact = layer.where.get(name.removeprefix("params."))
                sources[name] = f"{layer.source} {exact}" if exact else layer.source
        config = cls(**merged)
        config._sources = sources
        return config

    def written(self) -> dict[str, Any]:
        """The settings that were given a value, as they can be given to a constructor again."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def build_policies(self) -> dict[str, Any]:
        """The policies that were written, built; ``None`` for one that is off."""
        built: dict[str, Any] = {}
        for name in ("timeout", "retry", "rate_limit", "cache", "window"):
            if name in self.model_fields_set:
                value = getattr(self, name)
                is_settings = isinstance(value, policies.PolicySettings)
                built[name] = value.build() if is_settings else value
        if self.budget is not None or self.costs is not None:
            costs = self.costs if self.costs is not None else policies.CostsSettings()
            written = self.budget if self.budget is not None else costs.given().get("budget")
            budgets = [budget.build() for budget in written or ()]
            built["costs"] = costs.build(budget=budgets or None)
        elif "costs" in self.model_fields_set:
            built["costs"] = None
        return built

    @keeps_secrets
    def over(
        self, *lower: Layer, accepts: Collection[str] = (), **overrides: Any
    ) -> ProviderConfig:
        """This configuration under ``overrides`` and over ``lower``; sources are kept."""
        own = Layer(self.written(), "constructor")
        upper = Layer(overrides, "constructor")
        config = type(self).from_layers(upper, own, *lower, accepts=accepts)
        replaced = canonical(overrides, accepts)
        new = {*replaced, *(f"params.{name}" for name in replaced.get("params", ()))}
        config._sources |= {n: s for n, s in self._sources.items() if n not in new}
        return config

    @classmethod
    @keeps_secrets
    def from_env(
        cls,
        provider: str | None = None,
        *,
        prefix: str = "BRUNO_LLM",
        environ: Mapping[str, str] | None = None,
        others: Collection[str] = (),
        **overrides: Any,
    ) -> ProviderConfig:
        """The configuration in the environment, under what is given here.

        Args:
            provider: Name of the provider; ``None`` takes ``BRUNO_LLM_PROVIDER``.
            prefix: What the variables begin with.
            environ: Another environment than the process's own.
            others: Names of other providers whose variables begin the same way.
            **overrides: Settings that win.

        Raises:
            ConfigurationError: No provider is named, or a variable is unknown or wrong.
        """
        environ = os.environ if environ is None else environ
        name, source = provider, "constructor"
        if name is None:
            name, variable = named_provider(environ, prefix)
            source = f"environment {variable}"
        return cls.from_layers(
            Layer({"provider": name}, source),
            Layer(overrides, "constructor"),
            environment_layer(name, environ, prefix=prefix, others=others),
        )

    @classmethod
    @keeps_secrets
    def from_file(
        cls,
        path: str | os.PathLike[str] | None = None,
        profile: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        others: Collection[str] = (),
        accepts: Callable[[str], Collection[str]] = lambda provider: (),
        **overrides: Any,
    ) -> ProviderConfig:
        """A profile of a TOML, YAML or JSON file, over the environment.

        Args:
            path: The file; ``None`` takes the one that ``find_config_file()`` names.
            profile: The profile; ``None`` takes ``BRUNO_LLM_PROFILE``, then the file's
                ``default_profile``, then the only one there is.
            environ: Another environment than the process's own.
            others: Names of other providers whose variables begin the same way.
            accepts: Further names that a provider takes as ``params``.
            **overrides: Settings that win.

        Raises:
            ConfigurationError: The file, the profile, a reference or a setting is wrong.
        """
        environ = os.environ if environ is None else environ
        found = path if path is not None else find_config_file(environ)
        if found is None:
            raise ConfigurationError(
                "no configuration file was found", hint="name one, or set BRUNO_LLM_CONFIG"
            )
        file = read_config_file(found)
        chosen = file.choose(profile or environ.get("BRUNO_LLM_PROFILE") or None)

        def load(name: str, above: Mapping[str, Any], *, follow: bool) -> ProviderConfig:
            values = expanded(file.profiles[name], environ)
            if follow and isinstance(values.get("fallback"), list):
                # A member's own fallback is not followed, so two profiles may name each other.
                values["fallback"] = [
                    load(m, {}, follow=False) if isinstance(m, str) and m in file.profiles else m
                    for m in values["fallback"]
                ]
            elif not follow:
                values.pop("fallback", None)
            where = f"file {file.path.name}" + (f" [{name}]" if name else "")
            layers = [Layer(above, "constructor"), Layer(values, where)]
            both = lay(canonical(above), canonical(values))
            provider = with_provider(both).get("provider")
            further: Collection[str] = ()
            if isinstance(provider, str):
                further = accepts(provider)
                layers.append(environment_layer(provider, environ, others=others, accepts=further))
            return cls.from_layers(*layers, accepts=further)

        return load(chosen, overrides, follow=True)

    @classmethod
    @keeps_secrets
    def from_bruno_core(
        cls, config: LLMConfig | BrunoConfig, *, environ: Mapping[str, str] | None = None
    ) -> ProviderConfig:
        """The configuration in bruno-core's ``LLMConfig``, or in the ``llm`` of a ``BrunoConfig``.

        Only what was written in it counts: bruno-core's own defaults (temperature 0.7, 2000
        tokens, 30 s) are not sent to models that refuse them. ``additional_params`` may hold any
        setting of this class and any parameter of the vendor.
        """
        environ = os.environ if environ is None else environ
        llm = config.llm if isinstance(config, BrunoConfig) else config
        values = {name: getattr(llm, name) for name in llm.model_fields_set}
        extra = dict(values.pop("additional_params", {}))
        both = sorted(set(extra) & set(values))
        if both:
            raise ConfigurationError(f"additional_params repeats {both[0]!r}")
        return cls.from_layers(
            Layer({**values, **extra}, f"constructor {type(config).__name__}"),
            environment_layer(llm.provider, environ),
        )

    def source(self, name: str, inside: str | None = None) -> str:
        """Where a setting came from, as :class:`Setting` says it.

        Args:
            name: The setting; ``params.top_p`` for a parameter of the vendor.
            inside: The setting that holds it, when nothing is known of it alone.
        """
        if name in self._sources or inside is None:
            known = "constructor" if name in self.model_fields_set else "default"
            return self._sources.get(name, known)
        return self.source(inside)

    def explain(self, provider_class: type | None = None) -> list[Setting]:
        """Every setting, its value as it may be shown, and where it came from.

        Args:
            provider_class: The class that will be built; its own defaults and the place where
                its key is found are then shown too.
        """
        return explain(self, provider_class)
