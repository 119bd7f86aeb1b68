"""What OpenAI's models cost."""

from __future__ import annotations

from bruno_llm.costs.prices import price_list

__all__ = ["PRICES"]

PRICES = price_list(
    "OpenAI pricing page, as in litellm 1.106.2",
    "2026-11-21",
    {
        "gpt-5.5": (5.00, 30.00, 0.50),
        "gpt-5.4": (2.50, 15.00, 0.25),
        "gpt-5.4-mini": (0.75, 4.50, 0.075),
        "gpt-5.4-nano": (0.20, 1.25, 0.02),
        "gpt-5.1": (1.25, 10.00, 0.125),
        "gpt-5": (1.25, 10.00, 0.125),
        "gpt-5-mini": (0.25, 2.00, 0.025),
        "gpt-5-nano": (0.05, 0.40, 0.005),
        "gpt-4.1": (2.00, 8.00, 0.50),
        "gpt-4.1-mini": (0.40, 1.60, 0.10),
        "gpt-4o": (2.50, 10.00, 1.25),
        "gpt-4o-mini": (0.15, 0.60, 0.075),
        "text-embedding-3-small": (0.02, 0.0),
        "text-embedding-3-large": (0.13, 0.0),
    },
)
