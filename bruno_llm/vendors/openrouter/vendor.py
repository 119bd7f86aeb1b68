"""What is true of OpenRouter, which says with each answer what it was billed at."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from bruno_llm.vendors.openai.vendor import PLAIN

__all__ = ["OPENROUTER"]


def _billed(usage: Any) -> float | None:
    """US dollars of an answer with this usage, ``None`` where it does not say.

    OpenRouter's documentation, "Usage accounting": ``cost`` is what the account is charged, in
    credits of a dollar each. With a key of the user's own at the vendor behind it (``is_byok``)
    that is its fee alone, and ``upstream_inference_cost`` is what that vendor charges.
    """
    cost = _amount(getattr(usage, "cost", None))
    if cost is None or not getattr(usage, "is_byok", False):
        return cost
    details = getattr(usage, "cost_details", None) or {}
    upstream = _amount(dict(details).get("upstream_inference_cost"))
    return None if upstream is None else cost + upstream


def _amount(said: Any) -> float | None:
    number = isinstance(said, int | float) and not isinstance(said, bool)
    return float(said) if number and math.isfinite(said) and said >= 0 else None


OPENROUTER = replace(PLAIN, name="openrouter", routes=("openrouter",), billed=_billed)
