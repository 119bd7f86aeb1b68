"""Settings from several places, and which place wins.

One order decides which value holds, written here and nowhere else (``PRECEDENCE``):

    call > constructor > file > environment > default

``call`` is what ``generate()`` is given; ``constructor`` what code passes to ``LLMFactory.create``
or ``ProviderConfig``; ``file`` a profile of a configuration file; ``environment`` the variables
of :mod:`bruno_llm.config.env`. A setting is taken whole from the highest place that has it; only
``params`` are merged name by name. The key of a vendor has two places below these: the vendor's
own variable (``OPENAI_API_KEY``) and the keyring of the system (see :mod:`bruno_llm.keys`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bruno_llm.config.env import bruno_core_settings, expand, provider_settings
from bruno_llm.config.names import KINDS, VENDOR_PARAMS
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.checks import nearest

__all__ = ["PRECEDENCE", "Layer", "environment_layer", "expanded"]

PRECEDENCE = ("call", "constructor", "file", "environment", "default")
"""Where a setting may come from, the place that wins first."""


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


def expanded(values: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The values of a file with their references to variables replaced."""
    kinds = {**KINDS, **VENDOR_PARAMS}
    return {
        name: (
            [expand(member, environ, name, "text") for member in value]
            if isinstance(value, list)
            else expand(value, environ, name, kinds.get(name, "any"))
        )
        for name, value in values.items()
    }
