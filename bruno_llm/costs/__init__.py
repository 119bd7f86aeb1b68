"""What calls cost: booked, budgeted, kept in a ledger, reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bruno_llm._runtime.names import found_later

if TYPE_CHECKING:
    from bruno_llm.costs.budgets import Budget, BudgetWarning
    from bruno_llm.costs.page import render_html
    from bruno_llm.costs.prices import ModelPrice
    from bruno_llm.costs.report import report_from_ledger
    from bruno_llm.costs.table import render_table
    from bruno_llm.costs.tracker import CostTracker, Reservation

__all__ = [
    "Budget",
    "BudgetWarning",
    "CostTracker",
    "ModelPrice",
    "Reservation",
    "render_html",
    "render_table",
    "report_from_ledger",
]

_HOMES = {
    ".budgets": ("Budget", "BudgetWarning"),
    ".tracker": ("CostTracker",),
    ".prices": ("ModelPrice",),
    ".reservation": ("Reservation",),
    ".page": ("render_html",),
    ".table": ("render_table",),
    ".report": ("report_from_ledger",),
}

if not TYPE_CHECKING:  # a provider's class needs `prices` alone
    __getattr__ = found_later(__name__, _HOMES)
