"""The policies of a constructor, given as themselves or as a configuration writes them.

``retry=3``, ``cache=True`` and ``window={"reserve": 500}`` mean in a constructor what they mean in
``LLMFactory.create()`` and in a file, because the same code reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, overload

from bruno_llm.exceptions import ConfigurationError

if TYPE_CHECKING:
    from bruno_llm.costs.tracker import CostTracker
    from bruno_llm.policies.cache import Cache
    from bruno_llm.policies.retry import Retry
    from bruno_llm.policies.window import ContextWindow
    from bruno_llm.rate_limit.limit import RateLimit

__all__ = ["policy"]

# Imported when one is given: a tenth of what a provider's class would take.
_CLASSES = {
    "cache": ("policies.cache", "Cache"),
    "costs": ("costs.tracker", "CostTracker"),
    "rate_limit": ("rate_limit.limit", "RateLimit"),
    "retry": ("policies.retry", "Retry"),
    "window": ("policies.window", "ContextWindow"),
}


@overload
def policy(name: Literal["cache"], value: Any, owner: str) -> Cache | None: ...
@overload
def policy(name: Literal["costs"], value: Any, owner: str) -> CostTracker | None: ...
@overload
def policy(name: Literal["rate_limit"], value: Any, owner: str) -> RateLimit | None: ...
@overload
def policy(name: Literal["retry"], value: Any, owner: str) -> Retry | None: ...
@overload
def policy(name: Literal["window"], value: Any, owner: str) -> ContextWindow | None: ...
def policy(name: str, value: Any, owner: str) -> Any:
    """The policy that an argument means; ``None`` when it is off.

    Args:
        name: The argument.
        value: The policy, its settings, its main setting alone, ``True`` for its defaults, or
            ``False`` or ``None`` for off.
        owner: Whose argument it is, for the error.

    Raises:
        ConfigurationError: It is something else, or a setting in it is wrong.
    """
    if value is None:
        return None
    module, kind = _CLASSES[name]
    if isinstance(value, getattr(import_module(f"bruno_llm.{module}"), kind)):
        return value
    if isinstance(value, bool | int | float | Decimal | str | Mapping):
        value = str(value) if isinstance(value, Decimal) else value
        from bruno_llm.config.settings import ProviderConfig  # pydantic makes it in 0.1 s

        return ProviderConfig(provider="litellm", **{name: value}).build_policies()[name]
    raise ConfigurationError(
        f"{owner}: {name} must be a {kind} of bruno_llm, its settings, or its main "
        f"setting alone, not {type(value).__name__}"
    )
