"""This package, with every policy that a call passes through."""

from bruno_llm import ContextWindow, CostTracker, RateLimit, Retry
from contenders import bruno


class Contender(bruno.Contender):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        limit = RateLimit(
            requests_per_minute=10**7, tokens_per_minute=10**10, concurrency=100, max_waiting=10**5
        )
        self.policies = {
            "temperature": 0.5,
            "max_tokens": 100,
            "retry": Retry(),
            "rate_limit": limit,
            "costs": CostTracker(budget=10**6),
            "window": ContextWindow(),
        }
