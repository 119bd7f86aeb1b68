"""A cost report in words and numbers for people, the same in the terminal and on a page."""

from __future__ import annotations

from decimal import Decimal

from bruno_llm.costs.report import BudgetState, CostLine, Report

__all__ = ["budget_name", "budget_words", "cost_cell", "notes", "short", "span", "usd"]


def usd(amount: Decimal) -> str:
    """Dollars for people: cents, or four places where it is less than a dollar."""
    if amount >= 1000:
        return f"${amount:,.0f}"
    if amount >= 1 or not amount:
        return f"${amount:.2f}"
    if amount >= Decimal("0.0001"):
        return f"${amount:.4f}"
    return "<$0.0001"


def short(number: int) -> str:
    """Three digits and a unit: ``1.23M``."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= 0.9995 * size:  # what would be rounded to 1000 of the next smaller unit
            return f"{number / size:.3g}{unit}"
    return str(number)


def span(report: Report) -> str:
    """Since when the report counts, in words."""
    if report.since:
        return f"since {report.since.isoformat()} (UTC)"
    first = next((day.key for day in report.days if day.key[:1].isdigit()), None)
    return f"since {first} (UTC)" if first else "no calls yet"


def notes(total: CostLine) -> list[str]:
    """What a reader of the sums must know."""
    found = []
    if total.unknown_price_calls:
        found.append(
            f"{total.unknown_price_calls:,} of {total.calls:,} calls have no known price;"
            " they are not in the cost."
        )
    if total.estimated_calls:
        found.append(
            f"{total.estimated_calls:,} of {total.calls:,} calls have estimated tokens;"
            " their vendor reported none."
        )
    if total.uncertain_calls:
        found.append(
            f"{total.uncertain_calls:,} of {total.calls:,} calls got no answer: it is uncertain"
            f" whether they are billed. {usd(total.uncertain_cost)} of the cost is for them."
        )
    return found


def cost_cell(one: CostLine) -> str:
    """The cost of a line, with what is unknown of it."""
    if one.calls and one.unknown_price_calls == one.calls:
        return "unknown"
    return f"{usd(one.cost)} + ?" if one.unknown_price_calls else usd(one.cost)


def budget_name(state: BudgetState) -> str:
    """A budget in a few words."""
    period = "in total" if state.period == "total" else f"per {state.period}"
    return f"{usd(state.limit)} {period}" + (f", tag {state.tag}" if state.tag else "")


def budget_words(state: BudgetState) -> str:
    """How a budget stands, in one line."""
    part = f" ({state.spent / state.limit:.0%})" if state.limit else ""
    words = f"Budget {budget_name(state)}: {usd(state.spent)} spent{part}"
    if state.reserved:
        words += f", {usd(state.reserved)} reserved"
    return words + (f", until {state.ends:%Y-%m-%d %H:%M} UTC" if state.ends else "")
