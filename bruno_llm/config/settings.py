"""The configuration of a provider: from code, a file, the environment or bruno-core.

One order decides which value holds, written here and nowhere else (``PRECEDENCE``):

    call > constructor > file > environment > default

``call`` is what ``generate()`` is given; ``constructor`` what code passes to ``LLMFactory.create``
or ``ProviderConfig``; ``file`` a profile of a configuration file; ``environment`` the variables
of :mod:`bruno_llm.config.env`. A setting is taken whole from the highest place that has it; only
``params`` are merged name by name. The key of a vendor has two places below these: the vendor's
own variable (``OPENAI_API_KEY``) and the keyring of the system (see :mod:`bruno_llm.keys`).

:meth:`ProviderConfig.explain` says for every setting where its value came from.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
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

from bruno_llm.checks import Count, Temperature, nearest
from bruno_llm.config import policies
from bruno_llm.config.env import (
    bruno_core_settings,
    expand,
    named_provider,
    provider_settings,
)
from bruno_llm.config.errors import describe
from bruno_llm.config.file import find_config_file, lay, read_config_file
from bruno_llm.config.names import KINDS, VENDOR_PARAMS, canonical, with_provider
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.keys import hide_url_secrets, mask, resolve_key

__all__ = ["PRECEDENCE", "Layer", "ProviderConfig", "Setting", "config_schema"]

PRECEDENCE = ("call", "constructor", "file", "environment", "default")
"""Where a setting may come from, the place that wins first."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of :meth:`ProviderConfig.explain`.

    Attributes:
        name: The setting; ``params.top_p`` for a parameter of the vendor.
        value: Its value, with keys masked and a system prompt as its length.
        source: One of ``PRECEDENCE``, with the file and profile or the variable; for a key
            also ``"keyring"`` or ``"not set"``.
    """

    name: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one place.

    Attributes:
        values: Setting -> value.
        source: What :class:`Setting` shows as their source.
        where: Setting -> a more exact source, such as the variable.
    """

    values: Mapping[str, Any]
    source: str
    where: Mapping[str, str] = field(default_factory=dict)


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

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            problem = describe(error)
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
        return [(n, self._shown(n)) for n in type(self).model_fields if n in self.model_fields_set]

    @classmethod
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
            values = _expanded(file.profiles[name], environ)
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

    def source(self, name: str) -> str:
        """Where a setting came from, as :class:`Setting` says it."""
        known = "constructor" if name in self.model_fields_set else "default"
        return self._sources.get(name, known)

    def explain(self, provider_class: type | None = None) -> list[Setting]:
        """Every setting, its value as it may be shown, and where it came from.

        Args:
            provider_class: The class that will be built; its own defaults and the place where
                its key is found are then shown too.
        """
        rows: list[Setting] = []
        for name in type(self).model_fields:
            if name == "params":
                rows += [
                    Setting(f"params.{p}", policies.presentable(v), self._param_source(p))
                    for p, v in sorted(self.params.items())
                ]
            elif name in self.model_fields_set:
                rows.append(Setting(name, self._shown(name), self.source(name)))
            elif name == "api_key":
                rows.append(self._explain_key(provider_class))
            else:
                rows.append(_class_default(name, provider_class))
        return rows

    def _param_source(self, name: str) -> str:
        return self._sources.get(f"params.{name}", self.source("params"))

    def _explain_key(self, provider_class: type | None) -> Setting:
        env = tuple(getattr(provider_class, "api_key_env", None) or ())
        key = resolve_key(self.provider.partition("/")[0], None, env)
        if key is None:
            needed = getattr(provider_class, "needs_key", True)
            return Setting("api_key", None, "not set" if needed else "not needed")
        place = key.source if key.source == "keyring" else f"environment {key.source}"
        return Setting("api_key", key.masked, place)

    def _shown(self, name: str) -> Any:
        value = getattr(self, name)
        if name == "api_key" and value is not None:
            return mask(value)
        if name == "system_prompt" and value is not None:
            return f"({len(value)} characters)"
        if name == "fallback":
            return [m if isinstance(m, str) else m.provider for m in value]
        if name == "budget" and value is not None and len(value) == 1:
            return (
                value[0].limit
                if value[0].model_fields_set == {"limit"}
                else policies.presentable(value[0])
            )
        return policies.presentable(value)


