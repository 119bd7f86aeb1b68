"""0.2.0's cost tracker: by itself, and as a view of the one that a provider books with."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bruno_llm import _clock
from bruno_llm.costs.tracker import CostTracker as Books

__all__ = [
    "PRICING_CLAUDE",
    "PRICING_OLLAMA",
    "PRICING_OPENAI",
    "CostTracker",
    "ProviderCosts",
    "UsageRecord",
]

PriceTable = Mapping[str, Mapping[str, float]]

_COLUMNS = (
    "Timestamp",
    "Model",
    "Input Tokens",
    "Output Tokens",
    "Total Tokens",
    "Input Cost",
    "Output Cost",
    "Total Cost",
)
# Percent of a budget from which 0.2.0 called it near.
_NEAR = 90
# CostTracker.recent() remembers so many.
_REMEMBERED = 1_000


@dataclass
class UsageRecord:
    """One call: tokens, and what they cost in the tracker's currency."""

    timestamp: float
    model: str
    input_tokens: int
    output_tokens: int
    input_cost: float
    output_cost: float
    total_cost: float
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def datetime(self) -> datetime:
        """When it was, in local time."""
        return datetime.fromtimestamp(self.timestamp)

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


class CostTracker:
    """Adds up calls that a program reports to it.

    Args:
        provider_name: Shown in the reports.
        pricing: For each model what 1,000 ``input`` and ``output`` tokens cost; ``default`` holds
            for the others.
        currency: Shown in the reports.
    """

    def __init__(self, provider_name: str, pricing: PriceTable, currency: str = "USD") -> None:
        self.provider_name, self.pricing, self.currency = provider_name, pricing, currency
        self._records: list[UsageRecord] = []

    @property
    def usage_history(self) -> list[UsageRecord]:
        """The calls, the oldest first."""
        return self._records

    def track_request(
        self,
        model: str,
        input_tokens: int,
        output_tokens: int,
        metadata: dict[str, str] | None = None,
    ) -> UsageRecord:
        """Add a call; a model without a price costs 0."""
        price = self.pricing.get(model) or self.pricing.get("default") or {}
        spent = input_tokens / 1000 * price.get("input", 0.0)
        earned = output_tokens / 1000 * price.get("output", 0.0)
        record = UsageRecord(
            timestamp=_clock.now(),
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            input_cost=spent,
            output_cost=earned,
            total_cost=spent + earned,
            metadata=metadata or {},
        )
        self._records.append(record)
        return record

    def clear_history(self) -> None:
        """Forget everything."""
        self._records.clear()

    def _of(self, model: str | None) -> list[UsageRecord]:
        return [r for r in self.usage_history if model is None or r.model == model]

    def get_total_cost(self, model: str | None = None) -> float:
        """What all calls cost, or those of one model."""
        return sum((record.total_cost for record in self._of(model)), 0.0)

    def get_total_tokens(self, model: str | None = None) -> dict[str, int]:
        """Tokens as ``input``, ``output`` and ``total``."""
        spent = sum(record.input_tokens for record in self._of(model))
        earned = sum(record.output_tokens for record in self._of(model))
        return {"input": spent, "output": earned, "total": spent + earned}

    def get_request_count(self, model: str | None = None) -> int:
        """How many calls there were."""
        return len(self._of(model))

    def get_model_breakdown(self) -> dict[str, dict[str, float]]:
        """By model: ``cost``, ``input_tokens``, ``output_tokens``, ``requests``."""
        return _by_model(self.usage_history)

    def get_usage_report(self) -> dict[str, Any]:
        """Everything in one dict; times are ISO texts, ``None`` without calls."""
        times = [record.datetime.isoformat() for record in self.usage_history]
        return {
            "provider": self.provider_name,
            "currency": self.currency,
            "total_cost": self.get_total_cost(),
            "total_requests": self.get_request_count(),
            "total_tokens": self.get_total_tokens(),
            "model_breakdown": self.get_model_breakdown(),
            "first_request": times[0] if times else None,
            "last_request": times[-1] if times else None,
        }

    def get_time_range_report(
        self, start_time: float | None = None, end_time: float | None = None
    ) -> dict[str, Any]:
        """The calls between two times (seconds since 1970, both included), added up."""
        start = float("-inf") if start_time is None else start_time
        end = float("inf") if end_time is None else end_time
        found = [record for record in self.usage_history if start <= record.timestamp <= end]
        report: dict[str, Any] = {
            "total_cost": sum((record.total_cost for record in found), 0.0),
            "total_tokens": sum(record.total_tokens for record in found),
            "total_requests": len(found),
            "model_breakdown": _by_model(found),
        }
        if found:
            report["start_time"] = found[0].datetime.isoformat()
            report["end_time"] = found[-1].datetime.isoformat()
        return report

    def check_budget(self, budget_limit: float) -> dict[str, Any]:
        """How a budget stands; refuses nothing, which ``bruno_llm.CostTracker(budget=)`` does."""
        spent = self.get_total_cost()
        percent = spent / budget_limit * 100 if budget_limit > 0 else 0
        return {
            "budget_limit": budget_limit,
            "total_spent": spent,
            "remaining": budget_limit - spent,
            "percent_used": percent,
            "within_budget": spent <= budget_limit,
            "near_limit": percent >= _NEAR,
        }

    def export_history(self) -> list[dict[str, Any]]:
        """Every call as a dict, its time as an ISO text."""
        return [
            asdict(record) | {"timestamp": record.datetime.isoformat()}
            for record in self.usage_history
        ]

    def export_to_csv(self, filepath: str) -> None:
        """Write every call to a CSV file; without calls no file is written."""
        if not self.usage_history:
            return
        with Path(filepath).open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(_COLUMNS)
            for one in self.usage_history:
                tokens = (one.input_tokens, one.output_tokens, one.total_tokens)
                costs = (one.input_cost, one.output_cost, one.total_cost)
                amounts = [f"{cost:.6f}" for cost in costs]
                rows.writerow([one.datetime.isoformat(), one.model, *tokens, *amounts])

    def export_to_json(self, filepath: str) -> None:
        """Write the report and every call to a JSON file."""
        data = {
            "provider": self.provider_name,
            "currency": self.currency,
            "export_date": datetime.fromtimestamp(_clock.now()).isoformat(),
            "summary": self.get_usage_report(),
            "history": self.export_history(),
        }
        Path(filepath).write_text(json.dumps(data, indent=2), encoding="utf-8")


