"""What Google's models cost by the Gemini API."""

from __future__ import annotations

from bruno_llm.costs.prices import price_list

__all__ = ["PRICES"]

PRICES = price_list(
    "Gemini API pricing page, as in litellm 1.106.2",
    "2026-11-21",
    {
        "gemini-3.8-flash": (0.75, 3.75, 0.075),
        "gemini-3.7-flash": (0.75, 3.75, 0.075),
        "gemini-3.5-flash": (1.50, 9.00, 0.15),
        "gemini-3.5-flash-lite": (0.30, 2.50, 0.03),
        "gemini-2.5-pro": (1.25, 10.00, 0.125),
        "gemini-2.5-flash": (0.30, 2.50, 0.03),
        "gemini-2.5-flash-lite": (0.10, 0.40, 0.01),
    },
)
