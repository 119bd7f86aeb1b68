"""What calls cost: booked, budgeted, kept in a ledger, reported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_HOME_OF = {
    "Budget": "budgets",
    "BudgetWarning": "budgets",
    "CostTracker": "tracker",
    "ModelPrice": "prices",
    "Reservation": "reservation",
    "render_html": "page",
    "render_table": "table",
    "report_from_ledger": "report",
}

if not TYPE_CHECKING:  # a provider's class needs `prices` alone

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
