"""What calls cost: booked, budgeted, kept in a ledger, reported."""

from __future__ import annotations

from bruno_llm.costs.budgets import Budget, BudgetWarning
from bruno_llm.costs.prices import ModelPrice
from bruno_llm.costs.tracker import CostTracker, Reservation

__all__ = ["Budget", "BudgetWarning", "CostTracker", "ModelPrice", "Reservation"]
