"""What litellm calls a provider that was named on the command line, and what its models cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bruno_llm.call.pricing import Pricing
    from bruno_llm.factory.registry import Target

__all__ = ["litellm_name_of", "pricing_of"]


def litellm_name_of(target: Target) -> str:
    """litellm's name of the provider."""
    from bruno_llm.vendors.registry import vendor_name  # brings httpx

    own = str(getattr(target.create, "prefix", "")).rstrip("/")
    return vendor_name(target.route or own) or target.name


def pricing_of(target: Target) -> Pricing:
    """The prices that its calls are booked at."""
    from bruno_llm.call.pricing import Pricing
    from bruno_llm.vendors.registry import vendor_of

    vendor = getattr(target.create, "vendor", None) or vendor_of(litellm_name_of(target))
    prices = {} if target.route else getattr(target.create, "prices", {})
    return Pricing(litellm_name_of(target), prices, vendor.free)