class ProviderCosts(CostTracker):
    """What ``provider.cost_tracker`` gives: the calls that ``provider.costs`` has booked.

    The sum is exact; the single calls are the last 1,000 of this process. A call of unknown price
    counts 0 here, as in 0.2.0: ``provider.costs.report()`` says how many of those there are.
    """

    def __init__(self, provider_name: str, books: Books) -> None:
        self._books = books
        super().__init__(provider_name, {})

    @property
    def usage_history(self) -> list[UsageRecord]:
        """The last calls of this provider, the oldest first; a new list each time."""
        return [
            UsageRecord(
                timestamp=booking.at.timestamp(),
                model=booking.model,
                input_tokens=booking.prompt_tokens,
                output_tokens=booking.completion_tokens,
                input_cost=0.0,
                output_cost=0.0,
                total_cost=float(booking.cost or 0),
            )
            for booking in self._books.recent(_REMEMBERED)
            if booking.provider == self.provider_name
        ]

    def track_request(
        self,
        model: str,
        input_tokens: int,
        output_tokens: int,
        metadata: dict[str, str] | None = None,
    ) -> UsageRecord:
        """The provider reports its calls itself.

        Raises:
            TypeError: Always.
        """
        raise TypeError("the provider books its calls itself; use costs.book() for others")

    def get_total_cost(self, model: str | None = None) -> float:
        """US dollars of this provider's calls, or of those with one model."""
        lines = self._books.report(by="model").lines
        return float(
            sum(
                line.cost
                for line in lines
                if line.provider == self.provider_name and model in (None, line.model)
            )
        )

    def clear_history(self) -> None:
        """What is booked stays booked.

        Raises:
            TypeError: Always.
        """
        raise TypeError("what is booked stays booked; give the provider a new CostTracker()")


def _by_model(records: Sequence[UsageRecord]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for record in records:
        empty = {"cost": 0.0, "input_tokens": 0, "output_tokens": 0, "requests": 0}
        sums = found.setdefault(record.model, empty)
        sums["cost"] += record.total_cost
        sums["input_tokens"] += record.input_tokens
        sums["output_tokens"] += record.output_tokens
        sums["requests"] += 1
    return found


def _table(*lines: tuple[str, float, float]) -> dict[str, dict[str, float]]:
    return {model: {"input": prompt, "output": answer} for model, prompt, answer in lines}


# US dollars for 1,000 tokens, as they stood in 0.2.0: models and prices of 2024. The providers
# book with today's (``OpenAIProvider.prices``).
PRICING_OPENAI = _table(
    ("gpt-4", 0.03, 0.06),
    ("gpt-4-turbo", 0.01, 0.03),
    ("gpt-4-turbo-preview", 0.01, 0.03),
    ("gpt-3.5-turbo", 0.0005, 0.0015),
    ("gpt-3.5-turbo-16k", 0.003, 0.004),
)
PRICING_CLAUDE = _table(
    ("claude-3-opus", 0.015, 0.075),
    ("claude-3-sonnet", 0.003, 0.015),
    ("claude-3-haiku", 0.00025, 0.00125),
    ("claude-2.1", 0.008, 0.024),
    ("claude-2", 0.008, 0.024),
)
PRICING_OLLAMA = _table(("default", 0.0, 0.0))
