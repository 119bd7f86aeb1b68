"""What Anthropic's models cost."""

from __future__ import annotations

from bruno_llm.costs.prices import price_list

__all__ = ["PRICES"]

PRICES = price_list(
    "Anthropic pricing page, as in litellm 1.106.2",
    "2026-11-21",
    {
        "claude-opus-5-5": (4.00, 20.00, 0.20, 5.00),
        "claude-opus-5": (5.00, 25.00, 0.50, 6.25),
        "claude-opus-4-8": (5.00, 25.00, 0.50, 6.25),
        "claude-sonnet-5-5": (2.00, 10.00, 0.10, 2.50),
        "claude-sonnet-5": (2.00, 10.00, 0.20, 2.50),
        "claude-sonnet-4-6": (3.00, 15.00, 0.30, 3.75),
        "claude-sonnet-4-5": (3.00, 15.00, 0.30, 3.75),
        "claude-haiku-5-5": (0.10, 0.50, 0.01, 0.125),
        "claude-haiku-4-5": (1.00, 5.00, 0.10, 1.25),
    },
)
