"""Finds whose settings a configuration holds, and lays them over the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from bruno_llm.config.env import named_provider
from bruno_llm.config.layers import Layer, environment_layer
from bruno_llm.config.names import canonical, with_provider
from bruno_llm.config.settings import ProviderConfig
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.factory.build import own_names
from bruno_llm.factory.registry import Registry, Target

__all__ = ["configure"]


def configure(
    registry: Registry,
    provider: str | None,
    base: ProviderConfig | None,
    values: Mapping[str, Any],
    *,
    prefix: str = "BRUNO_LLM",
    ask_env: bool = False,
) -> tuple[Target, ProviderConfig]:
    """Lay the settings over the environment's, and find who they are for."""
    upper = canonical(values)
    if provider is None and base is None:
        upper = with_provider(upper)
    named = upper.pop("provider", None) or (base.provider if base is not None else None)
    name, source = provider or named, "constructor"
    if name is None and ask_env:
        name, variable = named_provider(os.environ, prefix)
        source = f"environment {variable}"
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(
            "no provider is named",
            hint=f"one of {', '.join(registry.names())}, or vendor/model",
        )
    target = registry.find(name)
    if named is not None and registry.find(str(named)).name != target.name:
        raise ConfigurationError(
            f"the provider is {provider!r} here, but {named!r} in the configuration"
        )
    accepts = own_names(target.create)
    # Looking for plugins takes milliseconds, so it is left out when no variable asks for it.
    asked = any(variable.startswith(f"{prefix}_") for variable in os.environ)
    layer = environment_layer(
        target.name if target.model is None else f"{target.name}/{target.model}",
        os.environ,
        prefix=prefix,
        others=registry.names() if asked else (),
        accepts=accepts,
        also=registry.also(target.name),
    )
    if base is not None:
        more = {"provider": provider} if provider else {}
        return target, base.over(layer, accepts=accepts, **upper, **more)
    return target, ProviderConfig.from_layers(
        Layer({"provider": name}, source),
        Layer(upper, "constructor"),
        layer,
        accepts=accepts,
    )