def config_schema() -> dict[str, Any]:
    """The JSON schema of a configuration, for forms and editors.

    It describes a file with one configuration or with profiles; the former alone is at
    ``$defs.ProviderConfig``.
    """
    schema = ProviderConfig.model_json_schema(ref_template="#/$defs/{model}")
    definitions = schema.pop("$defs")
    # A model that refers to itself is a reference into the definitions already.
    one = definitions["ProviderConfig"]
    one["properties"] |= {
        name: {"description": "parameter of the vendor"} for name in VENDOR_PARAMS
    }
    one["required"] = []
    reference = {"$ref": "#/$defs/ProviderConfig"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bruno-llm configuration",
        "$defs": definitions,
        "if": {"type": "object", "required": ["profiles"]},
        "then": {
            "type": "object",
            "properties": {
                "default_profile": {"type": "string"},
                "defaults": reference,
                "profiles": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": reference,
                },
            },
            "additionalProperties": False,
        },
        "else": reference,
    }


def environment_layer(
    provider: str,
    environ: Mapping[str, str],
    *,
    prefix: str = "BRUNO_LLM",
    others: Collection[str] = (),
    accepts: Collection[str] = (),
    also: Collection[str] = (),
) -> Layer:
    """What the environment says about a provider (see :mod:`bruno_llm.config.env`).

    Args:
        provider: Its name; a model string when the model is known already.
        environ: The environment.
        prefix: What the variables begin with.
        others: Names of other providers whose variables begin the same way.
        accepts: Further names that it knows as settings.
        also: Further names of it that ``BRUNO_LLM_PROVIDER`` may have.

    Raises:
        ConfigurationError: A variable of this provider is unknown or cannot be read.
    """
    vendor = provider.partition("/")[0].lower()
    own = provider_settings(
        vendor, {**KINDS, **VENDOR_PARAMS}, environ, prefix=prefix, others=others
    )
    own.pop("provider", None)
    known = {*KINDS, *VENDOR_PARAMS, *accepts, "max_retries", "track_cost"}
    for name, (_, variable) in own.items():
        if name not in known:
            raise ConfigurationError(
                f"{variable} sets {name!r}, which is unknown{nearest(name, known)}"
            )
    found = {**bruno_core_settings({vendor, *also}, KINDS, environ, prefix=prefix), **own}
    if "/" in provider:
        # The model is in the name already.
        found.pop("model", None)
    return Layer(
        {name: value for name, (value, _) in found.items()},
        "environment",
        {name: variable for name, (_, variable) in found.items()},
    )


def _expanded(values: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    kinds = {**KINDS, **VENDOR_PARAMS}
    return {
        name: (
            [expand(member, environ, name, "text") for member in value]
            if isinstance(value, list)
            else expand(value, environ, name, kinds.get(name, "any"))
        )
        for name, value in values.items()
    }


def _class_default(name: str, provider_class: type | None) -> Setting:
    if provider_class is None:
        return Setting(name, None, "default")
    if name == "model":
        return Setting(name, getattr(provider_class, "default_model", None), "default")
    if name == "base_url":
        for variable in getattr(provider_class, "base_url_env", None) or ():
            if os.environ.get(variable):
                shown = hide_url_secrets(os.environ[variable])
                return Setting(name, shown, f"environment {variable}")
        own = getattr(getattr(provider_class, "vendor", None), "base_url", None)
        return Setting(name, own, "default")
    parameter = inspect.signature(provider_class).parameters.get(name)
    default = parameter.default if parameter is not None else None
    if default is inspect.Parameter.empty:
        default = None
    plain = default is None or isinstance(default, str | int | float)
    return Setting(name, default if plain else str(default), "default")
