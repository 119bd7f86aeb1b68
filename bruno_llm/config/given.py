"""The policies of a constructor, given as themselves or as a configuration writes them.

``retry=3``, ``cache=True`` and ``window={"reserve": 500}`` mean in a constructor what they mean in
``LLMFactory.create()`` and in a file, because the same code reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from bruno_llm.exceptions import ConfigurationError

__all__ = ["policy"]

P = TypeVar("P")


def policy(name: str, value: Any, kind: type[P], owner: str) -> P | None:
    """The policy that an argument means; ``None`` when it is off.

    Args:
        name: The argument.
        value: The policy, its settings, its main setting alone, ``True`` for its defaults, or
            ``False`` or ``None`` for off.
        kind: The policy's class.
        owner: Whose argument it is, for the error.

    Raises:
        ConfigurationError: It is something else, or a setting in it is wrong.
    """
    if value is None or isinstance(value, kind):
        return value
    if isinstance(value, bool | int | float | Decimal | str | Mapping):
        value = str(value) if isinstance(value, Decimal) else value
        from bruno_llm.config.settings import ProviderConfig  # pydantic makes it in 0.1 s

        built: P | None = ProviderConfig(provider="litellm", **{name: value}).build_policies()[name]
        return built
    raise ConfigurationError(
        f"{owner}: {name} must be a {kind.__name__} of bruno_llm, its settings, or its main "
        f"setting alone, not {type(value).__name__}"
    )
