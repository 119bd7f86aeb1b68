"""What Mistral's models cost."""

from __future__ import annotations

from bruno_llm.costs.prices import price_list

__all__ = ["PRICES"]

PRICES = price_list(
    "Mistral pricing page, as in litellm 1.106.2",
    "2026-11-21",
    {
        "mistral-large-4": (0.68, 2.09, 0.068),
        "mistral-large-latest": (0.50, 1.50, 0.05),
        "mistral-medium-latest": (1.50, 7.50, 0.15),
        "mistral-small-latest": (0.15, 0.60, 0.015),
        "magistral-medium-latest": (1.50, 7.50, 0.15),
        "magistral-small-latest": (0.15, 0.60, 0.015),
        "devstral-medium-latest": (0.40, 2.00, 0.04),
        "devstral-small-latest": (0.10, 0.30, 0.01),
        "codestral-latest": (0.30, 0.90, 0.03),
        "ministral-14b-latest": (0.20, 0.20, 0.02),
        "ministral-8b-latest": (0.15, 0.15, 0.015),
        "ministral-3b-latest": (0.10, 0.10, 0.01),
        "mistral-embed": (0.10, 0.0),
        "codestral-embed": (0.15, 0.0),
    },
)
