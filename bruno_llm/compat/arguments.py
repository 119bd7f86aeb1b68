"""0.2.0's arguments and attributes of providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.compat import warn
from bruno_llm.compat.configs import config_of
from bruno_llm.compat.cost_tracker import ProviderCosts
from bruno_llm.costs.tracker import CostTracker
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.policies.retry import Retry

__all__ = ["attribute", "policies"]

# From here to the program: policies or attribute, bruno_llm._former, the provider's own method.
_PROGRAM = 4
# A constructor is called by the one that keeps what it was given out of errors.
_CONSTRUCTING = _PROGRAM + 1


def policies(given: Mapping[str, Any], retry: Any, costs: Any) -> tuple[Any, Any]:
    """``max_retries`` and ``track_cost`` as ``retry`` and ``costs``.

    Raises:
        ConfigurationError: ``max_retries`` is no whole number of at least 0.
    """
    if "max_retries" in given:
        retries = given["max_retries"]
        if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
            raise ConfigurationError(f"max_retries must be 0 or more, not {retries!r}")
        warn("max_retries=", f"retry=Retry(attempts={retries + 1})", _CONSTRUCTING)
        retry = Retry(attempts=retries + 1)
    if "track_cost" in given:
        warn("track_cost=", "costs=CostTracker(), or nothing", _CONSTRUCTING)
        if given["track_cost"] and costs is None:
            costs = CostTracker()
    return retry, costs


def attribute(provider: Any, name: str) -> Any:
    """``provider_name``, ``config`` or ``cost_tracker`` of a provider.

    Raises:
        AttributeError: It books no costs, or is of a vendor that had no config in 0.2.0.
    """
    kind = type(provider).__name__
    if name == "provider_name":
        warn(f"{kind}.provider_name", "provider.name", _PROGRAM)
        return provider.name
    if name == "config":
        warn(f"{kind}.config", "provider.get_model_info()", _PROGRAM)
        return config_of(provider)
    if provider.costs is None:
        # Not an empty one: it would say 0.00 for calls that nobody has booked.
        raise AttributeError(
            f"this {kind} books no costs: make it with costs=CostTracker(), then read "
            "provider.costs"
        )
    warn(f"{kind}.cost_tracker", "provider.costs", _PROGRAM)
    return ProviderCosts(provider.name, provider.costs)
