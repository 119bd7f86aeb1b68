"""What calls cost: booked, budgeted, kept in a ledger, reported."""

from __future__ import annotations

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
