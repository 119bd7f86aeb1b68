"""Budgets: limits on what calls may cost, per period and per tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

from bruno_llm.costs.books import EXACT, BudgetRefusal, Limit, day_of, dollars
from bruno_llm.exceptions import BudgetExceededError, ConfigurationError

__all__ = ["Budget", "BudgetWarning"]

Money = Decimal | float | int
Period = Literal["total", "day", "month"]


# A million times all the money there is; more does not fit into the sums.
_MOST = 10**33


def _is_long(amount: object) -> bool:
    return isinstance(amount, int) and abs(amount) > _MOST


def pico(amount: Money | str, name: str, rounding: str = ROUND_HALF_EVEN) -> int:
    """US dollars as whole pico-dollars; ``name`` is how an error calls the amount.

    Raises:
        ConfigurationError: It is negative, not finite or not a number.
    """
    try:
        # str() of a float is the shortest text that gives it: 0.1, not 0.1000000000000000055.
        value = amount if isinstance(amount, Decimal) else Decimal(str(amount))
        whole = int(value.scaleb(12, EXACT).to_integral_value(rounding))
    except (ArithmeticError, ValueError):  # among them NaN, infinity and what is no number
        whole = -1
    if not 0 <= whole <= _MOST:
        shown = "(a number too large)" if whole > _MOST or _is_long(amount) else repr(amount)
        raise ConfigurationError(
            f"{name}={shown} is not an amount of money; give finite US dollars >= 0"
        )
    return whole


def money(amount: int) -> str:
    """Pico-dollars in full, as in ``$0.0000000375``."""
    return f"${dollars(amount):f}"


@dataclass(frozen=True, slots=True)
class Budget:
    """An upper limit on what calls may cost.

    Args:
        limit: US dollars.
        period: ``total`` (for ever), ``day`` or ``month`` (of UTC).
        tag: Only calls with this tag count; ``"*"`` gives every tag its own such budget;
            ``None`` counts all calls.

    Raises:
        ConfigurationError: The limit is not a finite amount >= 0, or the period is unknown.
    """

    limit: Decimal
    period: Period
    tag: str | None
    _amount: int = field(init=False, repr=False, compare=False)  # pico-dollars

    def __init__(self, limit: Money, period: Period = "total", tag: str | None = None) -> None:
        # Written out because it takes any number and keeps a Decimal.
        object.__setattr__(self, "_amount", pico(limit, "Budget.limit"))
        object.__setattr__(self, "limit", dollars(self._amount))
        object.__setattr__(self, "period", period)
        object.__setattr__(self, "tag", tag)
        if self.period not in ("total", "day", "month"):
            raise ConfigurationError(
                f"Budget.period={self.period!r} is unknown; use 'total', 'day' or 'month'"
            )
        if self.tag == "":
            raise ConfigurationError("Budget.tag='' is empty; use None for all calls")

    def ends(self, at: float) -> datetime | None:
        """When the period that contains the epoch time ``at`` ends; ``None`` for ``total``."""
        if self.period == "total":
            return None
        start = datetime.fromtimestamp(at, timezone.utc).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        if self.period == "day":
            return start + timedelta(days=1)
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)

    def limit_for(self, at: float, tag: str) -> Limit | None:
        """The limit that a call with ``tag`` meets now, ``None`` when it does not count here."""
        if self.tag is not None and (not tag or self.tag not in ("*", tag)):
            return None
        return Limit(period_key(self.period, at), tag if self.tag else "", self._amount)


def period_key(period: str, at: float) -> str:
    """The period in force: ``total``, ``2025-11-21`` or ``2025-11``."""
    return period if period == "total" else day_of(at)[: 10 if period == "day" else 7]


@dataclass(frozen=True, slots=True)
class BudgetWarning:
    """A budget has reached ``warn_at``. ``tag`` is the call's own where the budget's is ``*``."""

    budget: Budget
    tag: str | None
    spent: Decimal
    ends: datetime | None


def read_budgets(budget: Money | Budget | Sequence[Budget] | None) -> tuple[Budget, ...]:
    """The ``budget`` of a ``CostTracker`` as budgets."""
    if budget is None:
        return ()
    if isinstance(budget, Budget):
        return (budget,)
    if isinstance(budget, (int, float, Decimal)):
        return (Budget(budget),)
    if isinstance(budget, Sequence) and all(isinstance(one, Budget) for one in budget):
        return tuple(budget)
    raise ConfigurationError(
        f"budget={budget!r} is not understood; give US dollars, a Budget or a list of Budgets"
    )


def exceeded(
    budget: Budget,
    limit: Limit,
    refusal: BudgetRefusal,
    asked: int | None,
    at: float,
    provider: str,
    model: str,
) -> BudgetExceededError:
    """The refusal in words: how the budget stands, what was asked, until when, and what to do."""
    period = "in total" if budget.period == "total" else f"per {budget.period}"
    whose = f" for tag {limit.tag!r}" if limit.tag else ""
    wants = "has no known price" if asked is None else f"may cost up to {money(asked)}"
    ends = budget.ends(at)
    until = f"; the period ends at {ends:%Y-%m-%d %H:%M} UTC" if ends else "; it has no end"
    advice = "lower max_tokens or the prompt" + (", wait for the next period" if ends else "")
    return BudgetExceededError(
        f"the budget of {money(limit.amount)} {period}{whose} has no room for this call, which"
        f" {wants}: spent {money(refusal.spent)}, reserved {money(refusal.reserved)}{until}",
        provider=provider,
        model=model,
        hint=f"{advice}, or raise the limit of CostTracker(budget=...)",
    )
