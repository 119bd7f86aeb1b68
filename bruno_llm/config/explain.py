"""Where each setting of a configuration came from, and its value as it may be shown."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bruno_llm.config import policies
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.keys import resolve_key
from bruno_llm.redaction import hide_url_secrets, mask
from bruno_llm.vendors.routes import KEY_VARIABLES

if TYPE_CHECKING:
    from bruno_llm.config.settings import ProviderConfig

__all__ = ["Setting", "explain", "shown_setting"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of :meth:`ProviderConfig.explain`.

    Attributes:
        name: The setting; ``params.top_p`` for a parameter of the vendor.
        value: Its value, with keys masked and a system prompt as its length.
        source: One of ``PRECEDENCE``, with the file and profile or the variable; for a key
            also ``"keyring"``, ``"not set"``, or that the keyring did not answer.
    """

    name: str
    value: Any
    source: str


def explain(config: ProviderConfig, provider_class: type | None = None) -> list[Setting]:
    """Every setting, its value as it may be shown, and where it came from.

    Args:
        provider_class: The class that will be built; its own defaults and the place where
            its key is found are then shown too.
    """
    rows: list[Setting] = []
    for name in type(config).model_fields:
        if name == "params":
            rows += [
                Setting(f"params.{p}", policies.presentable(v), _param_source(config, p))
                for p, v in sorted(config.params.items())
            ]
        elif name in config.model_fields_set:
            rows.append(Setting(name, shown_setting(config, name), config.source(name)))
        elif name == "api_key":
            rows.append(_key(config, provider_class))
        else:
            rows.append(_class_default(name, provider_class))
    return rows


def _param_source(config: ProviderConfig, name: str) -> str:
    return config.source(f"params.{name}", "params")


def _key(config: ProviderConfig, provider_class: type | None) -> Setting:
    vendor = config.provider.partition("/")[0]
    env = tuple(getattr(provider_class, "api_key_env", None) or KEY_VARIABLES.get(vendor, ()))
    try:
        key = resolve_key(vendor, None, env)
    except ConfigurationError as silent:
        return Setting("api_key", None, silent.message)
    if key is None:
        # Whether litellm's other routes need one is not known of all of them.
        generic = vendor not in ("litellm", getattr(provider_class, "name", vendor))
        needed = getattr(provider_class, "needs_key", True) or generic
        return Setting("api_key", None, "not set" if needed else "not needed")
    place = key.source if key.source == "keyring" else f"environment {key.source}"
    return Setting("api_key", key.masked, place)


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


def shown_setting(config: ProviderConfig, name: str) -> Any:
    """A setting's value as it may be shown."""
    value = getattr(config, name)
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
